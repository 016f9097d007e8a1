"""The shipped model's scores do not depend on the unit of a load, nor on the day that its history began."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from forecaster.evaluate import origins_from, score
from forecaster.forecast import Ask, Forecaster
from forecaster.predict import load_forecaster
from forecaster.series import DAY, Series
from forecaster.synthetic import service

SHARE, EVERY = 0.7, 37
TOLERANCE = 0.02


@cache
def base() -> Forecaster:
    return load_forecaster(Path(__file__).parents[2] / "models" / "base")


@cache
def a_service() -> tuple[Series, Series]:
    """Connections and messages that no training has seen: those draw from other seeds."""
    connections, messages = service(np.random.default_rng(20_260_105), 12, "service")
    return connections, messages


def scores(series: Series) -> np.ndarray:
    """[2], the error of the median and the pinball, to persistence."""
    found = score(series, base().forecast([Ask(series, origins_from(series, SHARE, EVERY))])[0], SHARE)
    return np.array([found.mae, found.pinball])


@cache
def as_it_is(channel: int) -> np.ndarray:
    return scores(a_service()[channel])


@pytest.mark.parametrize("channel", [0, 1], ids=["connections", "messages"])
@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_scores_do_not_depend_on_the_unit(channel: int, factor: float) -> None:
    np.testing.assert_allclose(scores(a_service()[channel].scaled(factor)), as_it_is(channel), rtol=TOLERANCE)


@pytest.mark.parametrize("channel", [0, 1], ids=["connections", "messages"])
@pytest.mark.parametrize("days", [1, 3, 7, 100])
def test_scores_do_not_depend_on_the_day_that_a_history_began(channel: int, days: int) -> None:
    series = a_service()[channel]
    moved = replace(series, start=series.start + days * DAY)
    np.testing.assert_allclose(scores(moved), as_it_is(channel), rtol=TOLERANCE)
