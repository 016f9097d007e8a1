"""A suggestion is chosen on what comes before, judged on what is replayed, and told with the lines to put in."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import yaml

from controller.domain import Lever
from controller.simulation.hpa_spec import MetricSpec, Source
from controller.simulation.oracle import Perfect
from controller.simulation.replay import HpaAlone, play
from controller.simulation.score import Score, score
from forecaster.errors import BadHistory
from forecaster.incidents import Incident
from forecaster.series import Kind
from foresail.replays.case import Case
from foresail.replays.suggest import (
    Suggested,
    before,
    policy_lines,
    sentences,
    suggest,
    suggestion_dict,
    tried_table,
)
from tests.helpers.histories import MONDAY
from tests.helpers.replays import STEPS, a_case, a_history

HOURS = timedelta(hours=6)


def hpa_of(case: Case) -> Score:
    capacities = {signal.name: signal.capacity_per_pod for signal in case.policy.signals}
    return score(play(case.load, capacities, case.settings, HpaAlone(case.hpa)))


def a_suggestion(case: Case) -> Suggested:
    return suggest(case, HOURS, hpa_of(case))


def test_it_is_chosen_on_what_comes_right_before_at_most_half_of_it_and_as_long_as_asked() -> None:
    case = a_case(share=0.75)
    past = before(case, HOURS)
    assert past.load.time(len(past.load)) == case.load.start
    assert past.load.start == case.load.start - HOURS
    assert before(case, timedelta(days=9)).load.start == MONDAY + (case.load.start - MONDAY) / 2


def test_what_is_replayed_does_not_change_what_is_suggested() -> None:
    values = STEPS.copy()
    values[len(values) * 3 // 4 :] *= 0.1
    same, other = (
        a_suggestion(a_case(a_history(one), share=0.75, forecaster=Perfect())).found for one in (STEPS, values)
    )
    assert same.policy is not None
    assert (same.policy, same.score) == (other.policy, other.score)


def test_with_the_future_known_both_levers_are_suggested_and_told() -> None:
    case = a_case(share=0.75, forecaster=Perfect())
    found = a_suggestion(case)
    assert found.found.policy is not None
    assert found.score is not None
    assert found.score.pod_minutes < found.hpa.pod_minutes
    text = sentences(found, case.hpa)
    assert re.match(
        r"In the 0\.2 days before, 'target to 45, ratio \d+' would have cost least, with no more overload than",
        text[0],
    )
    assert text[1].startswith(f"In the part replayed it would have had {found.score.overload_minutes:,.1f} overload")
    spec = yaml.safe_load("\n".join(text[2:]))["spec"]
    assert spec["levers"] == ["Floor", "Target"]
    assert (spec["target"]["metric"], spec["costRatio"]) == ("load", found.found.policy.cost_ratio)
    assert float(spec["target"]["max"]) > float(spec["target"]["min"]) == pytest.approx(35)
    told = suggestion_dict(found)
    tried = told["tried"]
    assert isinstance(tried, list)
    assert len(tried) == len(found.found.tried) == 10
    assert told["policy"] in [{key: one[key] for key in ("cost_ratio", "levers", "target")} for one in tried]
    assert told["policy"] == {
        "cost_ratio": spec["costRatio"],
        "levers": list(Lever),
        "target": {"metric": "load", "lowest": 35.0, "highest": float(spec["target"]["max"])},
    }


def test_the_metric_is_called_what_the_user_calls_it() -> None:
    case = a_case(share=0.75, forecaster=Perfect())
    policy = a_suggestion(case).found.policy
    assert policy is not None
    users = case.hpa.metrics[0]
    given = type(case.hpa)(1, 80, (MetricSpec("http_requests", Source.EXTERNAL, users.target),))
    assert "    metric: http_requests" in policy_lines(policy, case.hpa, given)


def test_a_load_that_never_moves_leaves_nothing_to_suggest_but_a_hotter_target() -> None:
    """No overload either way: fewer pods is all that there is to win."""
    case = a_case(a_history(np.full(288, 1000.0)), share=0.75, forecaster=Perfect())
    found = a_suggestion(case)
    assert found.score is not None
    assert found.score.overload_minutes == found.hpa.overload_minutes == 0
    assert found.score.pod_minutes < found.hpa.pod_minutes


def test_nothing_is_suggested_where_nothing_is_worth_it() -> None:
    """One pod is enough until the last hour: nobody could have held fewer, or had less overload than none."""
    values = np.where(np.arange(288) < 276, 10.0, 1000.0)
    found = a_suggestion(a_case(a_history(values), share=0.75))
    assert (found.found.policy, found.score) == (None, None)
    (told,) = sentences(found, found.chosen_on.hpa)
    assert told.endswith("nothing is suggested, leave the HPA as it is.")
    assert suggestion_dict(found)["policy"] is None


def test_what_was_not_measured_of_the_days_before_is_said() -> None:
    values = STEPS.copy()
    values[160:190] = np.nan
    found = a_suggestion(a_case(a_history(values), share=0.75, forecaster=Perfect()))
    assert found.found.policy is not None
    start, stop = MONDAY + timedelta(minutes=5 * 160), MONDAY + timedelta(minutes=5 * 190)
    told = sentences(found, found.chosen_on.hpa)
    assert told[0] == (
        f"In the 0.2 days before: Gap from {start:%Y-%m-%d %H:%M} to {stop:%Y-%m-%d %H:%M}, longer than a forecast"
        " reaches: every arm begins anew after it."
    )
    assert told[1] == "In the 0.2 days before: 150 minutes were not measured: not scored."
    as_json = suggestion_dict(found)
    assert as_json["unknown_minutes"] == 150
    assert as_json["gaps"] == [[start.isoformat(), stop.isoformat()]]


def test_the_table_shows_all_that_was_tried_with_the_connections_of_a_stock() -> None:
    stock = a_case(a_history(kind=Kind.STOCK), share=0.75, forecaster=Perfect())
    for case, extra in ((a_case(share=0.75, forecaster=Perfect()), set()), (stock, {"hot conn-min", "broken"})):
        found = a_suggestion(case)
        title, columns, rows = tried_table(found)
        assert title.startswith("What was tried on the 0.2 days before, from 2026-01-05 12:00 UTC")
        assert extra <= set(columns)
        assert [row[0] for row in rows[:3]] == ["HPA as given", "target to 45, ratio 50", "target to 45, ratio 200"]
        assert [row[0] for row in rows[-2:]] == ["floor alone, ratio 50", "floor alone, ratio 200"]
        assert len(rows) == 11
    assert "hot connection-minutes, " in sentences(found, stock.hpa)[0]


def test_the_days_before_have_the_incidents_of_the_case() -> None:
    incident = Incident(MONDAY, MONDAY + HOURS)
    case = replace(a_case(share=0.75), incidents=(incident,))
    assert before(case, HOURS).incidents == (incident,)


def test_nothing_before_is_refused() -> None:
    with pytest.raises(BadHistory):
        before(a_case(share=0.0), HOURS)
