"""Incidents: what happened once is not expected again, but seen while it goes on; no later one changes anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.baselines import BASELINES
from forecaster.errors import BadHistory
from forecaster.forecast import HORIZON, LEVELS, Ask, Window
from forecaster.incidents import Incident, Unrepeated, behind, without
from forecaster.predict import load_forecaster
from forecaster.series import Series
from forecaster.verdict import Ruling
from forecaster.windows import CONTEXT
from foresail.models import find_model
from tests.helpers.forecasters import assert_same, at
from tests.helpers.histories import a_load, a_series

STEP = timedelta(minutes=5)
DAY = 288
_MEDIAN = LEVELS.index(0.5)
YESTERDAY = BASELINES["same-time-yesterday"]


def incident(series: Series, first: int, stop: int) -> Incident:
    """Bins first..stop-1."""
    return Incident(series.time(first), series.time(stop))


def with_an_outage(series: Series, first: int, stop: int) -> Series:
    values = series.values.copy()
    values[first:stop] *= 0.02
    return replace(series, values=values)


@pytest.fixture(scope="module")
def served_path() -> Path:
    return find_model("base")


def test_a_load_is_not_expected_to_fall_where_it_fell_once() -> None:
    steady = a_series(np.full(3 * DAY, 100.0), STEP)
    fell, origin = with_an_outage(steady, DAY + 100, DAY + 106), 2 * DAY + 97
    plain = at(YESTERDAY, fell, origin).quantiles[0, :, _MEDIAN]
    assert plain.min() < 5
    told = at(Unrepeated(YESTERDAY, [incident(fell, DAY + 100, DAY + 106)]), fell, origin)
    np.testing.assert_allclose(told.quantiles[0, :, _MEDIAN], 100.0)


def test_the_served_model_forgets_a_crowd_that_came_once(served_path: Path) -> None:
    model = load_forecaster(served_path)
    calm = a_load(5, days=12, gaps=0)
    values = calm.values.copy()
    first = 11 * DAY - DAY // 2
    values[first : first + 8] *= 6.0
    crowd = replace(calm, values=values)
    origin = first + DAY - 3
    expected, seen = at(model, calm, origin), at(model, crowd, origin)
    told = at(Unrepeated(model, [incident(crowd, first, first + 8)]), crowd, origin)

    def off(made: object) -> float:
        return float(np.abs(made.quantiles - expected.quantiles).mean())  # type: ignore[attr-defined]

    assert off(told) < 0.25 * off(seen)


def test_what_goes_on_is_seen_until_it_has_left_the_context() -> None:
    load = with_an_outage(a_load(3, days=4, gaps=0), 500, 510)
    unrepeated, rule = Unrepeated(YESTERDAY, [incident(load, 500, 510)]), YESTERDAY
    for origin in (499, 505, 510, 510 + CONTEXT - 2):
        assert_same(at(unrepeated, load, origin), at(rule, load, origin))
    last_seen, first_hidden = 509 + CONTEXT - 1, 509 + CONTEXT
    errors = [at(f, load, origin).quantiles for f in (unrepeated, rule) for origin in (last_seen, first_hidden)]
    np.testing.assert_array_equal(errors[0], errors[2])
    assert (errors[1] != errors[3]).any()


@settings(max_examples=30)
@given(st.integers(0, 1000), st.data())
def test_no_later_incident_changes_a_forecast(seed: int, data: st.DataObject) -> None:
    load = a_load(seed, days=5)
    origin = data.draw(st.integers(DAY, len(load) - 1))
    starts = data.draw(st.lists(st.integers(0, len(load) + 50), min_size=1, max_size=5))
    all_of_them = [incident(load, k, k + 12) for k in starts]
    over = [one for one in all_of_them if one.end <= load.time(origin + 1) - CONTEXT * load.step]
    rule = BASELINES["level-plus-yesterday"]
    assert_same(at(Unrepeated(rule, all_of_them), load, origin), at(Unrepeated(rule, over), load, origin))


@settings(max_examples=20)
@given(st.integers(0, 1000), st.lists(st.integers(DAY, 5 * DAY - 1), min_size=1, max_size=8))
def test_an_origin_alone_gives_what_it_gives_among_others(seed: int, origins: list[int]) -> None:
    load, rule = a_load(seed, days=5), BASELINES["offset-rule"]
    unrepeated = Unrepeated(rule, [incident(load, k, k + 9) for k in (350, 600, 605, 1100)])
    together = at(unrepeated, load, *sorted(origins), window=Window(2, 5))
    for row, origin in enumerate(sorted(origins)):
        alone = at(unrepeated, load, origin, window=Window(2, 5))
        np.testing.assert_array_equal(together.quantiles[row], alone.quantiles[0])
        np.testing.assert_array_equal(together.peak[row], alone.peak[0])
    assert together.window == Window(2, 5)
    assert together.origins.tolist() == sorted(origins)


def test_every_verdict_stays_with_its_origin(served_path: Path) -> None:
    model = load_forecaster(served_path)
    load = a_load(2, days=6, gaps=0)
    values = load.values.copy()
    values[4 * DAY : 4 * DAY + HORIZON + 20] = np.nan
    gap = replace(load, values=values)
    unrepeated = Unrepeated(model, [incident(gap, 2 * DAY, 2 * DAY + 6), incident(gap, 3 * DAY, 3 * DAY + 6)])
    origins = [2 * DAY + 10, 4 * DAY - 1, 4 * DAY + HORIZON + 4, 5 * DAY]
    together = at(unrepeated, gap, *origins)
    assert together.verdicts[2].ruling is Ruling.ABSTAIN
    assert list(together.verdicts) == [at(unrepeated, gap, origin).verdicts[0] for origin in origins]


def test_several_histories_and_one_without_origins() -> None:
    loads = [a_load(1, days=4), a_load(2, days=4, step=timedelta(minutes=1))]
    unrepeated = Unrepeated(YESTERDAY, [incident(loads[0], DAY, DAY + 6)])
    asks = [Ask(loads[0], np.array([700, 900])), Ask(loads[1], np.array([5000])), Ask(loads[0], np.zeros(0, np.int64))]
    made = unrepeated.forecast(asks)
    assert [len(one.quantiles) for one in made] == [2, 1, 0]
    assert unrepeated.name == YESTERDAY.name


@settings(max_examples=30)
@given(st.integers(DAY, 3 * DAY - 1), st.lists(st.integers(-30, 3 * DAY + 30), max_size=6))
def test_the_newest_bin_sees_a_history_without_those_behind_it(newest: int, starts: list[int]) -> None:
    load, rule = a_load(4, days=3).part(0, newest + 1), BASELINES["level-plus-yesterday"]
    told = [incident(load, first, first + 12) for first in starts]
    seen = without(load, behind(load, told))
    assert_same(at(Unrepeated(rule, told), load, newest), at(rule, seen, newest))


def test_those_behind_are_in_order_once_and_only_what_the_history_has() -> None:
    load = a_load(1, days=3, gaps=0)
    early, late = incident(load, 100, 110), incident(load, 300, 310)
    recent, outside = incident(load, len(load) - 60, len(load) - 50), incident(load, -30, -20)
    assert behind(load, [late, recent, early, outside, late]) == (early, late)
    assert behind(load, [recent]) == ()


def test_what_is_learned_from_has_gaps_in_their_place() -> None:
    load = a_load(1, days=2, gaps=0)
    outside = Incident(load.start - timedelta(days=3), load.start - timedelta(days=2))
    cut = Incident(load.time(100) + timedelta(minutes=2), load.time(103) + timedelta(minutes=2))
    left = without(load, [outside, cut, incident(load, len(load) - 2, len(load) + 50)])
    assert np.flatnonzero(~left.known).tolist() == [100, 101, 102, 103, len(load) - 2, len(load) - 1]
    np.testing.assert_array_equal(left.values[left.known], load.values[left.known])
    assert load.known.all()


@pytest.mark.parametrize(("hours", "said"), [(0, "ends before it starts"), (-1, "ends before it starts")])
def test_an_incident_takes_time(hours: int, said: str) -> None:
    start = a_load().start
    with pytest.raises(BadHistory, match=said):
        Incident(start, start + timedelta(hours=hours))


def test_an_incident_has_a_zone() -> None:
    start = a_load().start
    with pytest.raises(BadHistory, match="without a time zone"):
        Incident(start.replace(tzinfo=None), start + timedelta(hours=1))
