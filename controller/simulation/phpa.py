"""A predictive HPA on its own replicas: the larger of what the HPA asks for and what a model makes of its past.

So does the PredictiveHorizontalPodAutoscaler (jthomperoo), with decision type `maximum`: linear regression over the
last syncs, or Holt-Winters with an additive trend and season. It forecasts replicas and not the load, and has learned
nothing when it begins. What a model asked for is held as long as the HPA holds a recommendation.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np

from controller.simulation.hpa import State, step
from controller.simulation.hpa_spec import HpaSpec, Scale
from controller.simulation.pilot import check_external, external_metrics
from controller.simulation.replay import Asked, first_replicas


class ReplicaModel(Protocol):
    """Anything that learns from replicas, one sync after the other."""

    def next(self, replicas: int, /) -> float | None:
        """What is expected some syncs after this one; None until enough is known."""
        ...

    def forget(self) -> None:
        """Begins anew."""
        ...


class LinearRegression:
    """The least-squares line through the last `size` syncs, `ahead` syncs further on."""

    def __init__(self, size: int, ahead: int) -> None:
        """`size` is at least two."""
        at = np.arange(size) - (size - 1) / 2
        self._weights = 1 / size + at * ((size - 1) / 2 + ahead) / (at @ at)
        self._past: deque[int] = deque(maxlen=size)

    def next(self, replicas: int, /) -> float | None:
        """None until there are as many syncs as the line goes through."""
        self._past.append(replicas)
        return float(self._weights @ np.array(self._past)) if len(self._past) == self._past.maxlen else None

    def forget(self) -> None:
        """The next line waits for as many syncs again."""
        self._past.clear()


@dataclass
class HoltWinters:
    """Triple exponential smoothing, additive (Winters 1960), with a season of `period` syncs, `ahead` of now.

    The first season gives the level, its mean, and the season, what is left of it.
    """

    period: int
    ahead: int
    alpha: float
    beta: float
    gamma: float
    _first: list[int] = field(default_factory=list, init=False)
    _season: list[float] = field(default_factory=list, init=False)
    _level: float = field(default=0.0, init=False)
    _trend: float = field(default=0.0, init=False)
    _at: int = field(default=0, init=False)

    def next(self, replicas: int, /) -> float | None:
        """None in the first season."""
        if not self._season:
            self._begin(replicas)
            return None
        season, before = self._season[self._at], self._level
        self._level = self.alpha * (replicas - season) + (1 - self.alpha) * (before + self._trend)
        self._trend = self.beta * (self._level - before) + (1 - self.beta) * self._trend
        self._season[self._at] = self.gamma * (replicas - self._level) + (1 - self.gamma) * season
        then = self._season[(self._at + self.ahead) % self.period]
        self._at = (self._at + 1) % self.period
        return self._level + self.ahead * self._trend + then

    def forget(self) -> None:
        """A whole season has to be seen again."""
        self._first, self._season = [], []
        self._level = self._trend = 0.0
        self._at = 0

    def _begin(self, replicas: int) -> None:
        self._first.append(replicas)
        if len(self._first) == self.period:
            self._level = sum(self._first) / self.period
            self._season = [one - self._level for one in self._first]


class PredictiveHpa:
    """The HPA, and the larger of what it asks for and what its own past makes expect."""

    def __init__(self, hpa_spec: HpaSpec, model: ReplicaModel) -> None:
        """Raises BadPolicy where the HPA has a metric other than an External one."""
        check_external(hpa_spec)
        self._spec = hpa_spec
        self._model = model
        self._alone = hpa_spec.min_replicas
        self._state = State()
        self._wishes: deque[tuple[datetime, int]] = deque()

    def begin(self, totals: Mapping[str, float], _now: datetime, /) -> int:
        """The replicas at which the HPA is at rest; nothing is remembered."""
        self._alone = first_replicas(self._spec, totals)
        self._state = State()
        self._wishes.clear()
        self._model.forget()
        return self._alone

    def tick(self, now: datetime, seen: Mapping[str, float], _replicas: int, _ready: int, /) -> Asked:
        """One sync of the HPA on its own replicas, and one step of the model."""
        metrics = external_metrics(self._spec.metrics, seen)
        sync = step(self._spec, self._state, Scale(self._alone, self._alone), metrics, now)
        self._state, self._alone = sync.state, sync.replicas
        expected = self._model.next(sync.replicas)
        while self._wishes and self._wishes[0][0] <= now - self._spec.windows[1]:
            self._wishes.popleft()  # before this tick's comes, which counts however short the window is
        if expected is not None:
            wish = min(math.ceil(expected), self._spec.max_replicas)
            while self._wishes and self._wishes[-1][1] <= wish:
                self._wishes.pop()
            self._wishes.append((now, wish))
        held = self._wishes[0][1] if self._wishes else 0
        return Asked(max(sync.replicas, held), sync.replicas)
