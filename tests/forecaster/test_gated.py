"""What is served follows from history alone, and stays near the best simple rule when loads or networks break."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from forecaster.baselines import BASELINES
from forecaster.errors import NoForecast
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecaster, Window
from forecaster.gated import Gated
from forecaster.series import Series
from forecaster.verdict import Ruling
from tests.helpers.adversity import (
    ADVERSITIES,
    BREAK,
    ORIGINS,
    PER_DAY,
    Believer,
    Thrice,
    as_series,
    best_rule,
    losses,
    mostly_measured,
    over,
    scheduled,
)
from tests.helpers.forecasters import Counted, assert_only_news_are_asked_for, assert_same, at
from tests.helpers.histories import a_load, a_series, with_another_future

NAN = float("nan")
loads = st.builds(a_load, st.integers(0, 2**32 - 1), st.integers(4, 6), gaps=st.integers(0, 4))


def a_network(factor: float = 1.0) -> Counted:
    """The last value with a narrow spread, all of it off by a factor."""
    return Counted(Thrice(), factor / 3)


def origin_of(data: st.DataObject, series: Series) -> int:
    return data.draw(st.integers(10, len(series) - 1))


@given(loads, st.integers(0, 2**32 - 1), st.data())
@settings(max_examples=10, deadline=None)
def test_a_corrupted_future_changes_nothing(series: Series, seed: int, data: st.DataObject) -> None:
    origin = origin_of(data, series)
    a, b = (at(Gated(a_network(1.02)), s, origin) for s in (series, with_another_future(series, origin, seed)))
    assert_same(a, b)


@given(loads, st.data())
@settings(max_examples=10, deadline=None)
def test_an_origin_is_answered_alike_alone_and_among_others(series: Series, data: st.DataObject) -> None:
    origins = sorted({origin_of(data, series) for _ in range(4)})
    together = at(Gated(a_network(1.02)), series, *origins)
    for row, origin in enumerate(origins):
        alone = at(Gated(a_network(1.02)), series, origin)
        assert together.verdicts[row] == alone.verdicts[0]
        np.testing.assert_allclose(together.quantiles[row], alone.quantiles[0], rtol=1e-12)
        np.testing.assert_allclose(together.peak[row], alone.peak[0], rtol=1e-12)


@given(loads, st.data())
@settings(max_examples=8, deadline=None)
def test_a_forecaster_that_ran_all_along_says_what_a_fresh_one_says(series: Series, data: st.DataObject) -> None:
    origin = origin_of(data, series)
    old = Gated(a_network(1.02))
    for earlier in range(max(origin - 40, 10), origin, 7):
        at(old, series.part(0, earlier + 1), earlier)
    assert_same(at(old, series, origin), at(Gated(a_network(1.02)), series, origin))


@given(loads, st.floats(1e-3, 1e5), st.data())
@settings(max_examples=8, deadline=None)
def test_a_load_in_another_unit_gets_the_same_verdict(series: Series, factor: float, data: st.DataObject) -> None:
    origin = origin_of(data, series)
    plain, scaled = (at(Gated(a_network(1.02)), s, origin) for s in (series, series.scaled(factor)))
    assert [(v.ruling, v.model, v.hours) for v in scaled.verdicts] == [
        (v.ruling, v.model, v.hours) for v in plain.verdicts
    ]
    size = float(plain.peak.max())
    np.testing.assert_allclose(scaled.quantiles / factor, plain.quantiles, rtol=1e-6, atol=1e-6 * size)


def test_a_history_that_starts_earlier_gives_the_same() -> None:
    series = a_load(5, days=42, gaps=20)
    late = series.part(3 * 288 + 31, len(series))
    for back in (30, 500):
        whole, short = (at(Gated(a_network()), s, len(s) - back) for s in (series, late))
        assert whole.verdicts == short.verdicts
        np.testing.assert_allclose(whole.quantiles, short.quantiles, rtol=1e-9)


@pytest.mark.parametrize("remember", [0, 30, 20_000])
def test_forgetting_changes_no_answer(remember: int) -> None:
    series, small = a_load(4, days=5), Gated(a_network(), remember)
    for origin in (900, 905, 912, 1300):
        assert_same(at(small, series, origin), at(Gated(a_network()), series, origin))


def test_more_workloads_than_it_remembers_are_answered_tick_after_tick() -> None:
    small = Gated(a_network(), 300)
    for origin in (1300, 1305, 1312):
        asks = [Ask(replace(a_load(seed, days=5), name=f"load-{seed}"), np.array([origin])) for seed in range(3)]
        for ask, made in zip(asks, small.forecast(asks), strict=True):
            assert_same(made, Gated(a_network()).forecast([ask])[0])


def test_with_room_for_all_of_them_no_workload_is_worked_out_anew() -> None:
    inner = a_network()
    small = Gated(inner, 300)
    small.make_room(3)
    assert_only_news_are_asked_for(small, inner)


def test_a_tick_asks_the_inner_forecaster_for_what_is_new_only() -> None:
    """Though what was said is soon forgotten: what became of it is not."""
    series, inner = a_load(1, days=5), a_network()
    forecaster = Gated(inner, 200)
    at(forecaster, series.part(0, 1301), 1300)
    first = inner.asked
    assert first > 100
    for origin in range(1301, 1311):
        at(forecaster, series.part(0, origin + 1), origin)
    assert inner.asked - first <= 12


def test_a_corrected_history_is_noticed() -> None:
    series = a_load(2, days=5)
    values = series.values.copy()
    values[1200:1290] *= 3.0
    corrected, forecaster = replace(series, values=values), Gated(a_network())
    at(forecaster, series, 1300)
    assert_same(at(forecaster, corrected, 1300), at(Gated(a_network()), corrected, 1300))


def test_a_rule_is_served_with_its_own_numbers_and_name() -> None:
    series, origins = a_load(3, days=6, gaps=0), [1300, 1400, 1500]
    made = at(Gated(Thrice()), series, *origins, window=Window(2, 8))
    for row, origin in enumerate(origins):
        verdict = made.verdicts[row]
        assert verdict.ruling is Ruling.BASELINE
        rule = BASELINES[verdict.model].forecast([Ask(series, np.array([origin]), Window(2, 8))])[0]
        np.testing.assert_array_equal(made.quantiles[row], rule.quantiles[0])
        np.testing.assert_array_equal(made.peak[row], rule.peak[0])
        assert made.at(row, series).model == verdict.model


def test_a_young_history_climbs_the_ladder() -> None:
    """From nothing that can be judged, over the best rule so far, to the network after two days."""
    loads = np.where(np.arange(5 * PER_DAY) < 100, NAN, scheduled()[: 5 * PER_DAY])
    series = as_series(loads)
    made = at(Gated(Believer(scheduled())), series, 101, 130, 140, 600, 800)
    rulings = [verdict.ruling for verdict in made.verdicts]
    assert rulings == [Ruling.ABSTAIN, Ruling.ABSTAIN, Ruling.BASELINE, Ruling.BASELINE, Ruling.ACCEPT]
    assert np.isfinite(made.quantiles).all()
    assert made.model == "believer"
    assert made.at(0, series).verdict == made.verdicts[0]


@pytest.mark.parametrize("trusted", [True, False])
def test_a_long_gap_abstains_and_shows_whose_forecast_would_be_served(trusted: bool) -> None:
    loads = scheduled().copy()
    loads[1000:1100] = NAN
    series, inner = as_series(loads), Believer(scheduled()) if trusted else Thrice()
    made = at(Gated(inner), series, 999, 1050)
    before, within = made.verdicts
    assert before.ruling is (Ruling.ACCEPT if trusted else Ruling.BASELINE)
    assert (within.ruling, within.model) == (Ruling.ABSTAIN, before.model)
    shown = at(inner if trusted else BASELINES[within.model], series, 1050)
    np.testing.assert_array_equal(made.quantiles[1], shown.quantiles[0])
    np.testing.assert_array_equal(made.peak[1], shown.peak[0])


def test_before_a_rule_has_errors_of_its_own_the_networks_forecast_is_shown() -> None:
    series = as_series(scheduled()[:30])
    made = at(Gated(Thrice()), series, 20)
    assert (made.verdicts[0].ruling, made.verdicts[0].model) == (Ruling.ABSTAIN, Thrice().name)
    np.testing.assert_array_equal(made.quantiles, at(Thrice(), series, 20).quantiles)


def test_nothing_measured_is_refused_by_name() -> None:
    with pytest.raises(NoForecast, match="none of its 300 bins was measured"):
        at(Gated(a_network()), a_series([NAN] * 300), 200)


def test_no_origins_give_no_forecasts() -> None:
    made = at(Gated(a_network()), a_load(0))
    assert made.quantiles.shape == (0, HORIZON, len(LEVELS))
    assert made.verdicts == ()


def test_several_workloads_are_answered_in_order() -> None:
    asks = [Ask(a_load(seed, days=5), np.array([1000 + seed, 1200])) for seed in range(3)]
    for ask, made in zip(asks, Gated(a_network()).forecast(asks), strict=True):
        assert_same(made, Gated(a_network()).forecast([ask])[0])


@pytest.mark.parametrize("adversity", ADVERSITIES)
def test_a_network_that_sees_it_coming_is_kept(adversity: str) -> None:
    """Over every 24 hours it is served as if there were no gate: no rule loses less than three times as much."""
    loads = ADVERSITIES[adversity]
    series = as_series(loads)
    served, alone = (over(24, losses(network, series)) for network in (Gated(Believer(loads)), Believer(loads)))
    assert (3 * alone <= best_rule(adversity))[mostly_measured(series)].all()
    assert (served <= 1.02 * alone).all()


@pytest.mark.parametrize("network", [Believer(scheduled()), Thrice()], ids=lambda one: str(one.name))
@pytest.mark.parametrize("adversity", ADVERSITIES)
def test_a_break_costs_hours_and_not_days(adversity: str, network: Forecaster) -> None:
    """Over every 24 hours: at most 1.05 times the best rule, and beside it twice what the worst three hours cost.

    1.05 alone cannot be kept. Nobody knows of a break before its first targets are over; until then a network that is
    forty times off loses as much in half an hour as the best rule, picked with hindsight, in a day.
    """
    series = as_series(ADVERSITIES[adversity])
    lost = losses(Gated(network), series)
    within = len(over(3, lost)) - len(over(24, lost)) + 1
    worst = sliding_window_view(over(3, lost), within).max(axis=1)
    kept = over(24, lost) <= 1.05 * best_rule(adversity) + 2 * worst
    assert kept[mostly_measured(series)].all()


@pytest.mark.parametrize("adversity", ["the day moves by eight hours", "zeros for good", "the schedule stops"])
def test_a_network_that_lives_in_the_past_costs_a_small_part_of_what_it_would(adversity: str) -> None:
    series, network = as_series(ADVERSITIES[adversity]), Believer(scheduled())
    served, alone = (losses(one, series)[ORIGINS > BREAK].sum() for one in (Gated(network), network))
    assert served < 0.35 * alone
