"""The list of decisions, drawn by Streamlit's own test runner from entries of the real planner."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from dashboard import frames
from dashboard.views import decisions
from tests.dashboard.runs import an_hour


def page() -> None:
    """What the test runner runs; it sees only this function's source."""
    from dashboard.views import decisions
    from tests.dashboard.runs import an_hour

    decisions.draw(an_hour())


def still() -> None:
    """The same for a minute in which the floor did not move."""
    from dashboard import frames
    from dashboard.views import decisions
    from tests.dashboard.runs import an_hour

    moved = {entry.now for entry in frames.decisions(an_hour(), every=False)}
    decisions.draw([entry for entry in an_hour() if entry.now not in moved][:4])


def test_moves_are_listed_newest_first_with_the_rules_behind_them() -> None:
    drawn = AppTest.from_function(page).run()
    moved = frames.decisions(an_hour(), every=False)
    sentences, reasons = (frame.value for frame in drawn.dataframe)
    assert not drawn.exception
    assert list(sentences["decision"]) == [entry.decision.summary() for entry in moved]
    assert len(reasons) == sum(len(entry.decision.reasons) for entry in moved)
    assert list(sentences["time (UTC)"]) == sorted(sentences["time (UTC)"], reverse=True)


def test_all_decisions_are_listed_on_request() -> None:
    drawn = AppTest.from_function(page).run()
    drawn.toggle(key="every").set_value(True).run()
    assert len(drawn.dataframe[0].value) == len(an_hour())


def test_the_newest_are_written_out_with_every_rules_clause() -> None:
    moved = frames.decisions(an_hour(), every=False)
    (time, floor, why), *_ = decisions.rows(moved)
    assert (time, floor) == (f"{moved[0].now:%H:%M:%S}", f"{moved[0].decision.previous} → {moved[0].decision.floor}")
    assert all(reason.because in why for reason in moved[0].decision.reasons)


def test_where_nothing_moved_it_says_so() -> None:
    drawn = AppTest.from_function(still).run()
    assert not drawn.dataframe
    assert any("No decision has moved the floor" in text.value for text in drawn.markdown)
