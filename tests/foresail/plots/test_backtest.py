"""The picture of a backtest: which days it shows, and that it is drawn for any history."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forecaster.baselines import BASELINES
from forecaster.evaluate import origins_from, score
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecasts, Window
from forecaster.series import Series
from foresail.errors import UsageError
from foresail.plots.backtest import days_to_show, draw_backtest
from tests.helpers.histories import a_load, a_series

PER_DAY = 288
FIVE_MINUTES = a_load().step


def days_of(series: Series, origins: np.ndarray) -> dict[str, list[int]]:
    """The days whose rows are shown, counted from the first day of the series."""
    flat = np.full((len(origins), HORIZON, len(LEVELS)), 100.0)
    shown = days_to_show(series, Forecasts(origins, LEVELS, flat, flat[:, 0], Window(), "flat"))
    return {name: np.unique(origins[rows] // PER_DAY).tolist() for name, rows in shown.items()}


def off_by(*errors: float, cut: int = 0) -> Series:
    """Days on which a forecast of 100 is off by so much."""
    return a_series(np.repeat(100.0 + np.array(errors), PER_DAY)[: len(errors) * PER_DAY - cut], FIVE_MINUTES)


def every(series: Series) -> np.ndarray:
    return np.arange(0, len(series) - HORIZON, 5)


def test_the_worst_day_and_the_one_nearest_the_median() -> None:
    series = off_by(1, 9, 4, 5, 2)
    assert days_of(series, every(series)) == {"the worst day": [1], "the most typical day": [2]}


def test_a_day_that_is_hardly_there_does_not_stand() -> None:
    series = off_by(1, 2, 1, 9, cut=int(0.6 * PER_DAY))
    shown = days_of(series, every(series))
    assert shown["the worst day"] == [1]
    assert [3] not in shown.values()


def test_of_one_day_there_is_one_picture() -> None:
    series = off_by(3)
    assert days_of(series, every(series)) == {"the only day": [0]}


def test_days_begin_at_midnight_wherever_the_series_does() -> None:
    series = off_by(0, 5, 0)
    late = replace(series.part(PER_DAY // 3, len(series)))
    origins = every(late)
    flat = np.full((len(origins), HORIZON, len(LEVELS)), 100.0)
    shown = days_to_show(late, Forecasts(origins, LEVELS, flat, flat[:, 0], Window(), "flat"))
    starts = [late.time(int(origins[rows[0]])) for rows in shown.values()]
    assert starts[0].day == series.time(PER_DAY).day
    assert (starts[0].hour, starts[0].minute) < (0, 25)


def test_where_nothing_was_measured_there_is_no_worst_day() -> None:
    series = a_series(np.full(2 * PER_DAY, np.nan), FIVE_MINUTES)
    assert list(days_of(series, every(series))) == ["nothing was measured"]


@pytest.mark.parametrize("days", [1, 6])
def test_a_picture_is_drawn_with_gaps_and_without_figures(tmp_path: Path, days: int) -> None:
    series = a_load(3, days=days, gaps=5)
    origins = origins_from(series, 0.7, 7)
    made = [BASELINES[name].forecast([Ask(series, origins)])[0] for name in ("offset-rule", "last-value")]
    scores = [score(series, one, 0.7) for one in made]
    none = replace(scores[1], coverage={f"{x:g}": float("nan") for x in LEVELS})
    draw_backtest(tmp_path / "a.png", series, made[0], [scores[0], none])
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_every_arm_is_named_in_each_picture_that_has_its_line(tmp_path: Path) -> None:
    series = a_load(3, days=9)
    origins = origins_from(series, 0.7, 7)
    made = [rule.forecast([Ask(series, origins)])[0] for rule in BASELINES.values()]
    draw_backtest(tmp_path / "a.svg", series, made[0], [score(series, one, 0.7) for one in made])
    drawn = (tmp_path / "a.svg").read_text()
    # The first is also in the title of the whole.
    named = [drawn.count(f"<!-- {name} -->") for name in BASELINES]
    assert named == [3] * len(BASELINES)
    assert "the worst day" in drawn


def test_a_picture_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    series = a_load(3, days=2)
    made = BASELINES["last-value"].forecast([Ask(series, origins_from(series, 0.7, 7))])[0]
    with pytest.raises(UsageError, match="its folder does not exist"):
        draw_backtest(tmp_path / "no" / "a.png", series, made, [score(series, made, 0.7)])
