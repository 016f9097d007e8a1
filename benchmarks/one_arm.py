"""Runs one arm with one seed in this process and writes what it reached: `side_by_side` starts one for each.

A process of its own, so that the CPU seconds and the memory are the arm's and nobody else's. The seconds are those of
all its threads; the memory is the peak of the whole process, its library included.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import logging
import platform
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.catalogue import find, fit_of
from benchmarks.day_sums import Ruler, Sums, figures
from benchmarks.ending import end_with
from benchmarks.forecasters.arm import Predict, Run, tidy
from benchmarks.shipped import network_hash
from benchmarks.traces import LIST, Trace, load, read_compared
from forecaster.evaluate import Yardstick, origins_from
from forecaster.forecast import Window
from forecaster.series import FloatArray, Series
from foresail.errors import UsageError
from foresail.models import find_model
from foresail.output import emit_json

SHARE = 0.7
EVERY = 7
_DIGITS = 7
_MIB = 1 << 20

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Measured:
    """What one arm did on one trace."""

    trace: Trace
    origins: int
    cpu_s: float
    ruler: Ruler
    sums: Sums
    coverage: dict[str, float]

    def to_dict(self) -> dict[str, object]:
        """As the results file takes it."""
        persistence = self.ruler.persistence()
        return {
            "sha256": self.trace.sha256,
            "origins": self.origins,
            "cpu_s": round(self.cpu_s, 3),
            "figures": figures(self.sums, persistence),
            "coverage": self.coverage,
            "days": list(self.ruler.days),
            "arm": {name: _rounded(column) for name, column in self.sums.items()},
            "persistence": {name: _rounded(column) for name, column in persistence.items()},
        }


def measure(predict: Predict, trace: Trace, series: Series) -> Measured:
    """The arm's forecasts of the last part of a trace, beside persistence."""
    origins = origins_from(series, SHARE, EVERY)
    quantiles, cpu_s = timed(lambda: tidy(predict(series, origins)))
    ruler = Ruler(series, Yardstick.of(series, origins, SHARE, Window()))
    return Measured(trace, len(origins), cpu_s, ruler, ruler.arm(quantiles), ruler.coverage(quantiles))


def run(arm: str, how: Run, traces: Sequence[tuple[Trace, Series]]) -> dict[str, object]:
    """Fits the arm on the first part of the learned traces and measures it on the last part of all of them."""
    fit = fit_of(arm)
    histories = [series.part(0, int(SHARE * len(series))) for trace, series in traces if trace.learned]
    predict, train_cpu_s = timed(lambda: fit(histories, how))
    measured = [measure(predict, trace, series) for trace, series in traces]
    origins = sum(m.origins for m in measured)
    library, model = find(arm).distribution, find(arm).model
    return {
        "arm": arm,
        "seed": how.seed,
        "effort": how.effort,
        "python": platform.python_version(),
        "model": network_hash(find_model(model)) if model else None,
        "library": f"{library} {importlib.metadata.version(library)}" if library else None,
        "train_cpu_s": round(train_cpu_s, 2),
        "cpu_s_per_1000_forecasts": round(1000 * sum(m.cpu_s for m in measured) / origins, 3),
        "peak_rss_mib": round(_peak_bytes() / _MIB),
        "traces": {m.trace.name: m.to_dict() for m in measured},
    }


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """(what `work` gives, the CPU seconds that this process and its children spent on it)."""
    before = _cpu_s()
    made = work()
    return made, _cpu_s() - before


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def _peak_bytes() -> int:
    """macOS counts bytes, Linux kibibytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _rounded(column: FloatArray) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in column]


def main() -> int:
    """Loads what is there of the listed traces and writes the run's results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_arm", description=__doc__)
    parser.add_argument("arm")
    parser.add_argument("traces", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--effort", type=float, default=1.0)
    parser.add_argument("--list", type=Path, default=LIST)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # the libraries announce their trainers, and others' products
    find(options.arm)
    there = [t for t in read_compared(options.list) if (options.traces / t.file).is_file()]
    if not there:
        raise UsageError(f"{options.traces}: none of the traces that {options.list} lists is there")
    loaded = [(trace, load(trace, options.traces)) for trace in there]
    emit_json(run(options.arm, Run(options.seed, options.effort), loaded), options.out)
    return 0


if __name__ == "__main__":
    end_with(main)
