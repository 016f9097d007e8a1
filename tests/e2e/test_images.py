"""The images as they are built from these sources: nobody's user, nothing to write to, and each does its work.

Built with what is there; where no registry is reached the base is made by debootstrap. Debian's buildah needs
BUILDAH_ISOLATION=chroot inside another container.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from websockets.sync.client import connect

from tests.cluster.api import Json
from tests.cluster.control_plane import ControlPlane
from tests.helpers.processes import PATIENCE_S, free_port, until
from tools.environment import SetupFailed
from tools.images import IMAGES, build, builder_of, name_of, stand_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
_READ_ONLY = ("--network=host", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
_WHAT_IS_INSIDE = """
import importlib.util, json, os
there = [name for name in ("torch", "pip", "pytest", "hatchling") if importlib.util.find_spec(name)]
print(json.dumps([os.getuid(), os.getgid(), there]))
"""


def runner() -> list[str]:
    """How a container is started here. Inside another container podman may set no limits of its own."""
    if shutil.which("podman"):
        runc = ["--runtime", "runc"] if shutil.which("runc") else []
        return ["podman", "run", "--rm", *runc, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
    return ["docker", "run", "--rm"]


@pytest.fixture(scope="module")
def built() -> Mapping[str, str]:
    """Each image and the name it was built under."""
    environ = {"BUILDAH_ISOLATION": "chroot", **os.environ}
    try:
        builder = builder_of(environ)
        if not shutil.which("docker" if builder == "docker" else "podman"):
            pytest.skip("images can be built here, but not run: no podman")
        base = None if builder == "docker" else stand_in(environ)
    except SetupFailed as reason:
        pytest.skip(str(reason))
    build(IMAGES, base, environ)
    return {image: name_of(image) for image in IMAGES}


def once(image: str, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """What a container said until it ended."""
    call = [*runner(), *_READ_ONLY, *options, image, *arguments]
    return subprocess.run(call, capture_output=True, text=True, check=False, timeout=300)


@contextmanager
def running(image: str, *arguments: str, options: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """A container, told to end by SIGTERM as Kubernetes does. What it said is printed, for a test that fails."""
    call = [*runner(), *_READ_ONLY, *options, image, *arguments]
    with subprocess.Popen(
        call, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                said, _ = process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                said, _ = process.communicate()
            print(said)  # noqa: T201  pytest shows it of a test that fails


def answer(url: str) -> str:
    """What is there; nothing while nothing is."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return str(response.read().decode())
    except OSError:
        return ""


def by_itself(config: Json) -> Json:
    """A kubeconfig that holds the certificate which it names: the file is not in the container."""
    for one in config["clusters"]:
        certificate = Path(one["cluster"].pop("certificate-authority")).read_bytes()
        one["cluster"]["certificate-authority-data"] = base64.b64encode(certificate).decode()
    return config


@pytest.mark.parametrize("image", IMAGES)
def test_nobody_runs_it_and_nothing_heavy_is_inside(image: str, built: Mapping[str, str]) -> None:
    inside = once(built[image], "-c", _WHAT_IS_INSIDE, options=("--entrypoint", "python"))
    assert json.loads(inside.stdout) == [10001, 10001, []]
    written = once(built[image], "-c", "open('/opt/foresail/x', 'w')", options=("--entrypoint", "python"))
    assert "Read-only file system" in written.stderr


def test_the_gateway_serves_sockets_and_drains(built: Mapping[str, str]) -> None:
    port = free_port()
    options = ("--env", f"FORESAIL_GATEWAY_PORT={port}", "--env", "FORESAIL_GATEWAY_MAX_CONNECTIONS=500",
               "--env", "FORESAIL_GATEWAY_DRAIN_WINDOW_S=0.1")  # fmt: skip
    with running(built["gateway"], options=options) as process:
        until(lambda: "ready" in answer(f"http://127.0.0.1:{port}/readyz"))
        at = f"ws://127.0.0.1:{port}/ws"
        with connect(at, open_timeout=PATIENCE_S) as one, connect(at, open_timeout=PATIENCE_S) as other:
            assert json.loads(other.recv(PATIENCE_S))["type"] == "welcome"
            one.send(json.dumps({"type": "broadcast", "data": "hello"}))
            assert json.loads(other.recv(PATIENCE_S))["data"] == "hello"
            process.terminate()
            assert process.wait(PATIENCE_S) == 0


def test_the_controller_says_what_it_lacks(built: Mapping[str, str]) -> None:
    assert "examples:" in once(built["controller"], "controller", "--help").stdout
    done = once(built["controller"], "controller", "once", "--dry-run")
    assert done.returncode == 2
    assert "foresail controller: neither a pod's service account nor a kubeconfig" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_controller_gets_ready_on_a_real_api_server(
    built: Mapping[str, str], cluster: ControlPlane, tmp_path: Path
) -> None:
    port, kubeconfig = free_port(), tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(by_itself(yaml.safe_load(cluster.kubeconfig.read_text()))))
    options = ("--volume", f"{kubeconfig}:/kubeconfig:ro", "--env", f"FORESAIL_CONTROLLER_PORT={port}",
               "--env", "FORESAIL_CONTROLLER_LEASE_NAME=image")  # fmt: skip
    with running(built["controller"], "controller", "run", "--kubeconfig", "/kubeconfig", options=options):
        until(lambda: answer(f"http://127.0.0.1:{port}/healthz") == "ok\n")
        until(lambda: "foresail_leader" in answer(f"http://127.0.0.1:{port}/metrics"))


def test_the_dashboard_answers(built: Mapping[str, str]) -> None:
    port = free_port()
    with running(built["dashboard"], "dashboard", "--wait", "--host", "127.0.0.1", "--port", str(port)):
        until(lambda: answer(f"http://127.0.0.1:{port}/_stcore/health") == "ok")
