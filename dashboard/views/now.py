"""The top of the page: how the workload stands at the newest decision, what to do, and how that came to be decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from controller.adapters.ledger import Entry
from controller.domain import Policy, Signal
from dashboard import explain
from dashboard.frames import clock, hpa_alone, load_of, needed, unit
from dashboard.health import Level, of_run
from dashboard.sources import Notice, Run
from dashboard.words import amount, escaped, pods, sentence, table

if TYPE_CHECKING:
    from controller.metrics import Reported

_NARROW = """<style>@media (max-width: 640px) {
  [data-testid="stColumn"]:has([data-testid="stMetric"]) { min-width: 7rem; flex: 1 1 7rem; }
}</style>"""
"""On a telephone the numbers stand beside each other as far as they fit."""


def draw(run: Run, reported: Reported | Notice | None) -> None:
    """How it stands, in the colour of an alarm while ready pods are too few; the numbers; and why, step by step."""
    newest = run.entries[-1]
    health = of_run(run.policy, newest)
    show = {Level.BROKEN: st.error, Level.WATCH: st.warning}.get(health.level, st.info)
    remedy = f"  \n**What to do:** {escaped(sentence(health.remedy))}" if health.remedy else ""
    show(f"{status(run)}  \n{decided(newest)}{remedy}")
    _numbers(run.policy, newest)
    if reported is not None:
        st.caption(account(reported, newest))
    with st.expander("Why: the newest decision step by step", expanded=True):
        st.html(table(explain.COLUMNS, explain.steps(run.policy, newest)))


def status(run: Run) -> str:
    """Now, the load, what it needs, what is there, whether anything is short, and how old the data are.

    All of it by the run's own clock, at its newest decision.
    """
    newest = run.entries[-1]
    need, short = needed(run.policy, newest), missing(run.policy, newest)
    offered = " and ".join(_offered(signal, newest) for signal in run.policy.signals)
    demand = "the load is not known" if need is None else f"{escaped(offered)} need {pods(need)}"
    verdict = "Whether anything is short is not known." if need is None else "Nothing is short."
    return (
        f"**{clock(newest.now)} UTC, {'live' if run.live else run.over}:** {demand},"
        f" {pods(newest.observed.ready)} ready, the floor is {newest.decision.floor}."
        f" **{f'Short of {pods(short)}.' if short else verdict}** {_age(newest)}"
    )


def decided(entry: Entry) -> str:
    """What became of the floor, who had the last word, and whether it was acted on; the steps say why."""
    decision, last = entry.decision, explain.limiting(entry)
    moved = "raised" if decision.floor > decision.previous else "lowered"
    what = (
        f"the floor is kept at {decision.floor}"
        if decision.floor == decision.previous
        else f"the floor is {moved} from {decision.previous} to {decision.floor}"
    )
    if decision.wanted is None:
        asked = "no forecast counts"
    else:
        by = f" of {decision.signal} by {decision.model}" if decision.model else ""
        asked = f"the forecast{by} asks for {pods(decision.wanted)}"
    limit = f"; {explain.RULES.get(last.rule, last.rule)}: {last.because}" if last else ""
    unapplied = " (shown only, the mode is Observe)" if not decision.applied else ""
    return f"**Decision{unapplied}:** {escaped(f'{what}: {asked}{limit}')}."


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
    st.html(_NARROW)
    numbers = loads | {
        "pods needed": needed(policy, entry),
        "pods ready": entry.observed.ready,
        "floor": entry.decision.floor,
        "forecast wants": entry.decision.wanted,
        "HPA alone": hpa_alone(entry),
    }
    for column, (name, value) in zip(st.columns(len(numbers)), numbers.items(), strict=True):
        column.metric(name, "-" if value is None else amount(value))


def _offered(signal: Signal, entry: Entry) -> str:
    load = load_of(entry, signal.name)
    return f"an unknown load of {signal.name}" if load is None else f"{amount(load)} {unit(signal)}"


def _age(entry: Entry) -> str:
    if not entry.observed.readings:
        return "Nothing has been measured yet."
    oldest = min(reading.at for reading in entry.observed.readings)
    return f"The newest measurement is {(entry.now - oldest).total_seconds():.0f} s old."
