"""The page of the policy has every field, rule, column and reason, each with its words."""

from __future__ import annotations

from typing import Any

import yaml

from tools.policy_reference import allowed, fields, kind, page
from tools.requirements import ROOT

CRD: dict[str, Any] = yaml.safe_load((ROOT / "deploy/kubernetes/crd.yaml").read_text())
SCHEMA = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def test_every_field_rule_column_and_reason_is_on_the_page() -> None:
    text = page(CRD, {"Ripe": ("The pear is ripe.", {"Soft": "it gives way"})})
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for part in ("spec", "status"):
        for path, _, _ in fields(SCHEMA["properties"][part]):
            assert any(row.startswith(f"| `{path}` |") for row in rows), path
    assert "| `spec.hpaRef` | hpaRef cannot be changed" in text
    assert all(f"| {column['name']} |" in text for column in CRD["spec"]["versions"][0]["additionalPrinterColumns"])
    assert "### Ripe\n\nThe pear is ripe.\n\n| reason | meaning |\n| --- | --- |\n| `Soft` | it gives way |" in text


def test_bounds_are_said_in_words() -> None:
    assert allowed({"type": "integer", "minimum": 1, "maximum": 150000}) == "at least 1; at most 150,000"
    assert allowed({"type": "number", "minimum": 0, "exclusiveMinimum": True}) == "above 0"
    assert allowed({"type": "string", "pattern": "a|b"}) == "matches `a\\|b`"
    levers = {"type": "array", "maxItems": 2, "items": {"type": "string", "enum": ["Floor"]}}
    assert allowed(levers) == "entries, at most 2; of `Floor`"
    assert (kind(levers), kind({"x-kubernetes-int-or-string": True})) == ("list of strings", "quantity")
