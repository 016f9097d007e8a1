"""The control plane's programs are built once, whole, under the hash of what decides them, and found where they are.

Go is played by a script that writes what it was asked for: the real build takes minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.control_plane import MODULE, PACKAGES, NotBuilt, build, locate, place_of
from tools.environment import SetupFailed
from tools.requirements import ROOT

GO = """#!/bin/sh
echo "$@" >> "$GO_LOG"
test "$GO_FAILS_AT" && case "$*" in *"$GO_FAILS_AT"*) echo "no such module" >&2; exit 1;; esac
while [ "$1" != "-o" ]; do shift; done
mkdir -p "$(dirname "$2")" && echo "#!/bin/sh" > "$2" && chmod +x "$2"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / MODULE, tmp_path / "clone" / MODULE)
    return tmp_path / "clone"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A cache of its own, and the script for Go."""
    go = tmp_path / "go" / "go"
    go.parent.mkdir()
    go.write_text(GO)
    go.chmod(0o755)
    return {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PATH": f"{go.parent}{os.pathsep}{os.environ['PATH']}",
        "GO_LOG": str(tmp_path / "asked"),
        "GO_FAILS_AT": "",
    }


def asked(environ: dict[str, str]) -> list[str]:
    """What Go was asked for, call by call."""
    return Path(environ["GO_LOG"]).read_text().splitlines()


def test_built_once_then_found(clone: Path, environ: dict[str, str]) -> None:
    with pytest.raises(NotBuilt, match="make control-plane"):
        locate(environ, clone)
    place = build(environ, clone)
    assert {path.name for path in place.iterdir()} == set(PACKAGES)
    assert build(environ, clone) == locate(environ, clone) == place
    assert len(asked(environ)) == len(PACKAGES)


def test_kubernetes_is_told_its_version(clone: Path, environ: dict[str, str]) -> None:
    build(environ, clone)
    version = "-X k8s.io/component-base/version.gitVersion=v1.36.3"
    assert all(version in call for call in asked(environ))


@pytest.mark.parametrize("program", PACKAGES)
def test_a_build_that_fails_leaves_nothing_to_be_found(clone: Path, environ: dict[str, str], program: str) -> None:
    with pytest.raises(SetupFailed, match=f"go build of {program} ended with 1"):
        build(environ | {"GO_FAILS_AT": PACKAGES[program]}, clone)
    with pytest.raises(NotBuilt):
        locate(environ, clone)
    assert not [path for path in place_of(environ, clone).parent.iterdir() if path.is_dir()]


def test_two_at_once_build_one(clone: Path, environ: dict[str, str]) -> None:
    code = (
        "import os, sys; from pathlib import Path; from tools.control_plane import build\n"
        "build(os.environ, Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(clone)]
    both = [subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert len(asked(environ)) == len(PACKAGES)


def test_without_go_it_says_what_to_do(clone: Path, environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match=r"no Go on this machine; install .* KUBEBUILDER_ASSETS"):
        build(environ | {"PATH": str(tmp_path / "nothing")}, clone)


def test_programs_that_the_user_names_are_used(clone: Path, environ: dict[str, str]) -> None:
    place = build(environ, clone)
    named = {"KUBEBUILDER_ASSETS": str(place), "PATH": ""}
    assert build(named, clone) == place
    (place / "etcd").unlink()
    with pytest.raises(SetupFailed, match=r"KUBEBUILDER_ASSETS is .*, without etcd;"):
        build(named, clone)


@pytest.mark.parametrize("changed", ["go.mod", "go.sum"])
def test_another_recipe_has_another_place(clone: Path, environ: dict[str, str], changed: str) -> None:
    before = place_of(environ, clone)
    file = clone / MODULE / changed
    file.write_text(file.read_text().replace("1.36.3", "1.36.4") + "\n")
    assert place_of(environ, clone) != before


def test_a_module_without_kubernetes_is_refused(clone: Path, environ: dict[str, str]) -> None:
    (clone / MODULE / "go.mod").write_text("module nothing\n")
    with pytest.raises(SetupFailed, match=r"requires no k8s\.io/kubernetes"):
        build(environ, clone)
