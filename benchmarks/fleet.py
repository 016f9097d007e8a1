"""What a tick costs with thousands of workloads: `make bench-fleet`. Writes results/fleet.json.

The workloads are made up (a daily shape with noise and gaps), for their values do not change the work: four weeks of
minutes for each, a thousand to a file. All runs on one core in one thread. The parts of a tick are medians over the
last quarter of an hour before a midnight; that midnight is a figure of its own. Ridges are made for a sample of the
workloads, and their cost is that of one of them times all. Seconds are the processor's, but where a name says wall.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.ending import end_with
from benchmarks.shipped import network_hash
from forecaster.fleet import Fleet, Newcomer
from forecaster.fleet_calibration import FleetCalibration
from forecaster.forecast import HORIZON, LEVELS, Window
from forecaster.predict import OnnxForecaster, load_network
from forecaster.rows import Rows, Shape
from forecaster.series import DAY, EPOCH, FloatArray, Series
from forecaster.windows import Float32Array, Inputs
from foresail.models import find_model
from foresail.output import emit_json, err

RESULTS = Path(__file__).parent / "results" / "fleet.json"
STEP = timedelta(minutes=1)
BINS = DAY // STEP
DAYS = 28
PER_FILE = 1000
TICKS = 15
FIRST_DAY = 20_000
_MIB = 1 << 20


@dataclass
class Clocked:
    """The network, and the seconds that it took since it was last asked for them."""

    network: OnnxForecaster
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return self.network.name

    def run(self, inputs: Inputs, masks: Float32Array) -> tuple[FloatArray, FloatArray]:
        began = time.process_time()
        made = self.network.run(inputs, masks)
        self.seconds += time.process_time() - began
        return made

    def taken(self) -> float:
        seconds, self.seconds = self.seconds, 0.0
        return seconds


@dataclass
class MadeUp:
    """Loads of a thousand workloads: a daily shape, noise from a pool, one value in three hundred missing."""

    columns: int
    seed: int
    pool: FloatArray = field(init=False)
    size: FloatArray = field(init=False)
    phase: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.pool = np.exp(0.1 * rng.normal(size=(BINS + 997, self.columns)))
        self.size, self.phase = 10 ** rng.uniform(0, 5, size=self.columns), rng.random(self.columns)

    def values(self, first: int, count: int) -> FloatArray:
        """[count, columns], the bins from `first` on, at most a day of them."""
        t = np.arange(first, first + count)[:, None] / BINS
        values = self.size * (1.2 + np.sin(2 * np.pi * (t + self.phase)))
        values *= self.pool[first * 7 % 997 : first * 7 % 997 + count]
        values[(np.arange(first, first + count)[:, None] + 31 * np.arange(self.columns)) % 300 == 0] = np.nan
        return values


@dataclass
class Served:
    """A fleet, where its values come from, and its network's clock."""

    rows: Rows
    loads: MadeUp
    fleet: Fleet

    def tick(self) -> tuple[float, float]:
        """Seconds of taking a bin in, and of the forecasts from it."""
        values = self.loads.values(self.rows.stop, 1)[0]
        at = EPOCH + self.rows.stop * STEP
        return seconds(lambda: self.fleet.append(at, values)), seconds(self.fleet.forecast)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def filled(path: Path, loads: MadeUp) -> Rows:
    """Rows of DAYS days that end a quarter of an hour before a midnight."""
    first = FIRST_DAY * BINS - TICKS - 1
    rows = Rows.create(path, Shape(STEP, loads.columns), first, first)
    last = np.full(loads.columns, np.nan)
    for day in range(DAYS):
        values = loads.values(first + day * BINS, BINS)
        known = ~np.isnan(values)
        place = np.maximum.accumulate(np.where(known, np.arange(BINS)[:, None], -1), axis=0)
        held = np.where(place >= 0, np.take_along_axis(values, np.maximum(place, 0), axis=0), last)
        rows.append(held, known)
        last = held[-1]
    return rows


def calibration(columns: int) -> dict[str, float]:
    """Seconds of learning and of correcting, for so many workloads; measured alone, on numbers of the same shape."""
    rng = np.random.default_rng(0)
    calibrated = FleetCalibration([Window()] * columns, BINS, 0)
    made = np.sort(rng.normal(size=(columns, HORIZON + 1, len(LEVELS))), axis=2)
    moves, values, first = np.ones(columns), rng.normal(size=(HORIZON, columns)), np.zeros(columns, dtype=np.int64)
    learn = [seconds(lambda k=k: calibrated.learn(999 + 5 * k, made, moves, values, first)) for k in range(TICKS)]  # type: ignore[misc]
    correct = [seconds(lambda: calibrated.correct(made, moves)) for _ in range(TICKS)]
    return {"learn_s": median(learn), "correct_s": median(correct)}


def ticks(served: list[Served], network: Clocked, count: int) -> list[dict[str, float]]:
    """Each tick of all fleets, one after the other."""
    made = []
    for _ in range(count):
        network.taken()
        began = time.perf_counter()
        parts = np.sum([one.tick() for one in served], axis=0)
        wall = time.perf_counter() - began
        made.append({"total_s": float(parts.sum()), "wall_s": wall, "network_s": network.taken(), "learns": float(
            FleetCalibration.learns_at(served[0].rows.stop - 1))})  # fmt: skip
    return made


def slow_work(served: list[Served], sample: int) -> dict[str, float]:
    """Seconds of the work that is due after a full hour and after a midnight, for all workloads."""
    usual = sum(seconds(lambda one=one: one.fleet.work()) for one in served)  # type: ignore[misc]
    first = served[0]
    made_once = seconds(lambda: first.fleet.work(sample)) / sample
    workloads = sum(one.loads.columns for one in served)
    return {"usual_s": usual, "ridges_s": made_once * workloads}


def join(served: Served, count: int) -> float:
    """Seconds in which so many workloads join with four weeks of history each."""
    first = served.rows.stop - DAYS * BINS
    history = np.concatenate([served.loads.values(first + day * BINS, BINS)[:, :count].copy() for day in range(DAYS)])
    newcomers = {k: Newcomer(Series(EPOCH + first * STEP, STEP, history[:, k])) for k in range(count)}
    return seconds(lambda: served.fleet.join(newcomers))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    network = Clocked(load_network(find_model(options.model)))
    served, opened = [], 0.0
    for k in range(-(-options.workloads // PER_FILE)):
        err.print(f"workloads {k * PER_FILE} and on: four weeks of minutes")
        loads = MadeUp(min(PER_FILE, options.workloads - k * PER_FILE), k)
        rows = filled(folder / f"rows{k}", loads)
        began = time.process_time()
        served.append(Served(rows, loads, Fleet(rows, network)))
        opened += time.process_time() - began
    err.print("slow work as of the last midnight")
    first = slow_work(served, options.sample)
    err.print("ticks")
    warm, *quiet = ticks(served, network, TICKS)
    midnight = ticks(served, network, 1)[0]
    err.print("slow work as of this midnight, with yesterday's ridges at hand")
    nightly = slow_work(served, options.sample)
    joined = join(served[0], options.sample)
    parts = {name: value * len(served) for name, value in calibration(PER_FILE).items()}
    total, spent = (median(t[name] for t in quiet) for name in ("total_s", "network_s"))
    return {
        "tick": {
            "median_s": total,
            "median_wall_s": median(t["wall_s"] for t in quiet),
            "worst_s": max(t["total_s"] for t in quiet),
            "first_s": warm["total_s"],
            "midnight_s": midnight["total_s"],
            "learning_s": median(t["total_s"] for t in quiet if t["learns"]),
            "network_s": spent,
            "calibration_s": parts["correct_s"] + parts["learn_s"] / 5,
            "inputs_s": total - spent - parts["correct_s"],
            "counted": len(quiet),
        },
        "slow_work": {
            **{name: nightly[name] for name in ("usual_s", "ridges_s")},
            "per_tick_s": (24 * nightly["usual_s"] + nightly["ridges_s"]) / BINS,
            "open_s": opened,
            "join_s": joined,
            "ridges_at_first_s": first["ridges_s"],
            "sample": options.sample,
        },
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / (_MIB if sys.platform == "darwin" else 1024),
        "disk_mib": sum(path.stat().st_blocks * 512 for path in folder.iterdir()) / _MIB,
    }


def main() -> int:
    """Measures on one core and keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", type=int, default=10_000)
    parser.add_argument("--sample", type=int, default=48, help="workloads of which ridges are made")
    parser.add_argument("--model", default="base")
    parser.add_argument("--folder", type=Path, help="where the rows are written, and removed again")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = measure(Path(folder), options)
    settings = {"workloads": options.workloads, "per_file": PER_FILE, "days": DAYS, "step_s": STEP.total_seconds()}
    machine = {"python": platform.python_version(), "numpy": np.__version__, "onnxruntime": version("onnxruntime")}
    emit_json({"model": network_hash(find_model(options.model)), "machine": machine, "settings": settings, **figures},
              options.out)  # fmt: skip
    return 0


if __name__ == "__main__":
    end_with(main)
