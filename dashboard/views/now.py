"""The top of the page: how the workload stands at the newest decision, in a sentence and a row of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from controller.adapters.ledger import Entry
from controller.domain import Policy, Signal
from dashboard.frames import clock, hpa_alone, load_of, needed, unit
from dashboard.sources import Notice, Run

if TYPE_CHECKING:
    from controller.metrics import Reported


def draw(run: Run, reported: Reported | Notice | None) -> None:
    """The status in the colour of an alarm while ready pods are too few; below it the numbers."""
    newest = run.entries[-1]
    show = st.error if missing(run.policy, newest) else st.info
    show(f"{status(run)}  \n{decided(newest)}")
    _numbers(run.policy, newest)
    if reported is not None:
        st.caption(account(reported, newest))


def status(run: Run) -> str:
    """Now, the load, what it needs, what is there, whether anything is short, and how old the data are.

    All of it by the run's own clock, at its newest decision.
    """
    newest = run.entries[-1]
    need, short = needed(run.policy, newest), missing(run.policy, newest)
    offered = " and ".join(_offered(signal, newest) for signal in run.policy.signals)
    demand = "the load is not known" if need is None else f"{offered} need {_pods(need)}"
    verdict = "Whether anything is short is not known." if need is None else "Nothing is short."
    return (
        f"**{clock(newest.now)} UTC, {'live' if run.live else run.over}:** {demand},"
        f" {_pods(newest.observed.ready)} ready, the floor is {newest.decision.floor}."
        f" **{f'Short of {_pods(short)}.' if short else verdict}** {_age(newest)}"
    )


def decided(entry: Entry) -> str:
    """The decision's own sentence, and whether it was acted on."""
    unapplied = "" if entry.decision.applied else " (shown only, the mode is Observe)"
    return f"Decision{unapplied}: {entry.decision.summary()}."


def missing(policy: Policy, entry: Entry) -> int:
    """Pods that the load needs beyond those that are ready; 0 where the load is not known."""
    return max(0, (needed(policy, entry) or 0) - entry.observed.ready)


def account(reported: Reported | Notice, newest: Entry) -> str:
    """What the running controller says of itself, held against the ledger."""
    if isinstance(reported, Notice):
        return reported.text
    told = f"The controller reports a floor of {reported.floor} at {clock(reported.at)} UTC"
    behind_s = (reported.at - newest.now).total_seconds()
    if abs(behind_s) < 1:
        return f"{told}, as the ledger does."
    return f"{told}; the ledger is {abs(behind_s):.0f} s {'behind' if behind_s > 0 else 'ahead'}."


def _numbers(policy: Policy, entry: Entry) -> None:
    loads = {unit(signal): load_of(entry, signal.name) for signal in policy.signals}
    numbers = loads | {
        "pods needed": needed(policy, entry),
        "pods ready": entry.observed.ready,
        "floor": entry.decision.floor,
        "wanted by the forecast": entry.decision.wanted,
        "HPA alone": hpa_alone(entry),
    }
    for column, (name, value) in zip(st.columns(len(numbers)), numbers.items(), strict=True):
        column.metric(name, "-" if value is None else _amount(value))


def _offered(signal: Signal, entry: Entry) -> str:
    load = load_of(entry, signal.name)
    return f"an unknown load of {signal.name}" if load is None else f"{_amount(load)} {unit(signal)}"


def _age(entry: Entry) -> str:
    if not entry.observed.readings:
        return "Nothing has been measured yet."
    oldest = min(reading.at for reading in entry.observed.readings)
    return f"The newest measurement is {(entry.now - oldest).total_seconds():.0f} s old."


def _pods(count: int) -> str:
    return f"{count} pod" if count == 1 else f"{count} pods"


def _amount(value: float) -> str:
    """Three digits, and never fewer than the whole number."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
