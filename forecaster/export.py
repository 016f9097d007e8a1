"""Turns a trained network into an artefact: ONNX for serving, safetensors for training on."""

from __future__ import annotations

import io
import logging
import warnings

import torch
from safetensors.torch import save

from forecaster.forecast import HORIZON, LEVELS
from forecaster.network import Network
from forecaster.windows import CANDIDATES, CHANNELS, CONTEXT, FEATURES, SPREADS

INPUTS = ("sequence", "features", "increments", "usual", "window")
OUTPUTS = ("quantiles", "peak")
_REGISTRATION = logging.getLogger("torch.onnx._internal.exporter._registration")


def example_inputs(batch: int) -> tuple[torch.Tensor, ...]:
    """Inputs of the right shapes, from fixed noise; the window is the whole horizon."""
    noise = torch.Generator().manual_seed(0)
    return (
        torch.randn(batch, CONTEXT, CHANNELS, generator=noise),
        torch.randn(batch, FEATURES, generator=noise),
        torch.randn(batch, CANDIDATES, HORIZON, generator=noise),
        torch.randn(batch, SPREADS, HORIZON, len(LEVELS), generator=noise).sort(dim=3).values,
        torch.ones(batch, HORIZON),
    )


def to_onnx(network: Network) -> bytes:
    """The network as one self-contained ONNX file with a free batch size."""
    _REGISTRATION.addFilter(_is_of_our_network)  # a filter that is there already is not added again
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings():  # about how the exporter itself traces an LSTM; the parity test is what counts
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            example_inputs(2),
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_shapes=[{0: batch} for _ in INPUTS],
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    for graph in program.model.graphs():  # where each node was traced: this machine's paths, other ones in every export
        for noted in (graph, *graph, *(value for node in graph for value in node.outputs), *graph.inputs):
            noted.metadata_props.clear()
    buffer = io.BytesIO()
    program.save(buffer)
    return buffer.getvalue()


def _is_of_our_network(record: logging.LogRecord) -> bool:
    """False for what the exporter logs of each operator of torchvision, none of which the network has."""
    return not record.getMessage().startswith("torchvision is not installed")


def to_safetensors(network: Network) -> bytes:
    return bytes(save({name: value.contiguous() for name, value in network.state_dict().items()}))
