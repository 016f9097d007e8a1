"""`foresail controller`: run it in a cluster, look once at what it would do, or give everything back."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
from datetime import timedelta
from pathlib import Path

from foresail.errors import UsageError

_EXAMPLES = """examples:
  foresail controller run                              in a pod: everything by FORESAIL_CONTROLLER_* variables
  foresail controller once --dry-run                   what would be written now, with your own kubeconfig
  foresail controller restore --within 5m              give every HPA back, by the ramp, in five minutes at most
  foresail controller restore --if-stale 45s           one step, where no controller has renewed its Lease: the watchdog
an unknown variable is refused with the list of those that exist."""
_SPAN = re.compile(r"(?=.)(?:(\d{1,4})m)?(?:(\d{1,5})s)?")


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "controller",
        help="keep the HPAs of a cluster ahead of their load",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("action", choices=("run", "once", "restore"))
    p.add_argument("--kubeconfig", type=Path, help="which cluster (default: that of the pod, or the usual kubeconfig)")
    p.add_argument("--namespace", help="the only one to look at (default: FORESAIL_CONTROLLER_NAMESPACE, or all)")
    p.add_argument("--dry-run", action="store_true", help="once: write nothing, only show")
    p.add_argument("--json", action="store_true", help="once: for machines")
    p.add_argument("--if-stale", metavar="SPAN", help="restore: only where the Lease was renewed longer ago, one step")
    p.add_argument("--within", metavar="SPAN", help="restore: larger steps where the ramp would take longer")
    p.add_argument("--now", action="store_true", help="restore: all at once, however many connections that breaks")
    p.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    spans = {name: _span(name, getattr(options, name)) for name in ("if_stale", "within")}
    _check(options)
    try:
        from controller.settings import read_settings
        from foresail import in_cluster
    except ImportError as error:
        raise UsageError(f"the controller needs {error.name}; install foresail[controller]") from None
    settings = read_settings(os.environ)
    if options.namespace is not None:
        settings = settings.model_copy(update={"namespace": options.namespace})
    if options.action == "run":
        return in_cluster.run_logged(settings, options.kubeconfig)
    in_cluster.log_as_text(settings)
    if options.action == "once":
        return asyncio.run(in_cluster.once(settings, options.kubeconfig, dry=options.dry_run, as_json=options.json))
    within = timedelta(0) if options.now else spans["within"]
    return asyncio.run(in_cluster.restore(settings, options.kubeconfig, spans["if_stale"], within))


def _check(options: argparse.Namespace) -> None:
    belongs = {"dry_run": "once", "json": "once", "if_stale": "restore", "within": "restore", "now": "restore"}
    for name, action in belongs.items():
        if getattr(options, name) and options.action != action:
            raise UsageError(f"--{name.replace('_', '-')} goes with `controller {action}`; leave it out")
    if sum(map(bool, (options.if_stale, options.within, options.now))) > 1:
        raise UsageError("--if-stale, --within and --now exclude one another; give one of them, or none")


def _span(name: str, text: str | None) -> timedelta | None:
    if text is None:
        return None
    match = _SPAN.fullmatch(text)
    if match is None:
        raise UsageError(f"--{name.replace('_', '-')} {text}; expected a span such as 45s or 5m")
    minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(minutes=minutes, seconds=seconds)
