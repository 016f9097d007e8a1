"""How a policy is and what to do: by what the controller tells of it, and by what its pods carry."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from controller.domain import Mode
from controller.status import DEGRADED, READY, REASONS
from dashboard.health import NOT_FOLLOWED, REMEDIES, Level, of_run, of_told
from tests.dashboard.fleets import FORBIDDEN, OLD, TYPO, a_fleet
from tests.dashboard.runs import POLICY, an_hour, bare, blind
from tests.helpers.builders import at

Json = dict[str, Any]


def told() -> dict[str, Json]:
    return {one["name"]: one for one in a_fleet(at()).looks.page(100, "")[0]}


@pytest.mark.parametrize(
    ("name", "level", "title"),
    [
        ("gateway", Level.WELL, "well"),
        ("presence", Level.RESTING, "observes"),
        ("archive", Level.RESTING, "paused"),
        ("live", Level.WATCH, "at its limit (BeyondMaximum)"),
        ("rooms", Level.WATCH, "degraded (StaleData)"),
        ("search", Level.BROKEN, "not written (WriteFailed)"),
        ("lobby", Level.BROKEN, "not followed (QueryRefused)"),
        ("bots", Level.BROKEN, "not followed (HpaNotFound)"),
    ],
)
def test_each_policy_is_in_one_state(name: str, level: Level, title: str) -> None:
    found = of_told(told()[name])
    assert (found.level, found.title) == (level, title)
    assert bool(found.sentences()) == (level is not Level.WELL)


def test_what_was_found_is_said_in_the_controllers_words_and_then_what_to_do() -> None:
    found = {name: of_told(one).sentences() for name, one in told().items()}
    assert found["bots"] == "no HPA gateway in chat, which has none; create it, or name another."
    assert found["lobby"].startswith(f"connections: {TYPO}. Correct the query")
    assert found["rooms"].startswith(f"messages: {OLD} See in Prometheus")
    assert found["search"].startswith(f"{FORBIDDEN}. Every tick tries again")
    assert "up to 44 replicas" in found["live"]
    for name in ("lobby", "rooms"):
        assert found[name].endswith("Meanwhile the floor is held, for an hour at most, and the HPA goes on by itself.")


def test_every_reason_for_which_a_signal_cannot_be_read_has_its_remedy() -> None:
    of_the_hpa = {"HpaNotUnderstood"}
    assert set(REMEDIES) == set(REASONS[DEGRADED][1]) - {"AllSignalsRead"} - of_the_hpa


def test_an_hpa_of_which_nobody_knows_what_it_would_hold_needs_a_look() -> None:
    found = of_told(told()["gateway"] | {"hpa_alone": None})
    assert (found.level, found.title) == (Level.WATCH, "HPA unknown")
    assert "HpaNotUnderstood" in found.remedy


def test_not_followed_is_what_kubectl_shows_as_not_ready() -> None:
    not_followed = {of_told(one).reason for one in told().values() if of_told(one).word == NOT_FOLLOWED}
    assert not_followed == {"QueryRefused", "HpaNotFound"}
    assert not_followed <= set(REASONS[READY][1])


def test_a_controller_that_begins_is_no_alarm() -> None:
    begins = of_told(told()["gateway"] | {"held": "the first forecasts are being made"})
    assert (begins.level, begins.found) == (Level.RESTING, "the first forecasts are being made.")


SHORT = next(entry for entry in an_hour() if of_run(POLICY, entry).level is Level.BROKEN)
CALM = an_hour()[100]


def test_pods_that_carry_the_load_are_well() -> None:
    assert of_run(POLICY, CALM).level is Level.WELL


@pytest.mark.parametrize(
    ("replicas", "said"),
    [
        (POLICY.bounds.max_replicas, "more were asked for; a pod takes 3 minutes"),
        (
            0,
            "No more pods are asked for yet: the HPA looks every 15 s",
        ),
    ],
)
def test_a_shortage_says_whether_pods_are_coming(replicas: int, said: str) -> None:
    entry = replace(SHORT, observed=replace(SHORT.observed, replicas=replicas))
    found = of_run(POLICY, entry)
    assert (found.level, found.word) == (Level.BROKEN, "short")
    assert said in found.remedy


def test_a_shortage_at_the_maximum_says_what_to_raise() -> None:
    ready = SHORT.observed.ready
    full = replace(POLICY, bounds=replace(POLICY.bounds, max_replicas=ready))
    entry = replace(SHORT, observed=replace(SHORT.observed, replicas=ready))
    assert f"The maximum of {ready} is reached: raise" in of_run(full, entry).remedy


def test_too_few_pods_to_come_are_counted() -> None:
    entry = replace(SHORT, observed=replace(SHORT.observed, replicas=2, ready=1))
    assert "1 pod more was asked for, which is" in of_run(POLICY, entry).remedy


def test_what_is_not_known_is_not_taken_for_well() -> None:
    assert of_run(POLICY, blind(CALM)).word == "load unknown"
    unforeseen = replace(CALM, decision=replace(CALM.decision, wanted=None))
    assert of_run(POLICY, unforeseen).word == "no forecast"
    assert of_run(replace(POLICY, mode=Mode.PAUSED), unforeseen).level is Level.WELL


def test_old_data_are_said_with_their_age() -> None:
    late = tuple(replace(one, at=CALM.now - timedelta(minutes=7)) for one in CALM.observed.readings)
    entry = bare(replace(CALM, observed=replace(CALM.observed, readings=late)))
    assert of_run(POLICY, entry).found.startswith("connections was last measured 7 minutes ago, as ")
