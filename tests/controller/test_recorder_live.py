"""What is told of a decision on a real API server is what is kept of it: one id leads through all of it."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from controller.adapters.kube.api import Api
from controller.adapters.ledger import read_ledger, verify_ledger
from controller.cluster_metrics import ClusterMetrics
from controller.json_log import DecisionLog
from controller.ledger_folder import LedgerFolder
from controller.onlooker import Onlookers
from controller.recent import Recent
from controller.recorder import Recorder
from tests.controller.live import Stage, World, controller, make_policy, until

pytestmark = pytest.mark.cluster


async def test_one_id_is_in_the_event_the_log_the_ledger_and_the_api(
    stage: Stage, owner: Api, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "foresail.decisions")
    await make_policy(owner, stage)
    recent, metrics = Recent(), ClusterMetrics(CollectorRegistry())
    recorder = Recorder(recent, LedgerFolder(tmp_path, 10**7))
    async with controller(stage, World(peak=950.0), onlooker=Onlookers((metrics, DecisionLog(), recorder))):
        await until(lambda: stage.event("FloorRaised") is not None)
    await recorder.close()
    event = stage.event("FloorRaised")
    assert event is not None
    said = re.search(r"\(decision (\S+)\)$", event["note"])
    assert said
    assert said[1] in {record.decision.id for record in caplog.records if record.name == "foresail.decisions"}  # type: ignore[attr-defined]
    parts = sorted((tmp_path / stage.namespace / "gateway").iterdir())
    assert said[1] in {entry.id for part in parts for entry in read_ledger(part).entries}
    assert any(said[1].encode() in line for line in recent.lines((stage.namespace, "gateway")))
    assert sum(verify_ledger(part) for part in parts) > 0
