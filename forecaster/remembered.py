"""What was worked out for an origin once, found again by the very values that it was worked out from. Pure.

It only saves time: whatever is forgotten is made again, and a corrected history is another key.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable, Sequence

import numpy as np

from forecaster.past import Past
from forecaster.series import FloatArray, IntArray, Series
from forecaster.windows import LAGS

DAYS_BEHIND = max(day for lag in LAGS for day in lag) + 1
"""Whole days before an origin's own that reach behind everything a forecast reads, its longest lag's window too."""


Key = tuple[str, int, bytes]
"""Name, time of the origin, and a digest of the values."""


class Remembered:
    """Arrays of one shape by key, the latest used last; no more than `most` of them after each `trim`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: OrderedDict[Hashable, FloatArray] = OrderedDict()

    def make_room(self, most: int) -> None:
        """From now on it keeps no more than `most`."""
        self._most = most

    def missing(self, keys: Sequence[Hashable]) -> IntArray:
        """Which of `keys` must be made."""
        return np.flatnonzero([key not in self._rows for key in keys])

    def with_new(self, keys: Sequence[Hashable], new: IntArray, made: FloatArray) -> FloatArray:
        """[keys, ...]: those at `new` as `made` [new, ...], the others from memory.

        Nothing may be trimmed since `new` was found missing.
        """
        if not len(keys):
            return made[:0]
        # Copies: a row that is a view would keep all of `made` alive.
        fresh = {k: row.copy() for k, row in zip(new.tolist(), made, strict=True)}
        rows = [fresh[k] if k in fresh else self._rows[key] for k, key in enumerate(keys)]
        for key, row in zip(keys, rows, strict=True):
            self._rows[key] = row
            self._rows.move_to_end(key)
        return np.stack(rows)

    def find(self, key: Hashable) -> FloatArray | None:
        """One row; None where it is not there."""
        if key in self._rows:
            self._rows.move_to_end(key)
        return self._rows.get(key)

    def keep(self, key: Hashable, row: FloatArray) -> None:
        """One row, as a copy."""
        self._rows[key] = row.copy()
        self._rows.move_to_end(key)

    def trim(self) -> None:
        """Forgets the longest unused; to be called when all that was found missing together has been made."""
        while len(self._rows) > self._most:
            self._rows.popitem(last=False)


def keys_of(series: Series, origins: IntArray) -> list[Key]:
    """What forecasts from `origins`, ascending, depend on: name, time, their day (UTC) and DAYS_BEHIND before it.

    A history that starts earlier has the same keys: a window that moves on with the clock finds what it had, if it is
    longer than that by the days that are looked back on (three for a gate, two for a calibration) and the day begun.
    """
    past, checks = Past(series), _Days(series)
    first, step = int(series.start.timestamp()), int(series.step.total_seconds())
    keys, midnight, start, check = [], -1, 0, _digest()
    for origin, began in zip(origins.tolist(), past.midnight(origins).tolist(), strict=True):
        if began != midnight:
            midnight, start, check = began, max(began, 0), _digest(checks.before(began))
        check.update(series.values[start : origin + 1].tobytes())
        start = origin + 1
        keys.append((series.name, first + origin * step, check.digest()))
    return keys


def _digest(content: bytes = b"") -> hashlib.blake2b:
    """Long enough that of a million workloads of one name no two have the same."""
    return hashlib.blake2b(content, digest_size=16)


class _Days:
    """One digest for each day of a series, of what there is of it."""

    def __init__(self, series: Series) -> None:
        self._values, self._day = series.values, series.bins_per_day
        self._made: dict[int, bytes] = {}

    def before(self, midnight: int) -> bytes:
        """Of the DAYS_BEHIND days before the bin `midnight`, which may lie outside the series."""
        starts = range(midnight - DAYS_BEHIND * self._day, midnight, self._day)
        return b"".join(self._of(start) for start in starts)

    def _of(self, start: int) -> bytes:
        if start not in self._made:
            self._made[start] = _digest(self._values[max(start, 0) : max(start + self._day, 0)].tobytes()).digest()
        return self._made[start]
