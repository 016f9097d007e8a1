"""The page: `streamlit run dashboard/app.py -- LEDGER`, which is what `foresail dashboard` does.

While the run is live the page draws itself anew every few seconds; when it is over it rests. With `--controller URL` it
is about a running controller, all its policies above and one of them below.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import streamlit as st

from controller.adapters.ledger import Entry
from dashboard.controllers import ControllerSource
from dashboard.sources import LedgerSource, MetricsSource, Notice, Run
from dashboard.views import decisions, fleet, forecast, now
from dashboard.words import escaped

REFRESH_S = 2.0
AHEAD = (timedelta(minutes=5), timedelta(minutes=15))
WINDOWS = {"last hour": timedelta(hours=1), "last 4 hours": timedelta(hours=4), "all": timedelta.max}


def page(ledger: Path, metrics: str | None) -> None:
    """The whole page over one ledger."""
    st.set_page_config(page_title="Foresail", layout="wide")
    source = _ledger_source(str(ledger))
    controller = MetricsSource(metrics) if metrics else None
    live = source.read().live

    def body() -> None:
        found = source.read()
        if found.live != live:
            st.rerun()
        _draw(found, controller)

    st.fragment(body, run_every=REFRESH_S if live else None)()


def controller_page(url: str) -> None:
    """The whole page over a running controller."""
    st.set_page_config(page_title="Foresail", layout="wide")
    source = _controller_source(url)

    def body() -> None:
        st.markdown("#### Foresail")
        found = source.fleet()
        if isinstance(found, Notice):
            st.info(escaped(found.text))
            return
        name = fleet.draw(found, datetime.now(UTC))  # noqa: TID251  how old something is, is a question of now
        if name is None:
            return
        refused = fleet.refusal(found, name)
        if refused is None:
            _draw(source.run(name), None, title="")
        else:
            st.error(refused)

    st.fragment(body, run_every=REFRESH_S)()


@st.cache_resource(show_spinner=False)
def _controller_source(url: str) -> ControllerSource:
    """One reader for every browser that looks at the same controller."""
    return ControllerSource(url)


@st.cache_resource(show_spinner=False)
def _ledger_source(path: str) -> LedgerSource:
    """One reader for every browser that looks at the same ledger."""
    return LedgerSource(Path(path), time.time)  # noqa: TID251  the clock that the file's times are in


def _draw(found: Run | Notice, controller: MetricsSource | None, title: str = "Foresail: ") -> None:
    if isinstance(found, Notice):
        st.info(escaped(found.text))
        return
    st.markdown(f"#### {title}{escaped(found.policy.name)}")
    now.draw(found, controller.read() if controller else None)
    controls = st.columns(3)
    window = controls[0].radio("show", list(WINDOWS), index=1, horizontal=True, key="window")
    names = [signal.name for signal in found.policy.signals]
    name = controls[1].radio("load", names, horizontal=True, key="signal")
    ahead = controls[2].radio("predicted", AHEAD, format_func=_before, horizontal=True, key="ahead")
    signal = next(signal for signal in found.policy.signals if signal.name == name)
    entries = _recent(found.entries, WINDOWS[window])
    forecast.draw_charts(found.policy, entries, signal, ahead)
    decisions.draw(entries)
    forecast.draw_figures(found.entries, signal, ahead)


def _recent(entries: Sequence[Entry], window: timedelta) -> Sequence[Entry]:
    """The entries of the last `window`, by the run's own clock."""
    newest = entries[-1].now
    return [entry for entry in entries if newest - entry.now <= window]


def _before(ahead: timedelta) -> str:
    return f"{ahead // timedelta(minutes=1)} minutes before"


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dashboard")
    parser.add_argument("ledger", type=Path, nargs="?")
    parser.add_argument("--metrics", metavar="URL")
    parser.add_argument("--controller", metavar="URL")
    return parser.parse_args(argv)


if __name__ == "__main__":
    options = _arguments(sys.argv[1:])
    if options.controller:
        controller_page(options.controller)
    else:
        page(options.ledger, options.metrics)
