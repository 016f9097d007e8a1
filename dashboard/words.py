"""How the page writes amounts, spans and moments, and text that comes from elsewhere. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from html import escape

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+!|~$:])")
_TABLE = "width: 100%; border-collapse: collapse; font-size: 0.875rem; margin-bottom: 0.5rem"
_CELL = "text-align: left; vertical-align: top; padding: 0.3em 0.8em 0.3em 0; border-bottom: 1px solid #80808040"
_WRAPS = "overflow-wrap: anywhere; min-width: 9em"


def pods(count: int) -> str:
    return f"{count} pod" if count == 1 else f"{count} pods"


def amount(value: float) -> str:
    """Three digits, and never fewer than the whole number."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def minutes(span: timedelta) -> str:
    """Such as "3 minutes", "1.5 minutes", "1 minute"."""
    count = amount(span / timedelta(minutes=1))
    return f"{count} minute" if count == "1" else f"{count} minutes"


def escaped(text: str) -> str:
    """Text that Markdown leaves as it is: a query is full of what would be taken for emphasis, links and formulas."""
    return _MARKUP.sub(r"\\\1", text)


def sentence(text: str) -> str:
    """With a full stop, where it has no end of its own."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table whose last column wraps. In Streamlit's own, what does not fit a cell is cut off."""
    head = "".join(f'<th style="{_CELL}; opacity: 0.7; font-weight: 400">{escape(name)}</th>' for name in columns)
    body = "".join(f"<tr>{''.join(_cells(row))}</tr>" for row in rows)
    whole = f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div style="overflow-x: auto">{whole}</div>'


def _cells(row: Sequence[str]) -> list[str]:
    last = len(row) - 1
    return [
        f'<td style="{_CELL}; {_WRAPS if k == last else "white-space: nowrap"}">{escape(text)}</td>'
        for k, text in enumerate(row)
    ]
