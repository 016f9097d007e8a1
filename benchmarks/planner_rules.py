"""What each rule of the planner is worth: `make bench-planner-rules TRACES=DIR`.

One rule at a time is switched off, on the last four days of the first 70 % of each trace, which no bar is measured on:
settings are chosen here and nowhere else. Writes results/planner_rules.json; `make docs` writes the page.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from benchmarks.ending import end_with
from benchmarks.replay_arms import DAYS, SHARE, TARGET, TARGETS, a_case
from benchmarks.replays import POD_STARTS, shown
from benchmarks.shipped import network_hash
from benchmarks.traces import Trace, load, read_list
from controller.decision import guards, worth
from controller.decision import plan as planner
from controller.domain import Policy, RampDown
from controller.simulation.comparison import Daily, equal_cost_ratio
from controller.simulation.feed import feed_from
from controller.simulation.replay import Run, hpa_for, replay
from controller.simulation.score import score
from forecaster.baselines import BASELINES
from forecaster.evaluate.bootstrap import day_weights
from forecaster.forecast import Forecaster
from forecaster.predict import load_calibrated, load_forecaster
from forecaster.series import Series
from foresail.errors import UsageError
from foresail.models import find_model
from foresail.output import emit_json, err, progress
from foresail.replays.case import Case, Stretch

RESULTS = Path(__file__).parent / "results" / "planner_rules.json"
WHOLE, UNGATED = "whole", "no gate"


class Off(NamedTuple):
    """One name of a module, and what stands in for it while the rule is off."""

    module: ModuleType
    name: str
    instead: object


def _without(listed: Sequence[guards.Guard], *left_out: guards.Guard) -> tuple[guards.Guard, ...]:
    return tuple(guard for guard in listed if guard not in left_out)


def _newsvendor(risk: worth.Risk, price: float, _held: int, fewest: int) -> int:
    """The fewest pods that are overloaded with a chance of at most price / (1 + price), the usual quantile."""
    enough = (risk.chance[fewest:] <= price / (1 + price)).nonzero()[0]
    return fewest + int(enough[0]) if len(enough) else len(risk.chance) - 1


def _constant(_policy: Policy, _day: object, _wish: int) -> float:
    return 1.0


@dataclass(frozen=True)
class Variant:
    """The planner without one rule.

    off     what is switched off
    policy  the policy instead
    gated   whether the gate may put a rule in the network's place, or abstain
    """

    name: str
    off: tuple[Off, ...] = ()
    policy: Callable[[Policy], Policy] = lambda policy: policy
    gated: bool = True


def _held_for(hold: timedelta, percent: float) -> Callable[[Policy], Policy]:
    return lambda policy: replace(policy, ramp_down=RampDown(hold, percent))


_NO_PATH = Off(planner, "GRANTING", _without(guards.GRANTING, guards.hpa_path))
_NO_WISH = Off(planner, "RELEASING", _without(guards.RELEASING, guards.never_below_hpa))
_NO_RAMP = Off(planner, "RELEASING", _without(guards.RELEASING, guards.ramp_down))

VARIANTS = (
    Variant(WHOLE),
    Variant("no weighing of idle pods: the cost ratio's quantile", (Off(worth, "worth", _newsvendor),)),
    Variant("no rising price of what is spent", (Off(planner, "scarcity", _constant),)),
    Variant(
        "no budget",
        (
            Off(planner, "GRANTING", _without(guards.GRANTING, guards.budget)),
            Off(planner, "RELEASING", _without(guards.RELEASING, guards.unpaid)),
            Off(planner, "scarcity", _constant),
        ),
    ),
    Variant("no path of the HPA alone", (_NO_PATH,)),
    Variant("no hold at the HPA's wish", (_NO_WISH,)),
    Variant("no ramp", (_NO_RAMP,)),
    Variant("held for nothing, given back at once", policy=_held_for(timedelta(0), 100.0)),
    Variant("held for five minutes, given back by 10 % a minute", policy=_held_for(timedelta(minutes=5), 10.0)),
    Variant(UNGATED, gated=False),
)


@contextmanager
def switched_off(parts: Sequence[Off]) -> Iterator[None]:
    """The planner without them, as long as the block runs."""
    before = [getattr(part.module, part.name) for part in parts]
    try:
        for part in parts:
            setattr(part.module, part.name, part.instead)
        yield
    finally:
        for part, value in zip(parts, before, strict=True):
            setattr(part.module, part.name, value)


def a_past(series: Series, pod_start: timedelta) -> Case:
    """The last days of the first 70 %, at most half of it; whose forecasts it is played with is for later."""
    series = series.part(0, int(SHARE * len(series)))
    first = max(len(series) - DAYS // series.step, len(series) // 2)
    stretch = Stretch((first + 0.5) / len(series), DAYS)  # half a bin: no rounding leads to the bin before
    return a_case(series, stretch, pod_start, BASELINES["last-value"])


def played(case: Case, variant: Variant, forecaster: Forecaster) -> Run:
    """The case with the planner without one rule."""
    policy = variant.policy(case.policy)
    feed = feed_from(forecaster, case.series, policy, case.settings.known_after, case.load.start)
    with switched_off(variant.off):
        return replay(case.load, policy, case.hpa, case.settings, feed)


def measure(trace: Trace, folder: Path, model: Path) -> dict[str, object]:
    """One trace in both worlds: of every variant overload, pods and the ratio at equal cost, beside the HPA's."""
    series = load(trace, folder)
    gated, bare = load_forecaster(model), load_calibrated(model)
    worlds = {}
    for start in POD_STARTS:
        case = a_past(series, start)
        curve = [Daily.of(replay(case.load, case.policy, hpa_for(case.policy, one), case.settings, None))
                 for one in TARGETS]  # fmt: skip
        weights = day_weights(trace.name, len(curve[0].pods))
        hpa = replay(case.load, case.policy, hpa_for(case.policy, TARGET), case.settings, None)
        found = {"hpa": _figures(hpa)}
        for variant in VARIANTS:
            run = played(case, variant, gated if variant.gated else bare)
            ratio = shown(equal_cost_ratio(Daily.of(run), curve, weights))
            found[variant.name] = {**_figures(run), "ratio": ratio}
        worlds[f"{start.total_seconds():g}"] = found
    return {"about": trace.about, "kind": trace.kind.value, "worlds": worlds}


def _figures(run: Run) -> dict[str, object]:
    found = score(run)
    return {
        "overload_minutes": found.overload_minutes, "pod_minutes": found.pod_minutes,
        "broken": found.connections_broken, "rescales": found.rescales,
    }  # fmt: skip


def chosen(folder: Path) -> list[Trace]:
    """The traces of one-minute bins that are there. Raises UsageError where none is."""
    traces = [trace for trace in read_list() if trace.side_by_side and (folder / trace.file).is_file()]
    if not traces:
        raise UsageError(f"{folder}: none of the traces is there; expected for example {read_list()[0].file}")
    return traces


def measured(options: argparse.Namespace, model: Path) -> Mapping[str, object]:
    """Every trace, in the order of their list."""
    traces = chosen(options.traces)
    results: dict[str, object] = {}
    with ProcessPoolExecutor(options.processes) as pool, progress() as bar:
        job = partial(measure, folder=options.traces, model=model)
        jobs = {pool.submit(job, one): one for one in traces}
        task = bar.add_task("measuring", total=len(jobs))
        for done in as_completed(jobs):
            results[jobs[done].name] = done.result()
            bar.advance(task)
    return {trace.name: results[trace.name] for trace in traces}


def main() -> int:
    """Measures the traces that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", type=Path, help="folder with the traces")
    parser.add_argument("--model", default="base")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    model = find_model(options.model)
    results = measured(options, model)
    emit_json({"model": network_hash(model), "traces": results}, options.out)
    err.print(f"measured {len(results)} traces")
    return 0


if __name__ == "__main__":
    end_with(main)
