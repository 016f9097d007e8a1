"""The decisions with their sentences, newest first, and under them what each rule had to say."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from controller.adapters.ledger import Entry
from dashboard import frames
from dashboard.explain import moment
from dashboard.words import table

AT_A_GLANCE = 8
"""Decisions that are written out; all of them stand in a table that can be sorted, searched and downloaded."""


def draw(entries: Sequence[Entry]) -> None:
    """The decisions that moved the floor, or all of them, and the rules behind those that are shown."""
    heading, choice = st.columns([3, 1])
    heading.markdown("**Decisions**")
    every = choice.toggle("also those that kept the floor", key="every")
    shown = frames.decisions(entries, every)
    if not shown:
        st.markdown("No decision has moved the floor in this time.")
        return
    st.html(table(("time (UTC)", "floor", "why"), rows(shown[:AT_A_GLANCE])))
    with st.expander(f"{_count(len(shown))}, with what each rule had to say"):
        st.dataframe(frames.sentences(shown), hide_index=True, key="decisions")
        st.dataframe(frames.reasons(shown), hide_index=True, key="reasons")


def rows(entries: Sequence[Entry]) -> list[tuple[str, str, str]]:
    """Of each decision its time, what became of the floor, and each rule's clause."""
    return [
        (
            moment(entry.now, entries[0].now),
            f"{entry.decision.previous} → {entry.decision.floor}",
            "; ".join(reason.because for reason in entry.decision.reasons),
        )
        for entry in entries
    ]


def _count(decisions: int) -> str:
    return "This decision" if decisions == 1 else f"All {decisions} decisions"
