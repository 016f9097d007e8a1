"""What it is worth to leave rollouts out of a history without being told: `make bench-rollouts TRACES=DIR`.

A controller sees a workload's rollouts and its own scale-ins, and not whether they matter. They are written into stock
signals, and into flows what reconnecting clients send:

    rolling, random    one a week, at another minute each: a sixth of the clients is gone for ten minutes
    silent, random     the same, but no connection breaks: drained well, or behind a proxy that keeps them
    rolling, nightly   one every day, within ten minutes of the same minute
    storm, random      one a week: a flow is twice as large for four minutes
    scale-in, nightly  within ten minutes of the same minute of each day, a tenth of the pods goes each minute for ten
                       minutes, and what was on them is away for half a minute

Compared are the histories as they are (untold), with a gap at each (all), and with a gap at those that
`controller.rollouts` forgets (first of its time): pinball losses of the calibrated network at the same targets,
everywhere, around the same minute 1, 2, 7 and 14 days later where there is none (echo), and while one goes on (at it).
Of scale-ins all are left out or none.

Writes results/rollouts.json. The traces are no part of the project: `python -m tools.fetch_traces DIR` fetches them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ending import end_with
from benchmarks.restarts import ECHOES, MINUTE, around, restarts, said, shape
from benchmarks.traces import LIST, load, read_list
from controller.rollouts import Rollout, Rollouts, span_of
from forecaster.artefact import load_artefact
from forecaster.evaluate import origins_from
from forecaster.evaluate.losses import pinball
from forecaster.evaluate.means import geometric_mean
from forecaster.forecast import HORIZON, Forecaster
from forecaster.incidents import Incident, Unrepeated
from forecaster.predict import load_calibrated
from forecaster.series import DAY, BoolArray, FloatArray, IntArray, Kind, Series
from forecaster.targets import targets
from forecaster.windows import CONTEXT
from foresail.models import find_model
from foresail.output import emit_json, progress

RESULTS = Path(__file__).parent / "results" / "rollouts.json"
SHARE, EVERY = 0.7, 61
CLOSELY = timedelta(minutes=5)
"""Between two forecasts of which a step falls on a rollout or an echo; elsewhere there is one every EVERY bins."""
LASTS = timedelta(minutes=10)
_JITTER = 10
"""Minutes that what comes nightly is early or late, at most."""


@dataclass(frozen=True)
class Scenario:
    """What happens how often, to which kind of signal."""

    shape: str
    schedule: str
    kind: Kind = Kind.STOCK

    @property
    def name(self) -> str:
        return f"{self.shape}, {self.schedule}"


SCENARIOS = (
    Scenario("rolling", "random"),
    Scenario("silent", "random"),
    Scenario("storm", "random", Kind.FLOW),
    Scenario("rolling", "nightly"),
    Scenario("scale-in", "nightly"),
)


def factors(of: str, minute: FloatArray) -> FloatArray:
    """[minutes], the share of the load that is there so long after it began."""
    inside = (minute >= 0) & (minute < LASTS / MINUTE)
    if of == "rolling":
        return shape("rolling", minute)
    if of == "storm":
        return np.where((minute >= 0) & (minute < 4), 2.0, 1.0)
    return np.where(inside, 0.95, 1.0) if of == "scale-in" else np.ones_like(minute)


def begins_of(series: Series, scenario: Scenario, rng: np.random.Generator) -> IntArray:
    """The bins in which they begin."""
    if scenario.schedule == "random":
        return restarts(series, "other-minute", rng)
    midnight = series.start.replace(hour=0, minute=0, second=0, microsecond=0)
    about = timedelta(minutes=int(rng.integers(0, 24 * 60)))
    days = range(len(series) * series.step // DAY + 2)
    early = [timedelta(minutes=int(k)) for k in rng.integers(-_JITTER, _JITTER + 1, size=len(days))]
    bins = np.array([series.index(midnight + day * DAY + about + early[day]) for day in days])
    kept: IntArray = bins[(bins > CONTEXT) & (bins < len(series) - CONTEXT)]
    return kept


def written_into(series: Series, begins: IntArray, of: str) -> Series:
    """The series with one at each of `begins`."""
    values, bins = series.values.copy(), np.arange(int(timedelta(hours=1) // series.step))
    changed = factors(of, bins.astype(np.float64) * (series.step / MINUTE))
    for begin in begins.tolist():
        values[begin + bins] *= changed
    return replace(series, values=values)


def masks(series: Series, begins: IntArray, scenario: Scenario) -> Mapping[str, Sequence[Incident]]:
    """What each arm leaves out of the history."""
    seen = tuple(Rollout(series.time(k), series.time(k) + LASTS, str(k)) for k in begins.tolist())
    arms = {"untold": (), "all": tuple(span_of(one) for one in seen)}
    return arms if scenario.shape == "scale-in" else {**arms, "first": Rollouts("", seen).forgotten}


def compare(forecaster: Forecaster, series: Series, begins: IntArray, scenario: Scenario) -> Mapping[str, float]:
    """Sums of losses of each arm: everywhere, at echoes where none is near, and at the rollouts themselves."""
    changed = written_into(series, begins, scenario.shape)
    going_on = around(series, begins)
    echo = np.any([around(series, begins, ago) for ago in ECHOES], axis=0)
    origins, regular = _origins(series, going_on | echo)
    at = origins[:, None] + np.arange(1, HORIZON + 1)
    near = np.convolve(going_on, np.ones(CONTEXT + 1), mode="full")[: len(series)] > 0
    places = {
        "everywhere": np.broadcast_to(regular[:, None], at.shape),
        "echo": echo[at] & ~near[at] & ~near[origins][:, None],
        "at it": going_on[at],
    }
    truth, sums = targets(changed.values, origins), dict[str, float]()
    for arm, left_out in masks(series, begins, scenario).items():
        quantiles = said(Unrepeated(forecaster, left_out), changed, origins)
        lost = np.nan_to_num(pinball(truth, quantiles).sum(axis=2))
        sums |= {f"{place}: {arm}": float(lost[where].sum()) for place, where in places.items()}
    return sums


def _origins(series: Series, marked: BoolArray) -> tuple[IntArray, BoolArray]:
    """Where forecasts are made, and which of them are the regular ones: of the others a step is marked."""
    regular = origins_from(series, SHARE, EVERY)
    close = origins_from(series, SHARE, max(CLOSELY // series.step, 1))
    touching = close[marked[close[:, None] + np.arange(1, HORIZON + 1)].any(axis=1)]
    origins = np.union1d(regular, touching)
    return origins, np.isin(origins, regular)


def ratios(drawn: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of the sums over all draws, each arm by untold; nothing of places where nothing was lost."""
    total = {key: sum(one[key] for one in drawn) for key in drawn[0]}
    found = {}
    for key, lost in total.items():
        place, _, arm = key.partition(": ")
        if arm != "untold" and total[f"{place}: untold"] > 0:
            found[key] = lost / total[f"{place}: untold"]
    return found


def measure(
    forecaster: Forecaster, series: Sequence[Series], draws: int, scenarios: Sequence[Scenario] = SCENARIOS
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each scenario's ratios for each series, and their geometric means, when they are there."""
    with progress() as bar:
        task = bar.add_task("rollouts", total=sum(s.kind is one.kind for s in scenarios for one in series))
        for scenario in scenarios:
            found = {}
            seeds = range(draws if scenario.schedule == "random" else 1)
            for one in (one for one in series if one.kind is scenario.kind):
                begun = [begins_of(one, scenario, np.random.default_rng(seed)) for seed in seeds]
                found[one.name] = ratios([compare(forecaster, one, begins, scenario) for begins in begun])
                bar.advance(task)
            if found:
                shared = set.intersection(*(set(one) for one in found.values()))
                mean = {key: geometric_mean([one[key] for one in found.values()]) for key in sorted(shared)}
                yield scenario.name, {"draws": len(seeds), "geometric mean": mean, **found}


def _kept(path: Path, model: str) -> dict[str, Any]:
    """What was measured of the same model before."""
    before = json.loads(path.read_text()) if path.exists() else {}
    kept: dict[str, Any] = before["rollouts"] if before.get("model") == model else {}
    return kept


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures every recurrent signal of the list."""
    parser = argparse.ArgumentParser(prog="make bench-rollouts", description=__doc__)
    parser.add_argument("traces", type=Path, help="folder with the traces")
    parser.add_argument(
        "--draws",
        type=int,
        default=3,
        help="times that weekly ones are drawn for each signal; nightly ones are drawn once",
    )
    parser.add_argument("--only", choices=[one.name for one in SCENARIOS], action="append", help="these scenarios anew")
    parser.add_argument("--list", type=Path, default=LIST, help="which traces")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    base = load_artefact(find_model("base"))
    chosen = [one for one in read_list(options.list) if one.character == "recurrent"]
    series = [load(one, options.traces) for one in chosen]
    scenarios = [one for one in SCENARIOS if one.name in (options.only or [one.name])]
    found = _kept(options.out, base.seal) if options.only else {}
    for name, measured in measure(load_calibrated(base.path), series, options.draws, scenarios):
        found[name] = measured
        emit_json({"model": base.seal, "every": EVERY, "rollouts": found}, options.out)
    return 0


if __name__ == "__main__":
    end_with(main)
