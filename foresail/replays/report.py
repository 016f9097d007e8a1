"""A replay as a Markdown page: the arms, what was assumed, what was not measured, and the pictures beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from controller.simulation.hpa_spec import MILLI
from foresail.output import number
from foresail.replays.arms import FORESAIL, HPA
from foresail.replays.case import Case
from foresail.replays.figures import (
    FEWEST_DAYS,
    Replayed,
    against_hpa,
    arm_table,
    short_lead,
    title,
    unmeasured,
    world_figures,
)
from foresail.replays.remarks import remarks
from foresail.replays.suggest import Suggested, sentences, tried_table

_LEGEND = """\
*Overload* is time in which the offered load of some signal exceeds ready pods x capacity, *longest* the longest stretch
of it. *HPA at equal cost* is the HPA as given with its targets lowered until it runs at least as many pod-hours as
Foresail: what is left between the two is what foresight is worth. *max(now, yesterday)* and *perfect forecast* are
Foresail's planner with that rule in the place of the model, and with the future itself."""
_STOCK_LEGEND = """\
*Hot connection-minutes* are connections above the capacity of their own pod, *broken* those that were open on a pod
that ended, *reconnect peak* the most that came back in one minute."""


def markdown(replayed: Replayed, pictures: Mapping[str, str], suggestion: Suggested | None = None) -> str:
    """The page. `pictures` are file names beside it, by what each shows."""
    parts = [
        f"# Replay of {_escaped(replayed.source)}",
        f"{_escaped(title(replayed))}.",
        *_result(replayed),
        *(f"![{about}](<{name}>)" for about, name in pictures.items()),
        *([] if suggestion is None else _suggested(replayed, suggestion)),
        "## What was not measured",
        _listed(unmeasured(replayed.case.load)) or "Everything was measured.",
        "## What was assumed",
        *_assumed(replayed),
    ]
    return "\n\n".join(parts) + "\n"


def _result(replayed: Replayed) -> list[str]:
    stock = replayed.case.load.stock is not None
    columns, rows = arm_table(replayed.scores, stock)
    against = against_hpa(replayed.runs[FORESAIL], replayed.runs[HPA])
    few = f"Fewer than {FEWEST_DAYS} days: no interval can be told from them."
    said = f"{against.sentence()}." if against else few
    return [_table(columns, rows), said, *remarks(replayed), f"{_LEGEND}\n{_STOCK_LEGEND}" if stock else _LEGEND]


def _suggested(replayed: Replayed, suggestion: Suggested) -> list[str]:
    about, columns, rows = tried_table(suggestion)
    told = list(sentences(suggestion, replayed.given))
    first = told.index("spec:") if "spec:" in told else len(told)
    policy = ["```yaml\n" + "\n".join(told[first:]) + "\n```"] if told[first:] else []
    return ["## What is suggested", f"{about}:", _table(columns, rows), *told[:first], *policy]


def _assumed(replayed: Replayed) -> list[str]:
    policy, hpa = replayed.case.policy, replayed.case.hpa
    world = [
        [name, "-" if value is None else f"{value:g}"] for name, value in world_figures(replayed.case.settings).items()
    ]
    signals = [[_escaped(s.name), s.kind, number(s.capacity_per_pod)] for s in policy.signals]
    metrics = [
        [_escaped(given.key), given.source, _escaped(metric.name), f"{metric.target / MILLI:,g}"]
        for given, metric in zip(replayed.given.metrics, hpa.metrics, strict=True)
    ]
    return [
        "The world:", _table(("setting", "value"), world),
        f"The policy, as if Active: {policy.bounds.min_replicas} to {policy.bounds.max_replicas} replicas, planned"
        f" {policy.lead_time.total_seconds():g} s ahead, a minute of overload worth {policy.cost_ratio:g} idle"
        f" pod-minutes, at most {policy.budget_percent:g} % extra pod-hours a day.",
        *_told(replayed.case),
        *short_lead(replayed),
        _table(("signal", "kind", "capacity per pod"), signals, 2),
        f"The HPA: {hpa.min_replicas} to {hpa.max_replicas} replicas,"
        f" {'the default behavior' if hpa.behavior is None else 'with its own behavior'}. At equal cost its targets are"
        f" {replayed.same_cost_share:.3g} times these.",
        _table(("metric", "source", "read as the signal", "average per pod"), metrics, 3),
        f"The model: {_escaped(replayed.model)}. Hours for which the forecast in use was accepted, replaced by a simple"
        " rule, or abstained from:",
        _table(("signal", "ruling", "hours"), words=2, rows=[
            [_escaped(name), _escaped(ruling), number(hours, 1)]
            for name, counted in replayed.hours.items() for ruling, hours in sorted(counted.items())
        ]),
    ]  # fmt: skip


def _told(case: Case) -> list[str]:
    """What the policy's levers and calendar add, and what no forecaster is to expect again."""
    policy, moved, said = case.policy, case.policy.moved_target, []
    if moved is not None:
        said.append(
            f"It moves the HPA's target of {_escaped(moved.metric)} between {moved.lowest:g} and {moved.highest:g}"
            " per pod."
        )
    if not policy.moves_floor:
        said.append("It moves no floor.")
    if policy.events:
        said += ["The calendar, of which only what lies in the replay counts:", _listed([
            f"{_span(one.start, one.end)}: at least {one.min_replicas} replicas{_why(one.reason)}"
            for one in policy.events
        ])]  # fmt: skip
    if case.incidents:
        said += ["Incidents, which no forecaster was shown:", _listed([
            f"{_span(one.start, one.end)}{_why(one.reason)}" for one in case.incidents
        ])]  # fmt: skip
    return said


def _span(start: datetime, end: datetime) -> str:
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} {start:%Z}"


def _why(reason: str) -> str:
    return f" ({_escaped(reason)})" if reason else ""


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """A table whose first columns hold `words`, and whose others figures."""
    lines = [columns, ["---"] * words + ["---:"] * (len(columns) - words), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _listed(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _escaped(text: str) -> str:
    """Text of the user's that neither ends a table's cell nor becomes markup."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]<>#|!" else c for c in " ".join(text.split()))
