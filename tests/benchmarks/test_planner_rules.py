"""The planner's rules switched off one at a time: each is one that the planner has, and is back afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchmarks.planner_rules import VARIANTS, WHOLE, a_past, played, switched_off
from controller.decision import guards, worth
from controller.decision import plan as planner
from controller.simulation.oracle import Perfect
from controller.simulation.score import score
from tests.helpers.worlds import messages, wave

SERIES = messages(wave(3000, period=90))


def test_the_past_is_of_the_first_seventy_percent() -> None:
    case = a_past(SERIES, timedelta(seconds=60))
    (series,) = case.series
    assert len(series) == 2100
    assert series.index(case.load.start) == 1050


def rules() -> list[object]:
    return [*(getattr(planner, name) for name in ("GRANTING", "RELEASING", "scarcity")), worth.worth]


def test_a_rule_is_back_after_the_block() -> None:
    before = rules()
    for variant in VARIANTS:
        with switched_off(variant.off):
            assert (rules() == before) == (not variant.off)
        assert rules() == before
    with pytest.raises(KeyError), switched_off(VARIANTS[1].off):
        raise KeyError
    assert rules() == before


def test_what_is_left_out_was_there() -> None:
    lists = {"GRANTING": guards.GRANTING, "RELEASING": guards.RELEASING}
    for variant in VARIANTS:
        for part in variant.off:
            if part.name in lists:
                assert len(part.instead) == len(lists[part.name]) - 1  # type: ignore[arg-type]


def test_each_variant_plays_and_some_differ() -> None:
    case = a_past(SERIES, timedelta(seconds=240))
    pods = {one.name: score(played(case, one, Perfect())).pod_minutes for one in VARIANTS}
    assert len(set(pods.values())) > 1
    assert pods["held for nothing, given back at once"] < pods[WHOLE]
