"""The page in a real Chromium, at a desk and on a telephone: what can be read of it, and that nothing is cut off."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from controller.adapters.ledger import Entry
from tests.dashboard.browser import DESK, PHONE, Browser, a_browser, program
from tests.dashboard.runs import an_hour, blind, later, write
from tests.helpers.processes import foresail, free_port, until

LONG_AGO = 1_000_000.0
SIZES = {"desk": DESK, "telephone": PHONE}
CHARTS = "document.querySelectorAll('[data-testid=stVegaLiteChart] svg')"
LABELS = """[...document.querySelectorAll('[data-testid=stVegaLiteChart] .role-axis')].map(axis =>
    [...axis.querySelectorAll('.role-axis-label text')].filter(one => one.getAttribute('opacity') != '0')
    .map(one => [...(one.querySelector('tspan') ? one.children : [one])].map(part => part.textContent).join(' ')))
    .filter(labels => labels.length)"""
BEYOND = f"""[...{CHARTS}].flatMap(chart => [...chart.querySelectorAll('text')].filter(one => {{
    const [part, whole] = [one, chart].map(box => box.getBoundingClientRect())
    return one.getAttribute('opacity') != '0' && (part.left < whole.left - 1 || part.right > whole.right + 1)
}}).map(one => one.textContent))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = program()
    if chromium is None:
        pytest.skip("no Chromium: install it to test the page as it is seen")
    with a_browser(chromium) as one:
        yield one


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A ledger to be written, and the URL of its page."""
    ledger, port = tmp_path_factory.mktemp("run") / "ledger.jsonl", free_port()
    url = f"http://127.0.0.1:{port}"
    with foresail("dashboard", ledger, "--wait", "--port", str(port)) as process:
        try:
            until(lambda: _answers(url))
            yield ledger, url
        finally:
            process.terminate()
            process.communicate()


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/_stcore/health", timeout=5):
            return True
    except OSError:
        return False


def shown(browser: Browser, served: tuple[Path, str], entries: Iterable[Entry], size: str = "desk") -> None:
    """The page of a run that is over, once it is drawn."""
    path, url = served
    write(path.with_name("new"), entries).replace(path)
    os.utime(path, (LONG_AGO, LONG_AGO))
    browser.open(url, SIZES[size])
    browser.until(f"{CHARTS}.length == 2")
    browser.until("!document.querySelector('[data-stale=true]')")
    browser.until(f"{LABELS}.length == 4")  # a chart is in the page before what is drawn of it


def quiet(entry: Entry, level: float) -> Entry:
    """As if nothing but so little had been measured and foreseen."""
    readings = tuple(replace(one, value=level) for one in entry.observed.readings)
    return replace(entry, view=None, forecasts=(), observed=replace(entry.observed, ready=0, readings=readings))


RUNS: dict[str, Callable[[], Sequence[Entry]]] = {
    "an hour": an_hour,
    "one decision": lambda: an_hour()[:1],
    "half a minute": lambda: an_hour()[:3],
    "nothing known": lambda: [blind(an_hour()[0])],
    "days": lambda: [later(an_hour()[k], timedelta(hours=9 * k)) for k in range(12)],
    "next to no load": lambda: [quiet(entry, 0.003) for entry in an_hour()[20:40]],
    "no load": lambda: [quiet(entry, 0.0) for entry in an_hour()[20:40]],
    "a huge load": lambda: [quiet(entry, 2.4e6) for entry in an_hour()[20:40]],
}


@pytest.mark.parametrize(("run", "size"), [*((run, "desk") for run in RUNS), ("an hour", "telephone")])
def test_the_labels_of_an_axis_are_all_different(
    browser: Browser, served: tuple[Path, str], run: str, size: str
) -> None:
    shown(browser, served, RUNS[run](), size)
    if run == "days":
        browser.ask("[...document.querySelectorAll('label')].find(one => one.innerText == 'all').click()")
        browser.until(f"{LABELS}[0].some(label => label.includes('Mar 04'))")
    found = browser.ask(LABELS)
    assert len(found) == 4
    for labels in found:
        assert len(labels) > 1
        assert len(set(labels)) == len(labels)
        assert not [label for label in labels if "000000" in label]
    assert browser.ask(BEYOND) == []
