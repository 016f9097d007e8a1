"""The pictures of a replay: pods over time beside what was needed, and what each arm reached for its money."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np

from controller.simulation.score import overloaded
from forecaster.series import FloatArray
from foresail.output import figure
from foresail.replays.arms import ARMS, FORESAIL, HPA
from foresail.replays.case import Case
from foresail.replays.figures import Replayed

_UNDER, _OVER = 2.6, 0.9
"""Widths of the lines of the HPA and of Foresail, mostly the same: the lower one shows around it."""


def draw_pods(replayed: Replayed, path: Path) -> None:
    """Pods needed and pods ready; below, the overload minutes of every arm so far."""
    load, runs = replayed.case.load, replayed.runs
    times = np.array([np.datetime64(load.time(k).replace(tzinfo=None)) for k in range(len(load))])
    with figure(path, rows=2, height=3.5) as (drawn, (above, below)):
        drawn.suptitle(f"{replayed.source}: what was needed and what was ready")
        above.plot(times, pods_needed(replayed.case), color="black", linewidth=0.8, label="pods needed")
        for arm in ARMS:
            run = runs[arm.key]
            if arm.key in (HPA, FORESAIL):
                label = f"ready, {arm.title}"
                width = _UNDER if arm.key == HPA else _OVER
                above.step(times, run.columns["ready"], where="post", color=arm.color, linewidth=width, label=label)
            short = np.cumsum(overloaded(run) & load.known) * (load.tick / timedelta(minutes=1))
            below.plot(times, short, color=arm.color, label=arm.title)
        above.set(ylabel="pods", ylim=(0, None))
        below.set(ylabel="overload minutes so far", xlabel="UTC", ylim=(0, None))
        for axes in (above, below):
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(ARMS), frameon=False)


def draw_costs(replayed: Replayed, path: Path) -> None:
    """Overload minutes against pod-hours, a point for each arm."""
    scores = replayed.scores
    with figure(path, width=8.0) as (_, (axes,)):
        for arm in ARMS:
            made = scores[arm.key]
            axes.plot(made.pod_hours, made.overload_minutes, "o", color=arm.color, label=arm.title, clip_on=False)
        axes.set(
            xlabel="pod-hours", ylabel="overload minutes", ylim=(0, None), title=f"{replayed.source}: cost and overload"
        )
        axes.legend(loc="best")


def pods_needed(case: Case) -> FloatArray:
    """[ticks], ready pods that would carry every signal; NaN where nothing was measured."""
    needs = [case.load.signals[s.name] / s.capacity_per_pod for s in case.policy.signals]
    needed: FloatArray = np.where(case.load.known, np.max(needs, axis=0), np.nan)
    return needed
