"""`foresail dashboard`: the Streamlit app over a ledger, during a run and afterwards, or over a running controller."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import warnings
from pathlib import Path

from foresail.errors import UsageError
from foresail.output import err
from foresail.tether import exit_with_parent

DEFAULT_LEDGER = Path("runs/demo/ledger.jsonl")
_EXAMPLES = """examples:
  foresail dashboard
  foresail dashboard runs/demo/ledger.jsonl --port 8600
  foresail dashboard runs/demo/ledger.jsonl --wait --metrics http://127.0.0.1:9464/metrics
  foresail dashboard --controller http://127.0.0.1:8081
everything that it draws is read from the ledger; --metrics adds what the running controller says of itself. With
--controller all is read from the controller's read API, and nothing can be changed."""
_OPTIONS = {
    "server_headless": True,
    "server_fileWatcherType": "none",
    "browser_gatherUsageStats": False,
    "client_toolbarMode": "minimal",
    "logger_level": "error",
    "logger_hideWelcomeMessage": True,
}
"""For a page that is served and not developed: nothing is watched, reported home or printed."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "dashboard",
        help="show a ledger in the browser, live or afterwards",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("ledger", type=Path, nargs="?", default=DEFAULT_LEDGER, metavar="LEDGER",
                   help=f"a ledger, as the demo and the controller write it (default: {DEFAULT_LEDGER})")  # fmt: skip
    p.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    p.add_argument("--port", type=int, default=8501, help="port to listen on (default: 8501)")
    p.add_argument("--metrics", metavar="URL", help="where the running controller serves its metrics")
    p.add_argument("--controller", metavar="URL", help="show a running controller, all its policies, and no ledger")
    p.add_argument("--wait", action="store_true", help="wait for the ledger where it is not there yet")
    p.add_argument("--tether", action="store_true", help="stop when standard input ends, as it does when a parent dies")
    p.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    _check(options)
    try:
        from streamlit.web import bootstrap

        import dashboard.app

        if options.metrics:
            import controller.metrics  # noqa: F401  only the page of a run with metrics needs its client library
    except ImportError as error:
        raise UsageError(f"the dashboard needs {error.name}; install foresail[dashboard]") from None
    if options.tether:
        exit_with_parent()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    flags = {**_OPTIONS, "server_address": options.host, "server_port": options.port}
    bootstrap.load_config_options(flags)
    err.print(f"dashboard: http://{options.host}:{options.port}   stop: Ctrl-C")
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        bootstrap.run(dashboard.app.__file__, False, _arguments(options), flags)
    return 0


def _arguments(options: argparse.Namespace) -> list[str]:
    if options.controller:
        return ["--controller", options.controller]
    metrics = ["--metrics", options.metrics] if options.metrics else []
    return [str(options.ledger), *metrics]


def _check(options: argparse.Namespace) -> None:
    if options.controller:
        _check_controller(options)
    else:
        _check_ledger(options)
    if not 1 <= options.port <= 65535:
        raise UsageError(f"--port {options.port}; expected 1 to 65535")
    try:
        socket.create_server((options.host, options.port)).close()
    except OSError as error:
        raise UsageError(f"{options.host}:{options.port}: {error.strerror}; choose another --host or --port") from error


def _check_controller(options: argparse.Namespace) -> None:
    if options.ledger != DEFAULT_LEDGER or options.metrics or options.wait:
        raise UsageError(
            "--controller shows a running controller and no ledger; leave LEDGER, --metrics and --wait out"
        )
    if not options.controller.startswith(("http://", "https://")):
        raise UsageError(f"--controller {options.controller!r}; expected a URL such as http://127.0.0.1:8081")


def _check_ledger(options: argparse.Namespace) -> None:
    if options.ledger.is_dir():
        raise UsageError(f"{options.ledger}: a folder; name the ledger in it")
    if not options.wait and not options.ledger.exists():
        raise UsageError(
            f"{options.ledger}: no such file; name a ledger, run `foresail demo` to make one, or add --wait"
        )
    if options.metrics and not options.metrics.startswith(("http://", "https://")):
        raise UsageError(f"--metrics {options.metrics!r}; expected a URL such as http://127.0.0.1:9464/metrics")
