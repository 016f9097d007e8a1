"""What one channel of a service could tell about the other: `make bench-other-channel TRACES=DIR`.

Two simple uses of the other channel, each favoured more than a forecaster can be, for every service of which the list
has both. Messages given connections: the true connections of the next 15 minutes, which no forecaster has, times the
messages per connection of late, alone and averaged with the model's own forecast. Connections given messages: a linear
fit of the model's errors to how unusual the messages were of late, tested on later days. Writes
results/other_channel.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.ending import end_with
from benchmarks.traces import LIST, load, read_list
from forecaster.artefact import load_artefact
from forecaster.evaluate import origins_from
from forecaster.forecast import LEVELS, Ask, Forecaster
from forecaster.predict import load_calibrated
from forecaster.series import FloatArray, IntArray, Series
from forecaster.targets import targets
from foresail.errors import UsageError
from foresail.models import find_model
from foresail.output import emit_json

RESULTS = Path(__file__).parent / "results" / "other_channel.json"
SHARE, EVERY = 0.7, 7
SPANS = (5, 15, 60)
"""Bins over which the messages per connection of late are taken."""
_MEDIAN = LEVELS.index(0.5)


def messages_given_connections(forecaster: Forecaster, connections: Series, messages: Series) -> dict[str, float]:
    """Mean absolute errors over that of the model alone; of the best span, chosen with hindsight."""
    origins = origins_from(messages, SHARE, EVERY)
    truth = targets(messages.values, origins)
    alone = forecaster.forecast([Ask(messages, origins)])[0].quantiles[..., _MEDIAN]
    to_come = targets(connections.values, origins)
    foretold = [_per_connection(connections, messages, origins, span)[:, None] * to_come for span in SPANS]
    error = _error(truth, alone)
    return {
        "true_connections": min(_error(truth, one) for one in foretold) / error,
        "averaged_with_the_model": min(_error(truth, (one + alone) / 2) for one in foretold) / error,
    }


def connections_given_messages(forecaster: Forecaster, connections: Series, messages: Series) -> dict[str, float]:
    """Mean absolute error at steps 5 and 15 after a correction learned from the first two thirds, over that before."""
    origins = origins_from(connections, SHARE, 1)
    made = forecaster.forecast([Ask(connections, origins)])[0].quantiles[..., _MEDIAN]
    day = _per_connection(connections, messages, origins, connections.bins_per_day)
    unusual = [_per_connection(connections, messages, origins, span) / day - 1 for span in SPANS]
    seen = np.clip(np.nan_to_num(np.stack([*unusual, np.ones(len(origins))], axis=1)), -3, 3)
    first = np.arange(len(origins)) < 2 * len(origins) // 3
    ratios = {}
    for step in (5, 15):
        missed = connections.values[origins + step] - made[:, step - 1]
        known = np.isfinite(missed)
        learn, test = known & first, known & ~first
        weights = np.linalg.lstsq(seen[learn], missed[learn], rcond=None)[0]
        ratios[f"step_{step}"] = float(np.abs(missed - seen @ weights)[test].mean() / np.abs(missed[test]).mean())
    return ratios


def services(folder: Path, listed: Path) -> Iterator[tuple[str, Series, Series]]:
    """(name, connections, messages) of every service with both channels, cut to what both have."""
    traces = {trace.name: trace for trace in read_list(listed)}
    for name in traces:
        other = name.replace("_connections_", "_messages_")
        if other != name and other in traces:
            both = [load(traces[one], folder) for one in (name, other)]
            if both[0].start != both[1].start or both[0].step != both[1].step:
                raise UsageError(f"{name}, {other}: start or step differ; the channels of one service share a clock")
            length = min(map(len, both))
            yield name.replace("_connections", ""), both[0].part(0, length), both[1].part(0, length)


def _per_connection(connections: Series, messages: Series, origins: IntArray, span: int) -> FloatArray:
    """[origins], messages per connection over the `span` bins up to each; NaN where there was none of either."""
    sent, there = (np.concatenate([[0.0], np.cumsum(np.nan_to_num(s.values))]) for s in (messages, connections))
    first = np.maximum(origins + 1 - span, 0)
    total = there[origins + 1] - there[first]
    ratio: FloatArray = (sent[origins + 1] - sent[first]) / np.where(total > 0, total, np.nan)
    return ratio


def _error(truth: FloatArray, forecast: FloatArray) -> float:
    return float(np.nanmean(np.abs(truth - forecast)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures every service that has both channels."""
    parser = argparse.ArgumentParser(prog="make bench-other-channel", description=__doc__)
    parser.add_argument("traces", type=Path, help="folder with the traces")
    parser.add_argument("--list", type=Path, default=LIST, help="which traces")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    base = find_model("base")
    forecaster = load_calibrated(base)
    found = {
        name: {
            "messages_given_connections": messages_given_connections(forecaster, connections, messages),
            "connections_given_messages": connections_given_messages(forecaster, connections, messages),
        }
        for name, connections, messages in services(options.traces, options.list)
    }
    emit_json({"model": load_artefact(base).seal, "services": found}, options.out)
    return 0


if __name__ == "__main__":
    end_with(main)
