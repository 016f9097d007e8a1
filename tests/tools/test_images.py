"""Images are built by whichever builder is there, told where pip asks, and named after the project's version.

The builder is played by a script that writes down what it was asked for: `tests/e2e/test_images.py` builds real ones.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tools import images
from tools.environment import SetupFailed
from tools.images import BUILDERS, CHOSEN, IMAGES, STAND_IN, build, builder_of, name_of, stand_in
from tools.requirements import ROOT, read_project

SCRIPT = """#!/bin/sh
echo "$(basename "$0") $*" >> "$BUILDER_LOG"
case "$*" in
  version) test "$(basename "$0")" != "$BUILDER_WITHOUT_ENGINE" || exit 1;;
  "images --json"*) echo '[{"size": "313 MB"}]';;
  "image inspect"*) echo 313000000;;
  *"--target $BUILDER_FAILS_AT "*) echo "no such package"; exit 1;;
esac
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Every builder is there, and a home without any configuration."""
    for name in BUILDERS:
        (tmp_path / "bin" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(SCRIPT)
        (tmp_path / "bin" / name).chmod(0o755)
    return {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "BUILDER_LOG": str(tmp_path / "asked"),
        "BUILDER_FAILS_AT": "nothing",
    }


def asked(environ: dict[str, str]) -> list[str]:
    lines = Path(environ["BUILDER_LOG"]).read_text().splitlines()
    return [line for line in lines if not line.endswith(" version")]


@pytest.mark.parametrize("builder", BUILDERS)
def test_each_image_is_a_target_of_the_dockerfile(builder: str, environ: dict[str, str]) -> None:
    built = build(IMAGES, None, environ | {CHOSEN: builder})
    assert [(one.name, one.size, one.base) for one in built] == [(name_of(i), 313_000_000, 0) for i in IMAGES]
    calls = [call for call in asked(environ) if "--target" in call]
    verb = " ".join(BUILDERS[builder])
    for image, call in zip(IMAGES, calls, strict=True):
        assert call.startswith(f"{builder} {verb} -f deploy/images/Dockerfile")
        assert call.endswith(f"--target {image} -t foresail-{image}:{read_project(ROOT)['version']} .")
        assert f"--build-arg VERSION={read_project(ROOT)['version']}" in call
        assert re.search(r"--build-arg REVISION=([0-9a-f]{40}|unknown) ", call)
        assert "BASE=" not in call


def test_every_target_is_there() -> None:
    text = (ROOT / "deploy/images/Dockerfile").read_text()
    assert set(IMAGES) <= set(re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE))


def test_what_the_dockerfile_copies_is_let_through() -> None:
    text = (ROOT / "deploy/images/Dockerfile").read_text()
    copied = {name for line in re.findall(r"^COPY (?!--)(.+) \S+$", text, re.MULTILINE) for name in line.split()}
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in copied} == {line for line in ignore if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)


def test_pip_is_told_where_to_ask_as_on_this_machine(environ: dict[str, str], tmp_path: Path) -> None:
    conf, certificates = tmp_path / "pip.conf", tmp_path / "ca.pem"
    conf.touch()
    certificates.touch()
    build(["gateway"], None, environ | {"PIP_CONFIG_FILE": str(conf), "PIP_CERT": str(certificates)})
    assert f"--secret id=pip.conf,src={conf} --secret id=ca.pem,src={certificates}" in asked(environ)[0]


def test_the_stand_in_is_never_looked_for_elsewhere(environ: dict[str, str]) -> None:
    for builder, never in (("buildah", "--pull-never"), ("podman", "--pull=never")):
        base = stand_in(environ | {CHOSEN: builder})
        build(["gateway"], base, environ | {CHOSEN: builder})
        call = next(call for call in asked(environ) if call.startswith(builder) and "--target" in call)
        assert f"--build-arg BASE={STAND_IN} {never} " in call


def test_another_base_is_measured_beside(environ: dict[str, str]) -> None:
    (one,) = build(["gateway"], "localhost/python:3.12", environ)
    assert one.base == 313_000_000


def test_a_build_that_fails_is_said(environ: dict[str, str]) -> None:
    with pytest.raises(SetupFailed, match="ended with 1; what it found is above"):
        build(["controller", "gateway"], None, environ | {"BUILDER_FAILS_AT": "gateway"})


def test_without_a_builder_it_says_what_to_do(environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match=r"no docker and no buildah and no podman .*: install one"):
        builder_of({"PATH": str(tmp_path / "nothing")})
    with pytest.raises(SetupFailed, match=f"{CHOSEN} is kaniko; expected one of docker, buildah, podman"):
        builder_of(environ | {CHOSEN: "kaniko"})
    shutil.rmtree(tmp_path / "bin")
    with pytest.raises(SetupFailed, match="no docker on this machine"):
        builder_of({"PATH": environ["PATH"].partition(os.pathsep)[0], CHOSEN: "docker"})


def test_a_client_without_an_engine_is_passed_over(environ: dict[str, str]) -> None:
    assert builder_of(environ) == "docker"
    assert builder_of(environ | {"BUILDER_WITHOUT_ENGINE": "docker"}) == "buildah"


def test_sizes_are_written_down(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.environ", environ)
    assert images.main(["gateway", "--base", "python", "--json", str(tmp_path / "sizes.json")]) == 0
    assert "foresail-gateway:0.1.0: 313 MB, of it 313 MB base" in capsys.readouterr().out
    found = json.loads((tmp_path / "sizes.json").read_text())
    assert found == {"base": "python", "bytes_over_the_base": {"foresail-gateway": 0}}


@pytest.mark.parametrize("arguments", [["database"], ["--stand-in", "--base", "python"]])
def test_a_wrong_call_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        images.main(arguments)
    assert left.value.code == 2
    assert re.search("expected controller, gateway, dashboard|give one of them", capsys.readouterr().err)
