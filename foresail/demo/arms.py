"""What else could have happened under the very load that the live run had. Pure: replays on simulated pods.

The same planner again; the HPA alone; an HPA whose target was lowered until it costs what Foresail costs; the same
planner on the rule that needs no model (the higher of now and yesterday); and the perfect forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from controller.domain import Policy
from controller.simulation.equal_cost import hpa_at_cost
from controller.simulation.feed import feed_from
from controller.simulation.load import Load
from controller.simulation.oracle import Perfect
from controller.simulation.replay import Run, hpa_for, replay
from controller.simulation.score import Score, score
from controller.simulation.world import WorldSettings
from forecaster.baselines import BASELINES
from forecaster.forecast import Forecaster
from forecaster.series import Series
from foresail.demo.scenario import Segment

LIVE, FORESAIL, HPA, PERFECT = "foresail_live", "foresail", "hpa", "perfect"
HPA_SAME_COST, OFFSET_RULE = "hpa_same_cost", "offset_rule"
TARGET = 0.7
"""Share of a pod's capacity that the HPA aims at."""


def replays(
    load: Load, series: Sequence[Series], policy: Policy, settings: WorldSettings, forecaster: Forecaster
) -> dict[str, Run]:
    """The replayed arms by name. `series` are the histories up to the end of `load`."""
    spec = hpa_for(policy, TARGET)
    forecasters = {FORESAIL: forecaster, OFFSET_RULE: BASELINES["offset-rule"], PERFECT: Perfect()}
    feeds = {
        name: feed_from(one, series, policy, settings.known_after, load.start) for name, one in forecasters.items()
    }
    runs = {name: replay(load, policy, spec, settings, feed) for name, feed in feeds.items()}
    runs[HPA] = replay(load, policy, spec, settings, None)
    cost = score(runs[FORESAIL]).pod_minutes
    runs[HPA_SAME_COST] = hpa_at_cost(load, policy, spec, settings, cost).run
    return {name: runs[name] for name in (FORESAIL, HPA, HPA_SAME_COST, OFFSET_RULE, PERFECT)}


def scored_within(run: Run, segment: Segment) -> Score:
    """The figures of a run, counting only what happened in a part of it."""
    times = np.array([segment.start <= run.load.time(k) < segment.end for k in range(len(run.load))])
    load = replace(run.load, known=run.load.known & times)
    return score(replace(run, load=load))
