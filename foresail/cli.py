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
    given = sys.argv[1:] if argv is None else list(argv)
    # Only the command that is asked for is imported: the gateway's image has nothing of what the others need.
    options = parser(given[:1] if given[:1] and given[0] in COMMANDS else COMMANDS).parse_args(given)
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


def parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The command line with these commands; documentation and its test read the whole."""
    top = argparse.ArgumentParser(
        prog="foresail",
        description="Keeps a Kubernetes workload's HPA one pod-start ahead of its traffic.",
        epilog="`foresail COMMAND --help` has examples.",
    )
    top.add_argument("--version", action="version", version=f"foresail {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in names:
        try:
            importlib.import_module(f"foresail.commands.{name}").register(commands)
        except ModuleNotFoundError as missing:
            _register_lacking(commands, name, missing.name)
    return top


def _register_lacking(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, missing: str | None
) -> None:
    """A command whose packages are not there, as in an image that is made for another: listed, and refused by name."""

    def run(_: argparse.Namespace) -> int:
        raise UsageError(f"this installation lacks {missing}; pip install foresail has it, another image may")

    said = f"not in this installation, which lacks {missing}"
    lacking = commands.add_parser(name, help=said, add_help=False, prefix_chars="\0")  # so that no option is unknown
    lacking.add_argument("rest", nargs="*")
    lacking.set_defaults(run=run)
