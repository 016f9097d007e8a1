"""A fleet tells the network what `Windows` would: for each workload, whenever it came, and after any restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecaster.errors import BadHistory, NoForecast, StorageFailed
from forecaster.fleet import Fleet, Newcomer
from forecaster.forecast import HORIZON, LEVELS, Window
from forecaster.rows import Rows, Shape
from forecaster.series import EPOCH, FloatArray, Series
from forecaster.windows import Float32Array, Inputs, Windows
from tests.helpers.disks import files_up_to
from tests.helpers.histories import MINUTE, a_load, a_series

NAN = float("nan")
STEP = 5 * MINUTE
DAY = 288
seeds = st.integers(0, 2**32 - 1)


class Echo:
    """Says the last value plus a bit of the scale, and the share of the steps that the window has."""

    name = "echo"

    def run(self, inputs: Inputs, masks: Float32Array) -> tuple[FloatArray, FloatArray]:
        levels = np.array(LEVELS)
        quantiles = inputs.last[:, None, None] + inputs.scale[:, None, None] * np.tile(levels, (HORIZON, 1))
        return quantiles, masks.mean(axis=1)[:, None] * levels


def of_one_clock(loads: Sequence[Series], starts: Sequence[int]) -> list[Series]:
    """The loads, each of which begins to be measured at its own bin."""
    late = [np.where(np.arange(len(s)) < start, NAN, s.values) for s, start in zip(loads, starts, strict=True)]
    return [replace(load, values=values) for load, values in zip(loads, late, strict=True)]


def matrix(loads: Sequence[Series]) -> FloatArray:
    return np.stack([load.values for load in loads], axis=1)


def a_file(folder: Path, loads: Sequence[Series], bins: int) -> Rows:
    """Rows that hold the first `bins` of the loads."""
    first = (loads[0].start - EPOCH) // loads[0].step
    rows = Rows.create(folder / "rows", Shape(loads[0].step, len(loads)), first, first)
    values = matrix(loads)[:bins]
    known = ~np.isnan(values)
    last = np.maximum.accumulate(np.where(known, np.arange(bins)[:, None], -1), axis=0)
    held = np.where(last >= 0, np.take_along_axis(values, np.maximum(last, 0), axis=0), NAN)
    if bins:
        rows.append(held, known)
    return rows


def settle(fleet: Fleet) -> None:
    while fleet.work(3):
        pass


def assert_as_windows(fleet: Fleet, loads: Sequence[Series], bins: int) -> None:
    """The inputs of every workload that was measured are those of its own history."""
    columns = np.array([k for k, load in enumerate(loads) if load.known[:bins].any()])
    made = fleet.inputs(columns)
    for row, column in enumerate(columns):
        alone = Windows(loads[column].part(0, bins)).inputs(np.array([bins - 1]))
        for part in fields(Inputs):
            ours, theirs = getattr(made, part.name)[row], getattr(alone, part.name)[0]
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5, err_msg=f"{column} {part.name}")


@given(
    st.lists(st.tuples(seeds, st.integers(0, 9 * DAY)), min_size=1, max_size=4),
    st.integers(0, 700),
    st.integers(1, 320),
    st.sampled_from([1, 40, 10_000]),
)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_after_its_work_a_fleet_tells_what_windows_would(
    tmp_path_factory: pytest.TempPathFactory, who: list[tuple[int, int]], before: int, live: int, works: int
) -> None:
    """However often it works: at every bin, now and then, or only at the end."""
    loads = of_one_clock([a_load(seed, days=12, gaps=5) for seed, _ in who], [start for _, start in who])
    bins = 12 * DAY - live - before
    rows = a_file(tmp_path_factory.mktemp("fleet"), loads, bins)
    fleet = Fleet(rows, Echo())
    settle(fleet)
    for k in range(bins, bins + live):
        fleet.append(loads[0].time(k), matrix(loads)[k])
        if k % works == 0:
            fleet.work(1)
    settle(fleet)
    assert_as_windows(fleet, loads, bins + live)
    rows.close()


def test_the_longest_lags_are_read_from_the_file(tmp_path: Path) -> None:
    loads = [a_load(seed, days=33, gaps=20) for seed in range(2)]
    rows = a_file(tmp_path, loads, 33 * DAY - 30)
    fleet = Fleet(rows, Echo())
    for k in range(33 * DAY - 30, 33 * DAY):
        fleet.append(loads[0].time(k), matrix(loads)[k])
    settle(fleet)
    assert_as_windows(fleet, [load.part(4 * DAY, 33 * DAY) for load in loads], 29 * DAY)
    rows.close()


@pytest.mark.parametrize("step", [timedelta(seconds=15), MINUTE])
def test_other_steps_are_told_of_as_well(tmp_path: Path, step: timedelta) -> None:
    loads = [a_load(seed, days=2, step=step) for seed in range(2)]
    bins = len(loads[0]) - 5
    rows = a_file(tmp_path, loads, bins)
    fleet = Fleet(rows, Echo())
    for k in range(bins, bins + 5):
        fleet.append(loads[0].time(k), matrix(loads)[k])
    settle(fleet)
    assert_as_windows(fleet, loads, bins + 5)
    rows.close()


def test_a_workload_may_join_late_and_leave(tmp_path: Path) -> None:
    loads = [a_load(seed, days=10) for seed in range(3)]
    bins = 10 * DAY - 40
    rows = a_file(tmp_path, loads, bins)
    fleet = Fleet(rows, Echo())
    settle(fleet)
    other = a_load(7, days=10)
    fleet.leave([0])
    fleet.join({1: Newcomer(other.part(3 * DAY, bins))})
    late = [other, replace(other, values=np.where(np.arange(len(other)) < 3 * DAY, NAN, other.values)), loads[2]]
    for k in range(bins, 10 * DAY):
        fleet.append(other.time(k), matrix([replace(other, values=np.full(len(other), NAN)), *late[1:]])[k])
    settle(fleet)
    assert np.isnan(fleet.forecast().quantiles[0]).all()
    made = fleet.inputs(np.array([1, 2]))
    for row, load in enumerate(late[1:]):
        alone = Windows(load).inputs(np.array([len(load) - 1]))
        for part in fields(Inputs):
            np.testing.assert_allclose(
                getattr(made, part.name)[row], getattr(alone, part.name)[0], rtol=1e-5, atol=1e-5
            )
    rows.close()


def test_a_new_fleet_is_filled_with_the_histories_that_there_are(tmp_path: Path) -> None:
    loads = of_one_clock([a_load(seed, days=11) for seed in range(4)], [0, 500, 2000, 0])
    first, bins = (loads[0].start - EPOCH) // STEP, 10 * DAY + 100
    fleet = Fleet(Rows.create(tmp_path / "rows", Shape(STEP, 4), first, first + bins), Echo())
    starts = (0, 300, 2000, 0)
    some = {k: Newcomer(loads[k].part(starts[k], 11 * DAY if k == 0 else bins)) for k in (3, 1, 0, 2)}
    fleet.join(some)
    settle(fleet)
    assert_as_windows(fleet, loads, bins)


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    loads = [a_load(seed, days=10) for seed in range(2)]
    rows = a_file(tmp_path, loads, 10 * DAY - 200)
    fleet = Fleet(rows, Echo())
    for k in range(10 * DAY - 200, 10 * DAY):
        fleet.append(loads[0].time(k), matrix(loads)[k])
    rows.close()
    again = Fleet(Rows.open(tmp_path / "rows"), Echo())
    settle(again)
    assert_as_windows(again, loads, 10 * DAY)


def test_a_forecast_is_the_networks_for_every_workload_and_its_own_window(tmp_path: Path) -> None:
    loads = of_one_clock([a_load(seed, days=2, gaps=0) for seed in range(3)], [0, 10_000, 100])
    rows = a_file(tmp_path, loads, 2 * DAY)
    fleet = Fleet(rows, Echo())
    fleet.join({2: Newcomer(loads[2], Window(1, 5))})
    made = fleet.forecast()
    assert made.origin == loads[0].time(2 * DAY - 1)
    assert made.quantiles.shape == (3, HORIZON, len(LEVELS))
    assert np.isnan(made.quantiles[1]).all()
    assert np.isnan(made.peak[1]).all()
    np.testing.assert_allclose(made.peak[[0, 2], -1], [LEVELS[-1], LEVELS[-1] / 3], rtol=1e-6)
    written = made.of(2, "load")
    assert (written.signal, written.model, written.step, written.window) == ("load", "echo", STEP, Window(1, 5))
    assert written.peak_at(LEVELS[-1]) == made.peak[2, -1]
    fleet.ask({2: Window(1, 9)})
    np.testing.assert_allclose(fleet.forecast().peak[2], 3 * made.peak[0] / 5)
    with pytest.raises(NoForecast, match="late: nothing measured up to 2026-01-06 23:55"):
        made.of(1, "late")
    inputs = fleet.inputs(np.array([2]))
    np.testing.assert_allclose(made.quantiles[2, 0], inputs.last + inputs.scale * np.array(LEVELS))
    rows.close()


def test_small_moves_of_a_large_counter_are_seen(tmp_path: Path) -> None:
    moves = np.random.default_rng(3).integers(0, 40, size=9 * DAY).astype(np.float64)
    loads = [a_series(1e9 + moves, STEP)]
    rows = a_file(tmp_path, loads, 9 * DAY - 2)
    fleet = Fleet(rows, Echo())
    for k in (9 * DAY - 2, 9 * DAY - 1):
        fleet.append(loads[0].time(k), loads[0].values[[k]])
    settle(fleet)
    assert_as_windows(fleet, loads, 9 * DAY)
    rows.close()


@pytest.mark.parametrize(
    ("late", "values", "message"),
    [
        pytest.param(1, [1.0, 2.0], "the next one begins at 2026-01-06 00:00:00.*append one of NaN", id="a bin missed"),
        pytest.param(0, [1.0], r"shape \(1,\); this fleet has columns for \(2,\)", id="too few"),
        pytest.param(0, [1.0, float("inf")], r"infinite values in columns \[1\]; give NaN", id="infinite"),
    ],
)
def test_a_bin_that_does_not_fit_is_refused(tmp_path: Path, late: int, values: list[float], message: str) -> None:
    loads = [a_load(seed, days=2) for seed in range(2)]
    rows = a_file(tmp_path, loads, DAY)
    with pytest.raises(BadHistory, match=message):
        Fleet(rows, Echo()).append(loads[0].time(DAY + late), np.array(values))
    assert rows.stop - rows.first == DAY
    rows.close()


def test_a_history_of_another_step_cannot_join(tmp_path: Path) -> None:
    rows = a_file(tmp_path, [a_load(0, days=1)], 10)
    with pytest.raises(BadHistory, match="load: a step of 0:01:00; this fleet's is 0:05:00"):
        Fleet(rows, Echo()).join({0: Newcomer(a_load(0, days=1, step=MINUTE))})
    rows.close()


def test_nobody_may_join_and_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    load = a_load(0, days=2)
    rows = a_file(tmp_path, [load], DAY)
    fleet = Fleet(rows, Echo())
    before = fleet.forecast()
    fleet.join({})
    fleet.leave([])
    for column in (-1, 1):
        with pytest.raises(BadHistory, match=rf"columns \[{column}\]; this fleet has 0 to 0"):
            fleet.join({column: Newcomer(load)})
    infinite = replace(load, values=np.where(np.arange(len(load)) == 7, np.inf, load.values))
    with pytest.raises(BadHistory, match="load: infinite values; give NaN where a value is missing"):
        fleet.join({0: Newcomer(infinite)})
    np.testing.assert_array_equal(fleet.forecast().quantiles, before.quantiles)
    rows.close()


def test_a_forecast_after_the_work_is_by_what_was_made(tmp_path: Path) -> None:
    class Usual(Echo):
        """Says how far the load usually moves, too."""

        def run(self, inputs: Inputs, masks: Float32Array) -> tuple[FloatArray, FloatArray]:
            quantiles, peak = super().run(inputs, masks)
            return quantiles + inputs.scale[:, None, None] * inputs.usual[:, 0], peak

    load = a_load(0, days=2)
    rows = a_file(tmp_path, [load], 2 * DAY)
    fleet = Fleet(rows, Usual())
    before = fleet.forecast()
    settle(fleet)
    assert (fleet.forecast().quantiles != before.quantiles).any()
    rows.close()


def test_a_bin_that_could_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    load = a_load(0, days=2, gaps=0)
    rows = a_file(tmp_path, [load], DAY)
    fleet = Fleet(rows, Echo())
    with files_up_to((tmp_path / "rows").stat().st_size), pytest.raises(StorageFailed, match="make room on the disk"):
        fleet.append(load.time(DAY), np.array([1e6]))
    fleet.append(load.time(DAY), np.array([NAN]))
    assert rows.read(DAY + rows.first, DAY + rows.first + 1)[0].tolist() == [[load.values[DAY - 1]]]
    rows.close()


def test_a_fleet_without_a_bin_has_no_forecast(tmp_path: Path) -> None:
    with pytest.raises(NoForecast, match="a fleet without a bin"):
        Fleet(Rows.create(tmp_path / "rows", Shape(STEP, 1), 0, 0), Echo()).forecast()
