"""What was decided is kept beside the ticks: all of it in memory, what was planned and done in the ledger."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from controller.adapters.ledger import entry_line, read_ledger, verify_ledger
from controller.deciding import Kept, decide
from controller.ledger_folder import LedgerFolder
from controller.onlooker import Decided
from controller.recent import Recent
from controller.recorder import Recorder
from controller.subjects import Refusal
from tests.controller.test_deciding import RISE, a_subject
from tests.controller.test_deciding import decided as decided_at_once
from tests.helpers.builders import at
from tests.helpers.disks import files_up_to

KEY = ("chat", "gateway")


def decisions(count: int) -> list[Decided]:
    """Decisions of one controller, 15 s apart, each with what the one before kept."""
    found: list[Decided] = []
    before: Kept | None = None
    for k in range(count):
        outcome = decide(a_subject(), [], RISE, before, at(seconds=15 * k))
        found.append(Decided(KEY, outcome, {}))
        before = outcome.kept
    return found


async def test_all_is_kept_in_memory_and_what_was_done_in_the_ledger(tmp_path: Path) -> None:
    recent, made = Recent(), decisions(3)
    recorder = Recorder(recent, LedgerFolder(tmp_path, 10**6))
    held = Decided(KEY, decided_at_once(a_subject(), [], blind="away"), {})
    refused = replace(made[2], failed="409 Conflict")
    for one in (made[0], made[1], held, refused):
        recorder.decided(one)
        recorder.ticked({KEY: one.outcome})
    await recorder.close()
    assert recent.lines(KEY) == [entry_line(one.entry) for one in (made[0], made[1], held, refused)]
    (part,) = (tmp_path / "chat" / "gateway").iterdir()
    assert [entry.id for entry in read_ledger(part).entries] == [made[0].id, made[1].id]
    assert verify_ledger(part) == 2


@pytest.mark.parametrize("found", [{}, {KEY: Refusal("BadPolicy", "")}])
async def test_what_is_gone_is_forgotten(found: dict[tuple[str, str], Refusal]) -> None:
    recent, (one,) = Recent(), decisions(1)
    recorder = Recorder(recent)
    recorder.decided(one)
    recorder.ticked({KEY: one.outcome})
    await asyncio.sleep(0)
    recorder.ticked(found)
    await recorder.close()
    recorder = Recorder(recent)
    recorder.ticked(found)
    await recorder.close()
    assert recent.lines(KEY) == []


async def test_a_ledger_that_cannot_be_written_is_said_once_and_costs_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "chat").write_text("in the way")
    recent, made = Recent(), decisions(3)
    recorder = Recorder(recent, LedgerFolder(tmp_path, 10**6))
    for one in made:
        recorder.decided(one)
        recorder.ticked({KEY: one.outcome})
    await recorder.close()
    assert len(recent.lines(KEY)) == 3
    assert caplog.text.count("the ledger is not written, decisions go on without") == 1


async def test_a_disk_that_was_full_costs_lines_and_leaves_whole_ledgers(tmp_path: Path) -> None:
    recent, made = Recent(), decisions(8)
    recorder = Recorder(recent, LedgerFolder(tmp_path, 10**6))
    size = len(entry_line(made[0].entry))

    async def keep(some: list[Decided]) -> None:
        for one in some:
            recorder.decided(one)
            recorder.ticked({KEY: one.outcome})
            await recorder.settled()

    with files_up_to(3 * size):
        await keep(made[:6])
    await keep(made[6:])
    await recorder.close()
    parts = sorted((tmp_path / "chat" / "gateway").iterdir())
    kept = [entry.id for part in parts for entry in read_ledger(part).entries]
    assert kept[-2:] == [one.id for one in made[6:]]
    assert kept == [one.id for one in made if one.id in kept]
    assert sum(map(verify_ledger, parts)) == len(kept) < len(made)
