"""What the benchmarks that train share: which of their runs are wanted, on which traces, and the network on trial."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.shipped import network_hash
from benchmarks.traces import LIST, Trace, load, read_list
from forecaster.artefact import MODEL, WEIGHTS, write_artefact
from forecaster.export import to_onnx, to_safetensors
from forecaster.network import Network
from forecaster.series import Series
from foresail.errors import UsageError
from foresail.output import err

STEPS = 4_000
EVERY = 7

Traces = Sequence[tuple[Trace, Series]]


def trial_options(name: str, about: str | None, one: str, results: Path) -> argparse.ArgumentParser:
    """The options of such a benchmark; `one` is what it calls a run."""
    parser = argparse.ArgumentParser(prog=f"make {name}", description=about)
    parser.add_argument("traces", type=Path, help="folder with the traces")
    parser.add_argument(f"--{one}", dest="runs", action="append",
                        help="may be repeated; all that have no results if none is named")  # fmt: skip
    parser.add_argument("--steps", type=int, default=STEPS, help="of each training; the shipped model has more")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", type=Path, default=LIST, help="which traces")
    parser.add_argument("--out", type=Path, default=results, help="folder for the results")
    return parser


def wanted(options: argparse.Namespace, known: Collection[str], one: str) -> list[str]:
    """The runs that are named, or all that have no results yet. Raises UsageError where one is unknown."""
    if unknown := [name for name in options.runs or () if name not in known]:
        raise UsageError(f"no {one} {unknown[0]!r}; there are: {', '.join(known)}")
    return options.runs or [name for name in known if not (options.out / f"{name}.json").exists()]


def begun(options: argparse.Namespace, names: Sequence[str]) -> tuple[Traces, Iterator[tuple[str, Path]]]:
    """The traces, and each run as it begins with the place of its results, whose folder is made."""
    traces = [(trace, load(trace, options.traces)) for trace in read_list(options.list)]
    options.out.mkdir(parents=True, exist_ok=True)
    return traces, _announced(options.out, names)


def _announced(folder: Path, names: Sequence[str]) -> Iterator[tuple[str, Path]]:
    for name in names:
        err.print(name)
        yield name, folder / f"{name}.json"


@contextmanager
def on_trial(network: Network) -> Iterator[tuple[Path, str]]:
    """(the folder of an artefact with the network, its hash) as long as the block runs."""
    with tempfile.TemporaryDirectory() as folder:
        files = {MODEL: to_onnx(network), WEIGHTS: to_safetensors(network)}
        path = write_artefact(Path(folder) / "trial", "trial", files, {}).path
        yield path, network_hash(path)
