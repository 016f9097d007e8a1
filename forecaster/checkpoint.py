"""A training that was interrupted goes on where it stood: its state in one file, and the refusal of another's state.

One safetensors file: weights, averaged weights, the optimiser's moments and torch's generator as tensors; the step,
numpy's generator and the run's identity as JSON in its header. Reading it runs no code, as unpickling would.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from forecaster.artefact import SHAPE
from forecaster.errors import BadCheckpoint
from forecaster.series import Series

EVERY = 120
"""Steps: some ten seconds of two cores, for four megabytes written in a few milliseconds."""


@dataclass(frozen=True, eq=False)
class Run:
    """All that a training has become: what the next step depends on, and what it is a run of."""

    network: nn.Module
    averaged: nn.Module
    optimiser: torch.optim.Optimizer
    rng: np.random.Generator
    identity: Mapping[str, str]


class Checkpoint:
    """The file that keeps a run. `at` is the step that it holds, as far as this object has seen; 0 for none."""

    def __init__(self, path: Path, every: int = EVERY, on_resume: Callable[[int], None] | None = None) -> None:
        """Kept at least `every` steps apart; `on_resume(step)` is told when a run goes on."""
        self.path = path
        self.at = 0
        self._every = every
        self._on_resume = on_resume

    def is_due(self, step: int) -> bool:
        return step - self.at >= self._every

    def keep(self, run: Run, step: int) -> None:
        """Writes the state after `step` steps, whole or not at all. Raises BadCheckpoint where it cannot."""
        content = save(_tensors(run), _header(run, step))
        fresh = self.path.with_name(f".{self.path.name}-fresh")
        try:
            fresh.write_bytes(content)
            os.replace(fresh, self.path)
        except OSError as error:
            raise BadCheckpoint(f"{self.path}: cannot be written ({error.strerror}); make room for it") from error
        finally:
            fresh.unlink(missing_ok=True)
        self.at = step

    def restore(self, run: Run) -> int:
        """The step that the file holds, its state now in `run`; 0 where there is no file, and `run` as it was.

        Raises BadCheckpoint where the file is damaged, or of a run of another identity: by what differs.
        """
        if not self.path.exists():
            return 0
        tensors, header = self._read()
        try:
            step, identity, state = (json.loads(header[key]) for key in ("step", "identity", "numpy"))
            if differing := differences(identity, run.identity):
                raise BadCheckpoint(
                    f"{self.path}: keeps another training: {'; '.join(differing)}; ask for that one again, or start "
                    "anew (--fresh)"
                )
            _put(tensors, run)
            run.rng.bit_generator.state = state
            self.at = int(step)
        except (KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            raise self._damaged(error) from error
        if self._on_resume is not None:
            self._on_resume(self.at)
        return self.at

    def discard(self) -> None:
        """No file, and none remembered. Raises BadCheckpoint where it cannot be removed."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise BadCheckpoint(f"{self.path}: cannot be removed ({error.strerror}); remove it yourself") from error
        self.at = 0

    def _read(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        try:
            with safe_open(self.path, framework="pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> BadCheckpoint:
        return BadCheckpoint(f"{self.path}: holds no training that can go on ({error!r}); start anew (--fresh)")


def checkpoint_path(out: Path) -> Path:
    """Where the training of the artefact at `out` is kept: beside it."""
    return out.with_name(f"{out.name}.training")


def identity_of(
    described: Mapping[str, Any],
    real: Sequence[Series],
    made: Mapping[str, Sequence[Series]],
    weights: Mapping[str, Tensor],
) -> dict[str, str]:
    """All that a run's result follows from, in words: settings, the shape of the inputs, series and weights by digest.

    described  settings by group, as `train.describe` gives them
    real       the histories, each told by itself: its length and end say which one is meant where another was read
    made       the other series by what they are
    weights    of the network before the first step
    """
    found = {f"{group}.{key}": json.dumps(value) for group, part in described.items() for key, value in part.items()}
    found |= {f"inputs.{key}": json.dumps(value) for key, value in SHAPE.items()}
    for k, one in enumerate(real, start=1):
        found[f"history {k} ({one.name})"] = f"{len(one):,} bins until {one.end.isoformat()} ({_digest([one])})"
    found |= {what: _digest(series) for what, series in made.items()}
    return found | {"network before the first step": hashlib.sha256(save(dict(weights))).hexdigest()[:12]}


def differences(kept: Mapping[str, str], asked: Mapping[str, str]) -> list[str]:
    """One sentence for each key in which two identities differ; none where they are the same."""
    said = []
    for key in sorted(kept.keys() | asked.keys()):
        if key not in asked:
            said.append(f"it had {key}")
        elif key not in kept:
            said.append(f"it had no {key}")
        elif kept[key] != asked[key]:
            said.append(f"its {key} was {kept[key]}, not {asked[key]}")
    return said


def _digest(series: Sequence[Series]) -> str:
    found = hashlib.sha256()
    for one in series:
        found.update(f"{one.name} {one.kind} {one.start.isoformat()} {one.step} {len(one)}\n".encode())
        found.update(one.values.tobytes())
    return found.hexdigest()[:12]


def _tensors(run: Run) -> dict[str, Tensor]:
    moments = run.optimiser.state_dict()["state"]
    return {
        **{f"network.{name}": value for name, value in run.network.state_dict().items()},
        **{f"averaged.{name}": value for name, value in run.averaged.state_dict().items()},
        **{f"optimiser.{k}.{name}": value for k, part in moments.items() for name, value in part.items()},
        "generator": torch.get_rng_state(),
    }


def _header(run: Run, step: int) -> dict[str, str]:
    state = run.rng.bit_generator.state
    return {"step": str(step), "identity": json.dumps(dict(run.identity)), "numpy": json.dumps(state)}


def _put(tensors: Mapping[str, Tensor], run: Run) -> None:
    """All of `tensors` into `run` and torch's generator; RuntimeError, KeyError or ValueError where it cannot."""
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "averaged": {}, "optimiser": {}}
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        if rest:
            parts[part][rest] = value
    run.network.load_state_dict(parts["network"])
    run.averaged.load_state_dict(parts["averaged"])
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in parts["optimiser"].items():
        k, _, moment = name.partition(".")
        moments.setdefault(int(k), {})[moment] = value
    groups = run.optimiser.state_dict()["param_groups"]
    run.optimiser.load_state_dict({"state": moments, "param_groups": groups})
    torch.set_rng_state(tensors["generator"])
