"""Runs the demo from its first process to its report; a signal ends everything in order, a second one at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.live import Live as Screen

from controller.simulation.world import WorldSettings
from forecaster.forecast import Forecaster
from foresail.demo.arms import replays
from foresail.demo.clock import Clock
from foresail.demo.errors import Stopped
from foresail.demo.live import Live, LiveResult, Moment
from foresail.demo.report import Report
from foresail.demo.scenario import CONNECTIONS, Scenario
from foresail.demo.view import View
from foresail.errors import UsageError
from foresail.output import err, out

LEDGER = "ledger.jsonl"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, eq=False)
class Played:
    """What is played, and how. `started_s`: when the command began, on the monotonic clock."""

    scenario: Scenario
    forecaster: Forecaster
    settings: WorldSettings
    speed: float
    ledger: Path
    started_s: float


def show(played: Played, footer: str | None, record: Callable[[Moment], None]) -> Report:
    """The live run, with a terminal view unless `footer` is None, and the replays of its load.

    `record` is told of every moment.
    """
    if footer is None:
        result = _run(played, _each(record, _half_hourly))
    else:
        view = View(played.scenario, footer)
        with Screen(console=out, refresh_per_second=8, transient=True) as screen:
            result = _run(played, _each(record, lambda moment: screen.update(view.draw(moment))))
    policy = played.scenario.policy
    runs = replays(result.run.load, result.series, policy, played.settings, played.forecaster)
    return Report(played.scenario, played.settings, played.speed, played.forecaster.name, result, runs)


def prepare_folder(folder: Path) -> Path:
    """Makes the folder and removes the last run's ledger; the path of the new one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LEDGER).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be used ({error.strerror}); name another folder with --out") from error
    return folder / LEDGER


def _run(played: Played, on_tick: Callable[[Moment], None]) -> LiveResult:
    """The live run on an event loop of its own. Raises Stopped on SIGINT, SIGTERM and SIGHUP, after the clean-up."""
    clock = Clock(played.scenario.load.tick, played.speed, played.started_s)
    live = Live(played.scenario, played.forecaster, played.settings, clock, played.ledger)
    received: list[int] = []

    async def main() -> LiveResult:
        task = asyncio.create_task(live.run(on_tick))

        def stop(number: int) -> None:
            received.append(number)
            if len(received) == 1:
                _announce("stopping...")
                task.cancel()
            else:
                live.hurry()

        loop = asyncio.get_running_loop()
        # What is ignored stays so: `nohup` asks for that.
        heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        for number in heard:
            loop.add_signal_handler(number, stop, number)
        try:
            return await task
        except asyncio.CancelledError:
            raise Stopped(received[0] if received else signal.SIGINT) from None
        finally:
            for number in heard:  # a closed uvloop would keep them, and swallow every later Ctrl-C
                loop.remove_signal_handler(number)

    try:
        import uvloop
    except ImportError:
        return asyncio.run(main())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


def _announce(text: str) -> None:
    """On the console of the terminal view, which would overwrite what another one writes; else not into the result."""
    (out if out.is_terminal else err).print(text)


def _each(*watchers: Callable[[Moment], None]) -> Callable[[Moment], None]:
    """One that tells all of them, in order."""

    def tell(moment: Moment) -> None:
        for watcher in watchers:
            watcher(moment)

    return tell


def _half_hourly(moment: Moment) -> None:
    if (moment.now.minute, moment.now.second) in {(0, 0), (30, 0)}:
        err.print(
            f"{moment.now:%a %H:%M}  {moment.offered[CONNECTIONS]:.0f} clients, {moment.ready} pods ready; "
            f"{moment.tick.decision.summary()}",
            soft_wrap=True,
        )
