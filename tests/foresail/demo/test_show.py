"""From the first process to the report; a signal ends everything and says which it was."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.ledger import verify_ledger
from controller.simulation.world import WorldSettings
from forecaster.forecast import Ask, Forecasts
from foresail.demo.errors import Stopped
from foresail.demo.show import LEDGER, Played, prepare_folder, show
from foresail.errors import UsageError
from tests.helpers.demos import POD_START, a_scenario
from tests.helpers.processes import children_of
from tests.helpers.worlds import LastSlope

BEFORE_S = 1000.0
"""How long ago the command began."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupting(LastSlope):
    """Presses Ctrl-C, or the like, in the middle of the run; twice, as people do."""

    def __init__(self, number: signal.Signals) -> None:
        self._number = number
        self.asked = 0

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        self.asked += 1
        if self.asked == 3:
            signal.raise_signal(self._number)
            signal.raise_signal(self._number)
        return super().forecast(asks)


def played(tmp_path: Path, forecaster: LastSlope, minutes: int) -> Played:
    return Played(
        a_scenario([30.0] * minutes), forecaster, WorldSettings(pod_start=POD_START), 480.0, tmp_path / LEDGER,
        time.monotonic() - BEFORE_S,
    )  # fmt: skip


@pytest.mark.parametrize("footer", [None, "stop: Ctrl-C"])
def test_a_run_ends_with_a_report(tmp_path: Path, footer: str | None) -> None:
    report = show(played(tmp_path, LastSlope(), 3), footer, lambda moment: None)
    assert set(report.arms()) == {"foresail_live", "foresail", "hpa", "hpa_same_cost", "offset_rule", "perfect"}
    assert report.model == "last-slope"
    assert report.live.first_forecast_s is not None
    assert report.live.first_forecast_s > BEFORE_S
    assert verify_ledger(tmp_path / LEDGER) == 12


@pytest.fixture
def usual_signals() -> Iterator[None]:
    """As a shell starts a program, whatever ignores signals for the tests, such as `nohup`."""
    usual: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("usual_signals")
def test_what_is_ignored_stays_ignored(tmp_path: Path) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    forecaster = Interrupting(signal.SIGHUP)
    show(played(tmp_path, forecaster, 4), None, lambda moment: None)
    assert forecaster.asked >= 3
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_run_leaves_no_process_and_is_heard_again(
    tmp_path: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    before, handlers = children_of(os.getpid()), [signal.getsignal(each) for each in SIGNALS]
    forecaster = Interrupting(number)
    with pytest.raises(Stopped) as stopped:
        show(played(tmp_path, forecaster, 60), None, lambda moment: None)
    assert stopped.value.number == number
    assert forecaster.asked == 3
    assert children_of(os.getpid()) <= before
    assert [signal.getsignal(each) for each in SIGNALS] == handlers
    assert verify_ledger(tmp_path / LEDGER) > 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith("\nstopping...\n")
    assert said.err.count("stopping...") == 1


def test_the_folder_is_made_and_the_last_run_removed(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "demo"
    assert prepare_folder(folder) == folder / LEDGER
    (folder / LEDGER).write_text("the last run")
    (folder / "notes.txt").write_text("somebody's own")
    assert prepare_folder(folder) == folder / LEDGER
    assert sorted(p.name for p in folder.iterdir()) == ["notes.txt"]


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file: cannot be used .*; name another folder with --out"):
        prepare_folder(tmp_path / "file")
    (tmp_path / LEDGER).mkdir()
    with pytest.raises(UsageError, match="cannot be used"):
        prepare_folder(tmp_path)
