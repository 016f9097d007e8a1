"""What the parts of a policy say to each other: contradictions are refused, with what is allowed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import yaml

from controller.policy_schema import DEFAULTS, Document
from controller.schema import validated
from tests.controller.test_policy import MINIMAL, edited, problems


def test_an_unsaid_default_is_that_of_the_domain() -> None:
    spec = validated(Document, MINIMAL, "").spec
    assert (spec.mode, spec.cost_ratio, tuple(spec.levers)) == (DEFAULTS.mode, DEFAULTS.cost_ratio, DEFAULTS.levers)
    assert spec.budget.extra_pod_hours_percent == DEFAULTS.budget_percent


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"levers": ["Target"]}, "target: missing; the lever Target needs its metric, min and max"),
        (
            {"target": {"metric": "connections", "min": "600", "max": "900"}},
            "target: given without the lever Target; add Target to levers, or leave it out",
        ),
        ({"levers": ["Floor", "Floor"]}, "levers: one is given more than once; allowed is once"),
        (
            {"events": [{"start": "2026-12-31T22:30:00Z", "end": "2027-01-01T01:00:00Z", "minReplicas": 201}]},
            "events: 201 replicas from 2026-12-31T22:30:00+00:00, above maxReplicas 200",
        ),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(spec: dict[str, Any], problem: str) -> None:
    document = deepcopy(MINIMAL)
    document["spec"].update(spec)
    (found,) = problems(yaml.safe_dump(document))
    assert found.endswith(f"; {problem}")


def test_an_event_ends_after_its_start() -> None:
    event = {"start": "2026-12-31T22:30:00Z", "end": "2026-12-31T22:30:00Z", "minReplicas": 8}
    (found,) = problems(edited("spec.events", [event]))
    assert "ends at 2026-12-31T22:30:00+00:00, not after its start" in found
