"""Origins compare by scheme, host and port; whatever two parsers could read differently is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.origin import Origin, parse_origin


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://chat.example", Origin("https", "chat.example", 443)),
        ("https://chat.example:443", Origin("https", "chat.example", 443)),
        ("HTTPS://Chat.EXAMPLE", Origin("https", "chat.example", 443)),
        ("http://chat.example", Origin("http", "chat.example", 80)),
        ("http://localhost:3000", Origin("http", "localhost", 3000)),
        ("http://[::1]:8080", Origin("http", "[::1]", 8080)),
    ],
)
def test_an_origin_has_a_port_and_lower_case(text: str, origin: Origin) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "null",
        "chat.example",
        "https://",
        "https://chat.example/",
        "https://chat.example/path",
        "https://chat.example\n",
        " https://chat.example",
        "https://user@chat.example",
        "https://*.example",
        "https://chat.example:",
        "https://chat.example:0",
        "https://chat.example:65536",
        "https://chat.example:٤٤٣",
        "https://bücher.example",
        "ftp://chat.example",
        "https://chat.example, https://other.example",
    ],
)
def test_all_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected"):
        parse_origin(text)


@given(st.sampled_from(["http", "https"]), st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True), st.integers(1, 65535))
def test_writing_it_out_and_reading_it_again_changes_nothing(scheme: str, host: str, port: int) -> None:
    origin = parse_origin(f"{scheme}://{host}:{port}")
    assert parse_origin(f"{origin.scheme}://{origin.host.upper()}:{origin.port}") == origin
