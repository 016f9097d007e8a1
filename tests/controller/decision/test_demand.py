"""Which forecast counts and which is left out, and why: missing, stale, unread, or not a number."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from controller.decision.demand import demand
from controller.domain import Reading
from forecaster.verdict import Verdict
from tests.helpers.builders import (
    ABSTAINED,
    ACCEPTED,
    CONNECTIONS,
    MESSAGES,
    MINUTE,
    REPLACED,
    a_forecast,
    a_policy,
    an_observation,
    at,
)

BOTH = a_policy(signals=(CONNECTIONS, MESSAGES))


def test_what_counts_comes_in_the_order_of_the_policy() -> None:
    forecasts = [a_forecast(peak=4000, signal="messages", model="offset"), a_forecast(peak=100)]
    asked = demand(BOTH, an_observation(), forecasts, at())
    assert asked.forecasts == ((CONNECTIONS, forecasts[1]), (MESSAGES, forecasts[0]))
    assert asked.left_out == ()


def test_a_signal_without_a_forecast_is_named_and_the_other_still_counts() -> None:
    asked = demand(BOTH, an_observation(), [a_forecast(peak=100)], at())
    assert [signal for signal, _ in asked.forecasts] == [CONNECTIONS]
    assert asked.left_out == ("no forecast of messages",)


def test_nothing_is_asked_for_without_forecasts() -> None:
    asked = demand(BOTH, an_observation(), [], at())
    assert not asked.forecasts
    assert asked.left_out == ("no forecast of connections", "no forecast of messages")


def test_an_abstention_silences_its_signal_with_its_reason_and_the_other_still_counts() -> None:
    forecasts = [a_forecast(peak=9000, verdict=ABSTAINED), a_forecast(peak=4000, signal="messages")]
    asked = demand(BOTH, an_observation(), forecasts, at())
    assert [signal for signal, _ in asked.forecasts] == [MESSAGES]
    assert asked.left_out == ("no forecast of connections: nothing but zeros was measured so far",)


@pytest.mark.parametrize("verdict", [ACCEPTED, REPLACED, None])
def test_an_accepted_a_replaced_and_an_unjudged_forecast_count(verdict: Verdict | None) -> None:
    asked = demand(a_policy(), an_observation(), [a_forecast(peak=100, verdict=verdict)], at())
    assert asked.forecasts
    assert asked.left_out == ()


def test_a_forecast_of_another_signal_is_ignored() -> None:
    asked = demand(a_policy(), an_observation(), [a_forecast(peak=100, signal="bytes")], at())
    assert not asked.forecasts
    assert asked.left_out == ("no forecast of connections",)


def test_of_two_forecasts_of_a_signal_the_last_counts() -> None:
    asked = demand(a_policy(), an_observation(), [a_forecast(peak=100), a_forecast(peak=200)], at())
    assert [forecast.peak[0] for _, forecast in asked.forecasts] == [200]


@pytest.mark.parametrize(("step_minutes", "limit_minutes"), [(1, 5), (2, 5), (5, 10)])
def test_a_forecast_counts_until_it_is_older_than_the_limit_or_two_steps(step_minutes: int, limit_minutes: int) -> None:
    forecast = a_forecast(known_at=at(), step=step_minutes * MINUTE)
    assert demand(a_policy(), an_observation(), [forecast], at(minutes=limit_minutes)).forecasts
    late = demand(a_policy(), an_observation(), [forecast], at(minutes=limit_minutes, seconds=1))
    assert not late.forecasts
    assert f"at most {limit_minutes} min counts" in late.left_out[0]


def test_a_forecast_that_knows_more_than_has_passed_does_not_count() -> None:
    forecast = a_forecast(known_at=at(minutes=2))
    assert demand(a_policy(), an_observation(), [forecast], at(minutes=2)).forecasts
    asked = demand(a_policy(), an_observation(), [forecast], at(seconds=30))
    assert not asked.forecasts
    assert asked.left_out == ("the forecast of connections knows 1.5 min more than has passed; a clock is wrong",)


def test_a_signal_that_was_not_read_for_long_does_not_count_although_its_forecast_is_new() -> None:
    now, limit = at(minutes=30), timedelta(minutes=5)
    fresh = an_observation(readings=[Reading("connections", 12.0, now - limit)])
    assert demand(a_policy(), fresh, [a_forecast(known_at=now)], now).forecasts
    stale = an_observation(readings=[Reading("connections", 12.0, now - limit - timedelta(seconds=30))])
    asked = demand(a_policy(), stale, [a_forecast(known_at=now)], now)
    assert not asked.forecasts
    assert asked.left_out == ("connections was last read 5.5 min ago, at most 5 min counts",)


@pytest.mark.parametrize("peak", [math.nan, math.inf])
def test_a_forecast_that_is_no_number_does_not_count(peak: float) -> None:
    asked = demand(a_policy(), an_observation(), [a_forecast(peak=peak)], at())
    assert not asked.forecasts
    assert asked.left_out == (f"the forecast of connections says {peak}, which is not a load",)
