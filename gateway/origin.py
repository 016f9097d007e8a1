"""What a browser's Origin header says, as a value that compares by scheme, host and port (RFC 6454, section 5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_PORTS = {"http": 80, "https": 443}

# Stricter than a URL parser on purpose: no path, no user, no blanks, nothing that two parsers could read differently.
_ORIGIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme and host in lower case, the port always present."""

    scheme: str
    host: str
    port: int


def parse_origin(text: str) -> Origin:
    """The origin in `text`, as `https://chat.example` or `http://localhost:3000`. Raises ValueError for all else."""
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text[:200]!r} is no origin; expected scheme://host or scheme://host:port, scheme http or https, "
            "host in ASCII (punycode for other alphabets), and no path"
        )
    scheme, host = match[1].lower(), match[2].lower()
    port = int(match[3]) if match[3] else DEFAULT_PORTS[scheme]
    if not 1 <= port <= 65535:
        raise ValueError(f"{text!r} has port {port}; expected 1 to 65535")
    return Origin(scheme, host, port)
