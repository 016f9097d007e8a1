"""The top of a running controller's page: all its policies, what each is doing, and the choice of one to look into."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from dashboard.controllers import Fleet, Json
from dashboard.frames import clock

_WIDTHS = {
    "policy": 190,
    "mode": 100,
    "floor": 60,
    "wanted": 65,
    "HPA alone": 80,
    "ready": 60,
    "gate": 170,
    "now": 500,
}
"""Pixels per column."""
_NOTHING = "-"
_MOST_SPELLED_OUT = 5
_NEEDS_A_HAND = 2


def draw(fleet: Fleet, now: datetime) -> str | None:
    """The table; returns the namespace/name that is looked into, None where there is none."""
    if fleet.trouble:
        st.warning(f"{fleet.trouble} What is shown is what was known last{_of(fleet)}.")
    if not fleet.policies:
        st.info(
            "No policies: `kubectl get predictiveautoscalers -A` has none. The first is shown as soon as it is there."
        )
        return None
    st.caption(account(fleet, now))
    st.dataframe(
        table(fleet.policies),
        hide_index=True,
        column_config={name: st.column_config.Column(width=width) for name, width in _WIDTHS.items()},
        key="policies",
    )
    for sentence in spelled_out(fleet.policies):
        st.warning(sentence)
    followed = [_name(one) for one in fleet.policies if "refused" not in one]
    return st.selectbox("look into", followed, key="policy") if followed else None


def account(fleet: Fleet, now: datetime) -> str:
    """Who decides, how many policies there are, how many of them act, and how old the newest decision is."""
    active = sum(one.get("mode") == "Active" for one in fleet.policies)
    refused = sum("refused" in one for one in fleet.policies)
    times = [datetime.fromisoformat(one["at"]) for one in fleet.policies if "at" in one]
    age = f"; decided {max(0, (now - max(times)).total_seconds()):.0f} s ago" if times else ""
    return (
        f"controller {fleet.identity}: {_count(len(fleet.policies))}, {active} active, {refused} not followed{age},"
        f" every {fleet.tick_s:g} s"
    )


def table(policies: tuple[Json, ...]) -> pd.DataFrame:
    """One row for each policy, those first that need a look: refused, failing, then in trouble, then by name."""
    rows = [_row(one) for one in sorted(policies, key=lambda one: (-_urgency(one), _name(one)))]
    return pd.DataFrame(rows, columns=list(_WIDTHS))


def spelled_out(policies: tuple[Json, ...]) -> list[str]:
    """Whole sentences for those that are not followed or not written, for which a row has no room."""
    urgent = [one for one in policies if _urgency(one) == _NEEDS_A_HAND]
    said = [f"**{_name(one)}**: {doing(one)}." for one in urgent[:_MOST_SPELLED_OUT]]
    more = len(urgent) - len(said)
    return [*said, f"{_count(more)} more need a look: see the first rows above."] if more else said


def doing(one: Json) -> str:
    """What becomes of a policy now, in a sentence."""
    if "refused" in one:
        return f"not followed ({one['refused']}): {one['because']}"
    parts = [f"could not write the HPA: {one['failed']}"] if one["failed"] else []
    parts += [f"{signal}: {text}" for signal, text in one["problems"].items()]
    if one["limited"]:
        parts.append(f"up to {one['limited']} replicas may be needed, more than the HPA's maximum")
    return "; ".join([*parts, one["summary"]])


def _row(one: Json) -> tuple[str, ...]:
    if "refused" in one:
        return (_name(one), "not followed", *[_NOTHING] * 5, doing(one))
    rulings = ", ".join(f"{signal}: {ruling}" for signal, ruling in one["rulings"].items()) or _NOTHING
    numbers = (_shown(one[name]) for name in ("floor", "wanted", "hpa_alone", "ready"))
    return (_name(one), one["mode"], *numbers, rulings, doing(one))


def _urgency(one: Json) -> int:
    if "refused" in one or one["failed"]:
        return _NEEDS_A_HAND
    return int(bool(one["problems"] or one["limited"]))


def _of(fleet: Fleet) -> str:
    times = [datetime.fromisoformat(one["at"]) for one in fleet.policies if "at" in one]
    return f", of {clock(max(times).astimezone(UTC))} UTC" if times else ""


def _name(one: Json) -> str:
    return f"{one['namespace']}/{one['name']}"


def _shown(value: object) -> str:
    return _NOTHING if value is None else str(value)


def _count(policies: int) -> str:
    return "1 policy" if policies == 1 else f"{policies} policies"
