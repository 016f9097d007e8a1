"""A folder of ledgers: each part verifies by itself, goes on from the one before, and all keep to what was granted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from controller.adapters.ledger import Entry, entry_line, read_ledger, verify_ledger
from controller.decision.plan import first_memory, plan
from controller.domain import Policy, decision_id
from controller.ledger_folder import LedgerFolder
from controller.subjects import Key
from tests.helpers.builders import a_forecast, a_policy, an_observation, at

GATEWAY, OTHER = ("chat", "gateway"), ("chat", "other")
POLICY = a_policy()
PLENTY = 10**7


def made(count: int, policy: Policy = POLICY, first: int = 0) -> list[Entry]:
    """Decisions 15 s apart, as a controller makes them that began with the first."""
    memory, found = first_memory(policy, at()), []
    for k in range(first, first + count):
        now = at(seconds=15 * k)
        observed, forecasts = an_observation(hpa_wish=2), (a_forecast(peak=40.0 + 40 * (k % 3), known_at=now),)
        decision, after = plan(policy, observed, forecasts, memory, now)
        entry = Entry(id=decision_id(policy.name, now), now=now, observed=observed, forecasts=forecasts,
                      memory=memory, decision=decision)  # fmt: skip
        found.append(entry)
        memory = after
    return found


def kept(folder: LedgerFolder, entries: list[Entry], key: Key = GATEWAY, policy: Policy = POLICY) -> None:
    for entry in entries:
        folder.append(key, policy, entry, entry_line(entry))


class Opens(Protocol):
    def __call__(self, limit: int = PLENTY) -> LedgerFolder: ...


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opens]:
    """Makes ledger folders in the test's own, and closes them with the test."""
    with contextlib.ExitStack() as stack:

        def open_one(limit: int = PLENTY) -> LedgerFolder:
            return stack.enter_context(contextlib.closing(LedgerFolder(tmp_path, limit)))

        yield open_one


def parts(root: Path, key: Key = GATEWAY) -> list[Path]:
    return sorted((root / key[0] / key[1]).iterdir())


def bytes_in(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*.jsonl"))


def test_a_part_is_a_ledger(tmp_path: Path, opened: Opens) -> None:
    folder, entries = opened(), made(5)
    kept(folder, entries)
    (part,) = parts(tmp_path)
    assert part.stem == (entries[0].id or "").rpartition("-")[0]
    assert verify_ledger(part) == 5
    assert list(read_ledger(part).entries) == entries


def test_a_policy_that_says_another_thing_begins_a_part_that_goes_on(tmp_path: Path, opened: Opens) -> None:
    folder, entries = opened(), made(6)
    kept(folder, entries[:3])
    other = replace(POLICY, stale_after=2 * POLICY.stale_after)
    kept(folder, entries[3:], policy=other)
    assert [verify_ledger(part) for part in parts(tmp_path)] == [3, 3]
    assert read_ledger(parts(tmp_path)[1]).policy == other


def test_it_never_holds_more_than_was_granted_and_loses_the_oldest(tmp_path: Path, opened: Opens) -> None:
    entries = made(300)
    limit = 30 * len(entry_line(entries[0]))
    folder = opened(limit)
    for k in range(0, 300, 10):
        kept(folder, entries[k : k + 10])
        kept(folder, entries[k : k + 10], OTHER)
        assert bytes_in(tmp_path) == folder.size <= limit
    for key in (GATEWAY, OTHER):
        found = [entry for part in parts(tmp_path, key) for entry in read_ledger(part).entries]
        assert found == entries[-len(found) :]
        assert len(found) >= 5
        assert sum(map(verify_ledger, parts(tmp_path, key))) == len(found)


def test_what_another_controller_left_counts_and_goes_first(tmp_path: Path, opened: Opens) -> None:
    first, entries = opened(), made(80)
    kept(first, entries[:40], OTHER)
    first.close()
    before = bytes_in(tmp_path)
    second = opened(before + 1000)
    assert second.size == before
    kept(second, entries[40:])
    assert not parts(tmp_path, OTHER)
    assert second.size <= before + 1000


def test_a_policy_that_is_gone_is_closed_and_its_ledger_stays(tmp_path: Path, opened: Opens) -> None:
    folder, entries = opened(), made(4)
    kept(folder, entries[:2])
    folder.forget([OTHER])
    kept(folder, entries[2:])
    assert [verify_ledger(part) for part in parts(tmp_path)] == [2, 2]


def test_after_a_failure_another_part_begins(tmp_path: Path, opened: Opens) -> None:
    folder, entries = opened(), made(4)
    kept(folder, entries[:2])
    folder.give_up(GATEWAY)
    folder.give_up(OTHER)
    kept(folder, entries[3:])
    assert [verify_ledger(part) for part in parts(tmp_path)] == [2, 1]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path, opened: Opens) -> None:
    (tmp_path / "chat").write_text("in the way")
    with pytest.raises(OSError, match="chat"):
        kept(opened(), made(1))
