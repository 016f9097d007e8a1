"""What the metrics say of one policy: gauges of its newest decision, each a function of it.

A sample that is not known now is absent, never zero. Points in time are seconds since the epoch, so that an age goes on
growing when the controller is gone: `time() - foresail_signal_timestamp_seconds`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from controller.decision.budget import Day, unspent, wish_or_mean
from controller.domain import Mode
from controller.metrics import GAUGES
from controller.onlooker import Decided
from forecaster.forecast import HORIZON, Forecast
from forecaster.verdict import Ruling

Samples = Iterable[tuple[tuple[str, ...], float]]
LEVELS = (0.05, 0.5, 0.95, 0.99)
"""Those of a forecast's levels that are exported: a series each, for every signal of every policy."""
UPPER = 0.95


@dataclass(frozen=True)
class PolicyGauge:
    """A gauge by its name, its labels beside the policy's own, what it says, and where that is in a decision."""

    name: str
    labels: tuple[str, ...]
    help: str
    samples: Callable[[Decided], Samples]


def _known(value: float | None) -> Samples:
    return () if value is None else (((), float(value)),)


def _at(time: datetime | None) -> Samples:
    return () if time is None else (((), time.timestamp()),)


def _of_each(one: Decided, value: Callable[[Forecast], float | None]) -> Samples:
    found = ((forecast.signal, value(forecast)) for forecast in one.outcome.forecasts)
    return (((signal,), float(v)) for signal, v in found if v is not None)


def _by_level(one: Decided, value: Callable[[Forecast, float], float]) -> Samples:
    return (((f.signal, f"{level:g}"), value(f, level)) for f in one.outcome.forecasts for level in LEVELS)


def _losses(one: Decided) -> Samples:
    for forecast in one.outcome.forecasts:
        if forecast.verdict is not None:
            for rule, ratio in (("best", forecast.verdict.against), ("last-value", forecast.verdict.skill)):
                if ratio is not None:
                    yield (forecast.signal, rule), ratio


def _rulings(one: Decided) -> Samples:
    judged = [(f.signal, f.verdict.ruling) for f in one.outcome.forecasts if f.verdict is not None]
    return (((signal, ruling.value), float(found is ruling)) for signal, found in judged for ruling in Ruling)


def _left(one: Decided) -> float:
    policy, day = one.outcome.policy, Day.of(one.outcome.kept.memory.spent)
    return unspent(policy, day, wish_or_mean(one.outcome.observed, policy.bounds, day))


_OLDER = tuple(
    PolicyGauge(gauge.name, gauge.labels, gauge.help, lambda one, gauge=gauge: gauge.samples(one.entry))  # type: ignore[misc]
    for gauge in GAUGES
    if gauge.name != "foresail_forecast_peak"
)
POLICY_GAUGES = (
    *_OLDER,
    PolicyGauge(
        "foresail_forecast_peak",
        ("signal", "level"),
        "Quantile of a signal's peak over the window that new pods must cover, in the signal's own unit.",
        lambda one: _by_level(one, lambda f, level: f.peak_at(level)),
    ),
    PolicyGauge(
        "foresail_forecast_horizon_end",
        ("signal", "level"),
        "Quantile of a signal in the last minute of the forecast's horizon, in the signal's own unit.",
        lambda one: _by_level(one, lambda f, level: f.step_at(len(f.quantiles), level)),
    ),
    PolicyGauge(
        "foresail_forecast_horizon_timestamp_seconds",
        ("signal",),
        "End of the forecast's horizon, since the epoch.",
        lambda one: _of_each(one, lambda f: (f.origin + (HORIZON + 1) * f.step).timestamp()),
    ),
    PolicyGauge(
        "foresail_forecast_loss_ratio",
        ("signal", "rule"),
        "Pinball loss of the network over that of a simple rule, on the last days; below 1 the network is better. The"
        " rule is best, the one that lost least, or last-value.",
        _losses,
    ),
    PolicyGauge(
        "foresail_forecast_coverage_ratio",
        ("signal",),
        "Share of the last day's loads that lay at or below the network's 0.95 quantile, which promises 0.95.",
        lambda one: _of_each(one, lambda f: None if f.verdict is None else f.verdict.coverage),
    ),
    PolicyGauge(
        "foresail_gate_verdict",
        ("signal", "ruling"),
        "1 for what the gate rules on the newest forecast, else 0: Accept the network's, a Baseline in its place, or"
        " Abstain.",
        _rulings,
    ),
    PolicyGauge(
        "foresail_policy_mode",
        ("mode",),
        "1 for the mode that is followed, else 0.",
        lambda one: (((mode.value,), float(one.outcome.policy.mode is mode)) for mode in Mode),
    ),
    PolicyGauge(
        "foresail_original_floor_replicas",
        (),
        "The HPA's minimum as its owner set it.",
        lambda one: _known(one.outcome.originals.floor),
    ),
    PolicyGauge(
        "foresail_target_average_value",
        (),
        "Target of the HPA's metric, per pod, in the metric's own unit; absent while it is its owner's.",
        lambda one: _known(one.outcome.decision.target),
    ),
    PolicyGauge(
        "foresail_lead_time_seconds",
        (),
        "From a decision to the new pod taking traffic: as stated, as measured of the pods, or as assumed until then.",
        lambda one: _known(one.outcome.policy.lead_time.total_seconds()),
    ),
    PolicyGauge(
        "foresail_budget_spent_pod_seconds",
        (),
        "What the floor added to the HPA's own wish over the last day, in seconds of a pod.",
        lambda one: _known(sum(hour.extra for hour in one.outcome.kept.memory.spent)),
    ),
    PolicyGauge(
        "foresail_budget_left_pod_seconds",
        (),
        "What the floor may still add today, in seconds of a pod; negative once overspent.",
        lambda one: _known(_left(one)),
    ),
    PolicyGauge(
        "foresail_limited_replicas",
        (),
        "Replicas that the forecast peaks at, where that is beyond the HPA's maximum; absent where it is not.",
        lambda one: _known(one.outcome.limited),
    ),
    PolicyGauge(
        "foresail_limited_timestamp_seconds",
        (),
        "From when on more than the HPA's maximum may be needed, since the epoch; absent where it is not.",
        lambda one: _at(one.outcome.limited_from),
    ),
    PolicyGauge(
        "foresail_held",
        (),
        "1 while the floor is held as it is because nothing new is known of the load, else 0.",
        lambda one: _known(bool(one.outcome.held)),
    ),
    PolicyGauge(
        "foresail_signal_timestamp_seconds",
        ("signal",),
        "End of the newest measured minute of a signal, since the epoch.",
        lambda one: (((r.signal,), r.at.timestamp()) for r in one.outcome.observed.readings),
    ),
    PolicyGauge(
        "foresail_signal_problem",
        ("signal", "problem"),
        "1 while a signal's history is not read as it should be, by what is wrong; absent where all is well.",
        lambda one: (((signal, text.partition(":")[0]), 1.0) for signal, text in one.problem.items()),
    ),
)
