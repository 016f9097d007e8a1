"""Frames hold what the entries hold: times, loads, pods, bands, outcomes; what is not known is missing, never zero."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain import Reading
from dashboard import frames
from forecaster.forecast import HORIZON
from tests.dashboard.runs import POLICY, an_hour, bare, blind
from tests.helpers.builders import CONNECTIONS, MESSAGES, MINUTE, a_forecast, an_observation, at

FIVE = timedelta(minutes=5)


def test_units_say_what_a_stock_and_a_flow_count() -> None:
    assert frames.unit(CONNECTIONS) == "connections"
    assert frames.unit(MESSAGES) == "messages/s"


def test_the_load_is_the_offered_one_and_else_the_newest_reading() -> None:
    entry = an_hour()[30]
    assert entry.view is not None
    reading = next(r.value for r in entry.observed.readings if r.signal == "connections")
    assert frames.load_of(entry, "connections") == entry.view["load"]["connections"]  # type: ignore[index]
    assert frames.load_of(bare(entry), "connections") == reading
    assert frames.load_of(blind(entry), "connections") is None


def test_the_signal_that_needs_most_says_how_many_pods_are_needed() -> None:
    entry = an_hour()[30]
    loads = {s: frames.load_of(entry, s.name) or 0.0 for s in POLICY.signals}
    assert frames.needed(POLICY, entry) == max(math.ceil(load / s.capacity_per_pod) for s, load in loads.items())
    assert frames.needed(POLICY, blind(entry)) is None


def test_the_hpa_alone_is_what_the_entry_holds_and_else_what_the_planner_was_told() -> None:
    entry = an_hour()[30]
    assert entry.view is not None
    assert frames.hpa_alone(entry) == entry.view["hpa_alone"]
    assert frames.hpa_alone(bare(entry)) == entry.observed.hpa_wish
    assert frames.hpa_alone(blind(entry)) is None


def test_a_moment_is_short_exactly_when_the_load_exceeds_what_ready_pods_carry() -> None:
    load = frames.loads(CONNECTIONS, an_hour())
    assert load["short"].any()
    assert not load["short"].all()
    assert (load["short"] == (load["load"] > load["capacity"])).all()


def test_pods_are_those_of_the_decisions() -> None:
    pods = frames.pods(POLICY, an_hour())
    assert list(pods["at"]) == [entry.now for entry in an_hour()]
    assert list(pods["floor"]) == [entry.decision.floor for entry in an_hour()]
    assert list(pods["ready"]) == [entry.observed.ready for entry in an_hour()]


def test_what_is_not_known_is_missing() -> None:
    nothing = [blind(entry) for entry in an_hour()[:3]]
    assert frames.loads(CONNECTIONS, nothing)["load"].isna().all()
    assert not frames.loads(CONNECTIONS, nothing)["short"].any()
    assert frames.pods(POLICY, nothing)[["needed", "wanted", "alone"]].isna().all(axis=None)


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_stretches_cover_the_marked_moments_and_no_other(marks: list[bool]) -> None:
    moments = pd.Series(pd.date_range(at(), periods=len(marks), freq="15s"))
    found = frames.stretches(moments, pd.Series(marks, dtype="bool"))
    inside = [bool(((found["start"] <= t) & (t < found["end"])).any()) for t in moments[:-1]]
    assert inside == marks[:-1]
    assert (found["end"].iloc[:-1].to_numpy() < found["start"].iloc[1:].to_numpy()).all()


def test_a_forecast_that_stays_in_use_counts_once() -> None:
    origins = [forecast.origin for forecast in frames.forecasts_of(an_hour(), "connections")]
    assert origins == sorted(set(origins))
    assert frames.forecasts_of(an_hour(), "unknown") == []


@given(st.integers(1, 60), st.integers(1, 60))
def test_the_step_ahead_is_one_that_a_forecast_has(ahead: int, step: int) -> None:
    horizon = frames.steps_ahead(ahead * MINUTE, step * MINUTE)
    assert 1 <= horizon <= HORIZON
    assert horizon == 1 or horizon * step <= ahead


def test_the_band_stands_where_its_bins_are() -> None:
    forecast = a_forecast(peak=30.0, known_at=at())
    (row,) = frames.predicted([forecast], FIVE).itertuples(index=False)
    assert (row.lower, row.median, row.upper) == (30.0, 30.0, 30.0)
    assert row.at == at(4.5)
    coming = frames.coming(forecast)
    assert list(coming["at"]) == [at(minutes + 0.5) for minutes in range(HORIZON)]


def test_the_band_of_no_forecast_is_empty_and_of_the_same_kind() -> None:
    some = frames.predicted(frames.forecasts_of(an_hour(), "connections"), FIVE)
    none = frames.predicted([], FIVE)
    assert none.empty
    assert list(none.columns) == list(some.columns)
    assert none["at"].dtype == some["at"].dtype


def test_the_quantiles_are_those_of_the_forecast_and_its_peak() -> None:
    forecast = frames.forecasts_of(an_hour(), "connections")[-1]
    table = frames.quantiles(forecast)
    assert table.to_numpy() == pytest.approx(np.array([*forecast.quantiles, forecast.peak]))
    assert table.index[0] == f"{forecast.origin + forecast.step:%H:%M}"
    assert table.index[-1].startswith("peak ")


def test_skill_compares_each_forecast_with_what_came_and_with_the_last_value() -> None:
    entry = an_hour()[0]
    values = {0: 20.0, 1: 50.0, 5: 26.0, 6: 44.0}
    readings = [Reading("connections", value, at(minute)) for minute, value in values.items()]
    low, high = a_forecast(peak=25.0, known_at=at()), a_forecast(peak=45.0, known_at=at(1))
    never = a_forecast(peak=99.0, known_at=at(30))
    entries = [
        replace(entry, observed=an_observation(readings=[reading]), forecasts=(forecast,))
        for reading, forecast in zip(readings, (low, high, never, never), strict=True)
    ]
    found = frames.skill(entries, "connections", FIVE)
    assert found == frames.Skill(count=2, covered=0.5, error=1.0, held=6.0)


def test_skill_is_not_known_before_a_forecast_has_met_its_moment() -> None:
    assert frames.skill(an_hour()[:8], "connections", FIVE) is None
    assert frames.skill([], "connections", FIVE) is None


def test_decisions_come_newest_first_and_only_those_that_moved_the_floor() -> None:
    moved, every = frames.decisions(an_hour(), every=False), frames.decisions(an_hour(), every=True)
    assert [entry.now for entry in every] == sorted((entry.now for entry in an_hour()), reverse=True)
    assert moved == [entry for entry in every if entry.decision.floor != entry.decision.previous]
    assert 0 < len(moved) < len(every)


def test_each_decision_has_a_row_and_each_reason_has_one() -> None:
    moved = frames.decisions(an_hour(), every=False)
    sentences, reasons = frames.sentences(moved), frames.reasons(moved)
    assert list(sentences["decision"]) == [entry.decision.summary() for entry in moved]
    assert list(reasons["because"]) == [reason.because for entry in moved for reason in entry.decision.reasons]


def test_moments_are_written_to_the_second() -> None:
    assert frames.clock(datetime(2026, 3, 2, 20, 4, 5, tzinfo=UTC)) == "2026-03-02 20:04:05"
