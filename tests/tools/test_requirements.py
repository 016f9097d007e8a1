"""Extras become requirements: own extras inside extras are resolved, nothing is listed twice, a wrong name is told."""

from __future__ import annotations

from typing import Any

import pytest

from tools.requirements import ROOT, UnknownExtra, main, read_project, requirements

PROJECT: dict[str, Any] = {
    "name": "house",
    "dependencies": ["roof>=1"],
    "optional-dependencies": {
        "door": ["hinge>=2; sys_platform != 'win32'", "roof>=1"],
        "window": ["glass>=3"],
        "front": ["house[door, window]"],
        "all": ["house[front]", "paint[oil]>=4"],
    },
}


def test_without_extras_only_the_dependencies() -> None:
    assert requirements(PROJECT, []) == ["roof>=1"]


def test_own_extras_are_resolved_however_deep_and_others_left_to_pip() -> None:
    marked = "hinge>=2; sys_platform != 'win32'"
    assert requirements(PROJECT, ["all"]) == ["roof>=1", marked, "glass>=3", "paint[oil]>=4"]


def test_what_two_extras_share_is_listed_once() -> None:
    assert requirements(PROJECT, ["door", "front"]).count("roof>=1") == 1


def test_an_unknown_extra_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UnknownExtra, match=r"no extra 'cellar'.*door, window, front, all"):
        requirements(PROJECT, ["cellar"])


def test_the_command_prints_one_requirement_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gateway"]) == 0
    assert capsys.readouterr().out.splitlines() == requirements(read_project(ROOT), ["gateway"])


def test_the_command_refuses_an_unknown_extra(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cellar"]) == 2
    assert "no extra 'cellar'" in capsys.readouterr().err
