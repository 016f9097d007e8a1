"""Pods as gateway processes, each on its own port: started, probed, scraped and ended as a kubelet would.

A pod counts as ready when the demo's clock has passed its start-up time and the process answers /readyz; if the process
is slower than that, the clock waits for it, so that a slow machine does not change the result.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
from prometheus_client.parser import text_string_to_metric_families

from controller.simulation.replica_set import Pod as Life
from controller.simulation.replica_set import Uids, first_to_end
from foresail.demo.children import COMMAND, LastWords, child_environ
from foresail.demo.errors import PodFailed

HOST = "127.0.0.1"
_READY_WITHIN_S = 60.0
_POLL_S = 0.02
_GONE_WITHIN_S = 15.0
"""After its drain."""
_TRIES = 3
_SILENCE_S = 1e6
"""A demo that is stopped with Ctrl-Z or by a closed lid answers no ping; its pods wait for it, eleven days long."""


@dataclass(eq=False)
class Pod:
    """One gateway process. `life`: what a ReplicaSet knows of it; `messages`: its counter at the last scrape."""

    port: int
    process: asyncio.subprocess.Process
    last_words: LastWords
    life: Life
    ready: bool = False
    connections: int = 0
    messages: float = 0.0
    scraped: float = field(default=0.0)

    @property
    def url(self) -> str:
        return f"ws://{HOST}:{self.port}/ws?client_type=service"


class Pods:
    """The pods of the demo's one workload, the oldest first."""

    def __init__(self, pod_start: timedelta, admits: int, drain_s: float, seed: int) -> None:
        """A pod takes at most `admits` connections, and spreads its closes over `drain_s` real seconds when it ends."""
        self._pod_start = pod_start
        self._uids = Uids(seed)
        self._gone_within_s = drain_s + _GONE_WITHIN_S
        others = {k: v for k, v in os.environ.items() if not k.startswith("FORESAIL_GATEWAY_")}
        self._environ = child_environ(others) | {
            "FORESAIL_GATEWAY_MAX_CONNECTIONS": str(admits),
            "FORESAIL_GATEWAY_DRAIN_WINDOW_S": f"{drain_s:g}",
            "FORESAIL_GATEWAY_FLUSH_TIMEOUT_S": "1",
            "FORESAIL_GATEWAY_INACTIVE_AFTER_S": f"{_SILENCE_S:.0f}",
            "FORESAIL_GATEWAY_CLOSE_AFTER_S": f"{2 * _SILENCE_S:.0f}",
        }
        self._pods: list[Pod] = []
        self._ending: dict[asyncio.Task[None], Pod] = {}
        self._killed = False
        self._ports: set[int] = set()
        # The gateway closes an idle connection after 5 s; a scrape must not be sent into one that is about to close.
        self._http = httpx.AsyncClient(timeout=10.0, trust_env=False, limits=httpx.Limits(keepalive_expiry=2.0))

    @property
    def ready(self) -> Sequence[Pod]:
        return [pod for pod in self._pods if pod.ready]

    def __len__(self) -> int:
        return len(self._pods)

    async def start(self, count: int, ready_at: datetime) -> None:
        """Starts so many processes, the first of all; they take traffic from `ready_at` on."""
        await self._start([Life(self._uids.next(), ready_at, ready_at, None) for _ in range(count)])

    async def _start(self, lives: Sequence[Life]) -> None:
        # Exceptions are returned, because only then does an interrupted gather wait until each of its starts is undone.
        spawned = await asyncio.gather(*map(self._spawn, lives), return_exceptions=True)
        for failed in (outcome for outcome in spawned if isinstance(outcome, BaseException)):
            raise failed

    async def become_ready(self, now: datetime) -> None:
        """Marks the pods that are due as ready, and waits for those whose process is not."""
        due = [pod for pod in self._pods if not pod.ready and pod.life.ready_at <= now]
        await asyncio.gather(*(self._until_ready(pod) for pod in due))

    async def scrape(self) -> float:
        """Reads the metrics of every ready pod; the messages received by all since the last scrape.

        A counter that starts anew belongs to a new pod, as in `rate()`.
        """
        await asyncio.gather(*(self._scrape(pod) for pod in self.ready))
        received = sum(pod.messages - pod.scraped for pod in self.ready)
        for pod in self.ready:
            pod.scraped = pod.messages
        return received

    async def scale(self, replicas: int, now: datetime) -> list[Pod]:
        """Starts or ends pods until there are `replicas`; the ready pods that end, whose clients will be closed.

        Surplus pods end in the order of a ReplicaSet, as they do in a replay.
        """
        surplus = len(self._pods) - replicas
        ready_at = now + self._pod_start
        await self._start([Life(self._uids.next(), now, ready_at, None) for _ in range(-surplus)])
        if surplus <= 0:
            return []
        ready = {pod.life for pod in self.ready}
        chosen = set(first_to_end([pod.life for pod in self._pods], ready, now)[:surplus])
        ended = [pod for pod in self._pods if pod.life in chosen]
        self._pods = [pod for pod in self._pods if pod.life not in chosen]
        for pod in ended:
            task = asyncio.create_task(self._end(pod))
            self._ending[task] = pod
            task.add_done_callback(self._ending.pop)
        return [pod for pod in ended if pod.ready]

    def kill(self) -> None:
        """Ends every process at once, without a drain; `close` finds them gone."""
        self._killed = True
        for pod in (*self._pods, *self._ending.values()):
            _kill(pod.process)

    async def close(self) -> None:
        """Ends every process that was started, and returns when all are gone."""
        for pod in self._pods:
            self._ending[asyncio.create_task(self._end(pod))] = pod
        self._pods.clear()
        await asyncio.gather(*self._ending, return_exceptions=True)
        await self._http.aclose()

    async def _spawn(self, life: Life) -> None:
        """A new pod, listed as soon as it exists: `close` finds it even where its start was interrupted."""
        port, process, last_words = await self._launch()
        self._pods.append(Pod(port, process, last_words, life))

    async def _launch(self) -> tuple[int, asyncio.subprocess.Process, LastWords]:
        port = self._unused_port()
        try:
            process = await asyncio.create_subprocess_exec(
                *COMMAND, "gateway", "--host", HOST, "--port", str(port), "--tether",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
                env=self._environ, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise PodFailed(f"a gateway process could not be started: {error}") from error
        assert process.stderr is not None
        return port, process, LastWords(process.stderr)

    def _unused_port(self) -> int:
        """A free port that no pod has had: of two with the same port, one would answer for both."""
        while (port := _free_port()) in self._ports:
            pass
        self._ports.add(port)
        return port

    async def _until_ready(self, pod: Pod) -> None:
        """Asks /readyz until it says yes. A port that somebody took in the meantime is tried again on another."""
        deadline = asyncio.get_running_loop().time() + _READY_WITHIN_S
        tries = 1
        while not await self._is_ready(pod):
            if pod.process.returncode is not None:
                said = await pod.last_words.line()
                if tries == _TRIES or "in use" not in said:
                    raise PodFailed(f"a gateway process ended with {pod.process.returncode}: {said}")
                pod.port, pod.process, pod.last_words = await self._launch()
                tries += 1
            if asyncio.get_running_loop().time() > deadline:
                raise PodFailed(f"a gateway process on port {pod.port} was not ready within {_READY_WITHIN_S:g} s")
            await asyncio.sleep(_POLL_S)
        pod.ready = True

    async def _is_ready(self, pod: Pod) -> bool:
        if pod.process.returncode is not None:
            return False
        try:
            return (await self._http.get(f"http://{HOST}:{pod.port}/readyz")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    async def _scrape(self, pod: Pod) -> None:
        active = messages = 0.0
        for family in text_string_to_metric_families(await self._metrics(pod)):
            for sample in family.samples:
                if sample.name == "websocket_connections_total" and sample.labels["status"] == "active":
                    active += sample.value
                elif sample.name == "websocket_message_rate_total" and sample.labels["direction"] == "in":
                    messages += sample.value
        pod.connections, pod.messages = int(active), messages

    async def _metrics(self, pod: Pod) -> str:
        """What the pod says at /metrics.

        A machine that stood still for seconds finds kept connections closed under its requests: those are sent once
        more, on a new one.
        """
        for last in (False, True):
            try:
                answer = await self._http.get(f"http://{HOST}:{pod.port}/metrics")
                answer.raise_for_status()
                break
            except httpx.HTTPError as error:
                if pod.process.returncode is not None:
                    said = await pod.last_words.line()
                    raise PodFailed(f"a gateway process ended with {pod.process.returncode}: {said}") from error
                if last or isinstance(error, httpx.TimeoutException | httpx.HTTPStatusError):
                    raise PodFailed(f"the gateway process on port {pod.port} gave no metrics: {error!r}") from error
        return answer.text

    async def _end(self, pod: Pod) -> None:
        """SIGTERM, the drain, and SIGKILL for a process that does not go."""
        if self._killed:
            _kill(pod.process)
        elif pod.process.returncode is None:
            pod.process.terminate()
        try:
            async with asyncio.timeout(self._gone_within_s):
                await pod.process.wait()
        except TimeoutError:
            _kill(pod.process)
            await pod.process.wait()
        if pod.process.stdin is not None:
            pod.process.stdin.close()


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # gone, and its end not yet noticed
        process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
