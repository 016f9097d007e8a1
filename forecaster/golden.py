"""The forecast that guards an artefact: made once when it was trained, made again by a test on every machine.

Its history is made up here and nowhere else, so that the generator that trains may change.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from forecaster.forecast import Ask, Forecaster, Window
from forecaster.series import Kind, Series


def golden_ask() -> Ask:
    """Ten days of a plain daily load with an evening jump and a deterministic roughness, asked for at four moments."""
    t = np.arange(10 * 1440)
    day = 300 + 120 * np.sin(2 * np.pi * (t - 500) / 1440)
    evening = 260 * np.clip((t % 1440 - 1200) / 6, 0, 1) * np.clip((1330 - t % 1440) / 30, 0, 1)
    rough = 6 * np.sin(t * 0.7) + 4 * np.cos(t * 1.9)
    values = np.round(day + evening + rough)
    values[7000:7030] = np.nan
    start = datetime(2026, 1, 5, tzinfo=UTC)
    series = Series(start, timedelta(minutes=1), values, Kind.STOCK, "golden")
    last_day = 9 * 1440
    return Ask(series, np.array([last_day + 600, last_day + 1195, last_day + 1203, last_day + 1325]), Window(2, 8))


def golden_record(forecaster: Forecaster) -> dict[str, object]:
    """What `forecaster` says to it, as JSON keeps it."""
    made = forecaster.forecast([golden_ask()])[0]
    return {"origins": made.origins.tolist(), "quantiles": made.quantiles.tolist(), "peak": made.peak.tolist()}
