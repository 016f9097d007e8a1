"""Plays the demo with several seeds: `make bench-demo`. Writes results/demo.json, from which the README is made."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.ending import end_with
from foresail.output import emit_json, err

RESULTS = Path(__file__).parent / "results" / "demo.json"
SEEDS = (0, 1, 2)


def main() -> int:
    """Runs the command that a user runs, once for each seed, and keeps what it says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            err.print(f"seed {seed}: {options.minutes:g} minutes")
            said = Path(folder) / f"{seed}.json"
            command = [sys.executable, "-m", "foresail", "demo", "--headless", "--minutes", f"{options.minutes:g}",
                       "--seed", str(seed), "--json", str(said), "--out", folder]  # fmt: skip
            subprocess.run(command, check=True)
            results[str(seed)] = json.loads(said.read_text())
    emit_json({"command": f"foresail demo --headless --minutes {options.minutes:g} --seed SEED", "seeds": results},
              options.out)  # fmt: skip
    return 0


if __name__ == "__main__":
    end_with(main)
