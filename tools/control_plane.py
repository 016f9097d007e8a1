"""Builds a real control plane for tests: etcd, kube-apiserver and kube-controller-manager, from their Go modules.

What is built depends on tools/go/go.mod, go.sum and the flags below, and lies in the user's cache under their hash:

    $XDG_CACHE_HOME/foresail/control-plane-linux-x86_64-1f0c…        the three programs, all of them or none
    $XDG_CACHE_HOME/foresail/control-plane-linux-x86_64-1f0c….lock   held while one process builds them

Where KUBEBUILDER_ASSETS names a folder that has them, those are used, and nothing is built.

Standard library only: CI can run this before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tools.environment import SetupFailed, alone, cache_folder, ended
from tools.requirements import ROOT

PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
}
"""What each program is built from."""
MODULE = "tools/go"
ASSETS = "KUBEBUILDER_ASSETS"
"""The variable by which kubebuilder's tests find the same programs."""

_FLAGS = ("-trimpath", "-buildvcs=false", "-mod=readonly")
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
_VERSION = "k8s.io/component-base/version"


class NotBuilt(Exception):
    """There is no control plane on this machine yet; its text says how to get one."""


def locate(environ: Mapping[str, str], root: Path = ROOT) -> Path:
    """The folder that has the three programs.

    Raises NotBuilt where there is none yet, and SetupFailed where KUBEBUILDER_ASSETS names one that lacks a program.
    """
    if given := environ.get(ASSETS):
        missing = [name for name in PACKAGES if not os.access(Path(given) / name, os.X_OK)]
        if missing:
            raise SetupFailed(f"{ASSETS} is {given}, without {', '.join(missing)}; name a folder with all, or none")
        return Path(given)
    place = place_of(environ, root)
    if not place.is_dir():
        raise NotBuilt("no control plane on this machine: `make control-plane` builds one, with Go")
    return place


def place_of(environ: Mapping[str, str], root: Path) -> Path:
    """Where the clone at `root` has its programs, built or not."""
    locked = [(root / MODULE / name).read_bytes() for name in ("go.mod", "go.sum")]
    recipe = repr((sorted(PACKAGES.items()), _FLAGS, sorted(_ENVIRONMENT.items()), _link_flags(root))).encode()
    machine = f"{sys.platform}-{platform.machine()}"
    key = hashlib.sha256(b"\0".join((machine.encode(), recipe, *locked))).hexdigest()[:12]
    return cache_folder(environ) / f"control-plane-{machine}-{key}"


def build(environ: Mapping[str, str], root: Path = ROOT) -> Path:
    """The folder with the three programs, built now unless they are there. Raises SetupFailed.

    They are built aside and moved to their place whole, so that no half of them is ever found there.
    """
    try:
        return locate(environ, root)
    except NotBuilt:
        place = place_of(environ, root)
    with alone(place.with_name(place.name + ".lock"), _say):
        if not place.is_dir():
            go = shutil.which("go", path=environ.get("PATH"))
            if go is None:
                raise SetupFailed(
                    f"no Go on this machine; install the version that {MODULE}/go.mod names or a newer one, or let"
                    f" {ASSETS} name a folder that has {', '.join(PACKAGES)}"
                )
            with tempfile.TemporaryDirectory(dir=place.parent, prefix=f"{place.name}.") as aside:
                made = Path(aside) / "bin"
                _build_into(made, go, environ, root)
                made.rename(place)
    return place


def _build_into(folder: Path, go: str, environ: Mapping[str, str], root: Path) -> None:
    for name, package in PACKAGES.items():
        _say(f"building {name} from {package} (once; the two of Kubernetes take minutes)")
        command = ["nice", "-n", "10", go, "build", *_FLAGS, "-ldflags", _link_flags(root)]
        command += ["-o", str(folder / name), package]
        ended = subprocess.run(
            command, cwd=root / MODULE, env={**environ, **_ENVIRONMENT}, stdin=subprocess.DEVNULL, check=False
        ).returncode
        if ended:
            raise SetupFailed(f"go build of {name} ended with {ended}; what it found is above. Run it again to retry")


def _link_flags(root: Path) -> str:
    """Kubernetes does not start without a version, and its own build writes it into the programs like this."""
    module = (root / MODULE / "go.mod").read_text(encoding="utf-8")
    version = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)", module)
    if version is None:
        raise SetupFailed(f"{MODULE}/go.mod requires no k8s.io/kubernetes; it must, at one version")
    said = {"gitVersion": version[1], "gitMajor": version[2], "gitMinor": version[3]}
    return " ".join(("-s -w", *(f"-X {_VERSION}.{name}={value}" for name, value in said.items())))


def _say(what: str) -> None:
    print(f"control-plane: {what}", flush=True)


def main() -> int:
    return ended("control-plane", "to build in", lambda: _say(f"{', '.join(PACKAGES)} are in {build(os.environ)}"))


if __name__ == "__main__":
    raise SystemExit(main())
