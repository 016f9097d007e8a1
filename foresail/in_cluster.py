"""Wires the controller together: what `foresail controller` starts, shows once, and gives back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from prometheus_client import CollectorRegistry

from controller.adapters.kube.api import Api
from controller.adapters.kube.lease import Elector, Timing
from controller.adapters.prometheus_feed import Feed
from controller.cluster_metrics import ClusterMetrics
from controller.deciding import Outcome
from controller.errors import ApiAway, ApiRefused, ClusterError, ControllerError, NotFound
from controller.json_log import DecisionLog, log_as_json
from controller.kube_cluster import KubeCluster
from controller.ledger_folder import LedgerFolder
from controller.live_forecasts import LiveForecasts
from controller.loop import Loop, LoopSettings
from controller.onlooker import Onlooker, Onlookers
from controller.recent import Recent
from controller.reconcile import Reconciler
from controller.recorder import Recorder
from controller.restoring import age_of, let_go, step_back
from controller.server import Looks, Whose, application
from controller.settings import ControllerSettings
from controller.subjects import Refusal
from forecaster.errors import ForecasterError
from forecaster.gated import Gated
from forecaster.predict import load_calibrated
from foresail import __version__
from foresail.memory import give_back
from foresail.models import find_model
from foresail.output import emit_json, err, out

_MINUTE = timedelta(minutes=1)
_BEGINNING = timedelta(seconds=2)
"""Of each tick, for reading histories that are new: a hundredth of a second for each day of each signal is enough to
make the first tick of hundreds of policies take minutes."""
_GOING_ON = timedelta(seconds=1)
"""Of each tick, for what is new of known histories: hundreds of queries at the end of a minute would take seconds."""
_ALIVE = timedelta(minutes=5)
"""A Lease that was renewed within it is somebody's, whatever the clocks."""
_ATTEMPTS = 3
_PAUSE_S = 5.0
"""At an HPA that cannot be written, and between two of them, where no other is left."""
_LOG = logging.getLogger(__name__)


@dataclass
class _Wired:
    api: Api
    cluster: KubeCluster
    reconciler: Reconciler
    forecasts: LiveForecasts
    metrics: ClusterMetrics
    looks: Looks
    recent: Recent
    onlooker: Onlooker


@contextlib.asynccontextmanager
async def _wired(
    settings: ControllerSettings, kubeconfig: Path | None, *, patient: bool = True
) -> AsyncIterator[_Wired]:
    calibrated = load_calibrated(find_model(settings.model))
    gated = Gated(calibrated)
    metrics, looks = ClusterMetrics(CollectorRegistry()), Looks()
    folder = settings.ledger_folder
    ledgers = LedgerFolder(folder, settings.ledger_megabytes * 10**6) if folder is not None else None
    recorder = Recorder(recent := Recent(), ledgers)
    onlooker = Onlookers((DecisionLog(), metrics, looks, recorder))
    limits = {} if patient else {"beginning": _BEGINNING, "going_on": _GOING_ON}
    feed = Feed(settings.source, **limits)

    def make_room(signals: int) -> None:
        calibrated.make_room(signals)
        gated.make_room(signals)

    def made(seconds: float) -> None:
        onlooker.timed("forecast", seconds)
        give_back()

    forecasts = LiveForecasts(gated, made, make_room)
    async with await Api.connect(kubeconfig) as api:
        cluster = KubeCluster(api, settings.namespace, settings.name)
        reconciler = Reconciler(cluster, feed, forecasts, settings.prometheus_url, onlooker)
        try:
            yield _Wired(api, cluster, reconciler, forecasts, metrics, looks, recent, onlooker)
        finally:
            await forecasts.close()
            await recorder.close()
            feed.close()


def run_logged(settings: ControllerSettings, kubeconfig: Path | None) -> int:
    """`run`, with the log as the settings say; what ends it is the last line of the log."""
    if settings.log_format == "json":
        log_as_json(settings.log_level)
    else:
        log_as_text(settings)
    try:
        return asyncio.run(run(settings, kubeconfig))
    except (ControllerError, ForecasterError) as error:
        _LOG.critical("the controller ends: %s", error)
        return 2
    except Exception:  # noqa: BLE001  whatever it was, the log has it
        _LOG.critical("the controller ends", exc_info=True)
        return 1


def log_as_text(settings: ControllerSettings) -> None:
    """For a terminal."""
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")


async def run(settings: ControllerSettings, kubeconfig: Path | None) -> int:
    """Until SIGTERM or SIGINT, which leave every floor as it is and give the Lease back."""
    async with _wired(settings, kubeconfig, patient=False) as wired:
        loop = Loop(
            wired.api, wired.cluster, wired.reconciler, wired.metrics,
            LoopSettings(
                settings.name, settings.namespace, settings.lease_namespace, settings.lease_name, settings.tick_s
            ),
            wired.onlooker,
        )  # fmt: skip
        whose = Whose(__version__, settings.name, settings.tick_s, lambda: loop.leading)
        app = application(loop.missing, wired.metrics.registry, wired.looks, wired.recent, whose)
        server = _Server(uvicorn.Config(app, settings.host, settings.port, log_config=None, access_log=False))
        main = asyncio.current_task()
        assert main is not None
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, main.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            async with asyncio.TaskGroup() as group:
                group.create_task(server.until_cancelled())
                group.create_task(loop.run())
    return 0


class _Server(uvicorn.Server):
    """Leaves the signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def until_cancelled(self) -> None:
        serving = asyncio.create_task(self.serve())
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self.should_exit = True
            await serving
            raise


async def once(settings: ControllerSettings, kubeconfig: Path | None, *, dry: bool, as_json: bool) -> int:
    """One tick, with the forecasts awaited; 1 where some policy is refused."""
    async with _wired(settings, kubeconfig) as wired, _synced(wired.cluster):
        await wired.reconciler.tick(datetime.now(UTC), dry=True)  # noqa: TID251  where time enters
        await wired.forecasts.settled()
        found = await wired.reconciler.tick(datetime.now(UTC), dry=dry)  # noqa: TID251
    rows = {f"{key[0]}/{key[1]}": _shown(one) for key, one in sorted(found.items())}
    if as_json:
        emit_json(rows, None)
    else:
        for name, row in rows.items():
            out.print(f"{name}: " + "; ".join(f"{key} {value}" for key, value in row.items()), highlight=False)
        if not rows:
            where = f"-n {settings.namespace}" if settings.namespace else "-A"
            out.print(f"no policies: `kubectl get predictiveautoscalers {where}` has none; make one, or look elsewhere")
    return 1 if any(isinstance(one, Refusal) for one in found.values()) else 0


def _shown(one: Outcome | Refusal) -> dict[str, object]:
    if isinstance(one, Refusal):
        return {"refused": one.reason, "because": one.message}
    targets = {} if one.change is None else one.change.targets
    moves = [] if one.moved is None else ["minReplicas {} → {}".format(*one.moved)]
    return {
        "mode": one.policy.mode.value,
        "floor": one.decision.floor,
        "previous": one.decision.previous,
        "writes": ", ".join([*moves, *(f"{name} {value}" for name, value in targets.items())]) or "nothing",
        "because": one.decision.summary(),
    }


async def restore(
    settings: ControllerSettings, kubeconfig: Path | None, if_stale: timedelta | None, within: timedelta | None
) -> int:
    """Gives back step by step, a step a minute; with `if_stale` one step, and only where no controller is alive."""
    async with await Api.connect(kubeconfig) as api:
        age = await _last_renewal(api, settings)
        if age == timedelta.max:
            await _refuse_another_lease(api, settings)
        if if_stale is not None and age <= if_stale:
            err.print(f"the Lease was renewed {age.total_seconds():.0f} s ago; nothing to do")
            return 0
        if if_stale is not None and age < timedelta.max and await _is_renewed(api, settings):
            err.print("the Lease is being renewed, by a clock that differs from this one; nothing to do")
            return 0
        cluster = KubeCluster(api, settings.namespace, settings.name)
        alone = contextlib.nullcontext() if if_stale is not None else _nobody_leads(api, settings, age)
        async with alone, _synced(cluster):
            return await _walk(cluster, if_stale is not None, within)


async def _last_renewal(api: Api, settings: ControllerSettings) -> timedelta:
    """How long ago a controller renewed the Lease; very long where there is none, or none that anybody holds."""
    try:
        return age_of(await api.get(_lease_path(settings)), datetime.now(UTC))  # noqa: TID251
    except NotFound:
        return timedelta.max


async def _refuse_another_lease(api: Api, settings: ControllerSettings) -> None:
    """Raises ClusterError where controllers run by a Lease elsewhere: they would raise again what is given back.

    The controller's own account may not look elsewhere, and need not: its settings name the Lease.
    """
    of_that_name = {"fieldSelector": f"metadata.name={settings.lease_name}"}
    try:
        found = await api.get("/apis/coordination.k8s.io/v1/leases", of_that_name)
    except ApiRefused:
        return
    now = datetime.now(UTC)  # noqa: TID251
    places = [one["metadata"]["namespace"] for one in found["items"] if age_of(one, now) < _ALIVE]
    if elsewhere := [place for place in places if place != settings.lease_namespace]:
        name, there = settings.lease_name, elsewhere[0]
        raise ClusterError(
            f"no Lease {settings.lease_namespace}/{name}, but {there}/{name} is there, whose controllers would put back"
            f" what is given back; set FORESAIL_CONTROLLER_LEASE_NAMESPACE={there}"
        )


async def _is_renewed(api: Api, settings: ControllerSettings) -> bool:
    """Whether somebody renews it now, as seen over three renewals and not by anybody's clock.

    By the time in it alone a node whose clock is a minute ahead would take the floors from a living controller.
    """
    timing, seen = Timing(), set()
    for _ in range(4):
        with contextlib.suppress(NotFound):
            seen.add((await api.get(_lease_path(settings)))["metadata"]["resourceVersion"])
        if len(seen) > 1:
            return True
        await asyncio.sleep(timing.retry)
    return False


def _lease_path(settings: ControllerSettings) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{settings.lease_namespace}/leases/{settings.lease_name}"


@contextlib.asynccontextmanager
async def _nobody_leads(api: Api, settings: ControllerSettings, age: timedelta) -> AsyncIterator[None]:
    """While no controller writes, lest it put back what is given back: the Lease is ours, and runs out afterwards.

    An uninstall removes the controllers meanwhile. Where there was no Lease, no controller was.
    """
    if age == timedelta.max:
        yield
        return
    timing = Timing()
    elector = Elector(api, settings.lease_namespace, settings.lease_name, f"restore-{settings.name}", timing)
    elector.insist()
    standing = asyncio.create_task(elector.run())
    try:
        async with asyncio.timeout(timing.lease):
            await elector.changed.wait()
        if age.total_seconds() <= timing.lease:
            await asyncio.sleep(timing.deadline)  # nobody leads longer than this after the last renewal
        yield
    except TimeoutError:
        where = f"{settings.lease_namespace}/{settings.lease_name}"
        raise ApiAway(f"the Lease {where} cannot be taken; its controllers would undo what is given back") from None
    finally:
        standing.cancel()
        await asyncio.gather(standing, return_exceptions=True)


async def _walk(cluster: KubeCluster, one_step: bool, within: timedelta | None) -> int:
    """1 where an HPA could not be written to the end, whatever became of the others."""
    steps = 0 if within is None else max(1, within // _MINUTE + 1)
    taken = failures = 0
    while True:
        share = float("inf") if steps and taken + 1 >= steps else max(1.0, 10 / steps) if steps else 1.0
        done = await step_back(cluster, cluster.hpas, cluster.policies, share, datetime.now(UTC))  # noqa: TID251
        taken += 1
        for one in done:
            err.print(
                f"{one.hpa}: " + (one.failed or f"{one.before} → {one.after}{', given back' if one.done else ''}")
            )
        failed, going = any(one.failed for one in done), any(not (one.done or one.failed) for one in done)
        failures = failures + 1 if failed and not going else 0
        if not going:
            await let_go(cluster, cluster.hpas, cluster.policies, datetime.now(UTC))  # noqa: TID251
        if one_step or failures == _ATTEMPTS or not (going or failed):
            return 1 if failed else 0
        await asyncio.sleep(_MINUTE.total_seconds() if going else _PAUSE_S)


@contextlib.asynccontextmanager
async def _synced(cluster: KubeCluster) -> AsyncIterator[None]:
    """While the copies of policies and HPAs are kept."""
    tasks = [asyncio.create_task(one.run()) for one in cluster.reflectors]
    try:
        async with asyncio.timeout(60):
            for one in cluster.reflectors:
                await one.until_synced()
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
