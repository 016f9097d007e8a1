"""etcd, kube-apiserver and kube-controller-manager on ports of their own, with their logs and state in one folder.

Users are bearer tokens. The API server makes its own certificate, whose key also signs the tokens of service accounts:
nothing here needs a tool of its own. All three are killed in the end, because nothing of them is kept.
"""

from __future__ import annotations

import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.cluster.api import Api, ApiError
from tests.helpers.processes import free_port, until

Flags = Mapping[str, str]
"""Command-line flags without their dashes."""

ADMIN = "admin"
CONTROLLER_MANAGER = "controller-manager"
"""Users, whose tokens are their names; both may do everything."""

_LAST_LINES = 30


class ControlPlane:
    """A running control plane.

    url         of the API server
    api         the API server as the administrator sees it
    kubeconfig  the administrator's, for clients that want one
    folder      holds a log of each program: etcd.log, kube-apiserver.log, kube-controller-manager.log
    certificate, key  what the API server serves with; other servers on this machine may do so too
    """

    def __init__(self, folder: Path, programs: Path, api_server: Flags, controller_manager: Flags) -> None:
        self.folder = folder
        self.url = f"https://127.0.0.1:{free_port()}"
        self.certificate = folder / "certificates" / "apiserver.crt"
        self.key = folder / "certificates" / "apiserver.key"
        self.kubeconfig = folder / f"{ADMIN}.kubeconfig"
        self._programs = programs
        self._api_server = api_server
        self._controller_manager = controller_manager
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._etcd = f"http://127.0.0.1:{free_port()}"

    @property
    def api(self) -> Api:
        return self._api

    def api_of(self, token: str) -> Api:
        """The API server as the owner of a token sees it."""
        return Api(self.url, token, str(self.certificate))

    def start(self) -> None:
        """All three, each when the one before is ready."""
        peers = f"http://127.0.0.1:{free_port()}"
        self._start("etcd", _etcd_flags(self.folder / "etcd", self._etcd, peers))
        (self.folder / "tokens.csv").write_text(
            f'{ADMIN},{ADMIN},1,"system:masters"\n{CONTROLLER_MANAGER},{CONTROLLER_MANAGER},2,"system:masters"\n'
        )
        self.start_api_server()
        self._api = Api(self.url, ADMIN, str(self.certificate))
        for user in (ADMIN, CONTROLLER_MANAGER):
            self.write_kubeconfig(user, user)
        self.start_controller_manager()

    def start_api_server(self) -> None:
        """At the same address and with the same certificate as before, if there was one."""
        self._start("kube-apiserver", {**self._api_server_flags(self._etcd), **self._api_server})
        until(lambda: self._made_its_certificate())
        until(lambda: self._answers("kube-apiserver", f"{self.url}/readyz"))

    def kill_api_server(self) -> None:
        """What it knew is in etcd; the controller manager is left to wait for it."""
        self._kill("kube-apiserver")

    def hold_api_server(self) -> None:
        """From now on it takes connections and answers nothing, on those that are open neither."""
        self._running["kube-apiserver"].send_signal(signal.SIGSTOP)

    def let_go_api_server(self) -> None:
        self._running["kube-apiserver"].send_signal(signal.SIGCONT)

    def start_controller_manager(self) -> None:
        port = free_port()
        defaults = {
            "kubeconfig": str(self.folder / f"{CONTROLLER_MANAGER}.kubeconfig"),
            "bind-address": "127.0.0.1",
            "secure-port": str(port),
            "leader-elect": "false",
            "kube-api-qps": "1000",
            "kube-api-burst": "1000",
        }
        self._start("kube-controller-manager", {**defaults, **self._controller_manager})
        until(lambda: self._answers("kube-controller-manager", f"https://127.0.0.1:{port}/healthz"))

    def kill_controller_manager(self) -> None:
        """As a crash would: what it remembered is gone."""
        self._kill("kube-controller-manager")

    def stop(self) -> None:
        for name in list(self._running):
            self._kill(name)

    def log(self, program: str) -> str:
        """What the program has said so far."""
        return (self.folder / f"{program}.log").read_text(errors="replace")

    def write_kubeconfig(self, user: str, token: str) -> Path:
        """A file by which a program is that user."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "test", "cluster": {"server": self.url, "certificate-authority": str(self.certificate)}}
            ],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "current-context": "test",
        }
        path = self.folder / f"{user}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    def _api_server_flags(self, etcd: str) -> dict[str, str]:
        return {
            "etcd-servers": etcd,
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "secure-port": self.url.rpartition(":")[2],
            "cert-dir": str(self.certificate.parent),
            "token-auth-file": str(self.folder / "tokens.csv"),
            "authorization-mode": "RBAC",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": str(self.certificate),
            "service-account-signing-key-file": str(self.key),
            "service-cluster-ip-range": "10.0.0.0/24",
            "disable-admission-plugins": "ServiceAccount",
            "max-requests-inflight": "0",
            "max-mutating-requests-inflight": "0",
            "enable-priority-and-fairness": "false",
        }

    def _start(self, name: str, flags: Flags) -> None:
        command = [str(self._programs / name), *(f"--{flag}={value}" for flag, value in flags.items())]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _kill(self, name: str) -> None:
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def _made_its_certificate(self) -> bool:
        self._check("kube-apiserver")
        return self.certificate.exists() and self.key.exists()

    def _answers(self, name: str, url: str) -> bool:
        self._check(name)
        anyone = ssl.create_default_context()
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        try:
            request = urllib.request.Request(url, headers={"Authorization": f"Bearer {ADMIN}"})
            with urllib.request.urlopen(request, context=anyone, timeout=5) as answer:
                return int(answer.status) == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def _check(self, name: str) -> None:
        ended = self._running[name].poll()
        last = "\n".join(self.log(name).splitlines()[-_LAST_LINES:])
        assert ended is None, f"{name} ended with {ended}; the end of its log:\n{last}"


@contextmanager
def control_plane(
    folder: Path, programs: Path, *, api_server: Flags | None = None, controller_manager: Flags | None = None
) -> Iterator[ControlPlane]:
    """A control plane from the three `programs`, gone when the block ends; the logs stay in `folder`."""
    cluster = ControlPlane(folder, programs, api_server or {}, controller_manager or {})
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def make_namespace(api: Api, name: str) -> None:
    """The namespace, unless it is there."""
    try:
        api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise


def _etcd_flags(data: Path, clients: str, peers: str) -> dict[str, str]:
    """Without fsync: a machine that crashes takes the test with it anyway."""
    return {
        "data-dir": str(data),
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"default={peers}",
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }
