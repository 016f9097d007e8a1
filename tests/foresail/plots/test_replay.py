"""The pictures of a replay: drawn for one signal and for several, gaps left open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from forecaster.series import Kind
from foresail.output import figure
from foresail.plots.replay import draw_costs, draw_pods, pods_needed
from tests.helpers.replays import STEPS, a_case, a_history, a_replayed


def two_signals() -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], ...]:
    connections, messages = STEPS.copy(), np.full(288, 100.0)
    connections[150] = np.nan
    return connections, messages


def test_what_is_needed_carries_every_signal_and_is_open_where_nothing_was_measured() -> None:
    connections, messages = two_signals()
    messages[144:160] = 50.0
    needed = pods_needed(a_case(a_history(connections, "connections", Kind.STOCK), a_history(messages, "messages")))
    assert np.isnan(needed[6 * 20 : 7 * 20]).all()
    assert np.nanmin(needed) == 10.0
    assert np.nanmax(needed) == 20.0
    assert np.isnan(needed).sum() == 20


@pytest.mark.parametrize("draw", [draw_pods, draw_costs])
def test_a_picture_is_drawn(draw: object, tmp_path: Path) -> None:
    assert callable(draw)
    draw(a_replayed(a_case(hours=1)), tmp_path / "replay.png")
    assert (tmp_path / "replay.png").read_bytes().startswith(b"\x89PNG")


def test_no_legend_lies_on_what_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Figure] = []

    @contextmanager
    def keeping(path: Path, **size: float) -> Iterator[tuple[Figure, list[Axes]]]:
        with figure(path, **size) as (drawn, axes):  # type: ignore[arg-type]
            kept.append(drawn)
            yield drawn, axes

    monkeypatch.setattr("foresail.plots.replay.figure", keeping)
    draw_pods(a_replayed(a_case(hours=1)), tmp_path / "replay.png")
    for axes in kept[0].axes:
        legend = axes.get_legend()
        assert legend is not None
        assert not legend.get_window_extent().overlaps(axes.get_window_extent().shrunk(0.999, 0.999))
