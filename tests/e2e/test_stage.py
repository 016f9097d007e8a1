"""The stage holds without Foresail: a real HPA scales real gateways for real sockets, by what Prometheus scraped."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.cluster.workloads import an_external_metric, an_hpa
from tests.e2e.recurrence import Recurrence
from tests.e2e.stage import CONNECTIONS, Stage, connections_query, now
from tests.helpers.processes import PATIENCE_S, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PER_POD = 20


def test_the_hpa_alone_follows_the_sockets_and_lets_them_go(stage: Stage) -> None:
    load = [15]
    prompt = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    with stage.scene("alone", lambda: load[0]) as scene:
        scene.make_hpa(an_hpa("web", [an_external_metric(CONNECTIONS, str(PER_POD))], behavior=prompt))
        until(lambda: scene.prometheus.value(connections_query("alone")) == 15)
        load[0] = 3 * PER_POD
        scene.reaches(3)
        until(lambda: scene.users.connected == load[0])
        assert scene.users.lost == 0
        load[0] = 4
        scene.reaches(1)
        until(lambda: scene.pods.count("alone") == 1)
        until(lambda: scene.prometheus.value(connections_query("alone")) == 4)


def test_history_and_what_is_scraped_are_one_series(stage: Stage) -> None:
    usual = Recurrence(now() + timedelta(hours=6))
    with stage.scene("continued", lambda: usual.calm, history=usual.history("continued", now())) as scene:
        query = connections_query("continued")
        a_day_ago = usual.rise_at - timedelta(days=1) + usual.climb + timedelta(minutes=5)
        (busy,) = scene.prometheus.query(query, a_day_ago, timeout_s=PATIENCE_S)
        assert busy.value == pytest.approx(usual.busy, rel=0.1)
        until(lambda: scene.prometheus.value("count(websocket_connections_total{pod!~'past.*'})") is not None)
        until(lambda: scene.users.connected == usual.calm)


def test_a_prometheus_that_is_held_stopped_or_emptied_costs_no_pod(stage: Stage) -> None:
    with stage.scene("blind", lambda: 3 * PER_POD, replicas=3) as scene:
        until(lambda: scene.prometheus.value(connections_query("blind")) == 3 * PER_POD)
        scene.make_hpa(an_hpa("web", [an_external_metric(CONNECTIONS, str(PER_POD))]))
        scene.prometheus.hold()
        until(lambda: _condition(scene.hpa(), "ScalingActive") == "False")
        scene.prometheus.let_go()
        until(lambda: _condition(scene.hpa(), "ScalingActive") == "True")
        scene.prometheus.empty()
        assert scene.replicas() == (3, 3)


def _condition(hpa: dict[str, object], kind: str) -> str | None:
    status = hpa.get("status")
    assert isinstance(status, dict)
    return next((str(c["status"]) for c in status.get("conditions", ()) if c["type"] == kind), None)
