"""Makes the virtual environment that the `make` targets run in, and links it as `.venv`.

It lives outside the clone, in the user's cache, under a name made of the Python version and of what is locked: clones
of the same state share it, a changed lock gets a new one, and a running one is never changed under somebody's feet.

    $XDG_CACHE_HOME/foresail/venv-3.11.7-1f0c…       the environment
        foresail-made                                it was made whole
        foresail-installing                          pip is at work, or was when it was stopped
        foresail-<group>                             this group's packages are installed
    $XDG_CACHE_HOME/foresail/venv-3.11.7-1f0c….lock  held while one process changes it

One target needs packages that cannot stand beside the product's: the libraries that `make bench-forecast` compares
with, which want an older pandas. They get an environment of their own of the same kind, `bench-venv-…`, with a lock of
its own, benchmarks/constraints.txt, linked as `benchmarks/.venv`.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.requirements import ROOT, read_project, requirements

GROUPS = {"demo": ("demo",), "dev": ("dev",), "train": ("dev", "train")}
"""What a target may need, as extras. The demo's has no torch: that is five gigabytes, and only training needs it."""


@dataclass(frozen=True)
class Kind:
    """What sets an environment apart: how its folder's name begins, its lock and its link, both within the clone."""

    prefix: str
    lock: str
    link: str


PRODUCT = Kind("venv", "constraints.txt", ".venv")
BENCH = Kind("bench-venv", "benchmarks/constraints.txt", "benchmarks/.venv")
BENCH_GROUP = "bench"
"""No extra, because the wheel holds no benchmarks, but a dependency group (PEP 735)."""


class SetupFailed(Exception):
    """The environment could not be made; its text says what to do."""


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where this user's caches go, by the XDG base directory specification: a relative path does not count."""
    given = Path(environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".cache") / "foresail"


def environment_name(project: dict[str, Any], constraints: bytes) -> str:
    """Equal for clones that can share an environment: same interpreter, same kind of machine, same lock."""
    return _name(PRODUCT, {key: project[key] for key in ("dependencies", "optional-dependencies")}, constraints)


def place_name(root: Path, kind: Kind) -> str:
    """The name of the environment of that kind that the clone at `root` needs."""
    lock = (root / kind.lock).read_bytes()
    if kind is PRODUCT:
        return environment_name(read_project(root), lock)
    return _name(kind, packages(root, BENCH_GROUP), lock)


def packages(root: Path, group: str) -> list[str]:
    """What pip is asked for, for a group of the clone at `root`."""
    if group == BENCH_GROUP:
        table = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        listed: list[str] = table["dependency-groups"][group]
        return listed
    return requirements(read_project(root), GROUPS[group])


def _name(kind: Kind, wanted: object, constraints: bytes) -> str:
    locked = json.dumps([wanted, sys.platform, platform.machine()], sort_keys=True).encode() + constraints
    return f"{kind.prefix}-{platform.python_version()}-{hashlib.sha256(locked).hexdigest()[:12]}"


class Environment:
    """One virtual environment, made or not."""

    def __init__(self, place: Path, root: Path, kind: Kind = PRODUCT) -> None:
        self.place = place
        self.root = root
        self.kind = kind
        self.python = place / "bin" / "python"

    def has(self, group: str) -> bool:
        """Whether this group's packages are there, in an environment whose interpreter still exists."""
        return self._mark("made").exists() and self._mark(group).exists() and self.python.exists()

    def ensure(self, groups: Sequence[str]) -> None:
        """The environment with these groups in it, or SetupFailed; what was half done is done again."""
        if all(self.has(group) for group in ("made", *groups)):
            return
        with alone(self.place.with_name(self.place.name + ".lock"), _say):
            if self._mark("installing").exists() or not self.has("made"):
                self._make()
            for group in groups:
                if not self.has(group):
                    self._install(group)

    def link(self) -> None:
        """The clone's link of this kind leads here."""
        link = self.root / self.kind.link
        if link.exists() and not link.is_symlink():
            raise SetupFailed(f"{link} is a folder of your own; a link belongs there: move the folder away")
        if not link.is_symlink() or link.readlink() != self.place:
            fresh = link.with_name(f".venv-{os.getpid()}")
            fresh.symlink_to(self.place)
            fresh.replace(link)

    def remove(self) -> None:
        """Neither the environment nor the clone's link to it."""
        with alone(self.place.with_name(self.place.name + ".lock"), _say):
            shutil.rmtree(self.place, ignore_errors=True)
        link = self.root / self.kind.link
        if link.is_symlink():
            link.unlink()

    def _mark(self, name: str) -> Path:
        return self.place / f"foresail-{name}"

    def _make(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)
        _say(f"making {self.place} with Python {platform.python_version()}")
        made = subprocess.run([sys.executable, "-m", "venv", self.place], stdin=subprocess.DEVNULL, check=False)
        if made.returncode:
            raise SetupFailed(
                f"{sys.executable} -m venv ended with {made.returncode}; what it found is above. "
                "On Debian and Ubuntu: apt-get install python3-venv"
            )
        self._mark("made").touch()

    def _install(self, group: str) -> None:
        _say(f"installing what `{group}` needs, at the versions of {self.kind.lock} (once)")
        command = [str(self.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        command += ["-c", str(self.root / self.kind.lock), *packages(self.root, group)]
        before = self._packages()
        self._mark("installing").touch()
        try:
            ended = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
            if ended:
                raise SetupFailed(
                    f"pip ended with {ended}; what it found is above. Run the same command again to retry"
                )
            self._mark(group).touch()
        finally:
            # A pip that failed before it changed anything, most often for want of a network, costs nobody what works.
            if self._mark(group).exists() or self._packages() == before:
                self._mark("installing").unlink()

    def _packages(self) -> set[tuple[str, int]]:
        folder = Path(sysconfig.get_path("purelib", "venv", {"base": str(self.place)}))
        return {(entry.name, entry.stat().st_mtime_ns) for entry in folder.iterdir()}


@contextmanager
def alone(lock: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Nobody else changes what the lock stands for meanwhile. The kernel frees the lock of a process that died."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another that makes the same")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _say(what: str) -> None:
    print(f"environment: {what}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.environment", description="Makes the environment.")
    known = (*GROUPS, BENCH_GROUP)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(known)}; none: without packages")
    parser.add_argument("--remove", action="store_true", help="remove the environment and the link to it")
    options = parser.parse_args(argv)
    if unknown := [group for group in options.groups if group not in known]:
        parser.error(f"no group {unknown[0]!r}; there are: {', '.join(known)}")
    kind = BENCH if BENCH_GROUP in options.groups else PRODUCT
    if kind is BENCH and set(options.groups) != {BENCH_GROUP}:
        parser.error(f"{BENCH_GROUP} has an environment of its own; ask for it alone")
    environment = Environment(cache_folder(os.environ) / place_name(ROOT, kind), ROOT, kind)

    def work() -> None:
        if options.remove:
            environment.remove()
        else:
            environment.ensure(options.groups)
            environment.link()

    return ended("environment", "to make it in", work)


def ended(name: str, purpose: str, work: Callable[[], None]) -> int:
    """The exit code of `work` in the cache folder, which has said on stderr why it could not be done."""
    try:
        work()
    except SetupFailed as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{name}: {error}; XDG_CACHE_HOME names another folder {purpose}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
