"""The benchmark of the ceiling: no training sees the days that are scored, and each arm learns from what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.traces import Trace
from forecaster.forecast import HORIZON
from forecaster.series import Kind
from forecaster.windows import CONTEXT
from tests.helpers.histories import MINUTE, a_load

pytestmark = pytest.mark.train

SERIES = a_load(1, days=20, gaps=0)
DAY = SERIES.bins_per_day
CUT = int(0.7 * len(SERIES))


def test_of_the_tail_the_first_day_is_scored_and_the_second_is_not() -> None:
    from benchmarks.ceiling import even_days

    even = even_days(SERIES, 0.7)
    assert not even[:CUT].any()
    assert [even[CUT + day * DAY : CUT + (day + 1) * DAY].mean() for day in range(6)] == [1, 0, 1, 0, 1, 0]


def test_no_origin_that_is_learned_from_has_a_target_that_is_scored() -> None:
    from benchmarks.ceiling import among, even_days

    source, even = among(SERIES, 0.7), even_days(SERIES, 0.7)
    drawn = source.draw(np.random.default_rng(0), 20_000)
    assert not even[drawn[:, None] + np.arange(1, HORIZON + 1)].any()
    days = set(((drawn - CUT) // DAY)[drawn >= CUT].tolist())
    assert days == {0, 1, 2, 3, 4, 5}
    assert set(drawn) <= set(source.allowed)
    assert (source.allowed < CUT - HORIZON).sum() == CUT - HORIZON - CONTEXT
    late_of_the_first_day = drawn[(drawn >= CUT) & (drawn < CUT + DAY)]
    assert set(late_of_the_first_day) == {CUT + DAY - 1}


def test_each_arm_learns_from_what_it_says() -> None:
    from benchmarks.ceiling import AMONG, APART, Days, found
    from forecaster.build import Recipe
    from forecaster.train import SourceKind

    recipe = Recipe(synthetic=2, coarse=1, mixtures=2)
    traces = [
        (Trace(f"{name}.csv.gz", "a load", Kind.FLOW, "diurnal", learned, ""), replace(one, name=name))
        for name, learned, one in (
            ("a_1m", True, a_load(1, days=5, step=MINUTE)),
            ("b_5m", True, a_load(2, days=20)),
            ("never", False, a_load(3, days=5)),
        )
    ]
    apart, among = found(APART, traces, recipe), found(AMONG, traces, recipe)
    assert [s.kind for s in apart] == [s.kind for s in among]
    real = [s for s in among if s.kind in (SourceKind.REAL, SourceKind.OTHER_STEP)]
    assert [type(s) for s in real] == [Days, Days]
    assert not any(isinstance(s, Days) for s in apart)
    assert {s.windows.series.name for s in real} == {"a_1m", "b_5m"}


def test_only_even_days_of_learned_traces_are_scored() -> None:
    from benchmarks.ceiling import measure
    from forecaster.baselines import BASELINES

    trace = Trace("a.csv.gz", "a load", Kind.FLOW, "diurnal", True, "")
    scores = measure(BASELINES["last-value"], [(trace, replace(SERIES, name="a"))], 0.7)
    every_seventh_of_three_days = 3 * (DAY - HORIZON) / 7
    assert scores["a"]["origins"] == pytest.approx(every_seventh_of_three_days, abs=4)
    assert measure(BASELINES["last-value"], [(replace(trace, learned=False), SERIES)], 0.7) == {}
