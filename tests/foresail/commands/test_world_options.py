"""The options of a replay's world: each reaches the world's setting, and none is taken out of its bounds."""

from __future__ import annotations

import argparse
from datetime import timedelta

import pytest

from controller.simulation.world import WorldSettings
from foresail.commands.world_options import add_world_options, world_settings
from foresail.errors import UsageError


def settings(*arguments: str) -> WorldSettings:
    parser = argparse.ArgumentParser()
    add_world_options(parser)
    return world_settings(parser.parse_args(arguments))


def test_nothing_said_is_the_world_of_the_demo() -> None:
    assert settings() == WorldSettings()


def test_every_option_reaches_its_setting() -> None:
    said = (
        "--pod-start 90 --pod-start-p95 200 --failed-starts 0.1 --metric-lag 20 --scrape-interval 30 --rate-window 60"
        " --session 5 --drain 45 --retry-within 10 --seed 3"
    )
    assert settings(*said.split()) == WorldSettings(
        pod_start=timedelta(seconds=90),
        pod_start_p95=timedelta(seconds=200),
        failed_starts=0.1,
        metric_lag=timedelta(seconds=20),
        scrape_interval=timedelta(seconds=30),
        rate_window=timedelta(seconds=60),
        session=timedelta(minutes=5),
        drain=timedelta(seconds=45),
        retry_within=timedelta(seconds=10),
        seed=3,
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [("pod-start", "-1"), ("pod-start", "nan"), ("pod-start-p95", "3601"), ("failed-starts", "1"),
     ("metric-lag", "601"), ("scrape-interval", "-1"), ("rate-window", "inf"), ("session", "0"), ("drain", "4000"),
     ("retry-within", "-0.1"), ("seed", "-1")],
)  # fmt: skip
def test_an_option_out_of_its_bounds_is_refused(option: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"--{option} {value}; expected "):
        settings(f"--{option}={value}")


@pytest.mark.parametrize(("median", "p95"), [("100", "99"), ("0", "10")])
def test_a_p95_below_the_median_or_over_nothing_is_refused(median: str, p95: str) -> None:
    with pytest.raises(
        UsageError, match=f"--pod-start-p95 {p95} with a --pod-start of {median}; expected a median above"
    ):
        settings("--pod-start", median, "--pod-start-p95", p95)
