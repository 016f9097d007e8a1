"""Every alert fires when it should and not before, by promtool; rules and board read only metrics that are exported."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from controller.cluster_metrics import CLUSTER_METRICS
from gateway.metrics import METRICS as GATEWAY_METRICS
from tests.cluster.api import Json
from tests.cluster.programs import Program
from tests.deploy.chart import CHART, VALUES, of_kind, rendered
from tests.helpers.processes import ROOT

pytestmark = pytest.mark.cluster
CASES = Path(__file__).with_name("alerts.test.yaml")
_HISTOGRAM = ("_bucket", "_sum", "_count")
_WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool on this machine: `apt-get install prometheus` brings it")
    return found


@pytest.fixture(scope="module")
def spec(helm_4: Program) -> Json:
    """The rules of the release `foresail` in the namespace `foresail`."""
    found: Json = of_kind(rendered(helm_4, *VALUES["everything"]), "PrometheusRule")["spec"]
    return found


@pytest.fixture(scope="module")
def board(helm_4: Program) -> Json:
    data = of_kind(rendered(helm_4, *VALUES["everything"]), "ConfigMap", "foresail-board")["data"]
    found: Json = json.loads(data["foresail.json"])
    return found


def rules(spec: Json, kind: str) -> list[Json]:
    return [one for group in spec["groups"] for one in group["rules"] if kind in one]


def exported(spec: Json) -> set[str]:
    """Every series that there is: the controller's, the gateway's, those of the rules, and `up` of every target."""
    names = {"up", *(one["record"] for one in rules(spec, "record"))}
    for name, (kind, _, _) in {**CLUSTER_METRICS, **GATEWAY_METRICS}.items():
        names |= {f"{name}{suffix}" for suffix in _HISTOGRAM} if kind == "histogram" else {name}
    return names


def read_by(expression: str) -> set[str]:
    """The metrics of an expression: its words that are no label, no text, no function and no keyword."""
    bare = re.sub(r"\{[^}]*\}|\"[^\"]*\"|\[[^\]]*\]", " ", expression)
    bare = re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", " ", bare)
    calls = set(re.findall(r"([a-z_0-9]+)\s*\(", bare))
    return {word for word in _WORD.findall(bare) if word not in calls | {"and", "or", "unless", "bool", "sum", "max"}}


def labels_of(expression: str) -> set[str]:
    """The labels by which an expression groups or selects."""
    grouped = re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression)
    selected = re.findall(r"[{,]\s*([a-z_]+)\s*[=!]", expression)
    return {word.strip() for part in grouped for word in part.split(",")} | set(selected)


def labels_there(names: set[str]) -> set[str]:
    """Those that the metrics have, and those that Prometheus gives every series of a pod."""
    known = {**CLUSTER_METRICS, **GATEWAY_METRICS}
    base = {re.sub("_(bucket|sum|count)$", "", name) if name not in known else name for name in names}
    return {"job", "pod", "namespace", "le"} | {label for name in base & set(known) for label in known[name][1]}


def test_the_rules_are_rules(spec: Json, promtool: str, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec))
    ended = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_alert_fires_when_it_should(spec: Json, promtool: str, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec))
    shutil.copy(CASES, tmp_path)
    ended = subprocess.run(
        [promtool, "test", "rules", CASES.name], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_alert_has_a_case_that_fires_and_one_that_does_not(spec: Json) -> None:
    cases = [case for test in yaml.safe_load(CASES.read_text())["tests"] for case in test.get("alert_rule_test", [])]
    alerts = {one["alert"] for one in rules(spec, "alert")}
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == alerts
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == alerts
    measured = [
        case for test in yaml.safe_load(CASES.read_text())["tests"] for case in test.get("promql_expr_test", [])
    ]
    assert {read for case in measured for read in read_by(case["expr"])} == {
        one["record"] for one in rules(spec, "record")
    }


def test_every_alert_says_how_bad_it_is_and_what_to_do(spec: Json) -> None:
    page = (ROOT / "docs" / "how-to" / "alerts.md").read_text()
    headings = {line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")}
    alerts = rules(spec, "alert")
    assert {one["alert"] for one in alerts} == headings
    for one in alerts:
        assert one["labels"]["severity"] in ("critical", "warning")
        assert one["annotations"]["runbook_url"] == f"docs/how-to/alerts.md#{one['alert'].lower()}"


def test_the_rules_read_what_is_exported(spec: Json) -> None:
    for one in (*rules(spec, "alert"), *rules(spec, "record")):
        found = read_by(one["expr"])
        assert found
        assert found <= exported(spec), one
        assert labels_of(one["expr"]) <= labels_there(found), one


def test_the_policy_of_the_gateway_reads_what_the_rules_record(spec: Json, helm_4: Program) -> None:
    policy = of_kind(rendered(helm_4, *VALUES["everything"]), "PredictiveAutoscaler")["spec"]
    found = set().union(*(read_by(signal["query"]) for signal in policy["signals"]))
    assert found == {one["record"] for one in rules(spec, "record")}
    bare = ("--set", "gateway.enabled=true,gateway.policy.enabled=true")
    (signal,) = of_kind(rendered(helm_4, *bare), "PredictiveAutoscaler")["spec"]["signals"]
    assert read_by(signal["query"]) <= set(GATEWAY_METRICS)


def test_every_panel_of_the_board_reads_what_is_exported(spec: Json, board: Json) -> None:
    panels = [one for one in board["panels"] if one["type"] != "row"]
    assert panels
    for panel in panels:
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
        for target in panel["targets"]:
            found = read_by(target["expr"])
            assert found
            assert found <= exported(spec), f"{panel['title']}: {target['expr']}"
            assert labels_of(target["expr"]) <= labels_there(found), f"{panel['title']}: {target['expr']}"
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert shown <= labels_of(target["expr"]), f"{panel['title']}: {target['legendFormat']}"


def test_the_variables_of_the_board_read_what_is_exported(spec: Json, board: Json) -> None:
    variables = {one["name"]: one for one in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    for name in set(variables) - {"datasource"}:
        asked = re.fullmatch(r"label_values\((.*), (\w+)\)", variables[name]["definition"])
        assert asked
        assert read_by(asked[1]) <= exported(spec)
        assert asked[2] in labels_there(read_by(asked[1]))
    used = set(re.findall(r"\$(?!\{)(\w+)", json.dumps(board["panels"])))
    assert used | {"datasource"} == set(variables)


def test_the_board_is_found_and_stays_the_same(helm_4: Program, board: Json) -> None:
    labels = of_kind(rendered(helm_4, *VALUES["everything"]), "ConfigMap", "foresail-board")["metadata"]["labels"]
    assert labels["grafana_dashboard"] == "1"
    assert board["uid"] == "foresail"
    assert json.loads((CHART / "files" / "board.json").read_text()) == board
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_every_expression_of_the_board_parses(board: Json, promtool: str, tmp_path: Path) -> None:
    expressions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    found = [{"record": f"board:panel{number}", "expr": text} for number, text in enumerate(expressions)]
    (tmp_path / "board.yaml").write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": found}]}))
    ended = subprocess.run(
        [promtool, "check", "rules", "board.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
