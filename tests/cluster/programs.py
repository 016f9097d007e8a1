"""Helm and kubectl as their users run them: as processes with a kubeconfig, away from the settings of this machine."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 110.0


class ProgramFailed(Exception):
    """What the program said on stderr before it ended with another code than 0."""


@dataclass(frozen=True)
class Program:
    """A program at a path, for the cluster and user of a kubeconfig; `home` keeps what it caches."""

    path: Path
    kubeconfig: Path
    home: Path

    def run(self, *arguments: str | Path, stdin: str = "") -> str:
        """What it said on stdout. Raises ProgramFailed."""
        command = [str(self.path), *map(str, arguments)]
        ended = subprocess.run(
            command,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "KUBECONFIG": str(self.kubeconfig)},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if ended.returncode:
            raise ProgramFailed(f"{' '.join(command)} ended with {ended.returncode}: {ended.stderr.strip()}")
        return ended.stdout

    def as_user(self, kubeconfig: Path) -> Program:
        """The same program for another user."""
        return Program(self.path, kubeconfig, self.home)
