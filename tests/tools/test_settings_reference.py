"""A page of settings has each variable in a row: what is allowed, the default, the meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from controller.settings import PREFIX, ControllerSettings
from tools.settings_reference import page


class Hen(BaseModel):
    eggs: Annotated[int, Field(ge=0, le=9000, description="a day")] = 1
    weight: Annotated[float, Field(gt=0, description="in kilograms")] = 2.5
    colour: Annotated[Literal["white", "brown"], Field(description="of the eggs")] = "white"
    nest: Annotated[Path | None, Field(description="where she sits")] = None
    names: Annotated[dict[str, str], Field(description="by her owners")] = {}
    song: Annotated[str, Field(description="at dawn")] = ""


def test_every_variable_has_its_row() -> None:
    assert (
        page("Hens", "All of them.", "HEN_", Hen)
        == """# Hens

All of them.

| variable | allowed | default | meaning |
| --- | --- | --- | --- |
| `HEN_EGGS` | a whole number from 0 up to 9,000 | `1` | a day |
| `HEN_WEIGHT` | a number above 0 | `2.5` | in kilograms |
| `HEN_COLOUR` | `white` or `brown` | `white` | of the eggs |
| `HEN_NEST` | a path | none | where she sits |
| `HEN_NAMES` | JSON of names and values | none | by her owners |
| `HEN_SONG` | text | none | at dawn |
"""
    )


def test_a_setting_without_words_is_refused() -> None:
    class Mute(BaseModel):
        eggs: int = 1

    with pytest.raises(ValueError, match="Mute: eggs without a description"):
        page("Hens", "", "HEN_", Mute)


def test_the_controllers_page_has_every_field() -> None:
    found = page("Settings", "", PREFIX, ControllerSettings)
    assert all(f"| `{PREFIX}{name.upper()}` | " in found for name in ControllerSettings.model_fields)
    assert "| `FORESAIL_CONTROLLER_TICK_S` | a number from 1 up to 60 | `15.0` | seconds between two ticks |" in found
