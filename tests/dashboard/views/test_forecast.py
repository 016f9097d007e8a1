"""What is said of the forecasts: figures where there are enough of them, and else that there are too few."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashboard.frames import Skill
from dashboard.views.forecast import ENOUGH, newest_forecast, verdict
from tests.dashboard.runs import an_hour, blind
from tests.helpers.builders import CONNECTIONS

FIVE = timedelta(minutes=5)


def test_enough_forecasts_give_figures() -> None:
    said = verdict(Skill(count=ENOUGH, covered=0.94, error=4.13, held=9.8), FIVE, "connections")
    assert f"5 minutes ahead, over {ENOUGH} forecasts" in said
    assert "94 % of the loads" in said
    assert "off by 4.13 connections" in said
    assert "the last value by 9.8" in said


@pytest.mark.parametrize(("skill", "count"), [(None, 0), (Skill(ENOUGH - 1, 1.0, 0.0, 0.0), ENOUGH - 1)])
def test_too_few_give_none(skill: Skill | None, count: int) -> None:
    said = verdict(skill, FIVE, "connections")
    assert said.startswith(f"{count} forecasts have met their moment so far")
    assert "%" not in said


def test_the_newest_forecast_is_that_of_the_newest_decision() -> None:
    assert newest_forecast(an_hour(), CONNECTIONS) in an_hour()[-1].forecasts
    assert newest_forecast([*an_hour(), blind(an_hour()[-1])], CONNECTIONS) is None
