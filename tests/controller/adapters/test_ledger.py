"""The ledger on real files: exact round trips, half-written lines, damage by line number, reading along, replays."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.adapters.ledger import Entry, LedgerWriter, View, follow_ledger, read_ledger, verify_ledger
from controller.decision.plan import first_memory, plan
from controller.domain import Policy, Reading
from controller.errors import BadLedger, BrokenChain, LedgerMismatch
from forecaster.verdict import Verdict
from tests.helpers.builders import ABSTAINED, ACCEPTED, REPLACED, a_forecast, a_policy, an_observation, at

POLICY = a_policy()


def entries(
    peaks: list[float], policy: Policy = POLICY, view: View | None = None, verdict: Verdict | None = None
) -> list[Entry]:
    """Decisions 15 s apart, each with the memory that the one before left."""
    memory, made = first_memory(policy, at()), []
    for index, peak in enumerate(peaks):
        now = at(seconds=15 * index)
        observed = an_observation(hpa_wish=None if index % 5 == 4 else 2, readings=[Reading("connections", peak, now)])
        forecasts = (a_forecast(peak=peak, known_at=now, verdict=verdict),)
        decision, after = plan(policy, observed, forecasts, memory, now)
        made.append(Entry(now=now, observed=observed, forecasts=forecasts, memory=memory, view=view, decision=decision))
        memory = after
    return made


def written(path: Path, made: list[Entry], policy: Policy = POLICY) -> Path:
    with LedgerWriter(path, policy) as ledger:
        for entry in made:
            ledger.append(entry)
    return path


def replaced(path: Path, number: int, edit: Callable[[str], str]) -> None:
    """Edits one line of a ledger, counted from 1."""
    lines = path.read_text().splitlines(keepends=True)
    lines[number - 1] = edit(lines[number - 1])
    path.write_text("".join(lines))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    view: View = {"ready": 7, "hpa_only": 6, "cost": 0.1 + 0.2, "gap": None, "load": {"connections": 171.0}}
    made = entries([30, 171, 171], view=view)
    path = written(tmp_path / "ledger.jsonl", made)
    ledger = read_ledger(path)
    assert (ledger.policy, list(ledger.entries), ledger.truncated) == (POLICY, made, False)
    assert (ledger.lines, ledger.end) == (4, path.stat().st_size)


@pytest.mark.parametrize("verdict", [ACCEPTED, REPLACED, ABSTAINED])
def test_a_verdict_is_kept_and_replayed(tmp_path: Path, verdict: Verdict) -> None:
    made = entries([30, 171, 20], verdict=verdict)
    path = written(tmp_path / "ledger.jsonl", made)
    assert list(read_ledger(path).entries) == made
    assert verify_ledger(path) == 3


def test_a_ledger_from_before_there_were_verdicts_is_read_and_verified(tmp_path: Path) -> None:
    made = entries([30, 171])
    path = written(tmp_path / "ledger.jsonl", made)
    path.write_text(path.read_text().replace(',"verdict":null', ""))
    assert "verdict" not in path.read_text()
    assert list(read_ledger(path).entries) == made
    assert verify_ledger(path) == 2


def test_each_line_is_json_and_the_first_names_format_and_policy(tmp_path: Path) -> None:
    path = written(tmp_path / "ledger.jsonl", entries([30]))
    header, entry = (json.loads(line) for line in path.read_text().splitlines())
    assert (header["format"], header["left"]) == (3, None)
    assert header["policy"]["name"] == "gateway"
    assert list(entry) == ["id", "now", "observed", "forecasts", "memory", "view", "decision"]


@given(peaks=st.lists(st.floats(0, 1e12) | st.floats(min_value=5e-324, max_value=1e-300), min_size=1, max_size=12))
def test_a_replay_gives_the_ledger_byte_for_byte(peaks: list[float]) -> None:
    with TemporaryDirectory() as folder:
        made = entries(peaks)
        path = written(Path(folder) / "ledger.jsonl", made)
        assert list(read_ledger(path).entries) == made, "every float round-trips exactly"
        assert verify_ledger(path) == len(peaks)
        again = written(Path(folder) / "again.jsonl", list(read_ledger(path).entries))
        assert again.read_bytes() == path.read_bytes()


def test_a_forecast_that_is_no_number_is_kept_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / "ledger.jsonl", entries([math.nan, math.inf]))
    nan, inf = (entry.forecasts[0].peak[0] for entry in read_ledger(path).entries)
    assert math.isnan(nan)
    assert inf == math.inf
    assert verify_ledger(path) == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"memory":{"floor":2', '"memory":{"floor":3'),
        ('"floor":9,"previous":2', '"floor":8,"previous":2'),
        ('"decision":{"at"', '"decision":{ "at"'),
        ("9 pods: 2 would", "8 pods: 2 would"),
    ],
    ids=["an input", "the decision", "a byte of the decision", "a reason"],
)
def test_a_changed_ledger_does_not_verify(tmp_path: Path, before: str, after: str) -> None:
    path = written(tmp_path / "ledger.jsonl", entries([30, 171, 20]))

    def edit(line: str) -> str:
        assert before in line
        return line.replace(before, after)

    replaced(path, 3, edit)
    with pytest.raises(LedgerMismatch) as caught:
        verify_ledger(path)
    assert caught.value.line == 3
    assert caught.value.expected != caught.value.got
    assert str(caught.value).startswith("line 3: the ledger holds the decision {")


def rearranged(path: Path, *order: int) -> None:
    """Writes the lines of a ledger, counted from 1, in another order or number."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[number - 1] for number in order))


@pytest.mark.parametrize(
    ("order", "line"),
    [
        ((1, 3, 4, 5), 2),
        ((1, 2, 4, 5), 3),
        ((1, 2, 2, 3, 4, 5), 3),
        ((1, 2, 3, 3, 4, 5), 4),
        ((1, 2, 4, 3, 5), 3),
        ((1, 3, 2, 4, 5), 2),
    ],
    ids=["first removed", "one removed", "first repeated", "one repeated", "two swapped", "first two swapped"],
)
def test_a_removed_a_repeated_and_a_moved_line_break_the_chain(
    tmp_path: Path, order: tuple[int, ...], line: int
) -> None:
    path = written(tmp_path / "ledger.jsonl", entries([30, 171, 60, 250]))
    rearranged(path, *order)
    with pytest.raises(BrokenChain) as caught:
        verify_ledger(path)
    assert caught.value.line == line
    assert re.fullmatch(f"line {line}: goes on from {{.+}}, the line before left {{.+}}; .+", str(caught.value))
    assert str(caught.value).endswith("; a line was removed, repeated, moved or changed")


def test_a_changed_memory_that_decides_the_same_breaks_the_chain(tmp_path: Path) -> None:
    path = written(tmp_path / "ledger.jsonl", entries([30, 171, 171]))
    made = read_ledger(path).entries
    other = replace(made[2], memory=replace(made[2].memory, changed_at=at(seconds=14)))
    path.unlink()
    with pytest.raises(BrokenChain) as caught:
        verify_ledger(written(path, [*made[:2], other]))
    assert caught.value.expected == '{"changed_at":"2026-03-02T20:00:14Z"}'
    assert caught.value.got == '{"changed_at":"2026-03-02T20:00:15Z"}'


def test_a_ledger_that_a_new_controller_continued_verifies(tmp_path: Path) -> None:
    made = entries([30, 171, 60])
    now = at(minutes=5)
    observed, forecasts = made[0].observed, (a_forecast(known_at=now),)
    memory = first_memory(POLICY, now)
    decision, _ = plan(POLICY, observed, forecasts, memory, now)
    new = Entry(now=now, observed=observed, forecasts=forecasts, memory=memory, decision=decision)
    path = written(tmp_path / "ledger.jsonl", [*made, new])
    assert verify_ledger(path) == 4
    rearranged(path, 1, 5, 2, 3, 4)
    with pytest.raises(BrokenChain, match=r'line 3: goes on from {"now":"2026-03-02T20:00:00Z"}, the line before left'):
        verify_ledger(path)


@pytest.mark.parametrize(
    ("number", "before", "after", "problem"),
    [
        (1, '"capacity_per_pod":20.0', '"capacity_per_pod":0.0', "capacity_per_pod of connections 0; expected"),
        (1, '"percent_per_minute":10.0', '"percent_per_minute":0.0', "percent_per_minute 0; expected"),
        (1, '"cost_ratio":50.0', '"cost_ratio":-1.0', "cost_ratio -1; expected a finite number above 0"),
        (3, r'"levels":\[0.05,', '"levels":[', "with 7 values, one for each level"),
        (3, r'"levels":\[[^]]*]', '"levels":[]', "levels []; expected them ascending"),
        (3, '"now":"2026-03-02T20:00:15Z"', '"now":"2026-03-02T20:00:15"', "now: 2026-03-02T20:00:15; expected a time"),
        (3, '"origin":"2026', '"origin":"9999', "forecasts.origin: 9999-"),
        (
            3,
            '"memory":{"floor":2',
            '"memory":{"floor":' + "9" * 400,
            "memory.floor: 99999999999999999999… (400 digits)",
        ),
    ],
)
def test_what_nothing_can_be_decided_with_is_named_by_its_line(
    tmp_path: Path, number: int, before: str, after: str, problem: str
) -> None:
    path = written(tmp_path / "ledger.jsonl", entries([30, 171, 60]))

    def edit(line: str) -> str:
        edited, count = re.subn(before, after, line, count=1)
        assert count == 1
        return edited

    replaced(path, number, edit)
    for read in (read_ledger, verify_ledger):
        with pytest.raises(BadLedger) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}, line {number}: not ")
        assert problem in str(caught.value)


def test_what_the_planner_cannot_compute_is_named_by_its_line(tmp_path: Path) -> None:
    path = written(tmp_path / "ledger.jsonl", entries([30]), replace(POLICY, budget_percent=1e308))
    with pytest.raises(BadLedger, match=r"line 2: nothing can be decided from its inputs \(cannot convert float inf"):
        verify_ledger(path)


@pytest.mark.parametrize("cut", [1, 2, 200])
def test_a_half_written_last_line_is_left_out_and_reported(tmp_path: Path, cut: int) -> None:
    made = entries([30, 171])
    path = written(tmp_path / "ledger.jsonl", made)
    path.write_bytes(path.read_bytes()[:-cut])
    ledger = read_ledger(path)
    assert (list(ledger.entries), ledger.truncated) == (made[:1], True)
    assert verify_ledger(path) == 1


def test_a_writer_continues_a_ledger_after_cutting_off_a_half_written_line(tmp_path: Path) -> None:
    made = entries([30, 171, 60])
    path = written(tmp_path / "ledger.jsonl", made[:2])
    path.write_bytes(path.read_bytes()[:-20])
    written(path, made[1:])
    ledger = read_ledger(path)
    assert (list(ledger.entries), ledger.truncated) == (made, False)


def test_an_empty_file_becomes_a_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.touch()
    assert len(read_ledger(written(path, entries([30]))).entries) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"timestamp,value\n",
        b"no line end",
        b'{"format":1,"policy":{"other":1}}\n',
        b'{"format":2}\n',
        b"\xff\xfe\x00\n",
    ],
)
def test_a_writer_refuses_a_file_that_is_no_ledger_and_leaves_it_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "precious"
    path.write_bytes(content)
    with pytest.raises(BadLedger, match="precious"):
        LedgerWriter(path, POLICY)
    assert path.read_bytes() == content


def test_a_writer_refuses_the_ledger_of_another_policy(tmp_path: Path) -> None:
    path = written(tmp_path / "ledger.jsonl", entries([30]))
    before = path.read_bytes()
    with pytest.raises(BadLedger, match="another policy; name another file"):
        LedgerWriter(path, a_policy(max_replicas=41))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda line: "\n", "EOF while parsing"),
        (lambda line: line[:100] + "\n", "EOF while parsing"),
        (lambda line: line.replace('"ready":2', '"ready":"2"'), "observed.ready: Input should be a valid integer"),
        (
            lambda line: line.replace('"first":2', '"first":0'),
            "forecasts.0.window: Value error, a window of steps 0..8",
        ),
        (lambda line: line.replace('"view":null', '"veiw":null'), "veiw: Unexpected keyword argument"),
    ],
)
def test_damage_is_named_by_its_line(tmp_path: Path, edit: Callable[[str], str], problem: str) -> None:
    path = written(tmp_path / "ledger.jsonl", entries([30, 171, 60]))
    replaced(path, 3, edit)
    with pytest.raises(BadLedger) as caught:
        read_ledger(path)
    assert str(caught.value).startswith(f"{path}, line 3: not an entry of a ledger: ")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no whole first line"),
        (b'{"format":2', "no whole first line"),
        (b'{"format":7,"policy":null}\n', "line 1: format 7; this version reads the formats 2 and 3"),
        (b"timestamp,value\n", "line 1: not the first line of a ledger: Invalid JSON"),
        (b'{"format":2,"policy":{}}\n', "line 1: not the first line of a ledger: policy.name: Field required"),
    ],
)
def test_a_file_without_a_ledgers_first_line_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadLedger) as caught:
        read_ledger(path)
    assert problem in str(caught.value)


def test_a_place_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadLedger, match="none: cannot be read: No such file or directory"):
        read_ledger(tmp_path / "none")
    with pytest.raises(BadLedger, match="cannot be written: Is a directory"):
        LedgerWriter(tmp_path, POLICY)


def test_a_ledger_that_goes_on_from_another_is_held_to_what_that_left(tmp_path: Path) -> None:
    made = entries([30, 171, 60, 60])
    path = tmp_path / "second.jsonl"
    with LedgerWriter(path, POLICY, made[2].memory) as ledger:
        for entry in made[2:]:
            ledger.append(entry)
        assert ledger.size == path.stat().st_size
    assert verify_ledger(path) == 2
    assert list(read_ledger(path).entries) == made[2:]
    with LedgerWriter(other := tmp_path / "other.jsonl", POLICY, made[1].memory) as ledger:
        ledger.append(made[2])
    with pytest.raises(BrokenChain, match="line 2: goes on from"):
        verify_ledger(other)


def test_ledgers_of_format_2_are_read_and_not_continued(tmp_path: Path) -> None:
    made = entries([30, 171])
    path = written(tmp_path / "ledger.jsonl", made)
    now, older = path.read_text(), '{"format":2,'
    path.write_text(now.replace('{"format":3,', older).replace(',"left":null}', "}").replace('{"id":null,', "{"))
    assert path.read_text().count("null") < now.count("null")
    assert list(read_ledger(path).entries) == made
    assert verify_ledger(path) == 2
    with pytest.raises(BadLedger, match="of format 2, which is only read; name another file"):
        LedgerWriter(path, POLICY)


def test_reading_along_gives_only_what_is_new(tmp_path: Path) -> None:
    made = entries([30, 171, 60])
    path = tmp_path / "ledger.jsonl"
    with LedgerWriter(path, POLICY) as writer:
        seen = read_ledger(path)
        assert seen.entries == ()
        for entry in made[:2]:
            writer.append(entry)
        seen = follow_ledger(path, seen)
        assert list(seen.entries) == made[:2]
        assert follow_ledger(path, seen) == replace(seen, entries=())
        writer.append(made[2])
        seen = follow_ledger(path, seen)
        assert list(seen.entries) == made[2:]
    assert (seen.policy, seen.lines, seen.end) == (POLICY, 4, path.stat().st_size)


def test_reading_along_waits_for_the_rest_of_a_line(tmp_path: Path) -> None:
    made = entries([30, 171])
    path = written(tmp_path / "ledger.jsonl", made)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    seen = read_ledger(path)
    assert follow_ledger(path, seen) == replace(seen, entries=())
    path.write_bytes(whole)
    seen = follow_ledger(path, seen)
    assert (list(seen.entries), seen.truncated) == (made[1:], False)


def test_reading_along_names_the_line_of_damage_and_a_file_that_became_shorter(tmp_path: Path) -> None:
    path = written(tmp_path / "ledger.jsonl", entries([30]))
    seen = read_ledger(path)
    path.write_bytes(path.read_bytes() + b"damage\n")
    with pytest.raises(BadLedger, match="line 3: not an entry"):
        follow_ledger(path, seen)
    path.write_bytes(b"")
    with pytest.raises(BadLedger, match=r"has 0 bytes, where .* were read before"):
        follow_ledger(path, seen)
