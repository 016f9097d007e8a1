"""Which steps the network takes: all that divide an hour within its bounds; the others are refused with what to do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from forecaster.errors import NoForecast
from forecaster.steps import MAX_STEP, MIN_STEP, check_step


@pytest.mark.parametrize("seconds", [s for s in range(15, 301) if 3600 % s == 0])
def test_what_divides_an_hour_within_the_bounds_is_taken(seconds: int) -> None:
    check_step("load", timedelta(seconds=seconds))


def test_the_bounds_are_taken() -> None:
    check_step("load", MIN_STEP)
    check_step("load", MAX_STEP)


@pytest.mark.parametrize(
    ("step", "found"),
    [
        (
            timedelta(minutes=10),
            "measure every five minutes or more often, .* the simple rules, like ridge, take any step",
        ),
        (timedelta(seconds=10), "make it coarser first, for example of one minute"),
        (timedelta(seconds=32), "resample it, for example to one minute"),
        (timedelta(seconds=288), "resample it"),
    ],
    ids=["too coarse", "too fine", "divides a day only", "divides a day only, near the bound"],
)
def test_another_step_is_refused_with_what_to_do(step: timedelta, found: str) -> None:
    with pytest.raises(NoForecast, match=f"load: a step of {step}; the network takes 0:00:15 to 0:05:00 .*{found}"):
        check_step("load", step)
