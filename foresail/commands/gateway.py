"""`foresail gateway`: serve the WebSocket gateway."""

from __future__ import annotations

import argparse
import logging
import os

from foresail.errors import UsageError
from foresail.tether import exit_with_parent

_EXAMPLES = """examples:
  foresail gateway
  FORESAIL_GATEWAY_ALLOWED_ORIGINS=https://chat.example foresail gateway --host 0.0.0.0 --port 8080
everything else is set by FORESAIL_GATEWAY_* variables; an unknown one is refused with the list of those that exist."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "gateway",
        help="serve the WebSocket gateway",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--host", help="address to listen on (default: FORESAIL_GATEWAY_HOST or 127.0.0.1)")
    p.add_argument("--port", help="port to listen on, 0 for a free one (default: FORESAIL_GATEWAY_PORT or 8080)")
    p.add_argument("--tether", action="store_true", help="stop when standard input ends, as it does when a parent dies")
    p.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    environ = dict(os.environ)
    for name, value in (("HOST", options.host), ("PORT", options.port)):
        if value is not None:
            environ[f"FORESAIL_GATEWAY_{name}"] = value
    try:
        from gateway.errors import GatewayError
        from gateway.server import serve
        from gateway.settings import read_settings
    except ImportError as error:
        raise UsageError(f"the gateway needs {error.name}; install foresail[gateway]") from None
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if options.tether:
        exit_with_parent()
    try:
        serve(read_settings(environ))
    except GatewayError as error:
        raise UsageError(str(error)) from error
    return 0
