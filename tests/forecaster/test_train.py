"""Training: what is drawn, what the loss counts, that it learns, and that a seed repeats it."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

from forecaster.forecast import HORIZON, LEVELS
from forecaster.series import Series
from forecaster.windows import CONTEXT
from tests.helpers.histories import MINUTE, a_load, a_series, with_another_future

pytestmark = pytest.mark.train
NAN = float("nan")


def some_series(count: int = 3) -> list[Series]:
    return [a_load(seed, days=3) for seed in range(count)]


def _keep(losses: list[float], _: int, loss: float) -> None:
    losses.append(loss)


def test_nothing_after_the_cut_is_seen() -> None:
    from forecaster.train import Source

    series = a_load(days=4)
    stop = int(0.7 * len(series))
    ours, theirs = (Source.of(s, 0.7, real=True) for s in (series, with_another_future(series, stop - 1, seed=3)))
    assert (ours.stop, ours.usual_error) == (theirs.stop, theirs.usual_error) == (stop, ours.usual_error)
    np.testing.assert_array_equal(ours.windows.series.values, theirs.windows.series.values)


def test_origins_have_their_context_before_and_their_targets_inside_the_cut() -> None:
    from forecaster.train import Source

    values = np.concatenate([np.full(30, NAN), np.arange(400.0)])
    source = Source.of(a_series(values), 0.5, real=True)
    origins = source.draw(np.random.default_rng(0), 2000)
    assert origins.min() == 30 + CONTEXT
    assert origins.max() == 215 - HORIZON - 1
    assert np.isfinite(source.windows.targets(origins)).all()


def test_a_batch_is_in_the_units_of_the_network_with_peaks_of_its_windows() -> None:
    from forecaster.train import Source, TrainConfig, draw_batch

    config = TrainConfig(series_per_step=3, origins_per_series=5, calendar_dropout=0.0)
    sources = [Source.of(s, 0.8, real=True) for s in some_series()]
    batch = draw_batch(sources, config, np.random.default_rng(2))
    assert batch.targets.shape == (15, HORIZON)
    assert set(batch.windows.unique().tolist()) <= {0.0, 1.0}
    assert (batch.windows.sum(dim=1) >= 1).all()
    assert batch.weights.mean().item() == pytest.approx(1.0, abs=1e-5)
    for row in range(15):
        targets = batch.targets[row][batch.windows[row] > 0]
        assert targets.isnan().any() or batch.peaks[row] == targets.max()
        assert not targets.isnan().any() or batch.peaks[row].isnan()


def test_a_hidden_calendar_is_all_zeros() -> None:
    from forecaster.train import Source, TrainConfig, draw_batch

    sources = [Source.of(s, 0.8, real=True) for s in some_series()]
    for dropout, hidden in ((1.0, True), (0.0, False)):
        config = TrainConfig(series_per_step=2, origins_per_series=2, calendar_dropout=dropout)
        inputs = draw_batch(sources, config, np.random.default_rng(2)).inputs
        assert (inputs.features[:, -8:] == 0).all() == hidden


def test_missing_targets_count_as_nothing() -> None:
    from dataclasses import replace

    import torch

    from forecaster.network import Network, NetworkConfig
    from forecaster.train import Source, TrainConfig, batch_loss, draw_batch

    config = TrainConfig(series_per_step=2, origins_per_series=3)
    batch = draw_batch([Source.of(some_series()[0], 0.8, real=True)], config, np.random.default_rng(0))
    network = Network(NetworkConfig(hidden=8, wide=8, narrow=8, peak=8))
    nothing = replace(batch, targets=torch.full_like(batch.targets, NAN), peaks=torch.full_like(batch.peaks, NAN))
    assert batch_loss(network, nothing, config).item() == 0.0
    assert batch_loss(network, batch, config).item() > 0.0


def test_the_loss_is_least_at_the_quantiles() -> None:
    import torch

    from forecaster.train import _pinball

    seen = torch.arange(1001.0)[:, None]
    levels = torch.tensor(LEVELS)
    best = torch.quantile(seen[:, 0], levels)
    least = _pinball(seen - best, levels).mean(dim=0)
    for shift in (-30.0, 30.0):
        assert (_pinball(seen - best - shift, levels).mean(dim=0) > least).all()


def test_a_seed_repeats_itself_and_the_loss_falls() -> None:
    import torch

    from forecaster.network import NetworkConfig
    from forecaster.train import Source, TrainConfig, train

    daily = np.tile(100 + 50 * np.sign(np.sin(np.arange(288) / 7)), 6)
    sources = [Source.of(a_series(daily, 5 * MINUTE), 0.9, real=True)]
    config = TrainConfig(steps=60, series_per_step=2, origins_per_series=8, learning_rate=1e-2, seed=4)
    runs = []
    for _ in range(2):
        losses: list[float] = []
        network = train(
            sources,
            config,
            NetworkConfig(hidden=8, wide=16, narrow=8, peak=8),
            partial(_keep, losses),
        )
        runs.append((network.state_dict(), losses))
        assert not network.training
    (first, losses), (second, again) = runs
    assert losses == again
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert len(losses) == 60
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth() -> None:
    from forecaster.train import _schedule

    assert _schedule(0.0) == pytest.approx(0.05)
    assert _schedule(0.02) == pytest.approx(1.0, abs=0.01)
    assert _schedule(0.999999) == pytest.approx(0.01)


def test_everything_that_a_run_depended_on_is_written_down() -> None:
    from forecaster.network import NetworkConfig
    from forecaster.train import TrainConfig, describe

    described = json.loads(json.dumps(describe(TrainConfig(seed=9), NetworkConfig(hidden=7))))
    assert described["train"]["seed"] == 9
    assert described["network"]["hidden"] == 7
