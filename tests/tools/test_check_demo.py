"""A demo's result is judged claim by claim; a file that is none is told apart from a demo that showed too little."""

from __future__ import annotations

import copy
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from controller.simulation.score import Score
from foresail.demo import arms
from tools.check_demo import FIGURES, FLASH, HPA, LIVE, PERFECT, REPLAY, RISE, BadResult, claims, main


def arm(overload_minutes: float, pod_minutes: float) -> dict[str, float]:
    return dict.fromkeys(FIGURES, 5) | {"overload_minutes": overload_minutes, "pod_minutes": pod_minutes}


GOOD: dict[str, Any] = {
    "first_forecast_s": 3.2,
    "arms": {LIVE: arm(2.25, 1040), REPLAY: arm(2.0, 1000), HPA: arm(9.0, 960), PERFECT: arm(0.0, 990)},
    "segments": {
        RISE: {"ready_ahead_s": {LIVE: 45.0}},
        FLASH: {"arms": {REPLAY: {"overload_minutes": 2.0}, HPA: {"overload_minutes": 2.0}}},
    },
}


def changed(value: object, *path: str) -> dict[str, Any]:
    """The good result with one figure replaced."""
    result = copy.deepcopy(GOOD)
    table = result
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
    return result


def test_the_good_result_holds() -> None:
    assert all(claim.holds for claim in claims(GOOD))


def test_pods_that_were_there_from_the_start_were_in_time() -> None:
    assert all(claim.holds for claim in claims(changed(None, "segments", RISE, "ready_ahead_s", LIVE)))


@pytest.mark.parametrize(
    ("value", "path", "about"),
    [
        (20.5, ("first_forecast_s",), "first forecast"),
        (None, ("first_forecast_s",), "first forecast"),
        (0, ("arms", LIVE, "connections_opened"), "real clients"),
        (1101, ("arms", LIVE, "pod_minutes"), "pod_minutes: live"),
        (899, ("arms", LIVE, "pod_minutes"), "pod_minutes: live"),
        (2.75, ("arms", LIVE, "overload_minutes"), "overload_minutes: live"),
        (3.9, ("arms", HPA, "overload_minutes"), "overload_minutes: Foresail"),
        (900, ("arms", HPA, "pod_minutes"), "pod_minutes: Foresail"),
        (-15.0, ("segments", RISE, "ready_ahead_s", LIVE), RISE),
        (1.75, ("segments", FLASH, "arms", HPA, "overload_minutes"), FLASH),
    ],
)
def test_each_claim_fails_alone(value: object, path: tuple[str, ...], about: str) -> None:
    failed = [claim.text for claim in claims(changed(value, *path)) if not claim.holds]
    assert len(failed) == 1
    assert failed[0].startswith(about) or about in failed[0]


def test_an_hpa_that_was_never_short_shows_nothing() -> None:
    result = changed(0.0, "arms", HPA, "overload_minutes")
    assert any("HPA alone" in claim.text for claim in claims(result) if not claim.holds)


@pytest.mark.parametrize("name", [LIVE, REPLAY, HPA, PERFECT])
@pytest.mark.parametrize("figure", FIGURES)
def test_a_missing_figure_is_named(name: str, figure: str) -> None:
    result = copy.deepcopy(GOOD)
    del result["arms"][name][figure]
    with pytest.raises(BadResult, match=f"no {figure}"):
        claims(result)


def test_a_figure_that_is_no_number_is_named() -> None:
    with pytest.raises(BadResult, match=r"arms\.hpa\.rescales is None; expected a number"):
        claims(changed(None, "arms", HPA, "rescales"))


def test_arms_and_figures_are_the_demos_own() -> None:
    assert set(FIGURES) == {field.name for field in fields(Score)}
    assert (LIVE, REPLAY, HPA, PERFECT) == (arms.LIVE, arms.FORESAIL, arms.HPA, arms.PERFECT)


@pytest.mark.parametrize(("result", "code"), [(GOOD, 0), (changed(99, "first_forecast_s"), 1), ({}, 2), ([], 2)])
def test_the_exit_code_tells_the_verdict(result: object, code: int, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    file.write_text(json.dumps(result))
    assert main([str(file)]) == code


def test_a_file_that_is_not_there_or_no_json_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cut.json").write_text('{"arms": ')
    assert main([str(tmp_path / "cut.json")]) == main([str(tmp_path / "none.json")]) == main([]) == 2
    said = capsys.readouterr().err.splitlines()
    assert ["cut.json" in said[0], "none.json" in said[1], "usage" in said[2]] == [True] * 3
