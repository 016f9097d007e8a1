"""A benchmark's exit code is its own; what the user can mend is one line and 2, and anything else stays a traceback."""

from __future__ import annotations

import pytest

from benchmarks.ending import end_with
from controller.errors import ControllerError
from forecaster.errors import BadHistory
from foresail.errors import UsageError


@pytest.mark.parametrize("code", [0, 1])
def test_the_exit_code_is_that_of_main(code: int) -> None:
    with pytest.raises(SystemExit) as ended:
        end_with(lambda: code)
    assert ended.value.code == code


@pytest.mark.parametrize("error", [UsageError, BadHistory, ControllerError])
def test_what_is_wrong_with_the_call_is_one_line(error: type[Exception], capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        raise error(f"found, {'allowed, ' * 30}do")

    with pytest.raises(SystemExit) as ended:
        end_with(main)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"found, {'allowed, ' * 30}do\n")


def test_a_mistake_in_the_benchmark_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        end_with(lambda: 1 // 0)
