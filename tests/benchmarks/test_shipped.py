"""The hash of the network that a result was measured with is that of the file which serves it."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from benchmarks.shipped import network_hash
from forecaster.errors import BadArtefact
from foresail.models import find_model


def test_it_is_the_hash_of_the_file() -> None:
    model = find_model("base")
    assert network_hash(model) == hashlib.sha256((model / "model.onnx").read_bytes()).hexdigest()


def test_a_network_that_is_not_the_manifests_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "base"
    shutil.copytree(find_model("base"), copy)
    (copy / "manifest.json").write_text("{}")
    with pytest.raises(BadArtefact):
        network_hash(copy)
