"""The picture of a backtest: forecasts against the truth on two days, reliability, and error by step of the horizon."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from forecaster.evaluate import Score, pinball
from forecaster.forecast import HORIZON, LEVELS, Forecasts
from forecaster.series import EPOCH, IntArray, Series
from foresail.output import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BANDS = ((0.05, 0.95, 0.2), (0.25, 0.75, 0.35))


def draw_backtest(path: Path, series: Series, forecasts: Forecasts, scores: Sequence[Score]) -> None:
    """Draws `forecasts` on their worst and their most typical day, and the `scores` of every arm, theirs first.

    Raises UsageError where the picture cannot be written, PlotUnavailable without matplotlib.
    """
    days = days_to_show(series, forecasts)
    with figure(path, width=14.0, height=9.0) as (drawn, (whole,)):
        whole.remove()
        drawn.suptitle(f"{series.name}, {forecasts.model}")
        grid, width = drawn.add_gridspec(2, 6), 6 // len(days)
        for k, (name, rows) in enumerate(days.items()):
            _draw_day(drawn.add_subplot(grid[0, k * width : (k + 1) * width]), name, series, forecasts, rows)
        reliability, pinballs, maes = (drawn.add_subplot(grid[1, k : k + 2]) for k in (0, 2, 4))
        _draw_reliability(reliability, scores)
        adaptive = [[step.adaptive for step in made.by_step.values()] for made in scores]
        _draw_error(pinballs, "pinball, tracked persistence = 1", scores, adaptive)
        mae = [[step.mae for step in made.by_step.values()] for made in scores]
        _draw_error(maes, "MAE, persistence = 1", scores, mae)


def days_to_show(series: Series, forecasts: Forecasts) -> dict[str, IntArray]:
    """Rows of the forecasts of two days in UTC, by what is said of each day.

    The worst has the largest mean pinball loss; the most typical of the others lies closest to the median of all. A day
    with less than half as many measured targets as the fullest does not stand; with one day left, it is both.
    """
    day = (forecasts.origins + (series.start - EPOCH) // series.step) // series.bins_per_day
    steps = series.values[forecasts.origins[:, None] + np.arange(1, HORIZON + 1)]
    loss = pinball(steps, forecasts.quantiles).sum(axis=2)
    known = ~np.isnan(loss)
    counts = {int(d): int(known[day == d].sum()) for d in np.unique(day)}
    losses = {d: float(loss[day == d][known[day == d]].mean()) for d, n in counts.items()
              if n and 2 * n >= max(counts.values())}  # fmt: skip
    if not losses:
        return {"nothing was measured": np.arange(len(day))}
    worst = max(losses, key=lambda d: losses[d])
    middle = float(np.median(list(losses.values())))
    others = [d for d in losses if d != worst]
    if not others:
        return {"the only day": np.flatnonzero(day == worst)}
    typical = min(others, key=lambda d: abs(losses[d] - middle))
    return {"the worst day": np.flatnonzero(day == worst), "the most typical day": np.flatnonzero(day == typical)}


def _draw_day(axes: Axes, name: str, series: Series, forecasts: Forecasts, rows: IntArray) -> None:
    """Each bin's truth, and what was said of it a horizon before."""
    from matplotlib.dates import DateFormatter

    seen = forecasts.origins[rows] + HORIZON
    ahead = forecasts.quantiles[rows, HORIZON - 1]
    bins = np.arange(seen[0], seen[-1] + 1)
    for low, high, alpha in _BANDS:
        bounds = ahead[:, LEVELS.index(low)], ahead[:, LEVELS.index(high)]
        label = f"{low:g} to {high:g}, {HORIZON} steps before"
        axes.fill_between(_times(series, seen), *bounds, color="tab:blue", alpha=alpha, linewidth=0, label=label)
    axes.plot(_times(series, bins), series.values[bins], color="black", linewidth=0.6, label="measured")
    axes.plot(_times(series, seen), ahead[:, LEVELS.index(0.5)], color="tab:blue", linewidth=1.2, label="median")
    day = f"{series.time(int(forecasts.origins[rows[0]])):%Y-%m-%d}"
    axes.set(title=f"{name}: {day}, UTC", ylim=(0, None))
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]
    axes.legend(loc="upper left", fontsize="small")


def _draw_reliability(axes: Axes, scores: Sequence[Score]) -> None:
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":", label="honest")
    for k, made in enumerate(scores):
        shares = [made.coverage[f"{level:g}"] for level in LEVELS]
        axes.plot(LEVELS, shares, marker="o", markersize=3, color=f"C{k}", label=made.model)
    ramps = [scores[0].coverage_ramp[f"{level:g}"] for level in LEVELS]
    axes.plot(LEVELS, ramps, linestyle="--", color="C0", label=f"{scores[0].model}, on up-ramps")
    axes.set(title="reliability", xlabel="level of the quantile", ylabel="share of targets at or below")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="upper left", fontsize="small")


def _draw_error(axes: Axes, title: str, scores: Sequence[Score], ratios: Sequence[Sequence[float]]) -> None:
    """One line per arm, in the colour that it has in the reliability diagram."""
    steps = [int(step) for step in scores[0].by_step]
    axes.axhline(1.0, color="black", linewidth=0.8, linestyle=":", label="persistence")
    for k, (made, by_step) in enumerate(zip(scores, ratios, strict=True)):
        axes.plot(steps, by_step, marker="o", markersize=3, color=f"C{k}", label=made.model)
    axes.set(title=title, xlabel="step of the horizon", xticks=steps, ylim=(0, None))
    axes.legend(loc="lower left", fontsize="small")


def _times(series: Series, bins: IntArray) -> NDArray[np.datetime64]:
    """Starts of the bins in UTC, as a picture's axis takes them."""
    return np.datetime64(series.start.astimezone(UTC).replace(tzinfo=None), "us") + bins * np.timedelta64(series.step)
