"""Quantities as Kubernetes writes them, exactly. Documents are tested as policies and as manifests."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.schema import quantity


@pytest.mark.parametrize(
    ("given", "value"),
    [("600m", "0.6"), ("2k", "2000"), ("1Ki", "1024"), (".5", "0.5"), ("1E", "1e18"), ("1E2", "100"), (-7, "-7")],
)
def test_a_quantity_is_the_number_it_stands_for(given: object, value: str) -> None:
    assert quantity(given) == Decimal(value)


@pytest.mark.parametrize("given", ["", "1 k", "k", "1K", "1e9999", True, None, float("nan"), [1]])
def test_anything_else_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="allowed is a quantity such as"):
        quantity(given)


@given(st.integers(-(10**15), 10**15))
def test_milli_units_are_exact(milli: int) -> None:
    assert quantity(f"{milli}m") * 1000 == milli
