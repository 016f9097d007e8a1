"""A training that is interrupted: it goes on as if it had not been, and never goes on with another's state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.errors import BadCheckpoint
from forecaster.series import Series
from tests.helpers.histories import a_load

pytestmark = pytest.mark.train
STEPS = 40
"""Batches come twelve at a time: more than three draws, and the last one in part."""
identities = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["1", "2", "3"]))


class Interrupted(Exception):
    """What stops a training here."""


def a_config(**changes: Any) -> Any:
    from forecaster.train import TrainConfig

    return TrainConfig(**{"steps": STEPS, "series_per_step": 2, "origins_per_series": 4, "seed": 3, **changes})


def a_run(checkpoint: Any = None, config: Any = None, series: Series | None = None, stop_at: int = 0) -> Any:
    """The weights of a small training, which ends by itself or is interrupted after `stop_at` steps."""
    from forecaster.train import train

    def on_step(step: int, _: float) -> None:
        if step == stop_at:
            raise Interrupted

    return train(some_sources(series), config or a_config(), a_size(), on_step, checkpoint).state_dict()


def some_sources(real: Series | None = None) -> list[Any]:
    from forecaster.train import Source, SourceKind

    real = a_load(1, days=3) if real is None else real
    return [Source.of(real, SourceKind.REAL), Source.of(a_load(2, days=3), SourceKind.MADE_UP)]


def a_size() -> Any:
    from forecaster.network import NetworkConfig

    return NetworkConfig(hidden=8, wide=8, narrow=8, peak=8)


def a_checkpoint(folder: Path, resumed: list[int] | None = None) -> Any:
    from forecaster.checkpoint import Checkpoint

    return Checkpoint(folder / "ours.training", every=12, on_resume=None if resumed is None else resumed.append)


def interrupted(folder: Path, stop_at: int = 30) -> None:
    with pytest.raises(Interrupted):
        a_run(a_checkpoint(folder), stop_at=stop_at)


@pytest.mark.parametrize(("stop_at", "kept"), [(30, 24), (STEPS, STEPS)], ids=["between", "at the end"])
def test_a_resumed_training_ends_in_the_same_network(tmp_path: Path, stop_at: int, kept: int) -> None:
    import torch

    whole = a_run()
    interrupted(tmp_path, stop_at)
    torch.manual_seed(99)  # another process, in another state
    resumed: list[int] = []
    checkpoint = a_checkpoint(tmp_path, resumed)
    again = a_run(checkpoint)
    assert (resumed, checkpoint.at) == ([kept], STEPS)
    assert all(torch.equal(again[name], value) for name, value in whole.items())


def test_keeping_changes_nothing_and_what_is_kept_can_be_discarded(tmp_path: Path) -> None:
    import torch

    checkpoint = a_checkpoint(tmp_path)
    with_it, without = a_run(checkpoint), a_run()
    assert all(torch.equal(with_it[name], value) for name, value in without.items())
    assert [path.name for path in tmp_path.iterdir()] == ["ours.training"]
    checkpoint.discard()
    assert (list(tmp_path.iterdir()), checkpoint.at) == ([], 0)
    checkpoint.discard()
    checkpoint.path.mkdir()
    with pytest.raises(
        BadCheckpoint, match=r"ours\.training: cannot be removed \(Is a directory\); remove it yourself"
    ):
        checkpoint.discard()


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"config": {"steps": 50}}, r"its train\.steps was 40, not 50; ask for that one again"),
        (
            {"config": {"seed": 4, "average": 0.5}},
            r"its network before .* was \w+, not \w+; its train\.average was 0\.999, not 0\.5; its train\.seed was 3",
        ),
        (
            {"series": a_load(7, days=4)},
            r"its history 1 \(load\) was 864 bins until 2026-01-08T\S+ \(\w+\), not 1,152 bins until "
            r"2026-01-09T\S+ \(\w+\); ask",
        ),
    ],
    ids=["other steps", "two settings", "another history"],
)
def test_another_training_is_refused_by_what_differs(tmp_path: Path, changes: dict[str, Any], found: str) -> None:
    interrupted(tmp_path)
    config = a_config(**changes.get("config", {}))
    with pytest.raises(BadCheckpoint, match=f"keeps another training: {found}"):
        a_run(a_checkpoint(tmp_path), config, changes.get("series"))


def test_a_training_from_other_weights_is_another_one(tmp_path: Path) -> None:
    import torch

    from forecaster.network import Network
    from forecaster.train import fit

    interrupted(tmp_path)
    torch.manual_seed(99)
    with pytest.raises(
        BadCheckpoint, match=r"another training: its network before the first step was \w+, not \w+; ask"
    ):
        fit(Network(a_size()), some_sources(), a_config(), checkpoint=a_checkpoint(tmp_path))


@pytest.mark.parametrize("damage", ["cut", "empty", "other tensors", "no header", "a folder"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: str) -> None:
    import torch
    from safetensors import safe_open
    from safetensors.torch import save

    interrupted(tmp_path)
    file = tmp_path / "ours.training"
    content = file.read_bytes()
    with safe_open(file, framework="pt") as kept:
        header = kept.metadata()
    damaged = {
        "cut": content[:-1],
        "empty": b"",
        "other tensors": save({"network.body": torch.zeros(1)}, header),
        "no header": save({"network.body": torch.zeros(1)}),
    }
    file.unlink()
    if damage == "a folder":
        file.mkdir()
    else:
        file.write_bytes(damaged[damage])
    with pytest.raises(BadCheckpoint, match=r"holds no training that can go on .*; start anew \(--fresh\)"):
        a_run(a_checkpoint(tmp_path))


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    from forecaster.checkpoint import Checkpoint

    with pytest.raises(BadCheckpoint, match=r"ours\.training: cannot be written \(No such file or directory\)"):
        a_run(Checkpoint(tmp_path / "gone" / "ours.training", every=12))


@given(identities, identities)
def test_every_difference_is_named_and_nothing_else(kept: dict[str, str], asked: dict[str, str]) -> None:
    from forecaster.checkpoint import differences

    named = {key for key in kept.keys() | asked.keys() if kept.get(key) != asked.get(key)}
    said = differences(kept, asked)
    assert [set(sentence.replace(",", "").split()) & set("abcd") for sentence in said] == [
        {key} for key in sorted(named)
    ]
