"""The reference page of the command line: commands and their arguments, as the parser of `foresail` has them.

Not argparse's own help text: its layout differs between Python versions, and the page must not.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

_INTRODUCTION = """\
# The `foresail` command

Every command ends with 0 when it is done, 1 when it is done and its verdict is negative, 2 when the call or its input
is wrong, 130 when it was interrupted; `--help` says what stands here. From a clone: `make foresail ARGS="COMMAND ..."`.
This page is written by `make docs`.
"""


def page(top: argparse.ArgumentParser) -> str:
    """The reference page of a command line."""
    shorts = {choice.dest: choice.help for action in _groups(top) for choice in action._choices_actions}
    parts = [_INTRODUCTION, *(_section(command, shorts[name]) for name, command in commands(top).items())]
    return "\n".join(parts)


def commands(top: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """The parsers of the subcommands by name."""
    return {name: command for action in _groups(top) for name, command in action.choices.items()}


def _groups(top: argparse.ArgumentParser) -> Iterator[argparse._SubParsersAction[argparse.ArgumentParser]]:
    yield from (action for action in top._actions if isinstance(action, argparse._SubParsersAction))


def _section(command: argparse.ArgumentParser, short: str | None) -> str:
    lines = [f"## {command.prog}", "", short or "", ""]
    described = [action for action in command._actions if not isinstance(action, argparse._HelpAction)]
    if described:
        lines += ["| argument | meaning |", "| --- | --- |", *(_row(command, action) for action in described), ""]
    if command.epilog:
        lines += ["```text", command.epilog.strip(), "```", ""]
    return "\n".join(lines)


def _row(command: argparse.ArgumentParser, action: argparse.Action) -> str:
    meaning = command._get_formatter()._expand_help(action) if action.help else ""
    return f"| `{_written(action)}` | {meaning} |"


def _written(action: argparse.Action) -> str:
    """An argument as it is typed: `--json [FILE]`, `FILE`, `--kind {stock,flow}`."""
    if action.nargs == 0:
        return ", ".join(action.option_strings)
    name = action.dest if not action.option_strings else action.dest.upper()
    value = str(action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else name))
    value = f"[{value}]" if action.nargs in {"?", "*"} else value
    return " ".join([*([", ".join(action.option_strings)] if action.option_strings else []), value])
