"""The table of what images weigh says what was measured, and leaves the rest of its page alone."""

from __future__ import annotations

from tools.image_sizes import BEGIN, END, page, read
from tools.images import IMAGES
from tools.requirements import ROOT


def test_the_table_is_put_between_its_marks() -> None:
    sizes = {"bytes_over_the_base": {"foresail-gateway": 41_400_000}}
    made = page(f"before\n{BEGIN}old\n{END}after\n", sizes)
    assert made.startswith(f"before\n{BEGIN}")
    assert made.endswith(f"{END}after\n")
    assert "| `foresail-gateway` | 41 MB |" in made
    assert "old" not in made
    assert page(made, sizes) == made


def test_every_image_was_measured() -> None:
    assert set(read(ROOT)["bytes_over_the_base"]) == {f"foresail-{image}" for image in IMAGES}
