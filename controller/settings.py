"""The settings of the controller, from FORESAIL_CONTROLLER_* variables; an unknown one is refused.

The reference page of the variables is made of the fields.
"""

from __future__ import annotations

import json
import re
import secrets
import socket
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from controller.errors import BadPolicy
from forecaster.prometheus import PrometheusSource

PREFIX = "FORESAIL_CONTROLLER_"
_PROCESS = secrets.token_hex(3)
"""Two on one machine, or in two pods with its name, are two in the election."""
_SERVICE_LINK = re.compile(r"SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?")


def _address(given: str) -> str:
    """What a client can ask; without its scheme `prometheus:9090` would be a server of the scheme `prometheus`."""
    try:
        parts = urlsplit(given)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        sound = False
    if not sound:
        scheme = "" if "://" in given else f"; write the scheme before it, as in http://{given}"
        raise ValueError(f"allowed is an address with http:// or https:// and a host{scheme}")
    return given


class ControllerSettings(BaseModel):
    """One field for each variable, in lower case."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prometheus_url: Annotated[
        str,
        AfterValidator(_address),
        Field(description="the Prometheus that policies ask by default", json_schema_extra={"format": "uri"}),
    ] = "http://prometheus:9090"
    prometheus_token_file: Annotated[Path | None, Field(description="bearer token, read anew for each request")] = None
    prometheus_ca_file: Annotated[Path | None, Field(description="certificates that its own is signed by")] = None
    prometheus_headers: Annotated[
        dict[str, str], Field(description='more headers, as JSON: {"X-Scope-OrgID": "chat"}')
    ] = {}
    prometheus_timeout_s: Annotated[float, Field(gt=0, le=120, description="seconds without an answer")] = 10.0
    namespace: Annotated[str, Field(description="the only namespace that is looked at; all where it is empty")] = ""
    lease_namespace: Annotated[str, Field(min_length=1, description="where the Lease is")] = "default"
    lease_name: Annotated[
        str, Field(min_length=1, description="its name, which `restore` and its watchdog must be told too")
    ] = "foresail-controller"
    identity: Annotated[
        str, Field(description="who this is in the election; by default the host's name and some letters")
    ] = ""
    tick_s: Annotated[float, Field(ge=1, le=60, description="seconds between two ticks")] = 15.0
    model: Annotated[str, Field(min_length=1, description="a shipped model, or a folder of one")] = "base"
    host: Annotated[str, Field(description="address of probes, metrics and read API")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="their port, 0 for a free one")] = 8081

    log_format: Annotated[Literal["json", "text"], Field(description="of the log, a line each")] = "json"
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Field(description="DEBUG has every decision, INFO those that move something"),
    ] = "INFO"
    ledger_folder: Annotated[Path | None, Field(description="where a ledger of every policy is kept; nowhere")] = None
    ledger_megabytes: Annotated[
        int, Field(ge=1, le=1_000_000, description="that all ledgers may take; the oldest parts go first")
    ] = 256

    @property
    def name(self) -> str:
        return self.identity or f"{socket.gethostname()}-{_PROCESS}"

    def source(self, url: str) -> PrometheusSource:
        """How a Prometheus is asked.

        The controller's own credentials are for its own Prometheus only: a policy that names another could else have
        them sent there.
        """
        patience = timedelta(seconds=self.prometheus_timeout_s)
        if url != self.prometheus_url:
            return PrometheusSource(url, timeout=patience, retries=0, set_by="the policy's spec.prometheus.url")
        return PrometheusSource(
            url,
            self.prometheus_token_file,
            self.prometheus_ca_file,
            self.prometheus_headers,
            timeout=patience,
            retries=0,
            set_by=f"{PREFIX}PROMETHEUS_URL",
        )


def read_settings(environ: Mapping[str, str]) -> ControllerSettings:
    """The settings that the variables state. Raises BadPolicy with a line for each problem.

    What Kubernetes itself puts there for a Service named foresail-controller, such as FORESAIL_CONTROLLER_PORT with
    tcp://..., is passed over.
    """
    given = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environ.items()
        if name.startswith(PREFIX) and not _is_service_link(name.removeprefix(PREFIX), text)
    }
    unknown = sorted(given.keys() - ControllerSettings.model_fields.keys())
    if unknown:
        known = ", ".join(sorted(PREFIX + name.upper() for name in ControllerSettings.model_fields))
        raise BadPolicy(f"{', '.join(PREFIX + name.upper() for name in unknown)}: unknown; there are {known}")
    try:
        headers = {"prometheus_headers": given["prometheus_headers"]} if "prometheus_headers" in given else {}
        plain = {name: text for name, text in given.items() if name not in headers}
        return ControllerSettings.model_validate({**plain, **{k: _object(v) for k, v in headers.items()}})
    except ValidationError as error:
        lines = [
            f"{PREFIX}{str(one['loc'][0]).upper()}: found {one['input']!r}; {_said(one)}" for one in error.errors()
        ]
        raise BadPolicy("\n".join(lines)) from error


def _said(problem: ErrorDetails) -> str:
    """What is allowed: our own words without the library's before them."""
    own = problem.get("ctx", {}).get("error")
    return problem["msg"] if own is None else str(own)


def _is_service_link(name: str, text: str) -> bool:
    return text.startswith(("tcp://", "udp://", "sctp://")) or bool(_SERVICE_LINK.fullmatch(name))


def _object(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
