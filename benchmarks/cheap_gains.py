"""What could be had without another training? `make bench-cheap-gains TRACES=DIR`.

Averages, level by level, of the calibrated network's forecasts with those of a simple rule, and with its own of the bin
before. The rule's share is chosen on each trace's days before the last 30 %, and, beside it, with hindsight on the last
30 % themselves, which no choice can beat. Ratios of pinball loss to the network alone.

And what the coverage of the 0.95 quantile on up-ramps says. A ramp is a target that rose by more than nine in ten do,
so that its coverage looks at what came: quantiles that are exactly right cover fewer than 95 % of those, however good.
How many, is seen where what came is drawn from the forecasts themselves. Beside it, what it would cost to reach the bar
by widening: a factor on the distance from the median to the 0.95 quantile, the same for all traces of a class.

Writes results/cheap_gains.json. The traces are no part of the project: `python -m tools.fetch_traces DIR` fetches them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ending import end_with
from benchmarks.traces import LIST, Trace, load, read_list
from forecaster.artefact import load_artefact
from forecaster.baselines import BASELINES
from forecaster.evaluate import Yardstick, origins_from
from forecaster.evaluate.losses import pinball
from forecaster.evaluate.means import geometric_mean
from forecaster.evaluate.yardstick import UP
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecaster, Window
from forecaster.predict import load_calibrated
from forecaster.series import BoolArray, FloatArray, IntArray, Series
from foresail.models import find_model
from foresail.output import emit_json, err

RESULTS = Path(__file__).parent / "results" / "cheap_gains.json"
CHOSEN_FROM, SHARE, EVERY = 0.5, 0.7, 7
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
PARTNERS = ("ridge", "last-value", "level-plus-yesterday")
BAR = 0.85
_MEDIAN, _UPPER = LEVELS.index(0.5), LEVELS.index(0.95)
_DRAWS = 20


@dataclass(frozen=True, eq=False)
class Part:
    """Forecasts of a part of a trace and what came: quantiles [origins, HORIZON, levels], the others without levels."""

    quantiles: FloatArray
    truth: FloatArray
    known: BoolArray
    last: FloatArray
    usual_rise: FloatArray

    @staticmethod
    def of(forecaster: Forecaster, series: Series, origins: IntArray) -> Part:
        yard = Yardstick.of(series, origins, SHARE, Window())
        made = forecaster.forecast([Ask(series, origins)])[0].quantiles
        steps = slice(0, HORIZON)
        return Part(made, yard.truth[:, steps], yard.known[:, steps], yard.last[:, None], yard.usual[UP][steps])

    def loss(self, quantiles: FloatArray) -> float:
        """Of these quantiles in the place of its own."""
        return float(pinball(np.where(self.known, self.truth, 0.0), quantiles)[self.known].sum())

    def covered(self, factor: float = 1.0, truth: FloatArray | None = None) -> tuple[float, float, float]:
        """(over all, on up-ramps, the loss at 0.95) of the 0.95 quantile, that factor further from the median."""
        y = self.truth if truth is None else truth
        median = self.quantiles[..., _MEDIAN]
        upper = median + factor * (self.quantiles[..., _UPPER] - median)
        ramp = self.known & (y - self.last > self.usual_rise)
        lost = pinball(np.where(self.known, y, 0.0), np.repeat(upper[..., None], len(LEVELS), axis=2))[..., _UPPER]
        return float((y <= upper)[self.known].mean()), float((y <= upper)[ramp].mean()), float(lost[self.known].sum())


def drawn(quantiles: FloatArray, rng: np.random.Generator) -> FloatArray:
    """[...], a truth for each of `quantiles` [..., levels]: linear between them and a little beyond the outer ones."""
    low = np.maximum(2 * quantiles[..., :1] - quantiles[..., 1:2], 0.0)
    high = quantiles[..., -1:] + (quantiles[..., -1:] - quantiles[..., -2:-1]) / 4
    levels, values = np.array([0.0, *LEVELS, 1.0]), np.concatenate([low, quantiles, high], axis=-1)
    share = rng.random(quantiles.shape[:-1])
    below = np.searchsorted(levels, share, side="right") - 1
    first, second = (np.take_along_axis(values, below[..., None] + k, axis=-1)[..., 0] for k in (0, 1))
    within: FloatArray = first + (share - levels[below]) / (levels[below + 1] - levels[below]) * (second - first)
    return within


def averages(before: tuple[Part, FloatArray], after: tuple[Part, FloatArray]) -> dict[str, float]:
    """Losses of averages with a partner's quantiles, over those of the network alone, in the part `after`."""
    tried = [[part.loss((1 - w) * part.quantiles + w * other) for w in SHARES] for part, other in (before, after)]
    chosen = int(np.argmin(tried[0]))
    return {
        "share": SHARES[chosen],
        "chosen_before": tried[1][chosen] / tried[1][0],
        "with_hindsight": min(tried[1]) / tried[1][0],
    }


def partner(forecaster: Forecaster, name: str, series: Series, origins: IntArray) -> FloatArray:
    """What is averaged with: a rule's quantiles, or the network's own of the bin before, as far as they reach."""
    if name in BASELINES:
        return BASELINES[name].forecast([Ask(series, origins)])[0].quantiles
    now, before = (forecaster.forecast([Ask(series, origins - k)])[0].quantiles for k in (0, 1))
    return np.concatenate([before[:, 1:], now[:, -1:]], axis=1)


def measure(forecaster: Forecaster, series: Series) -> tuple[dict[str, Any], Part]:
    """The averages of one trace, and the part that they were measured on."""
    later = origins_from(series, SHARE, EVERY)
    earlier = origins_from(series, CHOSEN_FROM, EVERY)
    earlier = earlier[earlier + HORIZON < later[0]]
    parts = [(Part.of(forecaster, series, origins), origins) for origins in (earlier, later)]
    made = {}
    for name in (*PARTNERS, "the bin before"):
        before, after = ((part, partner(forecaster, name, series, origins)) for part, origins in parts)
        made[name] = averages(before, after)
    return made, parts[1][0]


def ramps(parts: Sequence[Part]) -> dict[str, float]:
    """Means over traces: the coverage on up-ramps as it is, as exact quantiles would have it, and at which price."""
    rng = np.random.default_rng(0)
    exact = [[part.covered(truth=drawn(part.quantiles, rng))[1] for _ in range(_DRAWS)] for part in parts]
    factor = _least(lambda factor: _mean(part.covered(factor)[1] for part in parts) >= BAR)
    return {
        "covered_on_ramps": _mean(part.covered()[1] for part in parts),
        "if_quantiles_were_exact": float(np.nanmean(exact)),
        "factor_to_the_bar": factor,
        "covered_over_all_then": _mean(part.covered(factor)[0] for part in parts),
        "loss_at_095_then": geometric_mean([part.covered(factor)[2] / part.covered()[2] for part in parts]),
    }


def _least(reached: Callable[[float], bool]) -> float:
    """The least factor from 1 to 8 by which it is reached, to a hundredth; 8 where it is not."""
    low, high = 1.0, 8.0
    while high - low > 0.01:
        low, high = (low, (low + high) / 2) if reached((low + high) / 2) else ((low + high) / 2, high)
    return round(high, 2)


def _mean(values: Any) -> float:
    return float(np.nanmean(list(values)))


def summary(found: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """Geometric means over some traces."""
    kinds = ("chosen_before", "with_hindsight")
    return {
        partner: {kind: geometric_mean([found[name][partner][kind] for name in names]) for kind in kinds}
        for partner in (*PARTNERS, "the bin before")
    }


def groups(traces: Sequence[Trace], steps: Mapping[str, float]) -> dict[str, list[str]]:
    """The ten at one minute that were learned from, the others, and those of the recurrent class."""
    ten = [t.name for t in traces if t.learned and steps[t.name] == 60]
    return {
        "learned, one minute": ten,
        "the others": [t.name for t in traces if t.name not in ten],
        "recurrent": [t.name for t in traces if t.character == "recurrent"],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures every trace of the list."""
    parser = argparse.ArgumentParser(prog="make bench-cheap-gains", description=__doc__)
    parser.add_argument("traces", type=Path, help="folder with the traces")
    parser.add_argument("--list", type=Path, default=LIST, help="which traces")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    base = load_artefact(find_model("base"))
    forecaster, traces = load_calibrated(base.path), read_list(options.list)
    found, parts, steps = {}, {}, {}
    for trace in traces:
        err.print(trace.name)
        series = load(trace, options.traces)
        found[trace.name], parts[trace.name] = measure(forecaster, series)
        steps[trace.name] = series.step.total_seconds()
    of = groups(traces, steps)
    made = {
        "model": base.seal,
        "averages": {group: summary(found, names) for group, names in of.items()},
        "ramps": {group: ramps([parts[name] for name in names]) for group, names in of.items()},
        "traces": {name: {"averages": found[name], "ramps": ramps([parts[name]])} for name in found},
    }
    emit_json(made, options.out)
    return 0


if __name__ == "__main__":
    end_with(main)
