"""The decisions with their sentences, newest first, and under them what each rule had to say."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from controller.adapters.ledger import Entry
from dashboard import frames

_ROW_PX = 56
"""Room for a sentence of two lines."""
_WIDTHS = {"time (UTC)": 150, "floor": 70, "rule": 110, "before": 70, "after": 70, "decision": 1000, "because": 800}
"""Pixels per column."""


def draw(entries: Sequence[Entry]) -> None:
    """The decisions that moved the floor, or all of them, and the rules behind those that are shown."""
    heading, choice = st.columns([3, 1])
    heading.markdown("**Decisions**")
    every = choice.toggle("also those that kept the floor", key="every")
    shown = frames.decisions(entries, every)
    if not shown:
        st.markdown("No decision has moved the floor in this time.")
        return
    st.dataframe(
        frames.sentences(shown),
        hide_index=True,
        row_height=_ROW_PX,
        column_config={name: st.column_config.Column(width=width) for name, width in _WIDTHS.items()},
        key="decisions",
    )
    with st.expander(f"What each rule had to say in {_count(len(shown))}"):
        st.dataframe(
            frames.reasons(shown),
            hide_index=True,
            column_config={name: st.column_config.Column(width=width) for name, width in _WIDTHS.items()},
            key="reasons",
        )


def _count(decisions: int) -> str:
    return "this decision" if decisions == 1 else f"these {decisions} decisions"
