"""A load that recurs day after day: what it was, as OpenMetrics for a backfill, and what it will be, for the crowd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

DAY = timedelta(days=1)
LOOKBACK = timedelta(minutes=5)
_BIN = timedelta(minutes=1)
GAUGE, COUNTER = "websocket_connections_total", "websocket_message_rate_total"


@dataclass(frozen=True)
class Recurrence:
    """Every day: `calm` connections, from `rise_at` on linearly to `busy` within `climb`, back after `lasts`."""

    rise_at: datetime
    calm: int = 40
    busy: int = 200
    climb: timedelta = timedelta(minutes=2)
    lasts: timedelta = timedelta(minutes=20)

    def at(self, moment: datetime) -> int:
        """Connections that are wanted at that moment."""
        since = (moment - self.rise_at) % DAY
        up = since / self.climb
        down = (self.lasts + self.climb - since) / self.climb
        share = min(1.0, up, max(0.0, down))
        return round(self.calm + (self.busy - self.calm) * share)

    def history(self, namespace: str, until: datetime, days: int = 14, seed: int = 6) -> Iterator[str]:
        """OpenMetrics lines of the days before `until`: two pods that are gone, a sample at half past each minute.

        Prometheus shows a series for LOOKBACK after its last sample, so they end that much earlier: nobody is counted
        twice, among those who were and those who are.
        """
        end = until - LOOKBACK
        first = (end - days * DAY).replace(second=30, microsecond=0)
        moments = [first + k * _BIN for k in range(int((end - first) / _BIN))]
        noise = np.random.default_rng(seed).normal(1.0, 0.02, len(moments))
        labels = f'endpoint="/ws",namespace="{namespace}",status="active"'
        wanted = [max(0, round(self.at(t) * n)) for t, n in zip(moments, noise, strict=True)]
        yield f"# TYPE {GAUGE} gauge"
        for pod, share in (("past-0", 0), ("past-1", 1)):
            for moment, connections in zip(moments, wanted, strict=True):
                yield f'{GAUGE}{{pod="{pod}",{labels}}} {(connections + share) // 2} {moment.timestamp():.0f}'
