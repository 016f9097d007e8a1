"""Who is let in: the origin first, then draining, then the limit; and no way round the list for a page."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission import Admission, Outcome

HERE = "https://chat.example"


def an_admission(allow_missing_origin: bool = True) -> Admission:
    return Admission([HERE, "http://localhost:3000"], allow_missing_origin, max_connections=2)


@pytest.mark.parametrize("origin", [HERE, "https://CHAT.example:443", "http://localhost:3000"])
def test_a_listed_origin_is_let_in(origin: str) -> None:
    assert an_admission().decide([origin], 0, False) == Outcome.ACCEPTED


@pytest.mark.parametrize(
    "origins",
    [
        ["https://evil.example"],
        ["http://chat.example"],
        ["https://chat.example:8443"],
        ["https://chat.example.evil.example"],
        ["https://sub.chat.example"],
        ["null"],
        [""],
        [HERE, HERE],
        [HERE, "https://evil.example"],
    ],
)
def test_any_other_origin_is_refused(origins: Sequence[str]) -> None:
    assert an_admission().decide(origins, 0, False) == Outcome.REFUSED_ORIGIN


def test_a_missing_origin_is_let_in_only_by_setting() -> None:
    assert an_admission(allow_missing_origin=True).decide([], 0, False) == Outcome.ACCEPTED
    assert an_admission(allow_missing_origin=False).decide([], 0, False) == Outcome.REFUSED_ORIGIN


@given(connections=st.integers(0, 5), draining=st.booleans())
def test_the_origin_comes_before_the_state_of_the_process(connections: int, draining: bool) -> None:
    assert an_admission().decide(["https://evil.example"], connections, draining) == Outcome.REFUSED_ORIGIN


@given(connections=st.integers(0, 5))
def test_nobody_is_let_in_while_draining_or_full(connections: int) -> None:
    assert an_admission().decide([HERE], connections, True) == Outcome.REFUSED_DRAINING
    expected = Outcome.ACCEPTED if connections < 2 else Outcome.REFUSED_CAPACITY
    assert an_admission().decide([HERE], connections, False) == expected


def test_a_wildcard_cannot_be_allowed() -> None:
    with pytest.raises(ValueError, match="no origin"):
        Admission(["*"], True, 2)
