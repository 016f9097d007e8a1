"""`foresail ledger verify`: 0 for a ledger whose inputs give its decisions, 1 for one that was changed, else 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.adapters.ledger import Entry, LedgerWriter
from foresail.cli import main
from tests.helpers.builders import a_forecast, at
from tests.helpers.demos import a_policy, a_tick


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger [old].jsonl"
    with LedgerWriter(path, a_policy()) as writer:
        for k in range(3):
            tick = a_tick([a_forecast(peak=90.0, known_at=at(minutes=k))], at(minutes=k))
            writer.append(
                Entry(now=tick.now, observed=tick.observed, forecasts=tick.forecasts, memory=tick.memory,
                      decision=tick.decision)
            )  # fmt: skip
    return path


def test_a_ledger_that_holds_is_counted(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "verify", str(ledger)]) == 0
    assert capsys.readouterr().out == f"{ledger}: 3 decisions, each given again by its inputs\n"


def test_a_changed_decision_is_found_by_its_line(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ledger.read_text().splitlines(keepends=True)
    start, _, decision = lines[2].rpartition('"wanted":')
    assert decision.startswith("5")
    lines[2] = f'{start}"wanted":4{decision[1:]}'
    ledger.write_text("".join(lines))
    assert main(["ledger", "verify", str(ledger)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"{ledger}: line 3: the ledger holds the decision")
    assert '"wanted":4' in said.err
    assert '"wanted":5' in said.err
    assert '"reasons":[{"rule":' in said.err  # brackets are not markup
    assert said.err.count("\n") == 1


def test_a_ledger_that_is_not_there_is_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ledger", "verify", str(tmp_path / "none")]) == 2
    assert "none: cannot be read: No such file or directory; name a ledger file" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "", "not a ledger\n", '{"format":99}\n'])
def test_what_is_no_ledger_is_refused(content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.jsonl"
    if content is not None:
        path.write_text(content)
    assert main(["ledger", "verify", str(path)]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"foresail ledger: {path}")
    assert said.err.count("\n") == 1
    assert said.out == ""
