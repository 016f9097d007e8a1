"""The live run on real processes: counts what really happened, in the replay's order, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from controller.adapters.ledger import read_ledger, verify_ledger
from controller.simulation.score import score
from controller.simulation.world import WorldSettings
from foresail.demo.arms import FORESAIL, replays
from foresail.demo.clock import Clock
from foresail.demo.crowd import Crowd
from foresail.demo.errors import ClientFailed, DemoError, PodFailed
from foresail.demo.live import Live, LiveResult, Moment
from foresail.demo.scenario import CAPACITY, CONNECTIONS, MESSAGES, Scenario
from tests.helpers.demos import POD_START, RISE_AND_FALL, a_scenario
from tests.helpers.processes import alive, children_of
from tests.helpers.worlds import LastSlope

SETTINGS = WorldSettings(pod_start=POD_START)


@dataclass(frozen=True, eq=False)
class Evening:
    """A finished run, what was seen of it tick by tick, and the processes that it had."""

    scenario: Scenario
    result: LiveResult
    moments: list[Moment]
    pids: set[int]
    left: set[int]
    ledger: Path


def a_live(scenario: Scenario, ledger: Path) -> Live:
    return Live(scenario, LastSlope(), SETTINGS, Clock(scenario.load.tick, 240.0), ledger)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    scenario, ledger = a_scenario(RISE_AND_FALL), tmp_path_factory.mktemp("run") / "ledger.jsonl"
    moments: list[Moment] = []
    before, pids = children_of(os.getpid()), set[int]()  # other tests keep servers of their own

    def on_tick(moment: Moment) -> None:
        moments.append(moment)
        pids.update(children_of(os.getpid()) - before if len(moments) % 10 == 1 else ())

    result = asyncio.run(a_live(scenario, ledger).run(on_tick))
    left = alive(pids)  # at once: the system gives their numbers to others later
    return Evening(scenario, result, moments, pids, left, ledger)


def test_every_tick_was_played_and_the_users_are_those_of_the_scenario(evening: Evening) -> None:
    load, measured = evening.scenario.load, evening.result.run.load
    assert len(evening.moments) == len(evening.result.run.records) == len(load)
    assert np.array_equal(measured.signals[CONNECTIONS], load.signals[CONNECTIONS])
    assert evening.result.messages_sent > 0
    assert evening.result.messages_received > evening.result.messages_sent


def test_connections_are_conserved(evening: Evening) -> None:
    load, records = evening.scenario.load, evening.result.run.records
    for moment, record in zip(evening.moments, records, strict=True):
        assert moment.offered[CONNECTIONS] == moment.clients + record.broken + record.refused
    connected = load.initial
    for k, record in enumerate(records):
        closed = connected + record.opened - record.broken - evening.moments[k].clients
        assert 0 <= closed <= load.closes[k]
        connected = evening.moments[k].clients


def test_pods_follow_the_load_up_and_down(evening: Evening) -> None:
    records = evening.result.run.records
    assert max(r.pods for r in records) >= 80 / (0.7 * CAPACITY)
    assert records[-1].pods < max(r.pods for r in records)
    assert sum(r.broken for r in records) > 0
    for before, after in pairwise(records):
        assert before.pods == before.desired
        assert after.ready <= before.pods


def test_the_messages_that_the_pods_counted_were_sent(evening: Evening) -> None:
    measured = evening.result.run.load.signals[MESSAGES].sum() * 15
    joins = sum(r.opened for r in evening.result.run.records)
    late = 10  # on their way at the last scrape of a pod
    assert evening.result.messages_sent + joins - late <= measured <= evening.result.messages_sent + joins + late


def test_the_live_run_and_its_replay_agree(evening: Evening) -> None:
    result = evening.result
    assert score(result.run).connections_refused == 0
    runs = replays(result.run.load, result.series, evening.scenario.policy, SETTINGS, LastSlope())
    live, replayed = score(result.run), score(runs[FORESAIL])
    assert replayed.pod_minutes == live.pod_minutes
    assert replayed.overload_minutes == live.overload_minutes
    assert replayed.longest_shortage_s == live.longest_shortage_s
    assert replayed.rescales == live.rescales
    assert [r.decision for r in runs[FORESAIL].records] == [r.decision for r in result.run.records]
    assert [r.hpa_alone for r in runs[FORESAIL].records] == [r.hpa_alone for r in result.run.records]


def test_the_live_hpa_sees_the_chat_when_its_replay_does(tmp_path: Path) -> None:
    scenario = a_scenario([30.0] * 8)
    chat = np.repeat([1.0] * 2 + [6.0] * 6, 4)
    scenario = replace(scenario, load=replace(scenario.load, signals={**scenario.load.signals, MESSAGES: chat}))
    result = asyncio.run(a_live(scenario, tmp_path / "ledger.jsonl").run(lambda moment: None))
    again = replays(result.run.load, result.series, scenario.policy, SETTINGS, LastSlope())[FORESAIL]
    alone = [r.hpa_alone for r in result.run.records]
    assert alone == [r.hpa_alone for r in again.records]
    # Eight quiet ticks; a busy one that is over at the tenth; a lag of two ticks.
    assert [replicas > alone[0] for replicas in alone].index(True) == 8 + 1 + 2


def test_the_history_goes_on_with_what_was_measured(evening: Evening) -> None:
    for before, after in zip(evening.scenario.history, evening.result.series, strict=True):
        assert (after.name, after.start, after.step) == (before.name, before.start, before.step)
        assert np.array_equal(after.values[: len(before)], before.values)
        ticks = evening.result.run.load.signals[after.name].reshape(-1, 4)
        assert np.array_equal(after.values[len(before) :], ticks.mean(axis=1))


def test_the_ledger_gives_every_decision_again(evening: Evening) -> None:
    assert verify_ledger(evening.ledger) == len(evening.moments)
    ledger = read_ledger(evening.ledger)
    assert ledger.policy == evening.scenario.policy
    assert [e.decision for e in ledger.entries] == [r.decision for r in evening.result.run.records]
    last = ledger.entries[-1].view
    assert last is not None
    assert last["clients"] == evening.moments[-1].clients
    assert last["ready"] == evening.moments[-1].ready


def test_the_first_forecast_counts_from_the_clocks_start(evening: Evening) -> None:
    assert evening.result.first_forecast_s is not None
    assert evening.result.first_forecast_s > 0.3  # a Python process is not up before that
    assert 0 < evening.result.clock_speed <= 240.0 + 1e-6


def test_no_process_is_left(evening: Evening) -> None:
    assert len(evening.pids) >= 6
    assert not evening.left


def play(tmp_path: Path, disturb: object) -> None:
    """A run in which `disturb(moment)` is called after every tick; checks that nothing of it is left."""
    assert callable(disturb)
    before = children_of(os.getpid())
    live = a_live(a_scenario([30.0] * 10), tmp_path / "ledger.jsonl")
    try:
        asyncio.run(live.run(disturb))
    finally:
        assert children_of(os.getpid()) <= before


def test_a_pod_that_dies_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    before = children_of(os.getpid())

    def kill_one(moment: Moment) -> None:
        if moment.now == moment.now.replace(minute=2, second=0):
            os.kill(min(children_of(os.getpid()) - before), signal.SIGKILL)

    with pytest.raises((ClientFailed, PodFailed)):
        play(tmp_path, kill_one)
    assert verify_ledger(tmp_path / "ledger.jsonl") == 9


def test_an_error_of_whoever_watches_leaves_nothing_behind(tmp_path: Path) -> None:
    def refuse(moment: Moment) -> None:
        raise DemoError("the terminal is gone")

    with pytest.raises(DemoError, match="the terminal is gone"):
        play(tmp_path, refuse)


def test_an_interruption_while_everything_is_being_closed_waits_for_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = children_of(os.getpid())
    leaving = asyncio.Event()
    leave = Crowd.leave

    async def told(crowd: Crowd) -> None:
        leaving.set()
        await leave(crowd)

    monkeypatch.setattr(Crowd, "leave", told)

    async def interrupted() -> None:
        live = a_live(a_scenario([30.0]), tmp_path / "ledger.jsonl")
        running = asyncio.create_task(live.run(lambda moment: None))
        await leaving.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert children_of(os.getpid()) <= before

    asyncio.run(interrupted())


def test_a_history_without_its_last_bin_is_played_all_the_same(tmp_path: Path) -> None:
    scenario = a_scenario([30.0])
    holed = tuple(replace(s, values=np.append(s.values[:-1], np.nan)) for s in scenario.history)
    live = a_live(replace(scenario, history=holed), tmp_path / "ledger.jsonl")
    result = asyncio.run(live.run(lambda moment: None))
    assert len(result.run.records) == 4
    readings = read_ledger(tmp_path / "ledger.jsonl").entries[0].observed.readings
    assert [r.at for r in readings] == [s.end - s.step for s in scenario.history]
