"""Every arm is found by name, and one whose library is missing says what brings it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import benchmarks.forecasters
from benchmarks.catalogue import CATALOGUE, find, fit_of
from foresail.errors import UsageError


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if entry.distribution is None])
def test_arms_without_a_library_are_always_there(name: str) -> None:
    assert callable(fit_of(name))


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_every_arm_has_its_module(name: str) -> None:
    folder = Path(str(benchmarks.forecasters.__file__)).parent
    source = (folder / f"{CATALOGUE[name].module}.py").read_text("utf-8")
    assert f'"{name}"' in source or CATALOGUE[name].module == "simple"


def test_a_missing_library_is_named() -> None:
    if importlib.util.find_spec("gluonts"):
        pytest.skip("gluonts is installed here")
    with pytest.raises(UsageError, match=r"deepar needs gluonts, .* `make bench-forecast` brings it"):
        fit_of("deepar")


def test_an_unknown_arm_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UsageError, match="no arm 'prophet'; there are: foresail, last-value"):
        find("prophet")
