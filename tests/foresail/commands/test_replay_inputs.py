"""What a replay reads: histories by the names of signals, defaults around one capacity, the HPA given or usual."""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from controller.domain import Bounds
from controller.lead_time import lead_of
from controller.simulation.replay import hpa_for
from controller.simulation.world import WorldSettings
from foresail.cli import parser
from foresail.commands.replay_inputs import read_inputs
from foresail.errors import UsageError
from tests.helpers.histories import a_series, write_history
from tests.helpers.replay_command import POLICY

SLOW = WorldSettings(pod_start=timedelta(seconds=60), pod_start_p95=timedelta(seconds=150))


def options(*arguments: str) -> argparse.Namespace:
    return parser().parse_args(["replay", *arguments])


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return write_history(tmp_path / "load.csv", a_series([10.0, 40.0, 20.0]))


def test_a_history_alone_has_the_usual_policy_and_hpa(history: Path) -> None:
    inputs = read_inputs(options(str(history), "--kind", "stock"), SLOW)
    (signal,) = inputs.policy.signals
    assert (signal.name, signal.kind, signal.capacity_per_pod) == ("load", "Stock", 2.0)
    assert inputs.policy.bounds == Bounds(1, 80)
    assert inputs.policy.lead_time == timedelta(seconds=150)
    assert inputs.hpa == inputs.given == hpa_for(inputs.policy, 0.7)
    assert inputs.source == "load.csv"
    assert [one.split(",")[0] for one in inputs.assumed] == ["What a pod carries was not said", "The HPA was not said"]
    said = read_inputs(options(str(history), "--capacity", "2", "--target", "0.5"), SLOW)
    assert said.assumed == ()


def test_a_name_before_a_file_is_its_own_and_a_file_of_that_very_name_is_itself(history: Path) -> None:
    assert read_inputs(options(f"chat={history}"), SLOW).source == "chat"
    odd = history.rename(history.with_name("a=b.csv"))
    assert read_inputs(options(str(odd)), SLOW).source == "a=b.csv"


@pytest.mark.parametrize(
    ("stated", "world", "planned_s"),
    [
        ("", WorldSettings(pod_start=timedelta(seconds=240)), 255),
        ("  leadTime: Auto\n", WorldSettings(pod_start=timedelta(0)), 15),
        ("  leadTime: 90s\n", WorldSettings(pod_start=timedelta(seconds=240)), 90),
        ("", WorldSettings(pod_start=timedelta(minutes=30)), 840),
    ],
)
def test_a_policy_plans_as_stated_or_as_a_controller_measures(
    stated: str, world: WorldSettings, planned_s: float, history: Path
) -> None:
    policy = history.with_name("policy.yaml")
    policy.write_text(POLICY + stated)
    inputs = read_inputs(options(str(history), "--policy", str(policy)), world)
    assert inputs.policy.lead_time == timedelta(seconds=planned_s)


def test_what_is_planned_is_what_a_controller_would_measure_of_the_worlds_own_pods(history: Path) -> None:
    policy = history.with_name("policy.yaml")
    policy.write_text(POLICY)
    rng = np.random.default_rng(0)
    starts = sorted(SLOW.start.draw(rng) for _ in range(20_000))
    planned = read_inputs(options(str(history), "--policy", str(policy)), SLOW).policy.lead_time
    assert abs(planned - lead_of(starts[18_000])) < timedelta(seconds=3)


def test_no_history_is_refused() -> None:
    with pytest.raises(UsageError, match="no history; name a FILE"):
        read_inputs(options(), SLOW)
