"""Which rollouts are not expected again: the first about its time of day; and what a status notes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.rollouts import ABOUT, AGAIN_AFTER, BEFORE, KEPT, MOST, SETTLES, Rollout, Rollouts, news, noted, read
from forecaster.incidents import Incident, behind, without
from forecaster.predict import load_calibrated
from foresail.models import find_model
from tests.helpers.builders import at
from tests.helpers.forecasters import at as forecast_at
from tests.helpers.histories import a_load

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TAKES = 4 * MINUTE


def a_rollout(days: float = 0, template: str = "5d4f", **more: float) -> Rollout:
    start = at() + timedelta(days=days, **more)
    return Rollout(start, start + TAKES, template)


def forgotten(*seen: Rollout) -> list[bool]:
    """Of each."""
    return [one["forgotten"] for one in noted(Rollouts("new", seen), forget=True)["rollouts"]["seen"]]


def test_one_that_nothing_was_like_is_left_out_with_what_follows_it() -> None:
    one = a_rollout()
    assert Rollouts("5d4f", (one,)).forgotten == (
        Incident(one.start - BEFORE, one.end + SETTLES, "rollout of 5d4f"),
    )  # fmt: skip


@pytest.mark.parametrize("seed", [0, 2])
def test_the_served_model_does_not_expect_the_wave_of_yesterdays_rollout_today(seed: int) -> None:
    """Clients leave for ten minutes and come back at once; forecasts of about that minute a day later."""
    model, day = load_calibrated(find_model("base")), 288
    calm = a_load(seed, days=12, gaps=0)
    first = 11 * day - day // 2
    values = calm.values.copy()
    values[first : first + 2] *= 0.3
    values[first + 2 : first + 5] *= 1.5
    wave, began = replace(calm, values=values), calm.time(first)
    seen = Rollouts("7c9", (Rollout(began, began + 15 * MINUTE, "7c9"),))
    off = np.zeros(2)
    for origin in range(first + day - 6, first + day + 2):
        known = wave.part(0, origin + 1)
        forgot = without(known, behind(known, seen.forgotten))
        expected, *made = (forecast_at(model, one, origin).quantiles for one in (calm, wave, forgot))
        off += [np.abs(one - expected).mean() for one in made]
    assert off[1] < off[0] / 3


@pytest.mark.parametrize("later", [1, 2, 7, 14])
@pytest.mark.parametrize("about", [-ABOUT, timedelta(0), ABOUT])
def test_one_that_recurs_is_a_season_and_the_first_stays_what_it_was(later: int, about: timedelta) -> None:
    minutes = about / MINUTE
    assert forgotten(a_rollout(), a_rollout(later, minutes=minutes)) == [True, False]


@pytest.mark.parametrize("later", [DAY + ABOUT + MINUTE, DAY - ABOUT - MINUTE, 3 * DAY, timedelta(hours=2), 21 * DAY])
def test_one_at_another_time_or_at_a_distance_that_nobody_looks_back_on_is_none(later: timedelta) -> None:
    assert forgotten(a_rollout(), a_rollout(later / DAY)) == [True, True]


def test_nightly_ones_are_forgotten_once() -> None:
    assert forgotten(*(a_rollout(day) for day in range(20))) == [True, *[False] * 19]


@given(st.lists(st.floats(0, 34), max_size=12))
def test_what_was_said_of_one_stays_when_more_come(days: list[float]) -> None:
    seen = [a_rollout(day) for day in sorted(days)]
    said = forgotten(*seen)
    assert [forgotten(*seen[: k + 1])[k] for k in range(len(seen))] == said


def test_every_distance_is_a_whole_number_of_days() -> None:
    assert all(span % DAY == timedelta(0) for span in AGAIN_AFTER)


def test_what_is_known_grows_and_ends_where_nobody_looks_back_any_more() -> None:
    known, now = Rollouts(), at()
    assert known.after("", None, now) == known
    known = known.after("a", None, now).after("b", a_rollout(), now)
    assert known == Rollouts("b", (a_rollout(),))
    assert known.after("b", None, a_rollout().end + KEPT) == Rollouts("b")
    for k in range(MOST + 5):
        known = known.after(f"{k}", a_rollout(minutes=k * 20), now)
    assert len(known.seen) == MOST
    assert known.seen[-1] == a_rollout(minutes=(MOST + 4) * 20)


def test_a_status_notes_what_it_is_read_from() -> None:
    known = Rollouts("7c9", (a_rollout(), a_rollout(1, "7c9")))
    status = noted(known, forget=True)
    assert read(status) == known
    assert status["rollouts"]["seen"][1] == {
        "start": "2026-03-03T20:00:00Z", "end": "2026-03-03T20:04:00Z", "template": "7c9", "forgotten": False
    }  # fmt: skip
    assert [one["forgotten"] for one in noted(known, forget=False)["rollouts"]["seen"]] == [False, False]
    assert noted(Rollouts(), forget=True) == {}
    assert read({}) == read({"rollouts": {}}) == read({"rollouts": {"template": None, "seen": None}}) == Rollouts()


def test_two_of_one_second_are_two_and_the_same_again_is_one() -> None:
    first, second = a_rollout(), replace(a_rollout(), template="6677")
    seen = Rollouts("5d4f", (first,)).after("6677", second, second.end)
    assert seen.seen == (first, second)
    assert seen.after("6677", second, second.end) == seen
    before, after = (noted(one, forget=True) for one in (Rollouts("5d4f", (first,)), seen))
    assert [told.split(",")[0] for told in news(before, after)] == ["rollout of 6677"]


def test_news_say_what_is_not_expected_again_once() -> None:
    first, second = a_rollout(), a_rollout(1)
    before, after = (noted(Rollouts("5d4f", seen), forget=True) for seen in ((first,), (first, second)))
    assert news({}, before) == [
        "rollout of 5d4f, 2026-03-02 20:00 to 20:04 UTC: what the load was from 19:58 to 20:14 is not expected again"
    ]
    assert news(before, after) == ["rollout of 5d4f, 2026-03-03 20:00 to 20:04 UTC: stays in the history of the load"]
    assert news(after, after) == news(after, {}) == []
