"""A page of the log has each field in a row, and says which may be absent."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from tools.log_reference import page


class Egg(BaseModel):
    size: Annotated[str, Field(description="how large")]


class Hen(BaseModel):
    name: Annotated[str, Field(description="that she hears")]
    egg: Annotated[Egg | None, Field(description="the last")] = None


def test_every_field_has_its_row() -> None:
    found = page(Hen, Egg)
    assert "| `name` | always | that she hears |\n| `egg` | where it applies | the last |\n" in found
    assert (
        "## `decision`\n\n| field | there | meaning |\n| --- | --- | --- |\n| `size` | always | how large |\n" in found
    )
