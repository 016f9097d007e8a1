"""The network: where it starts, and what holds whatever it has learned."""

from __future__ import annotations

from typing import Any

import pytest

from forecaster.forecast import HORIZON, LEVELS
from forecaster.windows import (
    CANDIDATE_PARTS,
    CANDIDATES,
    CHANNEL_PARTS,
    CHANNELS,
    CONTEXT,
    FEATURE_PARTS,
    FEATURES,
    SPREAD_PARTS,
    SPREADS,
)

pytestmark = pytest.mark.train


def a_network(seed: int = 0, wild: bool = False, blind: tuple[str, ...] = ()) -> Any:
    """A small one; `wild` has random weights everywhere, as if it had learned something."""
    import torch

    from forecaster.network import Network, NetworkConfig

    torch.manual_seed(seed)
    network = Network(NetworkConfig(hidden=8, fold=3, wide=16, narrow=8, peak=8, blind=blind)).eval()
    if wild:
        with torch.no_grad():
            for weights in network.parameters():
                weights.normal_(0.0, 0.3)
    return network


def some_inputs(batch: int = 5) -> list[Any]:
    """What the network takes, in its order; the window is of steps 3 to 7."""
    import torch

    noise = torch.Generator().manual_seed(1)
    window = torch.zeros(batch, HORIZON)
    window[:, 2:7] = 1.0
    return [
        torch.randn(batch, CONTEXT, CHANNELS, generator=noise),
        torch.randn(batch, FEATURES, generator=noise),
        torch.randn(batch, CANDIDATES, HORIZON, generator=noise),
        torch.randn(batch, SPREADS, HORIZON, len(LEVELS), generator=noise).sort(dim=3).values,
        window,
    ]


def test_shapes_and_ascending_quantiles_whatever_the_weights() -> None:
    for seed in range(3):
        quantiles, peak = a_network(seed, wild=True)(*some_inputs())
        assert quantiles.shape == (5, HORIZON, len(LEVELS))
        assert peak.shape == (5, len(LEVELS))
        assert (quantiles.diff(dim=2) >= 0).all()
        assert (peak.diff(dim=1) >= 0).all()


def test_it_starts_as_a_little_of_every_candidate_with_the_usual_spread_around_it() -> None:
    import torch

    sequence, features, increments, usual, window = some_inputs()
    quantiles, peak = a_network()(sequence, features, increments, usual, window)
    gate = 1.5 * torch.sigmoid(torch.tensor(-2.0))
    level = gate * increments.sum(dim=1)
    expected = level.unsqueeze(2) + usual.mean(dim=1) + torch.linspace(-0.01, 0.01, len(LEVELS))
    torch.testing.assert_close(quantiles, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(peak, quantiles[:, 2:7].amax(dim=1), atol=1e-6, rtol=0)


def test_without_increments_and_moves_it_starts_as_persistence() -> None:
    sequence, features, increments, usual, window = some_inputs()
    quantiles, peak = a_network()(sequence, features, 0 * increments, 0 * usual, window)
    assert quantiles.abs().max() < 0.011
    assert peak.abs().max() < 0.011


def test_each_row_stands_alone() -> None:
    import torch

    network, inputs = a_network(wild=True), some_inputs()
    together, alone = network(*inputs), network(*(x[2:3] for x in inputs))
    torch.testing.assert_close(together[0][2:3], alone[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(together[1][2:3], alone[1], atol=1e-4, rtol=1e-4)


def test_steps_outside_the_window_do_not_raise_its_peak_at_the_start() -> None:
    sequence, features, increments, usual, window = some_inputs()
    increments[:, :, 10] = 50.0
    quantiles, peak = a_network()(sequence, features, increments, usual, window)
    assert quantiles[:, 10].min() > 20
    assert peak.max() < 20


def test_a_window_of_one_step_has_at_least_the_peak_of_that_step_at_the_start() -> None:
    import torch

    *seen, window = some_inputs()
    one = torch.zeros_like(window)
    one[:, 14] = 1.0
    quantiles, peak = a_network()(*seen, one)
    torch.testing.assert_close(peak, quantiles[:, 14], atol=1e-6, rtol=0)


def test_absurd_inputs_give_finite_forecasts() -> None:
    *seen, window = some_inputs()
    quantiles, peak = a_network(wild=True)(*(1e6 * x for x in seen), window)
    assert quantiles.isfinite().all()
    assert peak.isfinite().all()


@pytest.mark.parametrize("part", [*FEATURE_PARTS, *CHANNEL_PARTS])
def test_a_blind_network_does_not_see_what_it_is_blind_to(part: str) -> None:
    import torch

    network = a_network(wild=True, blind=(part,))
    sequence, features, increments, usual, window = some_inputs()
    before = network(sequence, features, increments, usual, window)
    sequence[..., CHANNEL_PARTS.get(part, slice(0))] += 1.0
    features[:, FEATURE_PARTS.get(part, slice(0))] += 1.0
    increments[:, CANDIDATE_PARTS.get(part, slice(0))] += 1.0
    usual[:, SPREAD_PARTS.get(part, slice(0))] += 1.0
    for a, b in zip(before, network(sequence, features, increments, usual, window), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_a_part_that_is_not_there_cannot_be_hidden() -> None:
    with pytest.raises(ValueError, match="blind to moon; expected parts of the input"):
        a_network(blind=("ridge", "moon"))
