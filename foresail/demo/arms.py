"""What else could have happened under the very load that the live run had: the same planner, the HPA alone, the perfect
forecast. Pure: replays on simulated pods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from controller.domain import Policy
from controller.simulation.feed import PrecomputedFeed, feed_from
from controller.simulation.load import Load
from controller.simulation.oracle import Perfect
from controller.simulation.replay import Run, hpa_for, replay
from controller.simulation.score import Score, score
from controller.simulation.world import WorldSettings
from forecaster.forecast import Forecaster
from forecaster.series import Series
from foresail.demo.scenario import Segment

LIVE, FORESAIL, HPA, PERFECT = "foresail_live", "foresail", "hpa", "perfect"


def replays(
    load: Load, series: Sequence[Series], policy: Policy, settings: WorldSettings, forecaster: Forecaster
) -> dict[str, Run]:
    """The replayed arms by name. `series` are the histories up to the end of `load`."""
    spec = hpa_for(policy)
    feeds = {
        FORESAIL: feed_from(forecaster, series, policy, settings.metric_lag, load.start),
        HPA: PrecomputedFeed((), settings.metric_lag),
        PERFECT: feed_from(Perfect(), series, policy, settings.metric_lag, load.start),
    }
    return {name: replay(load, policy, spec, settings, feed) for name, feed in feeds.items()}


def scored_within(run: Run, segment: Segment) -> Score:
    """The figures of a run, counting only what happened in a part of it."""
    times = np.array([segment.start <= run.load.time(k) < segment.end for k in range(len(run.load))])
    load = replace(run.load, known=run.load.known & times)
    return score(replace(run, load=load))
