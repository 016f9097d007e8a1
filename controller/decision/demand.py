"""What the forecasts ask for: the largest need among the signals whose forecast is fresh enough to count.

Freshness is judged here and not after the maximum, so that one stale signal silences only itself; so does one for which
the gate abstains.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.decision.capacity import pods_for
from controller.domain import Observed, Policy, Signal
from forecaster.forecast import Forecast
from forecaster.verdict import Ruling


@dataclass(frozen=True, slots=True)
class Need:
    """Pods that one signal asks for, and the forecast that says so."""

    replicas: int
    peak: float
    signal: Signal
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class Demand:
    """The largest need, None where no forecast counts, and for each signal left out the clause that says why."""

    need: Need | None
    left_out: tuple[str, ...] = ()


def demand(policy: Policy, observed: Observed, forecasts: Sequence[Forecast], now: datetime) -> Demand:
    """The largest need over the policy's signals; the first of equals.

    Of several forecasts of one signal the last counts; forecasts of signals that the policy does not name are ignored.
    """
    by_signal = {forecast.signal: forecast for forecast in forecasts}
    read_at = {reading.signal: reading.at for reading in observed.readings}
    largest: Need | None = None
    left_out: list[str] = []
    for signal in policy.signals:
        forecast = by_signal.get(signal.name)
        if forecast is None:
            left_out.append(f"no forecast of {signal.name}")
            continue
        unusable = _abstention(forecast) or _staleness(policy, forecast, read_at.get(signal.name), now)
        peak = forecast.peak_at(policy.quantile)
        if unusable is not None:
            left_out.append(unusable)
        elif not math.isfinite(peak):
            left_out.append(f"the forecast of {signal.name} says {peak}, which is not a load")
        elif largest is None or pods_for(peak, signal) > largest.replicas:
            largest = Need(pods_for(peak, signal), peak, signal, forecast)
    return Demand(largest, tuple(left_out))


def _abstention(forecast: Forecast) -> str | None:
    """Why the gate lets nobody forecast; None where it does, or where nobody judged."""
    verdict = forecast.verdict
    if verdict is None or verdict.ruling is not Ruling.ABSTAIN:
        return None
    return f"no forecast of {forecast.signal}: {verdict.reason}"


def _staleness(policy: Policy, forecast: Forecast, read_at: datetime | None, now: datetime) -> str | None:
    """Why a forecast is too old to count; None where it is not.

    A coarse forecast is two steps old before the next one can be late, hence the second term of the limit.
    """
    limit = max(policy.stale_after, 2 * forecast.step)
    known_at = forecast.origin + forecast.step
    if now - known_at > limit:
        return (
            f"the forecast of {forecast.signal} ends {_minutes(now - known_at)} ago, at most {_minutes(limit)} counts"
        )
    if read_at is not None and now - read_at > limit:
        return f"{forecast.signal} was last read {_minutes(now - read_at)} ago, at most {_minutes(limit)} counts"
    return None


def _minutes(span: timedelta) -> str:
    return f"{span / timedelta(minutes=1):.3g} min"
