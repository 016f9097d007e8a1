"""Which widths of a bin the network takes, and what to do about the others. Pure."""

from __future__ import annotations

from datetime import timedelta

from forecaster.errors import NoForecast

MIN_STEP, MAX_STEP = timedelta(seconds=15), timedelta(minutes=5)
_HOUR = timedelta(hours=1)


def check_step(name: str, step: timedelta) -> None:
    """Raises NoForecast where the network takes no bins of `step`; `name` is what has them.

    A step that divides a day and not an hour, like 32 seconds, has no bin that ends with an hour of the clock.
    """
    if not MIN_STEP <= step <= MAX_STEP or _HOUR % step:
        raise NoForecast(
            f"{name}: a step of {step}; the network takes {MIN_STEP} to {MAX_STEP} if it divides an hour: {_mend(step)}"
        )


def _mend(step: timedelta) -> str:
    if step > MAX_STEP:
        return (
            "measure every five minutes or more often, for nothing can be made up between two values; "
            "the simple rules, like ridge, take any step"
        )
    if step < MIN_STEP:
        return "make it coarser first, for example of one minute"
    return "resample it, for example to one minute"
