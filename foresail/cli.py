"""The `foresail` command: picks the subcommand, turns our own errors into one line and exit code 2.

0 done; 1 done, with a negative verdict (a check that failed); 2 the call or its input is wrong; 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from controller.errors import ControllerError
from forecaster.errors import ForecasterError
from foresail import __version__
from foresail.errors import UsageError

COMMANDS = (
    "demo",
    "controller",
    "gateway",
    "load",
    "dashboard",
    "forecast",
    "backtest",
    "replay",
    "train",
    "refit",
    "ledger",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = parser().parse_args(argv)
    try:
        return int(options.run(options))
    except (ForecasterError, ControllerError, UsageError) as error:
        print(f"foresail {options.command}: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except BrokenPipeError:  # the reader has left; Python's own flush at exit would complain once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The whole command line; documentation and its test read it too."""
    top = argparse.ArgumentParser(
        prog="foresail",
        description="Keeps a Kubernetes workload's HPA one pod-start ahead of its traffic.",
        epilog="`foresail COMMAND --help` has examples.",
    )
    top.add_argument("--version", action="version", version=f"foresail {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"foresail.commands.{name}").register(commands)
    return top
