"""Reading a policy: the whole schema, defaults, quantities, durations, and one error that lists every problem."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from controller.domain import Bounds, Lever, Mode, Ownership, Planned, Policy, RampDown, Signal, TargetBounds
from controller.errors import BadPolicy
from controller.policy import load_workload, resolve, resolve_object
from controller.schema import parse_yaml
from forecaster.incidents import Incident
from forecaster.series import Kind

FULL = """
apiVersion: foresail.dev/v1alpha1
kind: PredictiveAutoscaler
metadata: {name: gateway, namespace: chat, labels: {team: chat}, annotations: {note: "1"}}
spec:
  hpaRef: {name: gateway}
  mode: Active
  levers: [Target, Floor]
  signals:
  - {name: connections, kind: Stock, query: 'sum(websocket_connections_total)', capacityPerPod: "1000"}
  - {name: messages, kind: Flow, query: 'sum(rate(websocket_message_rate_total[1m]))', capacityPerPod: 20k}
  forecast: {model: base, horizon: 15m, step: 60s}
  leadTime: 1m30s
  costRatio: 9
  bounds: {minReplicas: 2, maxReplicas: 200}
  ownership: Respect
  target: {metric: connections, min: "600", max: "900"}
  prometheus: {url: "http://prometheus:9090"}
  budget: {extraPodHoursPercent: 12.5}
  rampDown: {hold: 10m, percentPerMinute: 5}
  events:
  - {start: "2026-12-31T22:30:00Z", end: 2027-01-01T01:00:00Z, minReplicas: 80, reason: New Year}
  incidents:
  - {start: "2026-03-07T16:00:00Z", end: 2026-03-07T17:30:00+01:00, reason: release 41}
"""
MINIMAL: dict[str, Any] = {
    "apiVersion": "foresail.dev/v1alpha1",
    "kind": "PredictiveAutoscaler",
    "metadata": {"name": "gateway"},
    "spec": {
        "signals": [{"name": "connections", "kind": "Stock", "capacityPerPod": "1000"}],
        "bounds": {"minReplicas": 2, "maxReplicas": 200},
    },
}


def parse_policy(text: str, where: str) -> Policy:
    """The policy that a YAML text states."""
    return resolve(parse_yaml(text, where), where).policy


def edited(path: str, value: object) -> str:
    """The minimal policy as YAML with one value set, such as "spec.signals.0.kind"."""
    document = deepcopy(MINIMAL)
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("."))
    place: Any = document
    for key in parents:
        place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
    place[last] = value
    return yaml.safe_dump(document)


def problems(text: str) -> list[str]:
    with pytest.raises(BadPolicy) as caught:
        parse_policy(text, "policy.yaml")
    lines = str(caught.value).splitlines()
    assert all(line.startswith("policy.yaml: ") for line in lines)
    return [line.removeprefix("policy.yaml: ") for line in lines]


def test_the_whole_schema() -> None:
    assert parse_policy(FULL, "policy.yaml") == Policy(
        name="chat/gateway",
        signals=(Signal("connections", Kind.STOCK, 1000.0), Signal("messages", Kind.FLOW, 20000.0)),
        bounds=Bounds(2, 200),
        mode=Mode.ACTIVE,
        cost_ratio=9.0,
        lead_time=timedelta(seconds=90),
        ramp_down=RampDown(timedelta(minutes=10), 5.0),
        budget_percent=12.5,
        levers=(Lever.FLOOR, Lever.TARGET),
        target=TargetBounds("connections", 600.0, 900.0),
        events=(
            Planned(datetime(2026, 12, 31, 22, 30, tzinfo=UTC), datetime(2027, 1, 1, 1, tzinfo=UTC), 80, "New Year"),
        ),
    )


def test_a_workload_says_what_is_not_the_planners() -> None:
    found = resolve(yaml.safe_load(FULL), "policy.yaml")
    assert (found.namespace, found.name, found.hpa, found.prometheus) == (
        "chat", "gateway", "gateway", "http://prometheus:9090"
    )  # fmt: skip
    assert [one.signal for one in found.queries] == ["connections", "messages"]
    assert (found.ownership, found.lead_time) == (Ownership.RESPECT, timedelta(seconds=90))
    march = datetime(2026, 3, 7, tzinfo=UTC)
    assert found.incidents == (Incident(march.replace(hour=16), march.replace(hour=16, minute=30), "release 41"),)
    automatic = resolve(yaml.safe_load(edited("spec.leadTime", "Auto")), "policy.yaml")
    assert (automatic.lead_time, automatic.hpa, automatic.queries) == (None, None, ())
    assert automatic.policy.lead_time == Policy("", (), Bounds(1, 1)).lead_time


def test_what_a_cluster_adds_to_an_object_is_no_ones_mistake() -> None:
    written = yaml.safe_load(FULL)
    given = deepcopy(written)
    given["metadata"] |= {"uid": "1", "resourceVersion": "7", "generation": 2, "managedFields": [{}]}
    given["status"] = {"conditions": []}
    assert resolve_object(given) == resolve(written, "")
    given["spec"]["unknown"] = 1
    with pytest.raises(BadPolicy, match=r"chat/gateway: spec.unknown: unknown key"):
        resolve_object(given)


def test_what_is_left_out_takes_the_defaults_of_the_policy() -> None:
    assert parse_policy(yaml.safe_dump(MINIMAL), "policy.yaml") == Policy(
        name="gateway", signals=(Signal("connections", Kind.STOCK, 1000.0),), bounds=Bounds(2, 200)
    )


def test_a_ramp_that_is_not_said_is_that_of_what_the_pods_carry() -> None:
    flow = (
        "apiVersion: foresail.dev/v1alpha1\nkind: PredictiveAutoscaler\nmetadata: {name: a}\nspec:\n"
        "  bounds: {minReplicas: 1, maxReplicas: 9}\n  signals: [{name: m, kind: Flow, capacityPerPod: 5}]\n"
    )
    minute, five = timedelta(minutes=1), timedelta(minutes=5)
    assert parse_policy(flow, "").ramp_down == RampDown(minute, 100.0)
    assert parse_policy(flow.replace("Flow", "Stock"), "").ramp_down == RampDown(2 * minute, 10.0)
    assert parse_policy(flow + "  rampDown: {hold: 5m}\n", "").ramp_down == RampDown(five, 100.0)


@pytest.mark.parametrize(
    ("given", "capacity"),
    [
        (1000, 1000.0),
        (0.6, 0.6),
        ("600m", 0.6),
        ("2k", 2000.0),
        ("1.5Ki", 1536.0),
        ("1Mi", 1048576.0),
        ("1e3", 1000.0),
        (".5", 0.5),
    ],
)
def test_quantities(given: object, capacity: float) -> None:
    policy = parse_policy(edited("spec.signals.0.capacityPerPod", given), "policy.yaml")
    assert policy.signals[0].capacity_per_pod == pytest.approx(capacity, rel=1e-12)


@pytest.mark.parametrize(
    ("given", "seconds"), [("Auto", 60), ("90s", 90), ("2m", 120), ("1m30s", 90), ("0s", 0), ("14m", 840)]
)
def test_lead_times(given: str, seconds: int) -> None:
    assert parse_policy(edited("spec.leadTime", given), "policy.yaml").lead_time == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("apiVersion", "v1", "apiVersion: found 'v1'; allowed is 'foresail.dev/v1alpha1'"),
        ("metadata.name", "", "metadata.name: found ''; String should have at least 1 character"),
        ("spec.mode", "Dry", "spec.mode: found 'Dry'; allowed is 'Observe', 'Active' or 'Paused'"),
        ("spec.signals", [], "spec.signals: found []; List should have at least 1 item after validation, not 0"),
        ("spec.signals.0.kind", "Gauge", "spec.signals[0].kind: found 'Gauge'; allowed is 'Stock' or 'Flow'"),
        ("spec.signals.0.capacityPerPod", 0, "spec.signals[0].capacityPerPod: found 0; allowed is greater than 0"),
        (
            "spec.signals.0.capacityPerPod",
            "-2k",
            "spec.signals[0].capacityPerPod: found '-2k'; allowed is greater than 0",
        ),
        (
            "spec.signals.0.capacityPerPod",
            "1e999",
            "spec.signals[0].capacityPerPod: found '1e999'; allowed is a finite number",
        ),
        (
            "spec.signals.0.capacityPerPod",
            True,
            'spec.signals[0].capacityPerPod: found True; allowed is a quantity such as 1000, "600m" or "2k"',
        ),
        (
            "spec.signals.0",
            "a",
            "spec.signals[0]: found 'a'; allowed is a mapping with the keys name, kind, query, capacityPerPod",
        ),
        ("spec.costRatio", 100_000, "spec.costRatio: found 100000; allowed is less than or equal to 10000"),
        ("spec.bounds.minReplicas", 0, "spec.bounds.minReplicas: found 0; allowed is greater than or equal to 1"),
        ("spec.bounds.minReplicas", 2.5, "spec.bounds.minReplicas: found 2.5; allowed is a valid integer"),
        (
            "spec.bounds.minReplicas",
            201,
            "spec.bounds: found {'maxReplicas': 200, 'minReplicas': 201};"
            " minReplicas 201 is above maxReplicas 200; allowed is at most that",
        ),
        (
            "spec.budget.extraPodHoursPercent",
            -1,
            "spec.budget.extraPodHoursPercent: found -1; allowed is greater than or equal to 0",
        ),
        ("spec.rampDown.percentPerMinute", 0, "spec.rampDown.percentPerMinute: found 0; allowed is greater than 0"),
        (
            "spec.rampDown.hold",
            300,
            "spec.rampDown.hold: found 300; allowed is a duration such as 90s, 15m or 1h30m",
        ),
        ("spec.rampDown.hold", "", "spec.rampDown.hold: found ''; allowed is a duration such as 90s, 15m or 1h30m"),
        (
            "spec.rampDown.hold",
            "1h1s",
            "spec.rampDown.hold: found '1h1s'; allowed is at most 60m, as for an HPA's own stabilization",
        ),
        (
            "spec.leadTime",
            "15m",
            "spec.leadTime: found '15m'; allowed is at most 14m, because the forecast reaches 15m ahead",
        ),
        ("spec.levers", [], "spec.levers: found []; List should have at least 1 item after validation, not 0"),
        ("spec.levers", ["Floors"], "spec.levers[0]: found 'Floors'; allowed is 'Floor' or 'Target'"),
        ("spec.ownership", "Mine", "spec.ownership: found 'Mine'; allowed is 'Share', 'Respect' or 'Force'"),
        (
            "spec.target",
            {"metric": "connections", "min": "900", "max": 600},
            "spec.target: found {'max': 600, 'metric': 'connections', 'min': '900'};"
            " min 900 is above max 600; allowed is at most that",
        ),
        (
            "spec.events",
            [{"start": "2026-12-31T22:30:00", "end": "2027-01-01T01:00:00Z", "minReplicas": 80}],
            "spec.events[0].start: found '2026-12-31T22:30:00';"
            " allowed is a time with its zone, such as 2026-12-31T22:30:00Z",
        ),
        (
            "spec.incidents",
            [{"start": "2026-03-07T16:00:00+01:00", "end": "2026-03-07T15:00:00Z"}],
            "spec.incidents[0]: found {'end': '2026-03-07T15:00:00Z', 'start': '2026-03-07T16:0...;"
            " ends at 2026-03-07T15:00:00+00:00, not after its start 2026-03-07T16:00:00+01:00",
        ),
        ("spec.forecast.step", "5m", "spec.forecast.step: found '5m'; not supported in this version; allowed is 1m"),
        (
            "spec.forecast.model",
            "own",
            "spec.forecast.model: found 'own'; not supported in this version; allowed is base",
        ),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(path: str, value: object, problem: str) -> None:
    assert problems(edited(path, value)) == [problem]


def test_every_problem_is_listed() -> None:
    text = """
    apiVersion: foresail.dev/v1alpha1
    kind: PredictiveAutoscaler
    metadata: {}
    spec:
      signals: [{name: a, kind: Stock, capacityPerPod: x}, {kind: Flow, capacityPerPod: 1}]
      bounds: {minReplicas: 2, maxReplicas: 1}
    """
    assert [problem.split(":")[0] for problem in problems(text)] == [
        "metadata.name",
        "spec.signals[0].capacityPerPod",
        "spec.signals[1].name",
        "spec.bounds",
    ]


def test_a_repeated_signal_is_refused() -> None:
    signal = MINIMAL["spec"]["signals"][0]
    (problem,) = problems(edited("spec.signals", [signal, signal]))
    assert "the name connections is given more than once" in problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "found None; allowed is a mapping with the keys apiVersion, kind, metadata, spec"),
        ("- a", "found ['a']; allowed is a mapping with the keys apiVersion, kind, metadata, spec"),
        ("a: [", "not YAML: while parsing"),
        ("kind: a\nkind: b", "not YAML: the key 'kind' is given twice"),
        ("a: 2026-13-01", "not YAML: month must be in 1..12"),
        ("a: !!python/object:os.system b", "not YAML: could not determine a constructor"),
        ('a: !!timestamp "x"', "not YAML: a value does not fit its tag (!!); leave the tags out"),
        ('a: !!int ""', "not YAML: a value does not fit its tag (!!); leave the tags out"),
        ("a: !!bool x", "not YAML: a value does not fit its tag (!!); leave the tags out"),
        ("!!map [1]", "not YAML: expected a mapping, but found a sequence"),
        ("[" * 3000, "nested too deeply; a few levels are all that is needed"),
    ],
)
def test_text_that_is_no_policy_at_all(text: str, problem: str) -> None:
    (found,) = problems(text)
    assert found.startswith(problem)


def mappings(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Paths of all mappings of a document whose keys the schema knows."""
    if isinstance(value, dict):
        inner = [found for key, part in value.items() for found in mappings(part, (*path, key))]
        return inner if path[-1:] in {("labels",), ("annotations",)} else [path, *inner]
    if isinstance(value, list):
        return [found for index, part in enumerate(value) for found in mappings(part, (*path, index))]
    return []


@given(
    place=st.sampled_from(mappings(yaml.safe_load(FULL))), key=st.text(st.characters(categories=("L", "N")), min_size=1)
)
def test_a_policy_with_any_unknown_key_is_refused(place: tuple[str | int, ...], key: str) -> None:
    document = yaml.safe_load(FULL)
    part: Any = document
    for step in place:
        part = part[step]
    if key in part:
        return
    part[key] = "1"
    found = problems(yaml.safe_dump(document))
    assert any("unknown key; allowed here are" in line and key in line for line in found)


def test_a_policy_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(FULL, encoding="utf-8")
    assert load_workload(path) == resolve(yaml.safe_load(FULL), "here")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match=r"none\.yaml: cannot be read: No such file"):
        load_workload(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadPolicy, match=r"binary\.yaml: not UTF-8 text \(byte 0\)"):
        load_workload(tmp_path / "binary.yaml")
