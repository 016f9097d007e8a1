"""The network: where it starts, and what holds whatever it has learned."""

from __future__ import annotations

from typing import Any

import pytest

from forecaster.forecast import HORIZON, LEVELS
from forecaster.windows import CHANNELS, CONTEXT, FEATURES, LAGS

pytestmark = pytest.mark.train
MEDIAN = slice(3, 5)


def a_network(seed: int = 0, wild: bool = False) -> Any:
    """A small one; `wild` has random weights everywhere, as if it had learned something."""
    import torch

    from forecaster.network import Network, NetworkConfig

    torch.manual_seed(seed)
    network = Network(NetworkConfig(hidden=8, fold=3, wide=16, narrow=8, peak=8)).eval()
    if wild:
        with torch.no_grad():
            for weights in network.parameters():
                weights.normal_(0.0, 0.3)
    return network


def some_inputs(batch: int = 5) -> list[Any]:
    import torch

    noise = torch.Generator().manual_seed(1)
    window = torch.zeros(batch, HORIZON)
    window[:, 2:7] = 1.0
    return [
        torch.randn(batch, CONTEXT, CHANNELS, generator=noise),
        torch.randn(batch, FEATURES, generator=noise),
        torch.randn(batch, len(LAGS), HORIZON, generator=noise),
        window,
    ]


def test_shapes_and_ascending_quantiles_whatever_the_weights() -> None:
    for seed in range(3):
        quantiles, peak = a_network(seed, wild=True)(*some_inputs())
        assert quantiles.shape == (5, HORIZON, len(LEVELS))
        assert peak.shape == (5, len(LEVELS))
        assert (quantiles.diff(dim=2) >= 0).all()
        assert (peak.diff(dim=1) >= 0).all()


def test_it_starts_as_the_last_level_plus_a_little_of_what_followed_then() -> None:
    import torch

    sequence, features, increments, window = some_inputs()
    quantiles, peak = a_network()(sequence, features, increments, window)
    gate = 1.5 * torch.sigmoid(torch.tensor(-2.0))
    level = gate * increments.sum(dim=1)
    torch.testing.assert_close(quantiles[:, :, MEDIAN].mean(dim=2), level, atol=0.02, rtol=0)
    assert (quantiles[:, :, -1] - quantiles[:, :, 0]).max() < 0.25
    torch.testing.assert_close(peak, quantiles[:, 2:7].amax(dim=1), atol=1e-6, rtol=0)


def test_without_increments_it_starts_as_persistence() -> None:
    sequence, features, increments, window = some_inputs()
    quantiles, peak = a_network()(sequence, features, 0 * increments, window)
    assert quantiles.abs().max() < 0.11
    assert peak.abs().max() < 0.11


def test_each_row_stands_alone() -> None:
    import torch

    network, inputs = a_network(wild=True), some_inputs()
    together, alone = network(*inputs), network(*(x[2:3] for x in inputs))
    torch.testing.assert_close(together[0][2:3], alone[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together[1][2:3], alone[1], atol=1e-5, rtol=1e-5)


def test_steps_outside_the_window_do_not_raise_its_peak_at_the_start() -> None:
    sequence, features, increments, window = some_inputs()
    increments[:, :, 10] = 50.0
    quantiles, peak = a_network()(sequence, features, increments, window)
    assert quantiles[:, 10].min() > 20
    assert peak.max() < 20


def test_absurd_inputs_give_finite_forecasts() -> None:
    inputs = [1e6 * x for x in some_inputs()[:3]]
    quantiles, peak = a_network(wild=True)(*inputs, some_inputs()[3])
    assert quantiles.isfinite().all()
    assert peak.isfinite().all()
