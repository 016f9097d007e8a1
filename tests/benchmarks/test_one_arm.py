"""One run in this process: what it writes down, and what it says where nothing can be measured."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.forecasters.arm import Run
from benchmarks.one_arm import main, run, timed
from benchmarks.shipped import network_hash
from benchmarks.traces import Trace
from forecaster.series import Kind
from foresail.errors import UsageError
from foresail.models import find_model
from tests.helpers.histories import a_load

TRACE = Trace("load.csv.gz", "a load", Kind.FLOW, "diurnal", True, "0")


def test_a_run_says_how_it_was_made_and_what_it_reached() -> None:
    made = run("last-value", Run(seed=2), [(TRACE, a_load(days=4))])
    assert made["seed"] == 2
    assert (made["library"], made["model"]) == (None, None)
    assert isinstance(made["traces"], dict)
    trace = made["traces"]["load"]
    assert trace["figures"]["mae"] == pytest.approx(1.0, rel=0.1)
    assert len(trace["days"]) == len(trace["arm"]["pinball"]) == len(trace["persistence"]["adaptive"])


def test_the_shipped_model_is_named_by_its_network() -> None:
    made = run("foresail", Run(), [(TRACE, a_load(days=4))])
    assert made["model"] == network_hash(find_model("base"))


def test_the_time_is_that_of_the_processor() -> None:
    made, seconds = timed(lambda: float(np.sort(np.random.default_rng(0).random(2_000_000))[0]))
    assert 0 <= made < 1
    assert seconds > 0


def test_a_folder_without_the_traces_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # main() silences the libraries of the arms for its whole process, and this one has others to come.
    monkeypatch.setattr(logging, "disable", lambda level: None)
    call = ["one_arm", "last-value", str(tmp_path), "--out", str(tmp_path / "o")]
    monkeypatch.setattr(sys, "argv", call)
    with pytest.raises(UsageError, match="none of the traces that"):
        main()
