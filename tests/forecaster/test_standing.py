"""What is carried forward: the same from a whole history as bin by bin, and what holds until slow work is done."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import numpy as np
import pytest

from forecaster.behind import Along, Block
from forecaster.errors import NoForecast
from forecaster.past import Past
from forecaster.ridge import Ridge, design
from forecaster.series import EPOCH, BoolArray, FloatArray, Series, held
from forecaster.standing import Standing
from forecaster.windows import Itself, reads
from tests.helpers.histories import MINUTE, a_load

NAN = float("nan")
STEP = 5 * MINUTE
DAY = 288
LOADS = [a_load(seed, days=10, gaps=4) for seed in range(3)]
CLOCK = (LOADS[0].start - EPOCH) // STEP


class Memory:
    """The loads as rows, as a file of rows would give them."""

    def __init__(self, loads: list[Series]) -> None:
        self._held = np.stack([held(load.values) for load in loads], axis=1)
        self._known = np.stack([load.known for load in loads], axis=1)

    def read(self, first: int, stop: int) -> tuple[FloatArray, BoolArray]:
        index = np.arange(first, stop) - CLOCK
        inside = (index >= 0) & (index < len(self._held))
        index = np.clip(index, 0, len(self._held) - 1)
        return np.where(inside[:, None], self._held[index], NAN), self._known[index] & inside[:, None]

    def blocks(self, bin_: int) -> list[Block]:
        at = CLOCK + bin_
        return [Block(a, *self.read(at + a, at + b)) for a, b in reads(STEP)]


MEMORY = Memory(LOADS)


def after(bins: int) -> Standing:
    """As of a history of so many bins, without slow work."""
    standing = Standing(len(LOADS), STEP, CLOCK + bins)
    standing.begin(np.arange(len(LOADS)), CLOCK, MEMORY.read)
    return standing


def learn(standing: Standing) -> None:
    levels, known = MEMORY.read(standing.ridge_reads, standing.next)
    for column in range(len(LOADS)):
        standing.learn_ridge(column, levels[:, column], known[:, column])


def add(standing: Standing, first: int, stop: int) -> None:
    for k in range(first, stop):
        standing.add(CLOCK + k, MEMORY.blocks(k))


def assert_same(ours: Itself, theirs: Itself) -> None:
    for part in fields(Itself):
        np.testing.assert_allclose(
            getattr(ours, part.name), getattr(theirs, part.name), rtol=1e-5, atol=1e-6, err_msg=part.name
        )


def test_a_history_at_once_is_as_a_history_bin_by_bin() -> None:
    at_once, grown = after(9 * DAY + 100), after(8 * DAY + 50)
    learn(grown)
    add(grown, 8 * DAY + 50, 9 * DAY + 100)
    for standing in (at_once, grown):
        learn(standing)
        standing.learn_usual(MEMORY.read)
    assert_same(grown.itself(), at_once.itself())


def test_until_a_ridge_is_made_that_of_the_day_before_foretells() -> None:
    standing = after(9 * DAY - 3)
    learn(standing)
    add(standing, 9 * DAY - 3, 9 * DAY + 40)
    assert (standing.ridge_made == CLOCK + 8 * DAY).all()
    ridges = [Ridge(Past(load.part(0, 9 * DAY - 3))) for load in LOADS]
    # The fit of the day before, asked as if its day had not ended.
    for column, (load, ridge) in enumerate(zip(LOADS, ridges, strict=True)):
        fit = ridge._fit(8 * DAY)
        assert fit is not None
        expected = fit.moves(_design(load, 9 * DAY + 39))[0]
        np.testing.assert_allclose(standing.itself().ridge[column], expected, rtol=1e-6, atol=1e-6)


def _design(load: Series, origin: int) -> FloatArray:
    return design(Along(Past(load.part(0, origin + 1)), np.array([origin])))


def test_usual_moves_hold_until_those_of_the_next_hour_are_made() -> None:
    standing = after(9 * DAY)
    standing.learn_usual(MEMORY.read)
    before = standing.itself().usual
    add(standing, 9 * DAY, 9 * DAY + 13)
    assert standing.usual_made < standing.hour_began
    np.testing.assert_array_equal(standing.itself().usual, before)
    standing.learn_usual(MEMORY.read)
    assert standing.usual_made == standing.hour_began
    assert (standing.itself().usual != before).any()


def test_who_was_not_measured_yet_is_not_among_the_measured() -> None:
    standing = Standing(3, STEP, CLOCK)
    assert standing.measured.tolist() == []
    values = np.array([NAN, 2.0, NAN])
    blocks = [Block(a, np.full((b - a, 3), NAN), np.zeros((b - a, 3), dtype=bool)) for a, b in reads(STEP)]
    blocks[-1].held[-1], blocks[-1].known[-1] = values, ~np.isnan(values)
    standing.add(CLOCK, blocks)
    assert standing.measured.tolist() == [1]
    assert standing.first[1] == CLOCK


@pytest.mark.parametrize("seconds", [270, 10, 600])
def test_a_step_that_the_network_does_not_take_is_refused(seconds: int) -> None:
    with pytest.raises(NoForecast, match=f"a fleet: a step of {timedelta(seconds=seconds)}; the network takes"):
        Standing(1, timedelta(seconds=seconds), 0)
