"""Made-up traffic: seeded, plausible, and with the schedules that it promises."""

from __future__ import annotations

import numpy as np
import pytest

from forecaster.series import Kind
from forecaster.synthetic import service, training_set, workload
from tests.helpers.histories import MINUTE


def test_the_same_seed_makes_the_same_series() -> None:
    once, again, other = (training_set(seed, 4, days=3) for seed in (5, 5, 6))
    assert [s.name for s in once] == ["service-0-connections", "service-0-messages", "load-1", "service-2-connections"]
    for a, b in zip(once, again, strict=True):
        assert a.start == b.start
        np.testing.assert_array_equal(a.values, b.values)
    assert not np.array_equal(once[0].values, other[0].values)


@pytest.mark.parametrize("seed", range(4))
def test_loads_are_finite_and_not_negative(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = [*service(rng, 3, "chat"), workload(rng, 3, "web")]
    assert [s.kind for s in made] == [Kind.STOCK, Kind.FLOW, Kind.FLOW]
    for series in made:
        assert series.step == MINUTE
        assert len(series) == 3 * 1440
        known = series.values[series.known]
        assert len(known) > 1000
        assert np.isfinite(known).all()
        assert (known >= 0).all()


def test_connections_and_messages_are_of_one_crowd() -> None:
    together = []
    for seed in range(6):
        connections, messages = service(np.random.default_rng(seed), 5, "chat")
        assert connections.start == messages.start
        both = connections.known & messages.known
        levels = np.log1p(connections.values[both]), np.log1p(messages.values[both])
        together.append(float(np.corrcoef(*levels)[0, 1]))
    assert np.median(together) > 0.5


def test_some_minutes_of_the_day_come_back() -> None:
    """On schedules alone, yesterday's same minute must tell more than another minute of yesterday would."""
    better = 0
    for series in training_set(3, 12, days=15):
        values = np.where(series.known, series.values, 0.0)
        day = values.reshape(-1, 1440)
        same = np.abs(day[1:] - day[:-1]).mean()
        shifted = np.abs(day[1:] - np.roll(day[:-1], 360, axis=1)).mean()
        better += same < shifted
    assert better >= 8
