"""How amounts and spans are written, and that text from elsewhere stays what it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashboard.words import amount, escaped, minutes, pods, sentence, table


@pytest.mark.parametrize(
    ("value", "said"), [(0.0, "0"), (0.0031415, "0.00314"), (9.93, "9.93"), (204.4, "204"), (1_234_567.8, "1,234,568")]
)
def test_an_amount_has_three_digits_at_least_as_far_as_there_are(value: float, said: str) -> None:
    assert amount(value) == said


def test_one_is_singular() -> None:
    assert (pods(1), pods(0), pods(2)) == ("1 pod", "0 pods", "2 pods")
    assert [minutes(timedelta(seconds=s)) for s in (60, 90, 180)] == ["1 minute", "1.5 minutes", "3 minutes"]


def test_a_sentence_ends_once() -> None:
    assert [sentence(text) for text in ("so", "so.", "is it?")] == ["so.", "so.", "is it?"]


def test_markup_is_escaped_and_the_rest_is_left() -> None:
    assert escaped('sum(rate(a_b{c="d"}[1m])) is 5 $ of $x') == (r'sum\(rate\(a\_b\{c="d"\}\[1m\]\)\) is 5 \$ of \$x')


def test_a_table_holds_text_and_no_markup() -> None:
    found = table(("policy", "why"), [("chat/a", "5 < 7 <script>")])
    assert "5 &lt; 7 &lt;script&gt;</td>" in found
    assert found.count("<tr>") == 2
