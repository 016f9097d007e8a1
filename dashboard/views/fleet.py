"""The top of a running controller's page: how all its policies are, what to do where one is not well, and the choice
of one to look into."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pandas as pd
import streamlit as st

from dashboard.controllers import Fleet, Json
from dashboard.frames import clock
from dashboard.health import NOT_FOLLOWED, Health, Level, of_told
from dashboard.words import escaped, minutes
from dashboard.words import table as as_html

COLUMNS = ("policy", "state", "mode", "ready", "floor", "wanted", "HPA alone", "forecast by")
_NOTHING = "-"
_MOST_SPELLED_OUT = 5
_LATE = 4
"""Ticks without a decision that are too many."""
AT_A_GLANCE = 12
"""Policies that are written out, those first that need a look; of more there is a table of all."""


def draw(fleet: Fleet, now: datetime) -> str | None:
    """The table; returns the namespace/name that is looked into, None where there is none."""
    if fleet.trouble:
        st.warning(f"{escaped(fleet.trouble)} What is shown is what was known last{_of(fleet)}.")
    if not fleet.policies:
        st.info(
            "No policies: `kubectl get predictiveautoscalers -A` has none. The first is shown as soon as it is there."
        )
        return None
    st.caption(escaped(account(fleet, now)))
    if late := stalled(fleet, now):
        st.error(late)
    for level, sentence in spelled_out(fleet.policies):
        (st.error if level is Level.BROKEN else st.warning)(sentence)
    frame = table(fleet.policies)
    st.html(as_html(COLUMNS, [tuple(row) for row in frame.head(AT_A_GLANCE).itertuples(index=False)]))
    if len(frame) > AT_A_GLANCE:
        with st.expander(f"All {len(frame)} policies"):
            st.dataframe(frame, hide_index=True, key="policies")
    return st.selectbox(
        "look into", names(fleet.policies), index=first(fleet.policies), key="policy", help="Type to find one."
    )


def refusal(fleet: Fleet, name: str) -> str | None:
    """Why there is nothing to see of a policy; None where there is."""
    one = next((one for one in fleet.policies if _name(one) == name and "refused" in one), None)
    return None if one is None else f"**{escaped(name)}** is {_told(of_told(one))}"


def names(policies: tuple[Json, ...]) -> list[str]:
    """All policies, in the order of their names."""
    return sorted(_name(one) for one in policies)


def first(policies: tuple[Json, ...]) -> int:
    """Where among the names the page opens: at an active one that is well, else at one that is followed at least."""
    health = {_name(one): of_told(one) for one in policies}
    fit = [(health[name].word == NOT_FOLLOWED, health[name].level) for name in names(policies)]
    return fit.index(min(fit))


def account(fleet: Fleet, now: datetime) -> str:
    """Who decides, how many policies there are and how they are, and how old the newest decision is."""
    kinds = Counter((health.level, health.word) for health in map(of_told, fleet.policies))
    told = ", ".join(f"{kinds[kind]} {kind[1]}" for kind in sorted(kinds))
    newest = _newest(fleet)
    age = f"; decided {max(0, (now - newest).total_seconds()):.0f} s ago" if newest else ""
    count = _count(len(fleet.policies))
    return f"controller {fleet.identity}: {count}{f', {told}' if told else ''}{age}, every {fleet.tick_s:g} s"


def stalled(fleet: Fleet, now: datetime) -> str:
    """What to do where a controller answers and does not decide; empty where it does."""
    newest, tick = _newest(fleet), timedelta(seconds=fleet.tick_s)
    if fleet.trouble or newest is None or now - newest <= _LATE * tick:
        return ""
    return (
        f"Nothing was decided for {minutes(now - newest)}, though something is due every {fleet.tick_s:g} s: see the"
        " controller's log. Floors stay as they are, and the HPAs go on by themselves."
    )


def table(policies: tuple[Json, ...]) -> pd.DataFrame:
    """One row for each policy, those first that need a look, then by name."""
    ordered = sorted(policies, key=lambda one: (-of_told(one).level, _name(one)))
    return pd.DataFrame([_row(one) for one in ordered], columns=list(COLUMNS))


def spelled_out(policies: tuple[Json, ...]) -> list[tuple[Level, str]]:
    """Whole sentences for those that need a look, the worst first: what was found, and what to do."""
    told = [(of_told(one), _name(one)) for one in policies]
    urgent = sorted((one for one in told if one[0].level >= Level.WATCH), key=lambda one: (-one[0].level, one[1]))
    said = [(health.level, f"**{escaped(name)}**: {_told(health)}") for health, name in urgent[:_MOST_SPELLED_OUT]]
    more = len(urgent) - len(said)
    return [*said, (Level.WATCH, f"{_count(more)} more need a look: see the first rows below.")] if more else said


def _told(health: Health) -> str:
    return escaped(f"{health.title}: {health.sentences()}")


def _row(one: Json) -> tuple[str, ...]:
    word = of_told(one).title
    if "refused" in one:
        return (_name(one), word, *[_NOTHING] * 6)
    rulings = ", ".join(f"{signal}: {ruling}" for signal, ruling in one["rulings"].items()) or _NOTHING
    numbers = (_shown(one[name]) for name in ("ready", "floor", "wanted", "hpa_alone"))
    return (_name(one), word, one["mode"], *numbers, rulings)


def _newest(fleet: Fleet) -> datetime | None:
    return max((datetime.fromisoformat(one["at"]) for one in fleet.policies if "at" in one), default=None)


def _of(fleet: Fleet) -> str:
    newest = _newest(fleet)
    return f", of {clock(newest.astimezone(UTC))} UTC" if newest else ""


def _name(one: Json) -> str:
    return f"{one['namespace']}/{one['name']}"


def _shown(value: object) -> str:
    return _NOTHING if value is None else str(value)


def _count(policies: int) -> str:
    return "1 policy" if policies == 1 else f"{policies} policies"
