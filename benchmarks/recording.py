"""What keeping every decision costs a tick: `make bench-recording`. Writes results/recording.json.

500 policies of two signals, each decided upon by the code of a running controller, tick after tick, while a heart beats
in the same event loop every millisecond. Three arms: nobody records; the last decisions are kept in memory, as the read
API wants them; beside that a ledger of every policy is written. A tick's time is the processor's,
for deciding and telling in the loop's own thread; its stall the longest pause between two beats of the heart until the
next tick; behind is how long the recording goes on after it. Medians over the ticks; others may keep the machine busy,
so its load average stands beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from controller.deciding import Kept, decide
from controller.ledger_folder import LedgerFolder
from controller.onlooker import Decided, Onlooker
from controller.recent import Recent
from controller.recorder import Recorder
from controller.subjects import Key, Subject, subjects
from forecaster.forecast import HORIZON, LEVELS, Forecast, Window
from foresail.output import emit_json, err

RESULTS = Path(__file__).parent / "results" / "recording.json"
ARMS = ("nobody", "memory", "memory and ledger")
SIGNALS = ("connections", "messages")
TICK = timedelta(seconds=15)
BEGIN = datetime(2026, 3, 2, 20, tzinfo=UTC)
_BEAT_S = 0.001


def fleet(count: int) -> dict[Key, Subject]:
    """So many policies of two signals, each with its HPA of 2 to 40 replicas."""
    policies, hpas = {}, {}
    for k in range(count):
        key, metadata = ("bench", f"w{k}"), {"name": f"w{k}", "namespace": "bench", "uid": f"{k}"}
        signals = [
            {"name": name, "kind": "Stock", "query": f"sum({name}_{k})", "capacityPerPod": "1000"} for name in SIGNALS
        ]
        policies[key] = {
            "apiVersion": "foresail.dev/v1alpha1", "kind": "PredictiveAutoscaler", "metadata": metadata,
            "spec": {"hpaRef": {"name": f"w{k}"}, "mode": "Active", "signals": signals,
                     "bounds": {"minReplicas": 2, "maxReplicas": 40}},
        }  # fmt: skip
        metric = {"type": "External", "external": {"metric": {"name": "connections"}}}
        target, current = {"type": "AverageValue", "averageValue": "700"}, {"averageValue": "400"}
        hpas[key] = {
            "metadata": metadata,
            "spec": {"minReplicas": 2, "maxReplicas": 40, "metrics": [_with(metric, target=target)],
                     "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"w{k}"}},
            "status": {"currentReplicas": 2, "desiredReplicas": 2, "currentMetrics": [_with(metric, current=current)]},
        }  # fmt: skip
    return {key: one for key, one in subjects(policies, hpas).items() if isinstance(one, Subject)}


def _with(metric: dict[str, Any], **part: object) -> dict[str, Any]:
    return {**metric, "external": {**metric["external"], **part}}


def a_forecast(signal: str, tick: int) -> Forecast:
    """Of a load that goes up and down: no two ticks have the same numbers, and none is round."""
    base = 2000.0 + 37.77 * (tick % 50) / 3
    rows = tuple(tuple(base * (1 + 0.013 * h) * (0.8 + level / 3) for level in LEVELS) for h in range(1, HORIZON + 1))
    origin = BEGIN + (tick // 4) * timedelta(minutes=1) - timedelta(minutes=1)
    return Forecast(signal, "lstm:base", origin, timedelta(minutes=1), LEVELS, rows, Window(1, 5), rows[4])


async def played(arm: str, ones: dict[Key, Subject], ticks: int, folder: Path) -> dict[str, float]:
    """Medians of milliseconds over so many ticks, and what is kept after the last."""
    recent = Recent()
    ledgers = LedgerFolder(folder, 256 * 10**6) if arm == ARMS[2] else None
    recorder = Recorder(recent, ledgers) if arm != ARMS[0] else None
    onlooker: Onlooker = recorder or Onlooker()
    kept: dict[Key, Kept | None] = dict.fromkeys(ones)
    tick_ms, stall_ms, behind_ms = [], [], []
    for k in range(ticks):
        with heart() as longest:
            await asyncio.sleep(0.01)
            began = time.thread_time()
            told(ones, kept, k, onlooker)
            tick_ms.append(1000 * (time.thread_time() - began))
            longest[0] = 0.0
            await asyncio.sleep(_BEAT_S)
            longest[0] = 0.0
            done = time.perf_counter()
            if recorder is not None:
                await recorder.settled()
            behind_ms.append(1000 * (time.perf_counter() - done))
            await asyncio.sleep(0.05)
            stall_ms.append(1000 * longest[0])
    if recorder is not None:
        await recorder.close()
    return {
        "tick_ms": median(tick_ms), "stall_ms": median(stall_ms), "behind_ms": median(behind_ms),
        "memory_mib": recent.size / 2**20, "ledger_mib": sum(p.stat().st_size for p in folder.rglob("*.jsonl")) / 2**20,
    }  # fmt: skip


def told(ones: dict[Key, Subject], kept: dict[Key, Kept | None], tick: int, onlooker: Onlooker) -> None:
    """One tick: every policy is decided upon, and whoever looks on is told."""
    now = BEGIN + tick * TICK
    forecasts = [a_forecast(signal, tick) for signal in SIGNALS]
    found = {}
    for key, subject in ones.items():
        mine = [replace(one) for one in forecasts]
        outcome = found[key] = decide(subject, [], mine, kept[key], now)
        kept[key] = outcome.kept
        onlooker.decided(Decided(key, outcome, {}))
    onlooker.ticked(found)


@contextmanager
def heart() -> Iterator[list[float]]:
    """[0]: seconds of the longest pause between two beats since it was last set to nothing."""
    longest = [0.0]

    async def beat() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_BEAT_S)
            longest[0] = max(longest[0], time.perf_counter() - began - _BEAT_S)

    task = asyncio.get_running_loop().create_task(beat())
    try:
        yield longest
    finally:
        task.cancel()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policies", type=int, default=500)
    parser.add_argument("--ticks", type=int, default=40)
    options = parser.parse_args()
    ones, found = fleet(options.policies), {}
    for arm in ARMS:
        folder = Path(tempfile.mkdtemp())
        try:
            found[arm] = asyncio.run(played(arm, ones, options.ticks, folder))
        finally:
            shutil.rmtree(folder)
        err.print(f"{arm}: " + ", ".join(f"{name} {value:.1f}" for name, value in found[arm].items()))
    machine = {"load": os.getloadavg()[0], "cpus": os.cpu_count(), "python": platform.python_version()}
    rounded = {arm: {name: round(value, 2) for name, value in one.items()} for arm, one in found.items()}
    emit_json({"policies": options.policies, "ticks": options.ticks, "machine": machine, "arms": rounded}, RESULTS)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
