"""The page in a real Chromium, at a desk and on a telephone: what can be read of it, and that nothing is cut off."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from controller.adapters.ledger import Entry
from dashboard import explain
from tests.dashboard.browser import DESK, PHONE, Browser, a_browser, program
from tests.dashboard.fleets import TYPO, a_fleet
from tests.dashboard.runs import POLICY, an_hour, blind, later, write
from tests.dashboard.test_controllers import serving
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
    ledger = tmp_path_factory.mktemp("run") / "ledger.jsonl"
    with a_page(ledger, "--wait") as url:
        yield ledger, url


@pytest.fixture(scope="module")
def fleet() -> Iterator[str]:
    """The URL of the page of a controller with a policy of every sort."""
    now = datetime.now(UTC)  # noqa: TID251  the page says how old something is
    with serving(a_fleet(now)) as controller, a_page("--controller", controller) as url:
        yield url


@contextmanager
def a_page(*arguments: str | Path) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with foresail("dashboard", *arguments, "--port", str(port)) as process:
        try:
            until(lambda: _answers(url))
            yield url
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
    drawn(browser, url, size)


def drawn(browser: Browser, url: str, size: str, dark: bool = False) -> None:
    browser.open(url, SIZES[size], dark)
    browser.until(f"{CHARTS}.length == 2")
    browser.until("!document.querySelector('[data-stale=true]') && document.fonts.status == 'loaded'")
    browser.until(f"{LABELS}.length == 4")  # a chart is in the page before what is drawn of it


def quiet(entry: Entry, level: float) -> Entry:
    """As if nothing but so little had been measured and foreseen."""
    readings = tuple(replace(one, value=level) for one in entry.observed.readings)
    return replace(entry, view=None, forecasts=(), observed=replace(entry.observed, ready=0, readings=readings))


def none(browser: Browser, found: str) -> None:
    """Soon nothing of that kind is in the page, which may still be moving things about."""
    with suppress(AssertionError):
        browser.until(f"({found}).length == 0")
    assert browser.ask(found) == []


CUT = """[...document.querySelectorAll('p, td, th, label, summary, h4, [data-testid^=stMetric] *')]
    .filter(one => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX != 'visible')
    .map(one => one.outerHTML.slice(0, 300))"""
WIDER = "[document.scrollingElement.scrollWidth].filter(width => width > innerWidth)"
TEXT = "document.body.innerText"


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
    none(browser, BEYOND)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_nothing_that_is_written_is_cut_off(
    browser: Browser, served: tuple[Path, str], fleet: str, size: str, dark: bool
) -> None:
    shown(browser, served, an_hour())
    for url in (served[1], fleet):
        drawn(browser, url, size, dark)
        none(browser, CUT)
        none(browser, WIDER)
        assert not browser.ask("document.querySelector('[data-testid=stException]')")
        assert "Traceback" not in browser.ask(TEXT)


def test_the_page_of_a_controller_opens_on_a_policy_that_is_well_and_shows_those_that_are_not(
    browser: Browser, fleet: str
) -> None:
    drawn(browser, fleet, "desk")
    said = "8 policies, 1 well, 1 observes, 1 paused, 1 at its limit, 1 degraded, 2 not followed, 1 not written"
    browser.until(f"{TEXT}.includes('{said}')")
    assert browser.ask("[...document.querySelectorAll('h4')].map(e => e.innerText)") == ["Foresail", "chat/gateway"]
    errors = browser.ask("[...document.querySelectorAll('[data-testid=stAlertContentError]')].map(e => e.innerText)")
    told = dict(text.split(": ", 1) for text in errors if text.startswith("chat/"))
    assert list(told) == ["chat/bots", "chat/lobby", "chat/search"]
    assert told["chat/lobby"].startswith(f"not followed (QueryRefused): connections: {TYPO}.")


def test_the_newest_decision_is_explained_step_by_step(browser: Browser, served: tuple[Path, str]) -> None:
    shown(browser, served, an_hour())
    rows = browser.ask("[...document.querySelectorAll('table')[0].rows].map(row => row.cells[0].innerText)")
    wanted = [step.name for step in explain.steps(POLICY, an_hour()[-1])]
    assert rows == ["step", *wanted]
