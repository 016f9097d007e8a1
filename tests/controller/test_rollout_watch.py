"""When a workload was rolled out: seen as it happens, found after a restart, never made of a scale-up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from controller.ready_pods import PodSeen
from controller.rollout_watch import LONGEST, RolloutWatch
from controller.rollouts import Rollout, Rollouts
from tests.controller.test_lead_time import WEB
from tests.helpers.builders import at

SECOND = timedelta(seconds=1)
READY_AFTER = 30 * SECOND


def pod(template: str, created: float, *, ready: bool = True, going: bool = False) -> PodSeen:
    """Made so many seconds after a fixed moment, and ready half a minute later."""
    made = at(seconds=created)
    return PodSeen(template, made, made + READY_AFTER if ready and not going else None, going)


def told(watch: RolloutWatch, template: str, seconds: float, *pods: PodSeen) -> tuple[str, Rollout | None]:
    return watch.look(WEB, pods, template, at(seconds=seconds))


def test_one_is_seen_from_its_first_pod_until_all_are_of_it_and_ready() -> None:
    watch, old = RolloutWatch(), [pod("a", -9000), pod("a", -8000)]
    assert told(watch, "", 0, *old) == ("a", None)
    assert told(watch, "a", 15, *old, pod("b", 3, ready=False)) == ("a", None)
    assert told(watch, "a", 45, pod("a", -9000, going=True), pod("b", 3), pod("b", 40, ready=False)) == ("a", None)
    assert told(watch, "a", 60, pod("b", 3), pod("b", 40, ready=False)) == ("a", None)
    done = Rollout(at(seconds=3), at(seconds=75), "b")
    assert told(watch, "a", 75, pod("b", 3), pod("b", 40)) == ("b", done)
    assert told(watch, "b", 90, pod("b", 3), pod("b", 40)) == ("b", None)


def test_a_scale_up_and_a_scale_in_are_none() -> None:
    watch = RolloutWatch()
    assert told(watch, "a", 0, pod("a", -9000)) == ("a", None)
    assert told(watch, "a", 15, pod("a", -9000), pod("a", 10, ready=False)) == ("a", None)
    assert told(watch, "a", 60, pod("a", -9000), pod("a", 10, going=True)) == ("a", None)
    assert told(watch, "a", 75) == ("a", None)
    assert told(watch, "a", 90, pod("a", 80, ready=False)) == ("a", None)


def test_where_all_go_before_the_first_comes_it_is_one_too() -> None:
    watch = RolloutWatch()
    assert told(watch, "a", 15, pod("a", -9000, going=True)) == ("a", None)
    assert told(watch, "a", 30) == ("a", None)
    assert told(watch, "a", 45, pod("b", 40, ready=False)) == ("a", None)
    assert told(watch, "a", 75, pod("b", 40)) == ("b", Rollout(at(seconds=40), at(seconds=75), "b"))


def test_one_that_went_by_while_nobody_looked_is_found_by_the_template_that_was_noted() -> None:
    pods = [pod("b", 100), pod("b", 130)]
    found = Rollout(at(seconds=100), at(seconds=130) + READY_AFTER, "b")
    assert told(RolloutWatch(), "a", 5000, *pods) == ("b", found)
    assert told(RolloutWatch(), "", 5000, *pods) == ("b", None)


def test_a_successor_sees_the_end_of_one_that_is_under_way() -> None:
    for noted in ("a", ""):
        watch = RolloutWatch()
        assert told(watch, noted, 60, pod("a", -9000), pod("b", 3)) == (noted, None)
        assert told(watch, noted, 75, pod("b", 3)) == ("b", Rollout(at(seconds=3), at(seconds=75), "b"))


def test_one_that_is_taken_back_ends_with_the_old_template() -> None:
    watch = RolloutWatch()
    assert told(watch, "a", 15, pod("a", -9000), pod("b", 3, ready=False)) == ("a", None)
    assert told(watch, "a", 600, pod("a", -9000), pod("a", 590, ready=False)) == ("a", None)
    assert told(watch, "a", 630, pod("a", -9000), pod("a", 590)) == (
        "a", Rollout(at(seconds=3), at(seconds=630), "a")
    )  # fmt: skip


def test_what_is_stuck_or_drains_for_long_ends_and_does_not_begin_anew() -> None:
    watch, pods = RolloutWatch(), [pod("a", -9000, going=True), pod("b", 3)]
    late = 3 + LONGEST.total_seconds()
    assert told(watch, "a", late - 10, *pods) == ("a", None)
    assert told(watch, "a", late + 10, *pods) == ("b", Rollout(at(seconds=3), at(seconds=late), "b"))
    assert told(watch, "b", late + 25, *pods) == ("b", None)
    assert told(watch, "b", late + 40, pods[1]) == ("b", None)


def test_a_canary_that_waits_is_one_rollout_however_often_both_templates_are_scaled() -> None:
    """A Deployment that is paused half way gives pods of both templates to whoever scales it."""
    watch, known, pods = RolloutWatch(), Rollouts("a"), [pod("a", -9000), pod("a", -8000), pod("b", 0)]
    for seconds in range(15, 86_400, 15):
        scaled = seconds // 1800
        now = [*pods, *(pod("ab"[k % 2], k * 1800) for k in range(max(1, scaled - 3), scaled + 1))]
        known = known.after(*told(watch, known.template, seconds, *now), at(seconds=seconds))
    assert known.seen == (Rollout(at(), at(seconds=LONGEST.total_seconds()), "b"),)


def test_an_undo_after_long_begins_with_the_first_pod_that_it_makes() -> None:
    """The pods of the old template that were never replaced were made at another time, in which nothing happened."""
    watch, old, stuck = RolloutWatch(), pod("a", -9000), pod("b", 0, ready=False)
    late = 2 * LONGEST.total_seconds()
    for seconds in (15.0, late / 2 + 15, late):
        template, _ = told(watch, "a" if seconds < late else "b", seconds, old, stuck)
    assert template == "b"
    assert told(watch, "b", late + 15, old, stuck, pod("a", late + 10, ready=False)) == ("b", None)
    assert told(watch, "b", late + 45, old, pod("a", late + 10)) == (
        "a", Rollout(at(seconds=late + 10), at(seconds=late + 45), "a")
    )  # fmt: skip


def test_one_that_nobody_looked_at_for_long_is_another_one() -> None:
    """The workload was scaled to zero on the way, and comes back days later."""
    watch, later = RolloutWatch(), 86_400.0
    assert told(watch, "a", 15, pod("a", -9000), pod("b", 3, ready=False)) == ("a", None)
    assert told(watch, "a", 30) == ("a", None)
    assert told(watch, "a", later + 15, pod("b", later + 10, ready=False)) == ("a", None)
    assert told(watch, "a", later + 45, pod("b", later + 10)) == (
        "b", Rollout(at(seconds=later + 10), at(seconds=later + 45), "b")
    )  # fmt: skip


def test_none_ends_before_it_starts_where_the_clock_is_behind_the_servers() -> None:
    watch, fast = RolloutWatch(), 1200
    assert told(watch, "a", 15, pod("a", -9000), pod("b", fast, ready=False)) == ("a", None)
    assert told(watch, "a", 45, pod("b", fast)) == ("b", Rollout(at(seconds=fast), at(seconds=fast), "b"))


def test_one_of_a_workload_is_none_of_another_and_pods_without_a_template_tell_nothing() -> None:
    watch, other = RolloutWatch(), ("chat", "Deployment", "other")
    assert told(watch, "a", 15, pod("a", -9000), pod("b", 3, ready=False)) == ("a", None)
    assert watch.look(other, [pod("a", -9000)], "a", at(seconds=15)) == ("a", None)
    assert told(watch, "", 20, replace(pod("a", 0), template="")) == ("", None)
