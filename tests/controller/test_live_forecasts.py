"""Forecasts beside the loop: made once for each newest bin, a failure is its own signal's, and nobody waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from controller.adapters.prometheus_feed import HISTORY, SignalKey
from controller.live_forecasts import AT_ONCE, LiveForecasts, Wanted
from forecaster.baselines import BASELINES
from forecaster.errors import NoForecast
from forecaster.forecast import Ask, Forecasts, Window
from forecaster.gated import Gated
from forecaster.incidents import Incident, without
from forecaster.predict import load_forecaster
from forecaster.series import Kind, Series
from foresail.models import find_model
from tests.helpers.histories import MINUTE, MONDAY
from tests.helpers.worlds import connections, wave

RULE = BASELINES["last-value"]


class Slow:
    """A rule that waits until it may, counts, and refuses a signal by name."""

    name = "slow"

    def __init__(self) -> None:
        self.may, self.asked, self.together = threading.Event(), 0, list[int]()
        self.may.set()

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        assert self.may.wait(30)
        self.asked += len(asks)
        self.together.append(len(asks))
        if any(ask.series.name == "bad" for ask in asks):
            raise NoForecast("bad: nothing was measured")
        return RULE.forecast(asks)


def wanted(*names: str, minutes: int = 3000) -> dict[Wanted, Series]:
    series = connections(wave(minutes))
    return {Wanted(SignalKey("u", name, Kind.STOCK), Window(1, 4)): series for name in names}


async def test_a_forecast_is_made_once_for_each_bin() -> None:
    slow = Slow()
    live = LiveForecasts(slow)
    for _ in range(3):
        live.ask(wanted("a", "b"))
        await live.settled()
    assert slow.asked == 2
    (key, *_) = wanted("a")
    made = live.newest(key, "connections")
    assert made is not None
    assert (made.signal, made.window) == ("connections", Window(1, 4))
    live.ask(wanted("a", minutes=3001))
    await live.settled()
    assert slow.asked == 3
    (gone,) = wanted("b")
    assert live.newest(gone, "connections") is None


async def test_a_minute_later_the_gate_makes_only_what_is_new() -> None:
    asked: list[int] = []

    class Counts:
        name = "counts"

        def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
            asked.append(sum(len(ask.origins) for ask in asks))
            return RULE.forecast(asks)

    live, minutes = LiveForecasts(Gated(Counts())), HISTORY // MINUTE
    loads = wave(minutes + 3, low=1, high=1000)
    for k in range(3):
        series = connections(loads[k : k + minutes], start=MONDAY + (777 + k) * MINUTE)
        live.ask({Wanted(SignalKey("u", "a", Kind.STOCK), Window(1, 4)): series})
        await live.settled()
    assert asked[0] > 100
    assert max(asked[1:]) < 10


async def test_the_forecast_of_another_window_serves_until_this_ones_is_made() -> None:
    slow = Slow()
    live, (one,) = LiveForecasts(slow), wanted("a")
    live.ask(wanted("a"))
    await live.settled()
    slow.may.clear()
    other = one._replace(window=Window(1, 9))
    live.ask({other: wanted("a")[one]})
    standing_in = live.newest(other, "connections")
    assert standing_in is not None
    assert standing_in.window == Window(1, 4)
    slow.may.set()
    await live.settled()
    made = live.newest(other, "connections")
    assert made is not None
    assert made.window == Window(1, 9)
    live.ask({})
    assert live.newest(other, "connections") is None


async def test_each_has_its_history_without_what_it_is_not_to_see() -> None:
    live, steady = LiveForecasts(BASELINES["same-time-yesterday"]), connections([100.0] * 3000)
    there = Incident(steady.time(2999 - 1440), steady.time(2999 - 1440 + 20))
    crowd = replace(steady, values=np.where(np.isnan(without(steady, [there]).values), 900.0, 100.0))
    key = SignalKey("u", "a", Kind.STOCK)
    plain, told = Wanted(key, Window(1, 4)), Wanted(key, Window(1, 4), (there,))
    live.ask({plain: crowd})
    await live.settled()
    live.ask({plain: crowd, told: without(crowd, [there])})
    standing_in = live.newest(told, "a")
    assert standing_in is not None
    assert standing_in.peak_at(0.5) == 900
    await live.settled()
    made = [live.newest(one, "a") for one in (plain, told)]
    assert [one.peak_at(0.5) for one in made if one is not None] == [900, 100]


async def test_the_forecaster_is_told_for_how_many_it_works() -> None:
    told: list[int] = []
    live = LiveForecasts(Slow(), make_room=told.append)
    for names in ("a", "abc"):
        live.ask(wanted(*names))
        await live.settled()
    assert told == [1, 3]


async def test_nobody_waits_for_one_that_is_being_made() -> None:
    slow = Slow()
    slow.may.clear()
    live = LiveForecasts(slow)
    (key,) = wanted("a")
    live.ask(wanted("a"))
    live.ask(wanted("a", minutes=3001))
    assert live.newest(key, "connections") is None
    slow.may.set()
    await live.settled()
    made = live.newest(key, "connections")
    assert made is not None
    await live.close()


async def test_one_without_a_forecast_is_not_the_others_trouble() -> None:
    live = LiveForecasts(Slow())
    both = wanted("good", "bad")
    live.ask(both)
    await live.settled()
    good, bad = both
    assert live.newest(good, "connections") is not None
    assert (live.newest(bad, "connections"), live.problem(bad)) == (None, "bad: nothing was measured")
    assert live.problem(good) == ""


async def test_one_that_cannot_be_made_any_more_breaks_no_batch_after_the_first() -> None:
    class Turns(Slow):
        broken = False

        def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
            self.together.append(len(asks))
            if self.broken and any(ask.series.name == "turns" for ask in asks):
                raise NoForecast("turns: nothing was measured")
            return RULE.forecast(asks)

    turns = Turns()
    live, names = LiveForecasts(turns), ("turns", "a", "b", "c")
    for minutes in (3000, 3001, 3002, 3003):
        turns.broken = minutes > 3000
        turns.together.clear()
        live.ask(wanted(*names, minutes=minutes))
        await live.settled()
    assert turns.together == [3, 1]
    (one, *_) = wanted("turns")
    assert "nothing was measured" in live.problem(one)
    turns.broken = False
    for minutes in (3004, 3005):
        turns.together.clear()
        live.ask(wanted(*names, minutes=minutes))
        await live.settled()
    assert (turns.together, live.problem(one)) == ([4], "")


async def test_what_nobody_thought_of_ends_the_forecasts_of_one_signal_only(caplog: pytest.LogCaptureFixture) -> None:
    class Odd(Slow):
        def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
            if any(ask.series.name == "odd" and len(ask.series) > 3000 for ask in asks):
                raise ValueError("a shape that nobody thought of")
            return RULE.forecast(asks)

    live = LiveForecasts(Odd())
    for minutes in (3000, 3001):
        live.ask(wanted("odd", "a", minutes=minutes))
        await live.settled()
    odd, other = wanted("odd", "a")
    made = live.newest(other, "a")
    assert made is not None
    assert made.origin == wanted("a", minutes=3001)[other].time(3000)
    assert live.problem(odd) == "ValueError: a shape that nobody thought of; the log has more"
    assert "no forecast of odd" in caplog.text


async def test_those_that_have_one_are_made_together_and_new_ones_in_between() -> None:
    slow, old, new = Slow(), [f"old {k}" for k in range(AT_ONCE + 1)], ["new 0", "new 1"]
    live = LiveForecasts(slow)
    live.ask(wanted(*old))
    await live.settled()
    assert slow.together == [1] * len(old)
    slow.together.clear()
    live.ask(wanted(*old, *new, minutes=3001))
    await live.settled()
    assert slow.together == [AT_ONCE, 1, 1, 1]


async def test_a_minute_that_ends_while_new_ones_are_made_is_not_waited_for() -> None:
    """Hundreds of new signals take minutes; whoever has a forecast gets the next one all the same."""
    live = LiveForecasts(slow := Slow())
    live.ask(wanted("old"))
    await live.settled()
    slow.may.clear()
    new = [f"new {k}" for k in range(5)]
    live.ask(wanted("old", *new))
    await asyncio.sleep(0)  # the work begins, and waits with the first of them
    live.ask(wanted("old", *new, minutes=3001))
    slow.may.set()
    await live.settled()
    ends = {live.newest(one, "connections").origin for one in wanted("old", *new)}  # type: ignore[union-attr]
    assert len(ends) == 1
    assert slow.asked == 1 + 1 + 5 + 1  # the one that was being made already is made again


async def test_together_or_alone_the_forecasts_are_the_same() -> None:
    """By what serves: the network of the model that is shipped, calibrated and gated."""
    rng, minutes = np.random.default_rng(5), 2 * 1440
    loads = {
        f"w{k}": wave(minutes + 2, low=100 * (k + 1), high=900) * rng.normal(1, 0.05, minutes + 2) for k in range(4)
    }

    def at(k: int) -> dict[Wanted, Series]:
        return {
            Wanted(SignalKey("u", name, Kind.STOCK), Window(1, 4)): connections(
                load[k : k + minutes], start=MONDAY + k * MINUTE
            )
            for name, load in loads.items()
        }

    together, alone = (LiveForecasts(load_forecaster(find_model("base"))) for _ in range(2))
    for k in range(2):
        together.ask(at(k))
        await together.settled()
        for one, series in at(k).items():
            alone.ask({one: series})
            await alone.settled()
            a, b = together.newest(one, "x"), alone.newest(one, "x")
            assert a is not None
            assert b is not None
            assert (a.origin, a.verdict) == (b.origin, b.verdict)
            np.testing.assert_allclose(a.quantiles, b.quantiles, rtol=1e-6)
            np.testing.assert_allclose(a.peak, b.peak, rtol=1e-6)
