"""The options that say how the world of a replay answers: pods, metrics and clients."""

from __future__ import annotations

import argparse
from datetime import timedelta

from controller.simulation.world import WorldSettings
from foresail.errors import UsageError

_ALLOWED = {"pod_start": (0, 3600), "pod_start_p95": (0, 3600), "failed_starts": (0, 0.9), "metric_lag": (0, 600),
            "scrape_interval": (0, 600), "rate_window": (0, 3600), "session": (0.1, 100_000), "drain": (0, 3600),
            "retry_within": (0, 3600)}  # fmt: skip


def add_world_options(parser: argparse.ArgumentParser) -> None:
    """The options that `world_settings` reads."""
    group = parser.add_argument_group("the world")
    for name, default, unit, about in (
        ("pod-start", 60.0, "SECONDS", "from creation to ready, the median (default: 60)"),
        ("pod-start-p95", None, "SECONDS", "what one start in twenty exceeds (default: all take the same)"),
        ("failed-starts", 0.0, "SHARE", "starts that fail and are begun again (default: 0)"),
        ("metric-lag", 30.0, "SECONDS", "from a scrape to its being read (default: 30)"),
        ("scrape-interval", 0.0, "SECONDS", "from one scrape to the next (default: 0, at every tick of 15 s)"),
        ("rate-window", 0.0, "SECONDS", "over which the HPA sees a flow's mean (default: 0, over one tick)"),
        ("session", 20.0, "MINUTES", "stay of a connection (default: 20)"),
        ("drain", 15.0, "SECONDS", "over which a pod that ends sends its clients away (default: 15)"),
        ("retry-within", 0.0, "SECONDS", "over which clients without a pod come back (default: 0, at the next tick)"),
    ):
        group.add_argument(f"--{name}", type=float, default=default, metavar=unit, help=about)
    group.add_argument("--seed", type=int, default=0, help="seed of who connects where (default: 0)")


def world_settings(options: argparse.Namespace) -> WorldSettings:
    """The world that the options describe. Raises UsageError where one of them is out of its bounds."""
    for name, (low, high) in _ALLOWED.items():
        if (value := getattr(options, name)) is not None:
            check_bounds_of(name.replace("_", "-"), value, low, high)
    if options.seed < 0:
        raise UsageError(f"--seed {options.seed}; expected 0 or more")
    p95 = options.pod_start_p95
    if p95 is not None and not (0 < options.pod_start <= p95):
        raise UsageError(
            f"--pod-start-p95 {p95:g} with a --pod-start of {options.pod_start:g}; expected a median above 0, and a p95"
            " of at least as much"
        )
    return WorldSettings(
        pod_start=timedelta(seconds=options.pod_start),
        pod_start_p95=None if p95 is None else timedelta(seconds=p95),
        failed_starts=options.failed_starts,
        metric_lag=timedelta(seconds=options.metric_lag),
        scrape_interval=timedelta(seconds=options.scrape_interval),
        rate_window=timedelta(seconds=options.rate_window),
        session=timedelta(minutes=options.session),
        drain=timedelta(seconds=options.drain),
        retry_within=timedelta(seconds=options.retry_within),
        seed=options.seed,
    )


def check_bounds_of(flag: str, value: float, low: float, high: float) -> None:
    """Raises UsageError where the value of `--flag` is not within its bounds, both included."""
    if not low <= value <= high:
        raise UsageError(f"--{flag} {value:g}; expected {low:g} to {high:g}")
