"""The `foresail` command as a whole: every subcommand has help, our errors are one line and exit code 2."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from controller.errors import ControllerError
from forecaster.errors import BadHistory
from foresail import __version__, cli
from foresail.errors import UsageError
from tests.helpers.histories import a_load, write_history

ROOT = Path(__file__).parents[2]


def run_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    """The exit code of a command that ends in `error`."""

    def fail(_: argparse.Namespace) -> int:
        raise error

    top = argparse.ArgumentParser()
    top.set_defaults(run=fail, command="forecast")
    monkeypatch.setattr(cli, "parser", lambda _: top)
    return cli.main([])


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main([command, "--help"])
    assert left.value.code == 0
    assert f"usage: foresail {command}" in (shown := capsys.readouterr().out)
    assert "examples:" in shown


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"foresail {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["prophesy"], ["train", "folder"], ["forecast", "file", "--level", "2"]])
def test_a_wrong_call_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert left.value.code == 2
    assert "usage: foresail" in capsys.readouterr().err


@pytest.mark.parametrize("error", [UsageError("found, allowed, do"), BadHistory("found"), ControllerError("found")])
def test_our_errors_are_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(monkeypatch, error) == 2
    assert capsys.readouterr() == ("", f"foresail forecast: {error}\n")


def test_other_errors_are_bugs_and_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        run_with(monkeypatch, ZeroDivisionError())


def test_an_interrupt_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_with(monkeypatch, KeyboardInterrupt()) == 130


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    history = write_history(tmp_path / "load.csv", a_load())
    call = [sys.executable, "-m", "foresail", "forecast", str(history), "--model", "last-value", "--json", "-"]
    with subprocess.Popen(call, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait() == 0


def test_starting_loads_nothing_heavy() -> None:
    heavy = ("torch", "matplotlib", "pandas", "streamlit", "onnxruntime", "pyarrow", "uvicorn")
    code = f"import sys, foresail.cli as c; c.parser(); print(*(m for m in {heavy!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


WITHOUT_NUMPY = """
import sys
sys.modules["numpy"] = None  # as where it is not installed
import foresail.cli as cli
sys.exit(cli.main(sys.argv[1:]))
"""


def without_numpy(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a call where the packages that forecast are missing, as in the gateway's image."""
    call = [sys.executable, "-c", WITHOUT_NUMPY, *arguments]
    return subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_gateway_needs_nothing_that_forecasts() -> None:
    done = without_numpy("gateway", "--port", "many")
    assert done.returncode == 2
    assert "FORESAIL_GATEWAY_PORT is 'many'" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["forecast", "load.csv"], ["replay", "--help"], ["train", "folder", "--out", "x"]]
)
def test_a_command_whose_packages_are_missing_is_refused_by_name(arguments: list[str]) -> None:
    done = without_numpy(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"foresail {arguments[0]}: this installation lacks numpy; pip install foresail has it"
    )


def test_help_lists_what_is_there_and_what_is_not() -> None:
    done = without_numpy("--help")
    assert done.returncode == 0
    assert "serve the WebSocket gateway" in done.stdout
    assert "not in this installation, which lacks numpy" in " ".join(done.stdout.split())
