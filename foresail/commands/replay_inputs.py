"""What `foresail replay` reads: one history for each signal of the policy, the policy, and the user's HPA."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from controller.domain import Bounds, Policy, Signal
from controller.hpa_manifest import load_hpa
from controller.lead_time import SHARE, lead_of
from controller.policy import Workload, load_workload
from controller.simulation.hpa_signals import on_signals
from controller.simulation.hpa_spec import HpaSpec
from controller.simulation.replay import hpa_for
from controller.simulation.world import WorldSettings
from forecaster.incidents import Incident
from forecaster.series import Series
from foresail.commands.history_options import kind_of, parse_queries, read_histories, said_kinds
from foresail.errors import UsageError
from foresail.replays.case import usual_policy

TARGET = 0.7
"""Share of the capacity that an HPA aims at where nobody says."""
_PODS, _MOST_PODS = 20, 5_000
_SIGNAL = "load"
_NAMED = re.compile(r"([A-Za-z_][\w.-]*)=(.+)", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is replayed.

    source  what to call the histories
    series  named like the policy's signals, in their order
    given   the HPA with its metrics as the user names them; `hpa` with them named like signals
    incidents  those of the policy
    assumed  a sentence for each thing that the options do not say
    """

    source: str
    series: tuple[Series, ...]
    policy: Policy
    given: HpaSpec
    hpa: HpaSpec
    incidents: tuple[Incident, ...] = ()
    assumed: tuple[str, ...] = ()


def read_inputs(options: argparse.Namespace, settings: WorldSettings) -> Inputs:
    """Everything that the options name, the manifests first. Raises UsageError, BadPolicy and what reading raises."""
    _check_together(options)
    workload = None if options.policy is None else load_workload(options.policy)
    policy = None if workload is None else _policy_of(workload, settings)
    given = None if options.hpa is None else load_hpa(options.hpa)
    names = [_named(text) for text in options.files]
    told = _told(options, names)
    if policy is None and len(told) > 1:
        raise UsageError(
            f"{len(told)} histories without --policy; it names the signals and says what a pod carries of each"
        )
    order = list(range(len(told))) if policy is None else _order(policy.signals, told, options)
    if policy is not None:
        _check_kinds(options, [policy.signals[order.index(k)] for k in range(len(order))])
    read = read_histories(options, [path for _, path in names])
    source = ", ".join(told)
    if policy is None:
        series: tuple[Series, ...] = (replace(read[0], name=_SIGNAL),)
        policy = _usual_policy(options, series[0], source, settings, given)
    else:
        series = tuple(
            replace(read[k], name=signal.name, kind=signal.kind)
            for k, signal in zip(order, policy.signals, strict=True)
        )
    if given is None:
        given = hpa_for(policy, TARGET if options.target is None else options.target)
    incidents = () if workload is None else workload.incidents
    return Inputs(source, series, policy, given, on_signals(given, policy.signals), incidents, _assumed(options))


def _assumed(options: argparse.Namespace) -> tuple[str, ...]:
    said = []
    if options.policy is None and options.capacity is None:
        said.append(
            f"What a pod carries was not said, and made up: the largest load of the history takes {_PODS} pods."
            " --capacity or --policy says it."
        )
    if options.hpa is None and options.target is None:
        said.append(
            f"The HPA was not said, and made up: it aims at {100 * TARGET:g} % of what a pod carries. --hpa says it."
        )
    return tuple(said)


def _policy_of(workload: Workload, settings: WorldSettings) -> Policy:
    """The policy with its lead time: as stated, or as a running controller would measure it of the world's pods.

    A start that failed is not measured.
    """
    if workload.lead_time is not None:
        return workload.policy
    most = math.ceil(settings.start.quantile(SHARE).total_seconds())
    return replace(workload.policy, lead_time=lead_of(timedelta(seconds=most)))


def _check_together(options: argparse.Namespace) -> None:
    if options.policy is not None and options.capacity is not None:
        raise UsageError("--policy says the capacity already; leave --capacity out")
    if options.hpa is not None and options.target is not None:
        raise UsageError("--hpa says the target already; leave --target out")


def _named(text: str) -> tuple[str | None, Path]:
    """FILE or NAME=FILE; a file that is there by the whole text is meant by it."""
    match = None if Path(text).exists() else _NAMED.fullmatch(text)
    return (match[1], Path(match[2])) if match else (None, Path(text))


def history_files(options: argparse.Namespace) -> list[Path]:
    """The files that hold the histories, without their names."""
    return [path for _, path in map(_named, options.files)]


def _told(options: argparse.Namespace, named: Sequence[tuple[str | None, Path]]) -> list[str]:
    """What each history is called: by its name, its file's, or its query's; nothing where none is given."""
    if named or not options.query:
        return [name or path.name for name, path in named]
    return [query.name for query in parse_queries(options.query, kind_of(options))]


def _order(signals: Sequence[Signal], told: Sequence[str], options: argparse.Namespace) -> list[int]:
    """For each signal, which of the histories is its own: the only one, or that of its name."""
    if len(told) <= 1 == len(signals):
        return [0]
    wanted = [signal.name for signal in signals]
    if sorted(told) != sorted(wanted):
        raise UsageError(
            f"{options.policy}: has {len(wanted)} signals, {', '.join(wanted)}; the histories are"
            f" {', '.join(told) or 'none'}; give one for each by its name: {wanted[0]}=FILE, or"
            f" --query '{wanted[0]}=PROMQL'"
        )
    return [told.index(name) for name in wanted]


def _check_kinds(options: argparse.Namespace, signals: Sequence[Signal]) -> None:
    """Raises UsageError where a kind that is said is not the policy's; `signals` in the order of the histories."""
    said = said_kinds(options)
    for signal, kind in zip(signals, said if options.query else said * len(signals), strict=False):
        if kind is not None and kind is not signal.kind:
            raise UsageError(
                f"{options.policy}: the signal {signal.name} is a {signal.kind.lower()}, and"
                f" {'--query' if options.kind is None else '--kind'} says {kind.lower()}; the policy says the kind of"
                " each signal: leave it out, or correct the policy"
            )


def _usual_policy(
    options: argparse.Namespace, series: Series, source: str, settings: WorldSettings, hpa: HpaSpec | None
) -> Policy:
    """Default settings around one capacity, within the bounds of the HPA where one is given."""
    known = series.values[series.known]
    if not len(known) or not known.max() > 0:
        raise UsageError(f"{source}: nothing was measured, or nothing but zeros; there is nothing to scale")
    peak = float(known.max())
    capacity = peak / _PODS if options.capacity is None else options.capacity
    if not (0 < capacity < math.inf and peak / capacity <= _MOST_PODS):
        raise UsageError(
            f"--capacity {capacity:g}; expected {peak / _MOST_PODS:g} or more, in the unit of the history, whose "
            f"largest load is {peak:g} and may need {_MOST_PODS:,} pods at most"
        )
    signals = (Signal(series.name, series.kind, capacity),)
    bounds = Bounds(1, 4 * max(_PODS, math.ceil(peak / capacity)))
    if hpa is not None:
        bounds = Bounds(hpa.min_replicas, hpa.max_replicas)
    return usual_policy(signals, bounds, settings.start.p95)
