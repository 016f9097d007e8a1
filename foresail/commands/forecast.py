"""`foresail forecast FILE`: what the next 15 steps bring, as a table, JSON or a picture."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecaster.baselines import BASELINES
from forecaster.forecast import HORIZON, Ask, Forecast, Forecaster, Window
from forecaster.series import Series
from forecaster.verdict import Ruling
from foresail.commands.history_options import add_history_options, parse_moment, read_history
from foresail.errors import UsageError
from foresail.incidents_file import add_incidents_option, incidents_of, without_incidents
from foresail.models import find_model
from foresail.output import check_results, emit_json, figure, number, out, table

_EXAMPLES = """examples:
  foresail forecast history.csv
  foresail forecast history.csv.gz --at 2026-11-20T19:45:00Z --png next.png
  foresail forecast connections.parquet --kind stock --json -
  foresail forecast history.csv --model last-value
  foresail forecast --prometheus http://prometheus:9090 --query 'sum(rate(messages_total[5m]))'"""
_BARE, _CALIBRATED = ":network", ":calibrated"
_SHOWN = (0.05, 0.5, 0.9, 0.95, 0.99)


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "forecast",
        help="a history -> quantiles of the next 15 steps",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_history_options(p)
    add_model_option(p)
    add_incidents_option(p)
    p.add_argument("--at", metavar="TIME", help="forecast as of this moment (ISO 8601); default: the history's end")
    p.add_argument("--window", metavar="FIRST:LAST", default=f"1:{HORIZON}", help="steps whose peak is asked for")
    p.add_argument(
        "--json", type=Path, metavar="FILE", nargs="?", const=Path("-"), help="write JSON; - is standard output"
    )
    p.add_argument("--png", type=Path, metavar="FILE", help="draw the last hours and the forecast")
    p.set_defaults(run=run)


def add_model_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        default="base",
        metavar="MODEL",
        help=f"a model folder, a shipped model, or a baseline: {', '.join(BASELINES)}; MODEL{_CALIBRATED} is a model "
        f"for which no baseline stands in, MODEL{_BARE} its network without online calibration (default: base)",
    )


def forecaster_of(name: str) -> Forecaster:
    """A baseline by its name, else the model at that place as it is served, or the part of it that the name ends in."""
    if name in BASELINES:
        return BASELINES[name]
    from forecaster.predict import load_calibrated, load_forecaster, load_network

    also = f"; MODEL{_CALIBRATED} or MODEL{_BARE}; or a baseline: {', '.join(BASELINES)}"
    if name.endswith(_BARE):
        return load_network(find_model(name.removesuffix(_BARE), also))
    if name.endswith(_CALIBRATED):
        return load_calibrated(find_model(name.removesuffix(_CALIBRATED), also))
    return load_forecaster(find_model(name, also))


def arm_of(name: str, forecaster: Forecaster) -> str:
    """What a table calls the forecaster of that name: a model's parts are told apart from what is served."""
    return forecaster.name + next((part for part in (_BARE, _CALIBRATED) if name.endswith(part)), "")


def run(options: argparse.Namespace) -> int:
    written = {"--json": options.json, "--png": options.png}
    check_results(written, {"the history": options.file, "--incidents": options.incidents})
    series = read_history(options)
    window = parse_window(options.window)
    origin = _origin(series, options.at)
    forecaster = without_incidents(forecaster_of(options.model), incidents_of(options.incidents, [series]))
    forecast = forecaster.forecast([Ask(series, np.array([origin]), window)])[0].at(0, series)
    if options.png:
        _draw(series, origin, forecast, options.png)
    measured_until = series.time(int(np.flatnonzero(series.known[: origin + 1])[-1]) + 1)
    if options.json:
        emit_json(as_dict(forecast, measured_until), options.json)
    if not options.json or str(options.json) != "-":
        _print(series, forecast, measured_until)
    return 0


def parse_window(text: str) -> Window:
    first, _, last = text.partition(":")
    try:
        return Window(int(first), int(last))
    except ValueError:
        raise UsageError(f"a window of {text!r}; expected FIRST:LAST with 1 <= FIRST <= LAST <= {HORIZON}") from None


def _origin(series: Series, at: str | None) -> int:
    if at is None:
        return len(series) - 1
    origin = series.index(parse_moment("--at", at, series.end.isoformat())) - 1
    if not 0 <= origin < len(series):
        raise UsageError(
            f"--at {at} lies outside the history, which is known from {series.time(1).isoformat()} "
            f"to {series.end.isoformat()}"
        )
    return origin


def as_dict(forecast: Forecast, measured_until: datetime) -> dict[str, object]:
    """The forecast for machines; `measured_until` is the end of the last bin up to the origin that was measured."""
    steps = [
        {
            "time": (forecast.origin + h * forecast.step).isoformat(),
            "quantiles": {f"{level:g}": q for level, q in zip(forecast.levels, row, strict=True)},
        }
        for h, row in enumerate(forecast.quantiles, start=1)
    ]
    return {
        "signal": forecast.signal,
        "model": forecast.model,
        "origin": forecast.origin.isoformat(),
        "measured_until": measured_until.isoformat(),
        "step_s": forecast.step.total_seconds(),
        "steps": steps,
        "peak": {
            "first": forecast.window.first,
            "last": forecast.window.last,
            "quantiles": {f"{level:g}": q for level, q in zip(forecast.levels, forecast.peak, strict=True)},
        },
        "verdict": asdict(forecast.verdict) if forecast.verdict else None,
    }


def _print(series: Series, forecast: Forecast, measured_until: datetime) -> None:
    digits = _digits(max(map(max, forecast.quantiles)))
    rows = [
        [f"{forecast.origin + h * forecast.step:%H:%M}", *(number(forecast.step_at(h, x), digits) for x in _SHOWN)]
        for h in range(1, HORIZON + 1)
    ]
    peak = f"peak {forecast.window.first}..{forecast.window.last}"
    rows.append([peak, *(number(forecast.peak_at(x), digits) for x in _SHOWN)])
    until = f"{measured_until:%Y-%m-%d %H:%M} UTC"
    title = f"{series.name}, measured until {until}, by {forecast.model}"
    said = [forecast.verdict.sentence()] if forecast.verdict else []
    shown = table(title, ["step from", *(f"{x:g}" for x in _SHOWN)], rows)
    # Whoever reads the figures of an abstention must have read that they are not to be acted on.
    abstains = forecast.verdict is not None and forecast.verdict.ruling is Ruling.ABSTAIN
    for part in [*said, shown] if abstains else [shown, *said]:
        out.print(part)
    unmeasured = forecast.origin + forecast.step - measured_until
    if unmeasured > timedelta(0):
        out.print(f"nothing was measured since {until} ({_span(unmeasured)}): the forecast holds the last value")


def _span(span: timedelta) -> str:
    minutes = span / timedelta(minutes=1)
    return f"{minutes:g} min" if minutes < 120 else f"{minutes / 60:,.0f} h"


def _digits(largest: float) -> int:
    """Decimals that show four significant figures of the largest value: loads are in ones or in millions."""
    return max(0, 3 - math.floor(math.log10(largest))) if largest > 0 else 0


def _draw(series: Series, origin: int, forecast: Forecast, path: Path) -> None:
    past = np.arange(max(0, origin - 8 * HORIZON), origin + 1)
    ahead = np.arange(origin + 1, min(len(series), origin + HORIZON + 1))
    times = _axis([forecast.origin + h * forecast.step for h in range(1, HORIZON + 1)])
    with figure(path) as (_, (axes,)):
        axes.plot(_axis([series.time(int(k)) for k in past]), series.values[past], color="black", label="measured")
        if len(ahead):
            axes.plot(
                _axis([series.time(int(k)) for k in ahead]),
                series.values[ahead],
                color="black",
                linestyle=":",
                label="what came",
            )
        for low, high, alpha in ((0.05, 0.95, 0.2), (0.25, 0.75, 0.35)):
            axes.fill_between(
                times,
                [forecast.step_at(h, low) for h in range(1, HORIZON + 1)],
                [forecast.step_at(h, high) for h in range(1, HORIZON + 1)],
                color="tab:blue",
                alpha=alpha,
                linewidth=0,
                label=f"{low:g} to {high:g}",
            )
        axes.plot(times, [forecast.step_at(h, 0.5) for h in range(1, HORIZON + 1)], color="tab:blue", label="median")
        axes.set(title=f"{series.name}: {forecast.model}", ylim=(0, None), xlabel="UTC")
        axes.legend(loc="upper left")


def _axis(times: list[datetime]) -> NDArray[np.datetime64]:
    """Times in UTC as a picture's axis takes them."""
    return np.array([at.astimezone(UTC).replace(tzinfo=None) for at in times], dtype="datetime64[us]")
