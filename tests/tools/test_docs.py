"""Every generated page is what the code says now."""

from __future__ import annotations

import pytest

from tools.docs import generated
from tools.requirements import ROOT

PAGES = generated()


@pytest.mark.parametrize("path", PAGES)
def test_the_page_is_current(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == PAGES[path], "run `make docs`"
