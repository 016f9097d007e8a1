"""The live run: one tick after another, in the same order as the replay's world.

Pods become ready; users close, open and chat; everything is scraped; the HPA syncs on metrics of a while ago; the
planner decides; pods are started and ended. Everything that is counted comes from the processes and the clients.
The chat of a tick stands for the time until the next one, so that the metrics of a tick show the chat before it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from controller.adapters.ledger import Entry, LedgerWriter, View
from controller.decision.capacity import planning_window
from controller.domain import decision_id
from controller.simulation.load import Load
from controller.simulation.pilot import Pilot, Tick
from controller.simulation.replay import Record, Run, first_replicas, hpa_for
from controller.simulation.world import WorldSettings
from forecaster.forecast import Ask, Forecast, Forecaster
from forecaster.series import FloatArray, Series
from foresail.demo.clock import Clock
from foresail.demo.crowd import Crowd
from foresail.demo.history import Recorder
from foresail.demo.pods import Pods
from foresail.demo.scenario import CAPACITY, CONNECTIONS, MESSAGES, Scenario

_CHAT_SHARE = 0.5
"""Of a tick's real length, how much the chat may take; the rest is for opening, scraping and deciding."""


@dataclass(frozen=True, eq=False)
class Moment:
    """What there is to see after one tick."""

    now: datetime
    offered: Mapping[str, float]
    ready: int
    pods: int
    clients: int
    tick: Tick
    clock_speed: float

    @property
    def entry(self) -> Entry:
        """The moment as the ledger keeps it."""
        tick = self.tick
        view: View = {
            "load": dict(self.offered),
            "ready": self.ready,
            "pods": self.pods,
            "hpa_alone": tick.hpa_alone,
            "clients": self.clients,
        }
        return Entry(
            now=self.now, observed=tick.observed, forecasts=tick.forecasts, memory=tick.memory, view=view,
            decision=tick.decision,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class LiveResult:
    """The live arm. `series` is the whole history as it was measured, the run's own bins at its end.

    `first_forecast_s` counts real seconds from the clock's start.
    """

    run: Run
    series: tuple[Series, ...]
    first_forecast_s: float | None
    clock_speed: float
    late_ticks: int
    messages_sent: int
    messages_received: int


class Live:
    """The demo's world on real processes."""

    def __init__(
        self, scenario: Scenario, forecaster: Forecaster, settings: WorldSettings, clock: Clock, ledger: Path
    ) -> None:
        self._scenario = scenario
        self._forecaster = forecaster
        self._settings = settings
        self._ledger = ledger
        load = scenario.load
        self._clock = clock
        drain_s = settings.drain / load.tick * clock.period_s
        self._pods = Pods(settings.pod_start, int(settings.admission_factor * CAPACITY), drain_s, settings.seed)
        self._crowd = Crowd(settings.seed)
        self._rng = np.random.default_rng(settings.seed)
        self._recorder = Recorder(scenario.history, load.tick)
        self._forecasts: tuple[Forecast, ...] = ()
        self._forecast_from: tuple[int, ...] = ()
        self._first_forecast_s: float | None = None
        self._offered: list[dict[str, float]] = []
        self._records: list[Record] = []
        self._rate_before = float(load.signals[MESSAGES][0])
        self._sent = 0

    async def run(self, on_tick: Callable[[Moment], None]) -> LiveResult:
        """Plays the whole load; leaves no process behind, however it ends. Raises DemoError."""
        load, policy = self._scenario.load, self._scenario.policy
        spec = hpa_for(policy)
        before = {name: float(row[0]) for name, row in load.signals.items()}
        replicas = first_replicas(spec, before)
        pilot = Pilot(policy, spec, replicas, load.start)
        lag = -(-self._settings.metric_lag // load.tick)
        seen = deque([before] * lag, maxlen=lag + 1)
        try:
            with LedgerWriter(self._ledger, policy) as ledger:
                await self._set_up(replicas)
                for k in range(len(load)):
                    await self._clock.next()
                    on_tick(await self._tick(k, pilot, seen, ledger))
        finally:
            await _to_its_end(self._tear_down())
        return LiveResult(
            run=Run(self._measured(), {s.name: s.capacity_per_pod for s in policy.signals}, replicas,
                    tuple(self._records)),
            series=self._recorder.series,
            first_forecast_s=self._first_forecast_s,
            clock_speed=self._clock.speed,
            late_ticks=self._clock.late_ticks,
            messages_sent=self._sent,
            messages_received=self._crowd.received,
        )  # fmt: skip

    def hurry(self) -> None:
        """Makes a clean-up quick: kills the pods, which ends every connection, and so every wait for a client."""
        self._pods.kill()

    async def _set_up(self, replicas: int) -> None:
        """The pods and clients that are there when the run begins."""
        load = self._scenario.load
        await self._pods.start(replicas, load.start)
        await self._pods.become_ready(load.start)
        await self._crowd.open(load.initial, self._pods.ready)
        await self._pods.scrape()

    async def _tear_down(self) -> None:
        await self._crowd.leave()
        await self._pods.close()

    async def _tick(self, k: int, pilot: Pilot, seen: deque[dict[str, float]], ledger: LedgerWriter) -> Moment:
        load = self._scenario.load
        now = load.time(k)
        await self._pods.become_ready(now)
        await self._crowd.close(int(load.closes[k]))
        opened, refused = await self._crowd.open(int(load.opens[k]), self._pods.ready)
        back = self._crowd.back
        await self._chat(load, k)
        self._crowd.check()
        offered, shown = await self._measure(load)
        seen.append(shown)
        self._recorder.record(offered)
        hot = sum(max(0, pod.connections - CAPACITY) for pod in self._pods.ready)
        ready = len(self._pods.ready)
        self._forecast(now)
        readings = self._recorder.readings(now, self._settings.metric_lag)
        tick = pilot.tick(now, seen[0], len(self._pods), ready, readings, self._forecasts)
        ended = await self._pods.scale(tick.desired, now)
        broken = await self._crowd.drained(ended)
        self._offered.append(offered)
        self._records.append(Record(
            ready=ready, pods=len(self._pods), ending=len(ended), desired=tick.desired, hpa_alone=tick.hpa_alone,
            hot=hot, opened=opened, back=back, refused=refused, broken=broken, moved=0, decision=tick.decision,
        ))  # fmt: skip
        moment = Moment(now, offered, ready, len(self._pods), self._crowd.connected, tick, self._clock.speed)
        ledger.append(replace(moment.entry, id=decision_id(self._scenario.policy.name, moment.now)))
        return moment

    async def _chat(self, load: Load, k: int) -> None:
        """The tick's messages, their number drawn around the load's rate."""
        expected = float(load.signals[MESSAGES][k]) * load.tick.total_seconds()
        count = int(self._rng.poisson(expected))
        await self._crowd.chat(count, _CHAT_SHARE * self._clock.period_s)
        self._sent += count

    async def _measure(self, load: Load) -> tuple[dict[str, float], dict[str, float]]:
        """What the users offer from now on, and what the metrics show: what ready pods took, the rate until now."""
        rate = await self._pods.scrape() / load.tick.total_seconds()
        taken = float(sum(pod.connections for pod in self._pods.ready))
        shown = {CONNECTIONS: taken, MESSAGES: self._rate_before}
        self._rate_before = rate
        return {CONNECTIONS: float(self._crowd.wanted), MESSAGES: rate}, shown

    def _forecast(self, now: datetime) -> None:
        """A new forecast of every signal as soon as a bin of any is known, `metric_lag` after its end."""
        series = self._recorder.series
        origins = tuple(s.origin(now - self._settings.metric_lag) for s in series)
        if origins == self._forecast_from:
            return
        policy = self._scenario.policy
        asks = [
            Ask(s.part(0, origin + 1), np.array([origin]), planning_window(policy, s.step, self._settings.metric_lag))
            for s, origin in zip(series, origins, strict=True)
        ]
        answers = self._forecaster.forecast(asks)
        self._forecasts = tuple(a.at(0, ask.series) for a, ask in zip(answers, asks, strict=True))
        self._forecast_from = origins
        if self._first_forecast_s is None:
            self._first_forecast_s = self._clock.elapsed_s

    def _measured(self) -> Load:
        """The load as the live run had it, for the replays; what it played through is no gap."""
        load = self._scenario.load
        rows: dict[str, FloatArray] = {
            name: np.array([offered[name] for offered in self._offered]) for name in load.signals
        }
        return replace(load, signals=rows, gaps=())


async def _to_its_end(work: Coroutine[None, None, None]) -> None:
    """Returns when the work is done; a cancellation in the meantime counts only after that."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
