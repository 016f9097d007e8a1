"""What past restarts do to the forecasts of later days, told as incidents or not: `make bench-restarts TRACES=DIR`.

Restarts are written into stock signals, whose clients leave and come back in a wave: rolling ones (a sixth is gone for
ten minutes) and hard ones (nine in ten are gone for four). Either at another minute each week, as releases come, or at
the same minute, as maintenance does. Three things are forecast by the calibrated network: the history without restarts,
the one with them, and the same where each was told as an incident of half an hour. Losses are compared at the same
targets:

    echo     around the same minute 1, 2, 7 and 14 days after a restart, where no restart is: what the past one costs
    restart  while one goes on and clients come back: what knowing it from last time spares

Writes results/restarts.json. The traces are no part of the project: `python -m tools.fetch_traces DIR` fetches them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ending import end_with
from benchmarks.traces import LIST, load, read_list
from forecaster.artefact import load_artefact
from forecaster.evaluate import origins_from
from forecaster.evaluate.losses import pinball
from forecaster.evaluate.means import geometric_mean
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecaster
from forecaster.incidents import Incident, Unrepeated
from forecaster.predict import load_calibrated
from forecaster.series import BoolArray, FloatArray, IntArray, Kind, Series
from forecaster.targets import targets
from forecaster.windows import CONTEXT
from foresail.models import find_model
from foresail.output import emit_json, progress

RESULTS = Path(__file__).parent / "results" / "restarts.json"
SHARE, EVERY = 0.7, 7
WEEK, MINUTE = timedelta(days=7), timedelta(minutes=1)
BEFORE, AFTER = timedelta(minutes=5), timedelta(minutes=25)
"""What is told as the incident: so long before a restart begins, and after."""
ECHOES = tuple(timedelta(days=days) for days in (1, 2, 7, 14))
KINDS = ("rolling", "hard")
SCHEDULES = ("other-minute", "same-minute")


def shape(kind: str, minute: FloatArray) -> FloatArray:
    """[minutes], the share of clients that is there so long after a restart began; 1 where it does not show."""
    low, lasts, back = {"rolling": (1 - 1 / 6, 10, 1.03), "hard": (0.1, 4, 1.12)}[kind]
    wave = 1 + (back - 1) * np.exp(-(minute - lasts) / 6)
    return np.where(minute < 0, 1.0, np.where(minute < lasts, low, wave))


def restarts(series: Series, schedule: str, rng: np.random.Generator) -> IntArray:
    """The bins in which restarts begin: one a week, on a workday between 6 and 18 o'clock (UTC)."""
    minutes = rng.integers(6 * 60, 18 * 60, size=len(series) * series.step // WEEK + 2)
    days = rng.integers(0, 5, size=len(minutes))
    if schedule == "same-minute":
        minutes[:], days[:] = minutes[0], days[0]
    midnight = series.start.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = midnight - timedelta(days=midnight.weekday())
    times = [
        monday + k * WEEK + timedelta(days=int(day), minutes=int(minute))
        for k, (day, minute) in enumerate(zip(days, minutes, strict=True))
    ]
    bins = np.array([series.index(time) for time in times])
    kept: IntArray = bins[(bins > CONTEXT) & (bins < len(series) - CONTEXT)]
    return kept


def with_restarts(series: Series, begins: IntArray, kind: str) -> Series:
    """The series with a restart at each of `begins`."""
    values = series.values.copy()
    bins = np.arange(int(timedelta(hours=1) // series.step))
    factors = shape(kind, bins.astype(np.float64) * (series.step / MINUTE))
    for begin in begins.tolist():
        values[begin + bins] *= factors
    return replace(series, values=values)


def around(series: Series, begins: IntArray, ago: timedelta = timedelta(0)) -> BoolArray:
    """[bins], those within the half hour of a restart, moved `ago` later."""
    marks = np.zeros(len(series), dtype=bool)
    for begin in (begins + ago // series.step).tolist():
        marks[max(begin - BEFORE // series.step, 0) : max(begin + AFTER // series.step + 1, 0)] = True
    return marks


def told(series: Series, begins: IntArray) -> list[Incident]:
    """The restarts as their owner tells them."""
    times = [series.time(begin) for begin in begins.tolist()]
    return [Incident(time - BEFORE, time + AFTER) for time in times]


def said(forecaster: Forecaster, series: Series, origins: IntArray) -> FloatArray:
    """[origins, HORIZON, levels]"""
    return forecaster.forecast([Ask(series, origins)])[0].quantiles


def compare(forecaster: Forecaster, series: Series, begins: IntArray, kind: str) -> Mapping[str, float]:
    """Sums of losses: at echoes without restarts, with them, and with them told; at restarts with them told or not."""
    origins = origins_from(series, SHARE, EVERY)
    dirty = with_restarts(series, begins, kind)
    at = origins[:, None] + np.arange(1, HORIZON + 1)
    restarting = around(series, begins)
    echo = np.any([around(series, begins, ago) for ago in ECHOES], axis=0)
    # Where a restart is on the way or in the context, more than its echo is at work.
    near = np.convolve(restarting, np.ones(CONTEXT + 1), mode="full")[: len(series)] > 0
    at_echo, at_restart = echo[at] & ~near[at] & ~near[origins][:, None], restarting[at]
    truth = targets(dirty.values, origins)
    arms = {"clean": said(forecaster, series, origins), "untold": said(forecaster, dirty, origins)}
    arms["told"] = said(Unrepeated(forecaster, told(series, begins)), dirty, origins)
    lost = {arm: np.nan_to_num(pinball(truth, quantiles).sum(axis=2)) for arm, quantiles in arms.items()}
    sums = {f"echo {arm}": float(loss[at_echo].sum()) for arm, loss in lost.items()}
    sums |= {f"restart {arm}": float(lost[arm][at_restart].sum()) for arm in ("untold", "told")}
    return {**sums, **{f"all {arm}": float(lost[arm].sum()) for arm in ("untold", "told")}}


def ratios(drawn: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of the sums over all draws: what restarts cost at their echoes, and what telling leaves of the loss."""
    total = {key: sum(one[key] for one in drawn) for key in drawn[0]}
    return {
        "echo_untold_to_clean": total["echo untold"] / total["echo clean"],
        "echo_told_to_clean": total["echo told"] / total["echo clean"],
        "restart_told_to_untold": total["restart told"] / total["restart untold"],
        "all_told_to_untold": total["all told"] / total["all untold"],
    }


def measure(forecaster: Forecaster, series: Sequence[Series], draws: int) -> dict[str, Any]:
    """The ratios of each kind and schedule for each series, and their geometric means."""
    made: dict[str, Any] = {}
    with progress() as bar:
        task = bar.add_task("restarts", total=len(KINDS) * len(SCHEDULES) * len(series))
        for kind in KINDS:
            for schedule in SCHEDULES:
                found = {}
                for one in series:
                    begun = [restarts(one, schedule, np.random.default_rng(seed)) for seed in range(draws)]
                    found[one.name] = ratios([compare(forecaster, one, begins, kind) for begins in begun])
                    bar.advance(task)
                mean = {key: geometric_mean([r[key] for r in found.values()]) for key in next(iter(found.values()))}
                made[f"{kind}, {schedule}"] = {"geometric mean": mean, **found}
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures every stock signal of the list."""
    parser = argparse.ArgumentParser(prog="make bench-restarts", description=__doc__)
    parser.add_argument("traces", type=Path, help="folder with the traces")
    parser.add_argument("--draws", type=int, default=6, help="times that restarts are drawn for each signal")
    parser.add_argument("--list", type=Path, default=LIST, help="which traces")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    base = load_artefact(find_model("base"))
    stocks = [load(trace, options.traces) for trace in read_list(options.list) if trace.kind is Kind.STOCK]
    found = measure(load_calibrated(base.path), stocks, options.draws)
    emit_json({"model": base.seal, "draws": options.draws, "levels": LEVELS, "restarts": found}, options.out)
    return 0


if __name__ == "__main__":
    end_with(main)
