"""The outbox against a model list: first in, first out, never beyond its bounds, its size the sum of its frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.outbox import Outbox

steps = st.lists(st.none() | st.integers(0, 60).map(bytes))


@given(steps)
def test_behaves_as_a_bounded_list(operations: list[bytes | None]) -> None:
    """None takes a frame, anything else is put."""
    outbox = Outbox(max_frames=5, max_bytes=100)
    model: list[bytes] = []
    for frame in operations:
        if frame is not None:
            fits = len(model) < 5 and sum(map(len, model)) + len(frame) <= 100
            assert outbox.put(frame) == fits
            if fits:
                model.append(frame)
        elif model:
            assert outbox.take() == model.pop(0)
        assert len(outbox) == len(model)
        assert outbox.size_bytes == sum(map(len, model))
    outbox.clear()
    assert (len(outbox), outbox.size_bytes) == (0, 0)


def test_nothing_to_take() -> None:
    with pytest.raises(IndexError):
        Outbox(1, 1).take()
