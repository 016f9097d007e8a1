"""Settings from an environment: every variable is read, every mistake is one clear error."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from gateway.errors import BadSettings
from gateway.settings import Heartbeat, Limits, Settings, read_settings


def concerns() -> list[type[BaseModel]]:
    return [type(info.default) for info in Settings.model_fields.values()]


def test_nothing_set_gives_the_defaults() -> None:
    settings = read_settings({"PATH": "/bin"})
    assert settings == Settings()
    assert settings.listen.host == "127.0.0.1"
    assert settings.origins.allowed_origins == ()


def test_every_field_is_read_from_its_variable() -> None:
    settings = read_settings(
        {
            "FORESAIL_GATEWAY_HOST": "0.0.0.0",
            "FORESAIL_GATEWAY_PORT": "0",
            "FORESAIL_GATEWAY_ALLOWED_ORIGINS": "https://a.example, http://b.example:81,",
            "FORESAIL_GATEWAY_ALLOW_MISSING_ORIGIN": "false",
            "FORESAIL_GATEWAY_MAX_CONNECTIONS": "5",
            "FORESAIL_GATEWAY_MAX_MESSAGE_BYTES": "100",
            "FORESAIL_GATEWAY_MAX_ROOMS": "6",
            "FORESAIL_GATEWAY_QUEUE_BYTES": "2048",
            "FORESAIL_GATEWAY_QUEUE_MESSAGES": "7",
            "FORESAIL_GATEWAY_PING_AFTER_S": "1.5",
            "FORESAIL_GATEWAY_INACTIVE_AFTER_S": "2.5",
            "FORESAIL_GATEWAY_CLOSE_AFTER_S": "3.5",
            "FORESAIL_GATEWAY_DRAIN_WINDOW_S": "4",
            "FORESAIL_GATEWAY_FLUSH_TIMEOUT_S": "0.5",
        }
    )
    assert settings.model_dump() == {
        "listen": {"host": "0.0.0.0", "port": 0},
        "origins": {"allowed_origins": ("https://a.example", "http://b.example:81"), "allow_missing_origin": False},
        "limits": {
            "max_connections": 5,
            "max_message_bytes": 100,
            "max_rooms": 6,
            "queue_bytes": 2048,
            "queue_messages": 7,
        },
        "heartbeat": {"ping_after_s": 1.5, "inactive_after_s": 2.5, "close_after_s": 3.5},
        "drain": {"drain_window_s": 4.0, "flush_timeout_s": 0.5},
    }


@pytest.mark.parametrize(
    ("variable", "text", "says"),
    [
        ("FORESAIL_GATEWAY_PORT", "http", r"FORESAIL_GATEWAY_PORT is 'http': .*integer"),
        ("FORESAIL_GATEWAY_PORT", "70000", r"FORESAIL_GATEWAY_PORT is '70000': .*65535"),
        ("FORESAIL_GATEWAY_MAX_CONNECTIONS", "0", r"FORESAIL_GATEWAY_MAX_CONNECTIONS is '0': .*1"),
        (
            "FORESAIL_GATEWAY_ALLOWED_ORIGINS",
            "*",
            r"FORESAIL_GATEWAY_ALLOWED_ORIGINS is '\*': '\*' is no origin; expected",
        ),
        ("FORESAIL_GATEWAY_ALLOWED_ORIGINS", "https://a.example/x", r"no path"),
        ("FORESAIL_GATEWAY_ALLOW_MISSING_ORIGIN", "perhaps", r"ALLOW_MISSING_ORIGIN is 'perhaps'"),
        ("FORESAIL_GATEWAY_DRAIN_WINDOW_S", "nan", r"DRAIN_WINDOW_S is 'nan'"),
        ("FORESAIL_GATEWAY_DRAIN_WINDOW_S", "inf", r"DRAIN_WINDOW_S is 'inf'"),
        ("FORESAIL_GATEWAY_CLOSE_AFTER_S", "30", r"inactive_after_s 40, close_after_s 30; expected each to be longer"),
        ("FORESAIL_GATEWAY_MAX_CONECTIONS", "5", r"MAX_CONECTIONS is no setting.*FORESAIL_GATEWAY_MAX_CONNECTIONS"),
    ],
)
def test_a_mistake_says_what_was_found_and_what_is_allowed(variable: str, text: str, says: str) -> None:
    with pytest.raises(BadSettings, match=says):
        read_settings({variable: text})


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(BadSettings, match=r"PORT is 'x'.*; .*MAX_ROOMS is 'y'"):
        read_settings({"FORESAIL_GATEWAY_PORT": "x", "FORESAIL_GATEWAY_MAX_ROOMS": "y"})


def test_the_links_that_kubernetes_makes_for_a_service_of_our_name_are_no_settings() -> None:
    links = {
        "FORESAIL_GATEWAY_SERVICE_HOST": "10.0.0.1",
        "FORESAIL_GATEWAY_SERVICE_PORT": "80",
        "FORESAIL_GATEWAY_SERVICE_PORT_HTTP": "80",
        "FORESAIL_GATEWAY_PORT": "tcp://10.0.0.1:80",
        "FORESAIL_GATEWAY_PORT_80_TCP": "tcp://10.0.0.1:80",
        "FORESAIL_GATEWAY_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    assert read_settings(links) == Settings()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Limits().max_connections = 3


@pytest.mark.parametrize("concern", concerns())
def test_every_field_says_why(concern: type[BaseModel]) -> None:
    assert all(info.description for info in concern.model_fields.values())


def test_a_rhythm_has_to_rise() -> None:
    with pytest.raises(ValidationError, match="longer than the one before"):
        Heartbeat(ping_after_s=5, inactive_after_s=5, close_after_s=6)
