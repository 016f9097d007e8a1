"""Values for tests that say only what the test is about; everything else is an ordinary default."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from controller.domain import Bounds, Mode, Observed, Policy, RampDown, Reading, Signal
from forecaster.forecast import HORIZON, LEVELS, Forecast, Window
from forecaster.series import Kind
from forecaster.verdict import Ruling, Verdict

MINUTE = timedelta(minutes=1)
CONNECTIONS = Signal("connections", Kind.STOCK, 20.0)
MESSAGES = Signal("messages", Kind.FLOW, 400.0)
NEXT_MINUTES = Window(2, 8)
ACCEPTED = Verdict(Ruling.ACCEPT, "lstm", "", "ridge", 0.7132, 0.9, 0.95, 72)
REPLACED = Verdict(Ruling.BASELINE, "ridge", "it loses 0.83 of what the network loses", "ridge", 1.1, 1.2, 0.9, 72)
ABSTAINED = Verdict(Ruling.ABSTAIN, "lstm", "nothing but zeros was measured so far")


def at(minutes: float = 0, seconds: float = 0) -> datetime:
    """A moment of the one evening on which the tests take place, counted from 20:00 UTC."""
    return datetime(2026, 3, 2, 20, tzinfo=UTC) + timedelta(minutes=minutes, seconds=seconds)


def a_policy(
    *,
    signals: Sequence[Signal] = (CONNECTIONS,),
    min_replicas: int = 2,
    max_replicas: int = 40,
    mode: Mode = Mode.ACTIVE,
    ramp_down: RampDown | None = None,
    budget_percent: float = 100.0,
    lead_time: timedelta = MINUTE,
) -> Policy:
    """20 connections per pod, 2..40 pods, a hold of five minutes, a budget that is no matter unless a test says so."""
    return Policy(
        name="gateway",
        signals=tuple(signals),
        bounds=Bounds(min_replicas, max_replicas),
        mode=mode,
        ramp_down=ramp_down or RampDown(hold=timedelta(minutes=5)),
        budget_percent=budget_percent,
        lead_time=lead_time,
    )


def an_observation(
    *, hpa_wish: int | None = 2, replicas: int = 2, ready: int | None = None, readings: Sequence[Reading] = ()
) -> Observed:
    """A workload whose pods are all ready, and whose HPA wishes for two."""
    return Observed(replicas, replicas if ready is None else ready, hpa_wish, tuple(readings))


def a_forecast(
    *,
    peak: float = 30.0,
    signal: str = "connections",
    known_at: datetime | None = None,
    step: timedelta = MINUTE,
    window: Window = NEXT_MINUTES,
    model: str = "lstm",
    verdict: Verdict | None = None,
) -> Forecast:
    """A forecast known at `known_at` (20:00) that says `peak` at every level and for every step."""
    return Forecast(
        signal=signal,
        model=model,
        origin=(known_at or at()) - step,
        step=step,
        levels=LEVELS,
        quantiles=((peak,) * len(LEVELS),) * HORIZON,
        window=window,
        peak=(peak,) * len(LEVELS),
        verdict=verdict,
    )
