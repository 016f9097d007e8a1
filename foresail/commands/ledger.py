"""`foresail ledger verify FILE`: do a ledger's inputs give its decisions again, byte for byte?"""

from __future__ import annotations

import argparse
from pathlib import Path

from controller.errors import LedgerMismatch
from foresail.output import err, out

_EXAMPLES = """examples:
  foresail ledger verify runs/demo/ledger.jsonl
exit code 0: every decision is what its inputs give; 1: one is not; 2: the file cannot be read."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "ledger",
        help="check a ledger of decisions",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("action", choices=["verify"])
    p.add_argument("file", type=Path, help="a ledger, as the demo and the controller write it")
    p.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from controller.adapters.ledger import verify_ledger

    try:
        count = verify_ledger(options.file)
    except LedgerMismatch as mismatch:
        err.print(f"{options.file}: {mismatch}", soft_wrap=True)
        return 1
    out.print(f"{options.file}: {count} decisions, each given again by its inputs", soft_wrap=True)
    return 0
