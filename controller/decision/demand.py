"""Which forecasts count: those of the policy's signals that are fresh, finite, and not abstained from.

Each is judged by itself, so that one stale signal silences only itself; so does one for which the gate abstains.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from controller.domain import Observed, Policy, Signal
from forecaster.forecast import Forecast
from forecaster.verdict import Ruling


class Demand(NamedTuple):
    """The forecasts that count, in the order of the policy, and for each signal left out the clause that says why."""

    forecasts: tuple[tuple[Signal, Forecast], ...] = ()
    left_out: tuple[str, ...] = ()


def demand(policy: Policy, observed: Observed, forecasts: Sequence[Forecast], now: datetime) -> Demand:
    """What counts of the forecasts at `now`.

    Of several forecasts of one signal the last counts; forecasts of signals that the policy does not name are ignored.
    """
    by_signal = {forecast.signal: forecast for forecast in forecasts}
    read_at = {reading.signal: reading.at for reading in observed.readings}
    counted: list[tuple[Signal, Forecast]] = []
    left_out: list[str] = []
    for signal in policy.signals:
        forecast = by_signal.get(signal.name)
        if forecast is None:
            left_out.append(f"no forecast of {signal.name}")
            continue
        unusable = _abstention(forecast) or _staleness(policy, forecast, read_at.get(signal.name), now)
        if unusable is not None:
            left_out.append(unusable)
        elif not all(map(math.isfinite, forecast.peak)):
            left_out.append(f"the forecast of {signal.name} says {_odd(forecast)}, which is not a load")
        else:
            counted.append((signal, forecast))
    return Demand(tuple(counted), tuple(left_out))


def _odd(forecast: Forecast) -> float:
    return next(quantile for quantile in forecast.peak if not math.isfinite(quantile))


def _abstention(forecast: Forecast) -> str | None:
    """Why the gate lets nobody forecast; None where it does, or where nobody judged."""
    verdict = forecast.verdict
    if verdict is None or verdict.ruling is not Ruling.ABSTAIN:
        return None
    return f"no forecast of {forecast.signal}: {verdict.reason}"


def _staleness(policy: Policy, forecast: Forecast, read_at: datetime | None, now: datetime) -> str | None:
    """Why a forecast is too old to count, or too new to be true; None where it is neither.

    A coarse forecast is two steps old before the next one can be late, hence the second term of the limit.
    """
    limit = max(policy.stale_after, 2 * forecast.step)
    known_at = forecast.origin + forecast.step
    if known_at > now:
        return (
            f"the forecast of {forecast.signal} knows {_minutes(known_at - now)} more than has passed; a clock is wrong"
        )
    if now - known_at > limit:
        return (
            f"the forecast of {forecast.signal} ends {_minutes(now - known_at)} ago, at most {_minutes(limit)} counts"
        )
    if read_at is not None and now - read_at > limit:
        return f"{forecast.signal} was last read {_minutes(now - read_at)} ago, at most {_minutes(limit)} counts"
    return None


def _minutes(span: timedelta) -> str:
    return f"{span / timedelta(minutes=1):.3g} min"
