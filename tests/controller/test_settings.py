"""The controller's variables: defaults, bad ones with what is allowed, and credentials that stay at home."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from controller.errors import BadPolicy
from controller.settings import PREFIX, ControllerSettings, read_settings


def test_without_variables_everything_has_a_default() -> None:
    assert read_settings({"PATH": "/bin"}) == ControllerSettings()
    assert ControllerSettings().name.startswith(f"{socket.gethostname()}-")
    assert ControllerSettings().name == ControllerSettings().name
    assert ControllerSettings(identity="one").name == "one"


def test_each_variable_is_a_field() -> None:
    found = read_settings({
        "FORESAIL_CONTROLLER_TICK_S": "5", "FORESAIL_CONTROLLER_IDENTITY": "one",
        "FORESAIL_CONTROLLER_PROMETHEUS_HEADERS": '{"X-Scope-OrgID": "chat"}',
        "FORESAIL_CONTROLLER_PROMETHEUS_TOKEN_FILE": "/var/run/token",
    })  # fmt: skip
    assert (found.tick_s, found.name, found.prometheus_headers) == (5.0, "one", {"X-Scope-OrgID": "chat"})
    assert found.prometheus_token_file == Path("/var/run/token")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TICKS", "5", "FORESAIL_CONTROLLER_TICKS: unknown; there are FORESAIL_CONTROLLER_HOST"),
        ("TICK_S", "0", "FORESAIL_CONTROLLER_TICK_S: found '0'; Input should be greater than or equal to 1"),
        ("PORT", "x", "FORESAIL_CONTROLLER_PORT: found 'x'; Input should be a valid integer"),
        (
            "PROMETHEUS_URL",
            "prometheus:9090",
            "FORESAIL_CONTROLLER_PROMETHEUS_URL: found 'prometheus:9090'; allowed is an address with http:// or https://"
            " and a host; write the scheme before it, as in http://prometheus:9090",
        ),
        ("PROMETHEUS_URL", "", "FORESAIL_CONTROLLER_PROMETHEUS_URL: found ''; allowed is an address with http://"),
        ("PROMETHEUS_URL", "ftp://prometheus", "FORESAIL_CONTROLLER_PROMETHEUS_URL: found 'ftp://prometheus'; allowed"),
        ("PROMETHEUS_URL", "http://:9090", "FORESAIL_CONTROLLER_PROMETHEUS_URL: found 'http://:9090'; allowed is"),
        ("PROMETHEUS_URL", "http://p:x", "FORESAIL_CONTROLLER_PROMETHEUS_URL: found 'http://p:x'; allowed is"),
        (
            "PROMETHEUS_HEADERS",
            "a=b",
            "FORESAIL_CONTROLLER_PROMETHEUS_HEADERS: found 'a=b'; Input should be a valid dict",
        ),
    ],
)
def test_a_bad_one_is_named(name: str, value: str, said: str) -> None:
    with pytest.raises(BadPolicy) as caught:
        read_settings({f"FORESAIL_CONTROLLER_{name}": value})
    assert str(caught.value).startswith(said)


def test_a_policys_own_prometheus_does_not_see_our_credentials() -> None:
    settings = ControllerSettings(
        prometheus_url="http://ours", prometheus_token_file=Path("/token"), prometheus_headers={"X": "1"}
    )
    assert settings.source("http://ours").bearer_token_file == Path("/token")
    assert settings.source("http://ours").set_by == "FORESAIL_CONTROLLER_PROMETHEUS_URL"
    other = settings.source("http://theirs")
    assert other.set_by == "the policy's spec.prometheus.url"
    assert (other.bearer_token_file, dict(other.headers)) == (None, {})


def test_what_kubernetes_writes_for_a_service_of_that_name_is_no_setting() -> None:
    links = {
        "SERVICE_HOST": "10.0.0.7", "SERVICE_PORT": "8081", "SERVICE_PORT_HTTP": "8081", "PORT": "tcp://10.0.0.7:8081",
        "PORT_8081_TCP": "tcp://10.0.0.7:8081", "PORT_8081_TCP_ADDR": "10.0.0.7", "PORT_8081_TCP_PROTO": "tcp",
    }  # fmt: skip
    assert read_settings({PREFIX + name: text for name, text in links.items()}) == ControllerSettings()
