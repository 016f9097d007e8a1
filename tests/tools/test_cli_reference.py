"""The page of the command line has every command and argument, and is the same on every terminal."""

from __future__ import annotations

import argparse

import pytest

from foresail.cli import COMMANDS, parser
from tools.cli_reference import commands, page


def test_every_command_is_on_the_page() -> None:
    assert tuple(commands(parser())) == COMMANDS
    for name in COMMANDS:
        assert f"## foresail {name}\n" in page(parser())


def test_the_terminals_width_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for columns in ("40", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        made.append(page(parser()))
    assert made[0] == made[1]


def test_every_command_has_examples_and_a_line_of_help() -> None:
    for name, command in commands(parser()).items():
        assert command.epilog, f"{name}: no examples"
        assert command.epilog.startswith("examples:\n  foresail " + name), f"{name}: no examples first in its epilog"


def test_arguments_stand_as_they_are_typed() -> None:
    top = argparse.ArgumentParser(prog="house")
    build = top.add_subparsers().add_parser("build", help="a house")
    build.add_argument("plan", help="where it is drawn")
    build.add_argument("--roof", choices=["flat", "steep"], default="flat", help="its roof (default: %(default)s)")
    build.add_argument("--json", nargs="?", metavar="FILE", help="write JSON")
    build.add_argument("-q", "--quiet", action="store_true", help="say nothing")
    text = page(top)
    assert "## house build\n\na house\n" in text
    assert [line for line in text.splitlines() if line.startswith("| `")] == [
        "| `plan` | where it is drawn |",
        "| `--roof {flat,steep}` | its roof (default: flat) |",
        "| `--json [FILE]` | write JSON |",
        "| `-q, --quiet` | say nothing |",
    ]
