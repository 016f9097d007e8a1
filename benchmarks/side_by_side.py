"""The field's libraries, the simple rules and the shipped model on the same traces: `make bench-forecast TRACES=DIR`.

Writes results/side_by_side/ARM.json for each arm, and summary.json over all that are there, so that arms can be run one
at a time. Every run is a process of its own with one thread. The traces are no part of the project: `python -m
tools.fetch_traces DIR` fetches them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.catalogue import CATALOGUE, find
from benchmarks.ending import end_with
from benchmarks.one_arm import EVERY, SHARE
from benchmarks.summary import SUMMARY, as_text, read_results, summarise
from benchmarks.traces import LIST, read_compared
from foresail.errors import UsageError
from foresail.output import err, write_whole

RESULTS = Path(__file__).parent / "results" / "side_by_side"
ROOT = Path(__file__).parent.parent
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class ArmFailed(Exception):
    """A run ended otherwise than well; what it said is above."""


def run_seed(arm: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One run of an arm in a process of its own. Raises ArmFailed."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "run.json"
        command = [sys.executable, "-m", "benchmarks.one_arm", arm, str(options.traces.resolve())]
        effort = options.effort if CATALOGUE[arm].seeds > 1 else 1.0  # the others have no training to cut short
        command += ["--seed", str(seed), "--effort", str(effort)]
        command += ["--list", str(options.list.resolve()), "--out", str(said)]
        environ = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONWARNINGS": "ignore"}
        ended = subprocess.run(command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, check=False).returncode
        if ended:
            raise ArmFailed(f"{arm}, seed {seed}: ended with {ended}; what it said is above")
        made: dict[str, Any] = json.loads(said.read_text("utf-8"))
        return made


def run_arm(arm: str, options: argparse.Namespace) -> None:
    """All runs of an arm, written as one results file."""
    count = CATALOGUE[arm].seeds if options.seeds is None else min(options.seeds, CATALOGUE[arm].seeds)
    runs = []
    for seed in range(count):
        err.print(f"{arm}, seed {seed}")
        runs.append(run_seed(arm, seed, options))
    settings = {"share": SHARE, "every": EVERY}
    text = json.dumps({"arm": arm, "settings": settings, "seeds": runs}, allow_nan=False, separators=(",", ":"))
    write_whole(options.out / f"{arm}.json", text.replace('"seed":', '\n"seed":').encode() + b"\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the arms asked for and summarises all that are there; 1 where one failed, the others are kept."""
    parser = argparse.ArgumentParser(prog="make bench-forecast", description=__doc__)
    parser.add_argument("traces", type=Path, help="folder with the traces")
    parser.add_argument("--arm", action="append", help=f"of {', '.join(CATALOGUE)}; all if none is named")
    parser.add_argument("--seeds", type=int, help="at most so many runs of an arm that draws; 3 if not said")
    parser.add_argument("--effort", type=float, default=1.0, help="share of the full training, for a quick look")
    parser.add_argument("--list", type=Path, default=LIST, help="which traces")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args(arguments)
    _check(options)
    traces = read_compared(options.list)
    options.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for arm in options.arm or CATALOGUE:
        try:
            run_arm(arm, options)
        except ArmFailed as error:
            err.print(str(error), soft_wrap=True)
            failed += 1
    write_whole(options.out / SUMMARY, as_text(summarise(read_results(options.out), traces)).encode())
    return int(failed > 0)


def _check(options: argparse.Namespace) -> None:
    for arm in options.arm or ():
        find(arm)
    if not options.traces.is_dir():
        raise UsageError(f"{options.traces}: is no folder; name the folder of traces")
    if options.seeds is not None and options.seeds < 1:
        raise UsageError(f"--seeds {options.seeds}: expected 1 or more")
    if not 0.0 < options.effort <= 1.0:
        raise UsageError(f"--effort {options.effort:g}: expected more than 0 and at most 1")


if __name__ == "__main__":
    end_with(main)
