"""The ledger: a file of JSON lines that holds every decision beside the inputs that led to it.

The first line is `{"format": 3, "policy": {...}, "left": null}`, each further line one `Entry`, its decision last.
Numbers round-trip exactly, so that `verify_ledger` can demand the same bytes of a replay. One process writes, any
number read along. A file that goes on from another begins with the memory that the other left. Format 2, which is read
as well, had neither that nor ids.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, ClassVar, Self

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import to_json

from controller.decision.plan import plan
from controller.domain import Decision, Memory, Observed, Policy
from controller.errors import BadLedger, BrokenChain, LedgerMismatch
from controller.limits import entry_problem, policy_problem
from forecaster.forecast import Forecast

FORMAT = 3
_READ = (2, 3)

# Numbers for the dashboard that the decision did not need, by name; a second level holds one per signal.
View = Mapping[str, int | float | Mapping[str, int | float | None] | None]

_STRICT = ConfigDict(extra="forbid", strict=True, ser_json_inf_nan="constants")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One decision, everything that `plan` was given for it, and what else the dashboard shows of that moment.

    id      of the decision, as `domain.decision_id` makes it; None in ledgers of format 2
    memory  as it was before the decision
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    id: str | None = None
    now: datetime
    observed: Observed
    forecasts: tuple[Forecast, ...]
    memory: Memory
    view: View | None = None
    decision: Decision


@dataclass(frozen=True)
class Ledger:
    """What was read of a ledger.

    truncated  whether the file ends in a line that is not, or not yet, wholly written; it is left out
    lines      whole lines read so far, the first line among them
    end        bytes that they take, which is where `follow_ledger` reads on
    """

    policy: Policy
    entries: tuple[Entry, ...]
    truncated: bool
    lines: int
    end: int


@dataclass(frozen=True)
class _Format:
    """The one field that a ledger of any format has."""

    format: int


@dataclass(frozen=True)
class _Header:
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    format: int
    policy: Policy
    left: Memory | None = None


_FORMAT = TypeAdapter(_Format)
_HEADER = TypeAdapter(_Header)
_ENTRY = TypeAdapter(Entry)
_DECISION = TypeAdapter(Decision)


class LedgerWriter:
    """Appends decisions to a ledger, a whole line at a time.

    A ledger of the same policy is continued, after cutting off a half-written last line. Any other file that is not
    empty is refused with BadLedger and left as it is. `left` is the memory that another ledger ended with, where this
    one goes on from it.
    """

    def __init__(self, path: Path, policy: Policy, left: Memory | None = None) -> None:
        self._file = _open(path, _Header(FORMAT, policy, left))

    @property
    def size(self) -> int:
        """Bytes that were written."""
        return self._file.tell()

    def append(self, entry: Entry) -> None:
        """Writes one entry and flushes it, so that whoever reads along sees it now."""
        self.append_line(entry_line(entry))

    def append_line(self, line: bytes) -> None:
        """The same with an entry as `entry_line` gives it."""
        self._file.write(line)
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def entry_line(entry: Entry) -> bytes:
    """The entry as its line in a ledger."""
    return _ENTRY.dump_json(entry) + b"\n"


def header_line(policy: Policy, left: Memory | None = None) -> bytes:
    """The first line of a ledger."""
    return _HEADER.dump_json(_Header(FORMAT, policy, left)) + b"\n"


def read_ledger(path: Path) -> Ledger:
    """The whole ledger. Raises BadLedger, with the line's number, for anything but a half-written last line."""
    lines, truncated = _whole_lines(path, 0)
    policy = _header(path, lines).policy
    return Ledger(policy, tuple(_entries(path, lines[1:], 2)), truncated, len(lines), _size(lines))


def ledger_of(data: bytes, where: str) -> Ledger:
    """A ledger that came by another way than a file; `where` names it in errors. Raises BadLedger as `read_ledger`."""
    *lines, rest = data.split(b"\n")
    header = _header(where, lines)
    return Ledger(header.policy, tuple(_entries(where, lines[1:], 2)), bool(rest), len(lines), _size(lines))


def follow_ledger(path: Path, seen: Ledger) -> Ledger:
    """What was written since `seen` was read: only the new entries. Raises BadLedger where the file became shorter."""
    lines, truncated = _whole_lines(path, seen.end)
    entries = tuple(_entries(path, lines, seen.lines + 1))
    return Ledger(seen.policy, entries, truncated, seen.lines + len(lines), seen.end + _size(lines))


def verify_ledger(path: Path) -> int:
    """Number of decisions in the ledger, each of which its own inputs give again, byte for byte.

    Raises LedgerMismatch at the first that differs, BrokenChain where one does not go on from the one before it, and
    BadLedger, with the line's number, where nothing can be decided from what a line holds.
    """
    lines, _ = _whole_lines(path, 0)
    header = _header(path, lines)
    policy, left = header.policy, header.left
    for number, (line, entry) in enumerate(zip(lines[1:], _entries(path, lines[1:], 2), strict=True), 2):
        try:
            decision, after = plan(policy, entry.observed, entry.forecasts, entry.memory, entry.now)
        except (ArithmeticError, ValueError, TypeError) as error:
            raise BadLedger(f"{path}, line {number}: nothing can be decided from its inputs ({error})") from error
        expected, got = _raw_decision(line), _DECISION.dump_json(decision)
        if expected != got:
            raise LedgerMismatch(number, expected.decode(), got.decode())
        _check_chain(number, entry, left)
        left = after
    return len(lines) - 1


def _check_chain(number: int, entry: Entry, left: Memory | None) -> None:
    """An entry is later than the one before it and has the memory that it left, or that of a new controller."""
    if left is not None and left.decided_at is not None and entry.now <= left.decided_at:
        raise BrokenChain(number, _json({"now": entry.now}), _json({"now": left.decided_at}))
    memory = entry.memory
    if memory.decided_at is None or memory == left:
        return
    if left is None:
        raise BrokenChain(number, _json({"decided_at": memory.decided_at}), _json({"decided_at": None}))
    held, given = ({field.name: getattr(one, field.name) for field in fields(Memory)} for one in (memory, left))
    differing = [name for name in held if held[name] != given[name]]
    raise BrokenChain(number, *(_json({name: one[name] for name in differing}) for one in (held, given)))


def _json(value: object) -> str:
    return to_json(value, inf_nan_mode="constants").decode()


def _open(path: Path, header: _Header) -> BinaryIO:
    try:
        file = path.open("a+b")
    except OSError as error:
        raise BadLedger(f"{path}: cannot be written: {error.strerror}; name a file in another folder") from error
    try:
        if file.tell():
            _continue(path, file, header.policy)
        else:
            file.write(header_line(header.policy, header.left))
            file.flush()
    except BaseException:
        file.close()
        raise
    return file


def _continue(path: Path, file: BinaryIO, policy: Policy) -> None:
    lines, _ = _whole_lines(path, 0)
    found = _header(path, lines)
    if found.format != FORMAT:
        raise BadLedger(f"{path}: of format {found.format}, which is only read; name another file")
    if found.policy != policy:
        raise BadLedger(f"{path}: holds the decisions of another policy; name another file, or remove this one")
    file.truncate(_size(lines))
    file.seek(0, os.SEEK_END)


def _whole_lines(path: Path, offset: int) -> tuple[list[bytes], bool]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(offset)
            data = file.read()
    except OSError as error:
        raise BadLedger(
            f"{path}: cannot be read: {error.strerror}; name a ledger file, as the demo and the controller write it"
        ) from error
    if size < offset:
        raise BadLedger(f"{path}: has {size} bytes, where {offset} were read before; read it again from its start")
    *lines, rest = data.split(b"\n")
    return lines, bool(rest)


def _header(path: Path | str, lines: Sequence[bytes]) -> _Header:
    if not lines:
        raise BadLedger(f"{path}: no whole first line; expected a ledger, which starts with its format and policy")
    try:
        found = _FORMAT.validate_json(lines[0]).format
        if found not in _READ:
            raise BadLedger(
                f"{path}, line 1: format {found}; this version reads the formats {' and '.join(map(str, _READ))}"
            )
        header = _HEADER.validate_json(lines[0])
    except ValidationError as error:
        raise BadLedger(f"{path}, line 1: not the first line of a ledger: {_first_problem(error)}") from error
    if (problem := policy_problem(header.policy)) is not None:
        raise BadLedger(f"{path}, line 1: not the first line of a ledger: {problem}")
    return header


def _entries(path: Path | str, lines: Sequence[bytes], first_number: int) -> Iterator[Entry]:
    for number, line in enumerate(lines, first_number):
        try:
            entry = _ENTRY.validate_json(line)
        except ValidationError as error:
            raise BadLedger(f"{path}, line {number}: not an entry of a ledger: {_first_problem(error)}") from error
        problem = entry_problem(entry.now, entry.observed, entry.forecasts, entry.memory, entry.decision)
        if problem is not None:
            raise BadLedger(f"{path}, line {number}: not an entry of a ledger: {problem}")
        yield entry


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else problem["msg"]


def _raw_decision(line: bytes) -> bytes:
    """The bytes of the decision, which is the last field; inside a string the quotes of the key would be escaped."""
    return line.rpartition(b',"decision":')[2].removesuffix(b"}")


def _size(lines: Sequence[bytes]) -> int:
    return sum(len(line) + 1 for line in lines)
