"""The forecast against what came of it: two charts, the newest forecast in numbers, and how good they were so far."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import streamlit as st

from controller.adapters.ledger import Entry
from controller.domain import Policy, Signal
from dashboard import charts, frames
from dashboard.frames import Skill
from dashboard.words import escaped, minutes
from forecaster.forecast import Forecast

ENOUGH = 20
"""Forecasts that must have met their moment before their hits are counted in percent."""


def draw_charts(policy: Policy, entries: Sequence[Entry], signal: Signal, ahead: timedelta) -> None:
    """The signal's load with its predicted band and what the ready pods carry; below it the pods."""
    newest = newest_forecast(entries, signal)
    before = frames.predicted(frames.forecasts_of(entries, signal.name), ahead)
    coming = frames.coming(newest) if newest else frames.predicted((), ahead)
    ink = charts.ink(_ground())
    unit = escaped(frames.unit(signal))
    st.markdown(f"**Load, {unit}**: shaded, what was predicted {minutes(ahead)} before, and what comes next")
    st.html(charts.load_key(ink))
    _show(charts.load_chart(frames.loads(signal, entries), before, coming, signal.capacity_per_pod, ink), "load")
    st.markdown("**Pods**")
    st.html(charts.pods_key(ink))
    _show(charts.pods_chart(frames.pods(policy, entries), coming, ink), "pods")


def draw_figures(entries: Sequence[Entry], signal: Signal, ahead: timedelta) -> None:
    """How good the forecasts have been in the whole run, and the newest one's quantiles."""
    st.markdown(f"**Forecasts of {escaped(signal.name)}**")
    newest = newest_forecast(entries, signal)
    st.markdown(verdict(frames.skill(entries, signal.name, ahead), ahead, frames.unit(signal)))
    if newest is None:
        st.markdown("The newest decision had no forecast.")
        return
    if newest.verdict:
        st.markdown(f"The gate's verdict on the newest forecast: {escaped(newest.verdict.sentence())}.")
    with st.expander(
        f"Newest forecast: {newest.model}, known up to {newest.origin + newest.step:%H:%M} UTC, quantiles"
    ):
        st.dataframe(frames.quantiles(newest).style.format("{:,.1f}"), key="quantiles")


def newest_forecast(entries: Sequence[Entry], signal: Signal) -> Forecast | None:
    """The signal's forecast at the newest decision."""
    return next((forecast for forecast in entries[-1].forecasts if forecast.signal == signal.name), None)


def verdict(skill: Skill | None, ahead: timedelta, unit: str) -> str:
    """How good the forecasts were, in two sentences; with too few of them, that there are too few."""
    count = skill.count if skill else 0
    if skill is None or count < ENOUGH:
        return f"{count} forecasts have met their moment so far; from {ENOUGH} on this says how good they were."
    return (
        f"{minutes(ahead)} ahead, over {count} forecasts of this run: {100 * skill.covered:.0f} % of the loads were"
        f" at or below the 0.95 quantile, which promises 95 %. The median was off by {skill.error:.3g} {unit} on"
        f" average, the last value by {skill.held:.3g}."
    )


def _show(chart: charts.Chart, key: str) -> None:
    st.vega_lite_chart(None, chart, key=key)


def _ground() -> str | None:
    """Light or dark; None where this version of Streamlit, or a test, cannot tell."""
    theme = getattr(st.context, "theme", None)
    return getattr(theme, "type", None)
