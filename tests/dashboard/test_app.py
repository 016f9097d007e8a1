"""The page, run by Streamlit's own test runner: key numbers, choices, and sentences for trouble."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import frames
from dashboard.views import now
from dashboard.words import escaped
from tests.controller.test_recorder import decisions
from tests.controller.test_server import Served
from tests.dashboard.runs import POLICY, an_hour, blind, later, write
from tests.dashboard.test_controllers import decide, serving
from tests.helpers.builders import REPLACED
from tests.helpers.processes import free_port

PATIENCE_S = 60.0
LONG_AGO = 1_000_000.0


def script(ledger: str, metrics: str | None) -> None:
    """What the page's own script does; the test runner takes this function's text."""
    from pathlib import Path

    from dashboard.app import page

    page(Path(ledger), metrics)


def shown(ledger: Path, metrics: str | None = None) -> AppTest:
    app = AppTest.from_function(script, default_timeout=PATIENCE_S, args=(str(ledger), metrics)).run()
    assert not app.exception
    return app


@pytest.fixture
def over(tmp_path: Path) -> Path:
    """The ledger of an hour that ended long ago."""
    path = write(tmp_path / "ledger.jsonl", an_hour())
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def test_the_key_numbers_are_those_of_the_newest_decision(over: Path) -> None:
    app, newest = shown(over), an_hour()[-1]
    numbers = {metric.label: metric.value for metric in app.metric}
    assert numbers["pods needed"] == str(frames.needed(POLICY, newest))
    assert numbers["pods ready"] == str(newest.observed.ready)
    assert numbers["floor"] == str(newest.decision.floor)
    assert numbers["HPA alone"] == str(frames.hpa_alone(newest))


def test_the_status_says_that_the_run_is_over_or_live(over: Path) -> None:
    assert "the run is over" in shown(over).info[0].value
    os.utime(over)
    assert "UTC, live:" in shown(over).info[0].value


def test_a_shortage_is_an_alarm(tmp_path: Path) -> None:
    worst = next(k for k, entry in enumerate(an_hour()) if now.missing(POLICY, entry))
    app = shown(write(tmp_path / "ledger.jsonl", an_hour()[: worst + 1]))
    assert "Short of" in app.error[0].value
    assert "**What to do:**" in app.error[0].value
    assert not app.info


def test_decisions_that_moved_the_floor_are_listed_and_all_of_them_on_request(over: Path) -> None:
    app = shown(over)
    moved = frames.decisions(an_hour(), every=False)
    assert list(app.dataframe[0].value["decision"]) == [entry.decision.summary() for entry in moved]
    app.toggle(key="every").set_value(True).run()
    assert len(app.dataframe[0].value) == len(an_hour())


@pytest.mark.parametrize("window", ["last hour", "last 4 hours", "all"])
@pytest.mark.parametrize("signal", ["connections", "messages"])
def test_every_choice_draws(over: Path, window: str, signal: str) -> None:
    app = shown(over)
    app.radio(key="window").set_value(window)
    app.radio(key="signal").set_value(signal)
    app.run()
    assert not app.exception
    assert len(app.get("vega_lite_chart")) == 2
    unit = {"connections": "connections", "messages": "messages/s"}[signal]
    assert any(markdown.value.startswith(f"**Load, {unit}**") for markdown in app.markdown)


def test_the_verdict_on_the_newest_forecast_is_shown_where_there_is_one(over: Path, tmp_path: Path) -> None:
    assert not any("verdict" in markdown.value for markdown in shown(over).markdown)
    *before, newest = an_hour()
    judged = tuple(replace(forecast, verdict=REPLACED) for forecast in newest.forecasts)
    app = shown(write(tmp_path / "judged.jsonl", [*before, replace(newest, forecasts=judged)]))
    sentence = f"The gate's verdict on the newest forecast: {escaped(REPLACED.sentence())}."
    assert sentence in [markdown.value for markdown in app.markdown]


def test_the_window_counts_by_the_runs_own_clock(tmp_path: Path) -> None:
    moved = next(k for k, entry in enumerate(an_hour()) if entry.decision.floor != entry.decision.previous)
    two_hours_later = later(an_hour()[0], timedelta(hours=2))
    app = shown(write(tmp_path / "ledger.jsonl", [*an_hour()[: moved + 1], two_hours_later]))
    assert len(app.dataframe[0].value) == 1
    app.radio(key="window").set_value("last hour").run()
    assert not any("decision" in frame.value.columns for frame in app.dataframe)


def test_moments_at_which_nothing_was_known_are_drawn(tmp_path: Path) -> None:
    app = shown(write(tmp_path / "ledger.jsonl", [blind(entry) for entry in an_hour()[:4]]))
    assert "the load is not known" in app.warning[0].value
    assert {metric.label: metric.value for metric in app.metric}["pods needed"] == "-"


def test_a_ledger_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    app = shown(tmp_path / "ledger.jsonl")
    assert "no ledger yet" in app.info[0].value
    write(tmp_path / "ledger.jsonl", an_hour()[:1])
    app.run()
    assert app.metric


def test_a_damaged_ledger_shows_its_sentence(over: Path) -> None:
    over.write_bytes(over.read_bytes().replace(b'"floor"', b'"flour"', 1))
    assert escaped("line 2: not an entry of a ledger") in shown(over).info[0].value


def test_a_controller_that_does_not_answer_is_said_below_the_numbers(over: Path) -> None:
    app = shown(over, f"http://127.0.0.1:{free_port()}/metrics")
    assert "the run has ended, or is elsewhere" in app.caption[0].value


def test_four_hours_are_drawn_in_well_under_a_second_of_one_core(tmp_path: Path) -> None:
    hour = an_hour()
    hours = [later(entry, timedelta(hours=k)) for k in range(4) for entry in hour]
    app = shown(write(tmp_path / "ledger.jsonl", hours))
    before = time.process_time()
    app.run()
    assert time.process_time() - before < 1.0


def controller_script(url: str) -> None:
    """What the page's own script does with --controller."""
    from dashboard.app import controller_page

    controller_page(url)


def over_a_controller(url: str) -> AppTest:
    app = AppTest.from_function(controller_script, default_timeout=PATIENCE_S, args=(url,)).run()
    assert not app.exception
    return app


def test_a_running_controller_is_shown_with_all_its_policies_and_one_of_them() -> None:
    served, made = Served(), decisions(3)
    with serving(served) as url:
        app = over_a_controller(url)
        assert "No policies" in app.info[0].value
        for one in made:
            decide(served, one)
        app.run()
        assert not app.exception
        assert "2 policies, 1 well, 1 not followed" in app.caption[0].value
        assert app.selectbox[0].options == ["chat/bad", "chat/gateway"]
        assert app.selectbox[0].value == "chat/gateway"
        assert "Nothing was decided for" in app.error[0].value
        assert "no HPA bad" in app.error[1].value
        numbers = {metric.label: metric.value for metric in app.metric}
        assert numbers["floor"] == "9"
        assert now.decided(made[-1].entry) in app.warning[0].value
        app.toggle[0].set_value(True).run()
        assert len(app.dataframe[0].value) == 3
    app.run()
    assert not app.exception
    assert escaped(f"No controller answers at {url}") in app.warning[0].value
    assert "What is shown is what was known last, of 2026-03-02 20:00:30 UTC." in app.warning[0].value
    assert "not heard of since" in app.warning[1].value
    app.selectbox[0].set_value("chat/bad").run()
    assert not app.exception
    assert app.error[-1].value.startswith(f"**chat/bad** is {escaped('not followed (HpaNotFound)')}")
    assert not app.metric


def test_a_controller_that_is_away_is_a_sentence() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    said = escaped(f"No controller answers at {url}; this page goes on asking.")
    assert over_a_controller(url).info[0].value == said
