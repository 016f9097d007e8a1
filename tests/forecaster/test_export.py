"""Parity: what trains (torch) and what serves (ONNX Runtime) say the same about the same inputs."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from forecaster.artefact import MANIFEST, MODEL, WEIGHTS
from forecaster.forecast import Window
from forecaster.predict import window_mask
from forecaster.windows import Windows
from tests.helpers.histories import a_load

pytestmark = pytest.mark.train
BASE = Path(__file__).parents[2] / "models" / "base"


def real_inputs() -> dict[str, Any]:
    """By the names, and in the order, that the exported network takes."""
    from forecaster.export import INPUTS

    inputs = Windows(a_load(3, days=9)).inputs(np.arange(100, 2500, 60))
    masks = [window_mask(Window(1 + k % 15, 15)) for k in range(len(inputs.last))]
    return {**{name: getattr(inputs, name) for name in INPUTS[:-1]}, "window": np.stack(masks)}


def by_torch(network: Any, feed: dict[str, Any]) -> list[Any]:
    import torch

    with torch.no_grad():
        return [made.numpy() for made in network.eval()(*(torch.from_numpy(x) for x in feed.values()))]


def by_onnx(content: bytes, feed: dict[str, Any]) -> list[Any]:
    return list(onnxruntime.InferenceSession(content).run(["quantiles", "peak"], feed))


def assert_parity(network: Any, content: bytes) -> None:
    for rows in (40, 1):
        feed = {name: values[:rows] for name, values in real_inputs().items()}
        for ours, theirs in zip(by_torch(network, feed), by_onnx(content, feed), strict=True):
            np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def fresh() -> tuple[Any, bytes]:
    """A network with weights of no meaning, and what it is exported to."""
    import torch

    from forecaster.export import to_onnx
    from forecaster.network import Network, NetworkConfig

    torch.manual_seed(2)
    network = Network(NetworkConfig(hidden=8, wide=16, narrow=8, peak=8)).eval()
    with torch.no_grad():
        for weights in network.parameters():
            weights.normal_(0.0, 0.1)
    return network, to_onnx(network)


def test_a_fresh_network_says_the_same_in_both(fresh: tuple[Any, bytes]) -> None:
    assert_parity(*fresh)


def test_the_example_that_is_traced_has_the_shapes_of_real_inputs() -> None:
    from forecaster.export import example_inputs

    real = real_inputs()
    rows = len(real["window"])
    assert [tuple(x.shape) for x in example_inputs(rows)] == [x.shape for x in real.values()]


def test_inputs_and_outputs_have_names_and_a_free_batch_size(fresh: tuple[Any, bytes]) -> None:
    from forecaster.export import INPUTS, OUTPUTS

    session = onnxruntime.InferenceSession(fresh[1])
    assert tuple(x.name for x in session.get_inputs()) == INPUTS
    assert tuple(x.name for x in session.get_outputs()) == OUTPUTS
    assert {x.shape[0] for x in session.get_inputs()} == {"batch"}


def test_weights_survive_safetensors() -> None:
    import torch
    from safetensors.torch import load

    from forecaster.export import to_safetensors
    from forecaster.network import Network, NetworkConfig

    network = Network(NetworkConfig(hidden=8, wide=16, narrow=8, peak=8))
    kept = load(to_safetensors(network))
    assert kept.keys() == network.state_dict().keys()
    assert all(torch.equal(kept[name], value) for name, value in network.state_dict().items())


def test_the_shipped_weights_and_the_shipped_network_are_one() -> None:
    from safetensors.torch import load

    from forecaster.network import Network, NetworkConfig

    manifest = json.loads((BASE / MANIFEST).read_text("utf-8"))
    network = Network(NetworkConfig(**manifest["network"]))
    network.load_state_dict(load((BASE / WEIGHTS).read_bytes()))
    assert_parity(network, (BASE / MODEL).read_bytes())


def test_an_export_does_not_speak_of_libraries_that_it_does_not_need(
    fresh: tuple[Any, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    from forecaster.export import to_onnx

    exporter = logging.getLogger("torch.onnx._internal.exporter._registration")
    exporter.addHandler(caplog.handler)
    try:
        to_onnx(fresh[0])
        exporter.warning("another matter")
    finally:
        exporter.removeHandler(caplog.handler)
    assert {record.getMessage() for record in caplog.records if record.name == exporter.name} == {"another matter"}


def test_an_export_says_nothing_of_the_machine_and_is_always_the_same(fresh: tuple[Any, bytes]) -> None:
    from forecaster.export import to_onnx

    network, content = fresh
    assert b'File "' not in content
    assert to_onnx(network) == content
