"""Training: what is drawn, what the loss counts, that it learns, and that a seed repeats it."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np
import pytest

from forecaster.forecast import HORIZON, LEVELS
from forecaster.series import Series
from forecaster.windows import CALENDAR, CONTEXT, SUCCESS, USUAL
from tests.helpers.histories import MINUTE, a_load, a_series, with_another_future

pytestmark = pytest.mark.train
NAN = float("nan")


def some_series(count: int = 3) -> list[Series]:
    return [a_load(seed, days=3) for seed in range(count)]


def _keep(losses: list[float], _: int, loss: float) -> None:
    losses.append(loss)


def test_nothing_after_the_cut_is_seen() -> None:
    from forecaster.build import Recipe, sources

    series = a_load(days=4)
    stop = int(0.7 * len(series))
    recipe = Recipe(share=0.7, synthetic=0, mixtures=2, coarse=0)
    ours, theirs = (sources([s], recipe) for s in (series, with_another_future(series, stop - 1, seed=3)))
    assert len(ours[0].windows.series) == stop
    for a, b in zip(ours, theirs, strict=True):
        assert (a.kind, a.usual_error) == (b.kind, b.usual_error)
        np.testing.assert_array_equal(a.windows.series.values, b.windows.series.values)


def test_a_run_is_told_by_each_history_and_by_what_was_made() -> None:
    """Mixtures are made of histories: another history makes others, another made-up series does not."""
    from forecaster.build import Recipe, sources
    from forecaster.checkpoint import differences
    from forecaster.network import Network, NetworkConfig
    from forecaster.train import TrainConfig, _identity

    def identity(histories: list[Series], made_up: int) -> dict[str, str]:
        recipe = Recipe(synthetic=made_up, mixtures=1, coarse=0)
        return _identity(sources(histories, recipe), TrainConfig(), network)

    def told(other: dict[str, str]) -> list[str]:
        return [said.partition(" was ")[0] for said in differences(ours, other)]

    network = Network(NetworkConfig(hidden=6, wide=8, narrow=6, peak=4))
    minutes, coarse = a_load(1, days=3, step=MINUTE), a_load(2, days=3)
    ours = identity([minutes, coarse], 1)
    assert told(identity([minutes, coarse], 1)) == []
    assert told(identity([minutes, a_load(4, days=3)], 1)) == ["its history 2 (load)"]
    assert told(identity([a_load(3, days=3, step=MINUTE), coarse], 1)) == ["its history 1 (load)", "its mixed series"]
    assert told(identity([minutes, coarse], 2)) == ["its made-up series"]


def test_origins_have_their_context_before_and_their_targets_inside_the_cut() -> None:
    from forecaster.train import Source, SourceKind

    values = np.concatenate([np.full(30, NAN), np.arange(400.0)])
    source = Source.of(a_series(values[:215]), SourceKind.REAL)
    origins = source.draw(np.random.default_rng(0), 2000)
    assert origins.min() == 30 + CONTEXT
    assert origins.max() == 215 - HORIZON - 1
    assert np.isfinite(source.windows.targets(origins)).all()


def test_a_batch_is_in_the_units_of_the_network_with_peaks_of_its_windows() -> None:
    from forecaster.train import Source, SourceKind, TrainConfig, draw_batch

    config = TrainConfig(series_per_step=3, origins_per_series=5, calendar_dropout=0.0)
    sources = [Source.of(s, SourceKind.REAL) for s in some_series()]
    batch = draw_batch(sources, config, np.random.default_rng(2))
    assert batch.targets.shape == (15, HORIZON)
    assert set(batch.windows.unique().tolist()) <= {0.0, 1.0}
    assert (batch.windows.sum(dim=1) >= 1).all()
    assert batch.weights.mean().item() == pytest.approx(1.0, abs=1e-5)
    for row in range(15):
        targets = batch.targets[row][batch.windows[row] > 0]
        assert targets.isnan().any() or batch.peaks[row] == targets.max()
        assert not targets.isnan().any() or batch.peaks[row].isnan()


@pytest.mark.parametrize("hidden", [0.0, 1.0])
def test_hidden_parts_are_all_zeros(hidden: float) -> None:
    from forecaster.train import Source, SourceKind, TrainConfig, draw_batch

    sources = [Source.of(s, SourceKind.REAL) for s in some_series()]
    for calendar, slow in ((hidden, 0.0), (0.0, hidden)):
        config = TrainConfig(series_per_step=2, origins_per_series=2, calendar_dropout=calendar, slow_dropout=slow)
        features = draw_batch(sources, config, np.random.default_rng(2)).inputs.features
        assert (features[:, -CALENDAR:] == 0).all() == bool(calendar)
        assert (features[:, USUAL] == 0).all() == bool(slow)
        assert (features[:, SUCCESS] == 0).all() == bool(slow)
        assert features[:, SUCCESS.stop : -CALENDAR].any(axis=1).all()


def test_each_part_is_hidden_at_its_share_and_on_its_own() -> None:
    from forecaster.train import Source, SourceKind, TrainConfig, draw_batch

    sources = [Source.of(a_load(days=3, gaps=0), SourceKind.REAL)]
    plain, features = (
        draw_batch(
            sources,
            TrainConfig(series_per_step=300, origins_per_series=1, calendar_dropout=2.5 * share, slow_dropout=share),
            np.random.default_rng(5),
        ).inputs.features
        for share in (0.0, 0.2)
    )
    parts = USUAL, SUCCESS, slice(-CALENDAR, None)
    there = [plain[:, part].any(axis=1) for part in parts]
    hidden = [~features[:, part].any(axis=1) & known for part, known in zip(parts, there, strict=True)]
    for gone, known, share in zip(hidden, there, (0.2, 0.2, 0.5), strict=True):
        assert gone.sum() / known.sum() == pytest.approx(share, abs=0.08)
    assert (hidden[0] & hidden[1]).sum() / (there[0] & there[1]).sum() == pytest.approx(0.04, abs=0.03)
    for part, gone in zip(parts, hidden, strict=True):
        plain[gone, part] = 0.0
    np.testing.assert_array_equal(features, plain)


def kinds(**counts: int) -> list[Any]:
    """So many sources of each kind, in the order of the names."""
    from forecaster.train import Source, SourceKind

    load = a_series(np.ones(400))
    return [Source.of(load, SourceKind[name.upper()]) for name, count in counts.items() for _ in range(count)]


@pytest.mark.parametrize(("made", "real", "other"), [(5, 3, 2), (1, 1, 1), (2, 9, 4)])
def test_each_kind_is_drawn_by_its_share_and_alike_within(made: int, real: int, other: int) -> None:
    from forecaster.train import TrainConfig, _odds

    config = TrainConfig(real_share=0.3, other_step_share=0.1, mixture_share=0.2)
    odds = _odds(kinds(made_up=made, real=real, other_step=other, mixture=1), config)
    groups = np.split(odds, np.cumsum([made, real, other]))
    np.testing.assert_allclose([group.sum() for group in groups], [0.4, 0.3, 0.1, 0.2])
    assert all(np.ptp(group) < 1e-12 for group in groups)


@pytest.mark.parametrize(
    ("made", "real", "other", "real_share"),
    [(3, 0, 0, 0.4), (0, 3, 0, 0.4), (0, 0, 3, 0.4), (0, 2, 2, 0.4), (2, 2, 0, 0.4), (3, 0, 0, 1.0), (0, 3, 0, 0.0)],
)
def test_a_kind_that_is_not_there_leaves_its_share_to_the_others(
    made: int, real: int, other: int, real_share: float
) -> None:
    from forecaster.train import TrainConfig, _odds

    shares = TrainConfig(real_share=real_share, other_step_share=0.0 if real_share == 1.0 else 0.1, mixture_share=0.0)
    odds = _odds(kinds(made_up=made, real=real, other_step=other), shares)
    assert odds.sum() == pytest.approx(1.0)
    assert (odds > 0).all()


def test_the_batches_of_one_draw_keep_inputs_and_targets_together() -> None:
    from forecaster.train import Source, SourceKind, TrainConfig, draw_batches

    # Each load is a slope of its own, so that an input tells what its target must be.
    sources = [Source.of(a_series(1000.0 + slope * np.arange(900.0)), SourceKind.REAL) for slope in (1.0, 2.0, 5.0)]
    config = TrainConfig(series_per_step=3, origins_per_series=4, slow_dropout=0.0)
    batches = draw_batches(sources, config, np.random.default_rng(6))
    assert [len(batch.targets) for batch in batches] == [12] * 12
    ahead = np.arange(1, HORIZON + 1)
    slopes = set()
    for batch in batches:
        inputs = batch.inputs
        before = inputs.scale * np.sinh(inputs.sequence[:, -2, 0].astype(np.float64))
        slopes |= set(np.round(-before).astype(int).tolist())
        moves = batch.targets.numpy() * inputs.scale[:, None]
        np.testing.assert_allclose(moves, -before[:, None] * ahead, rtol=1e-3)
        inside = np.where(batch.windows.numpy() > 0, batch.targets.numpy(), -np.inf)
        np.testing.assert_array_equal(batch.peaks.numpy(), inside.max(axis=1))
    assert slopes == {1, 2, 5}
    weights = np.concatenate([batch.weights.numpy() for batch in batches])
    assert weights.mean() == pytest.approx(1.0, abs=1e-5)
    assert len({tuple(batch.inputs.last.tolist()) for batch in batches}) == 12


def test_missing_targets_count_as_nothing() -> None:
    from dataclasses import replace

    import torch

    from forecaster.network import Network, NetworkConfig
    from forecaster.train import Source, SourceKind, TrainConfig, batch_loss, draw_batch

    config = TrainConfig(series_per_step=2, origins_per_series=3)
    batch = draw_batch([Source.of(some_series()[0], SourceKind.REAL)], config, np.random.default_rng(0))
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
    from forecaster.train import Source, SourceKind, TrainConfig, train

    daily = np.tile(100 + 50 * np.sign(np.sin(np.arange(288) / 7)), 6)
    sources = [Source.of(a_series(daily, 5 * MINUTE), SourceKind.REAL)]
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
