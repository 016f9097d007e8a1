"""What a week of replay costs: `make bench-replay-speed`. Writes results/replay_speed.json.

Seven made-up days in ticks of 15 s, in the default world: a daily wave with noise and a flash crowd each evening, once
as connections and once as a rate. Forecasts are made before the clock runs, by the offset rule, because any forecast is
the same work to the planner. One core, one thread; seconds are the processor's, the median of the repeats. They grow
by half where others keep the machine busy, so its load average stands beside them.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median

import numpy as np

from controller.domain import Bounds, Mode, Policy, Signal
from controller.simulation.feed import PrecomputedFeed, feed_from
from controller.simulation.load import TICK, load_from_series
from controller.simulation.replay import hpa_for, replay
from controller.simulation.score import score
from controller.simulation.world import WorldSettings
from forecaster.baselines import BASELINES
from forecaster.series import DAY, EPOCH, Kind, Series
from foresail.output import emit_json, err

RESULTS = Path(__file__).parent / "results" / "replay_speed.json"
STEP = timedelta(minutes=1)
DAYS = 7
BEFORE = 7
PODS = 20
RULE = "offset-rule"


@dataclass(frozen=True, eq=False)
class Case:
    """One week to replay, with and without a planner."""

    history: Series
    policy: Policy
    settings: WorldSettings

    def seconds(self, feed: PrecomputedFeed | None) -> tuple[float, float]:
        """Seconds of the processor for a replay and for its score."""
        load = load_from_series([self._week], TICK, self.settings.session, self.settings.seed)
        began = time.process_time()
        run = replay(load, self.policy, hpa_for(self.policy), self.settings, feed)
        played = time.process_time()
        score(run)
        return played - began, time.process_time() - played

    def feed(self) -> PrecomputedFeed:
        """What the planner knows in that week."""
        lag, since = self.settings.known_after, self._week.start
        return feed_from(BASELINES[RULE], [self.history], self.policy, lag, since)

    @property
    def _week(self) -> Series:
        return self.history.part(BEFORE * (DAY // STEP), len(self.history))


def a_case(kind: Kind) -> Case:
    """Two weeks of a load that needs 20 pods at its highest, of which the second is played."""
    rng = np.random.default_rng(0)
    minute = np.arange((BEFORE + DAYS) * (DAY // STEP))
    wave = 600 - 400 * np.cos(2 * np.pi * minute / (DAY // STEP)) + rng.normal(0, 20, len(minute))
    evening = minute % (DAY // STEP) - 20 * 60
    values = np.clip(wave + np.where((evening >= 0) & (evening < 90), 400.0, 0.0), 0.0, None)
    history = Series(EPOCH + 20_000 * DAY, STEP, np.rint(10 * values), kind, "load")
    signal = Signal("load", kind, float(history.values.max()) / PODS)
    return Case(history, Policy("speed", (signal,), Bounds(1, 4 * PODS), mode=Mode.ACTIVE), WorldSettings())


def measure(case: Case, repeats: int) -> dict[str, dict[str, float]]:
    """Medians for the HPA alone and for the planner beside it."""
    figures = {}
    for name, feed in {"hpa": None, "foresail": case.feed()}.items():
        taken = [case.seconds(feed) for _ in range(repeats)]
        figures[name] = {
            "replay_s": median(played for played, _ in taken),
            "fastest_s": min(played for played, _ in taken),
            "slowest_s": max(played for played, _ in taken),
            "score_s": median(scored for _, scored in taken),
        }
    return figures


def main() -> int:
    """Measures on one core and keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cases = {}
    for kind in Kind:
        err.print(f"replaying {DAYS} days of a {kind.lower()}, {options.repeats} times")
        cases[kind.lower()] = measure(a_case(kind), options.repeats)
    settings = {"days": DAYS, "tick_s": TICK.total_seconds(), "pods_at_peak": PODS, "repeats": options.repeats}
    machine = {"python": platform.python_version(), "numpy": np.__version__, "load_average": os.getloadavg()[1]}
    emit_json({"machine": machine, "settings": settings, "seconds": cases}, options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
