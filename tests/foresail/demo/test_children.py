"""Children of the demo: run the packages that the parent runs, whatever lies in the user's folder."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from foresail.demo.children import COMMAND, LastWords, child_environ
from tests.helpers.processes import ROOT


def test_a_folder_with_modules_of_the_same_names_changes_nothing(tmp_path: Path) -> None:
    for name in ("foresail", "gateway", "dashboard", "controller"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('somebody else')\n")
    environ = child_environ({k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
    told = subprocess.run(
        [*COMMAND, "gateway", "--port", "none"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert told.returncode == 2
    assert "FORESAIL_GATEWAY_PORT is 'none'" in told.stderr


@pytest.mark.parametrize(
    ("given", "search"),
    [({}, [str(ROOT)]), ({"PYTHONPATH": ""}, [str(ROOT)]), ({"PYTHONPATH": "/a:/b"}, [str(ROOT), "/a", "/b"])],
)
def test_the_search_path_of_the_user_is_kept_after_our_own(given: dict[str, str], search: list[str]) -> None:
    made = child_environ({"HOME": "/home/somebody", **given})
    assert made == {"HOME": "/home/somebody", "PYTHONPATH": os.pathsep.join(search)}


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("", "it said nothing"),
        ("e.write('one\\ntwo\\n\\n')", "two"),
        ("e.write('x' * 5_000_000 + '\\nthe end')", "the end"),
    ],
)
async def test_the_last_line_is_kept_of_however_much(program: str, said: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", f"import sys\ne = sys.stderr\n{program}", stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    last_words = LastWords(process.stderr)
    assert await process.wait() == 0
    assert await last_words.line() == said
