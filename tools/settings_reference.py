"""The reference page of settings that are read from variables: one row for each field, as its model has it."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from tools.side_by_side import markdown

Json = dict[str, Any]


def page(title: str, intro: str, prefix: str, settings: type[BaseModel]) -> str:
    """The page of the variables that begin with `prefix`; a field without a description is refused."""
    fields = settings.model_json_schema()["properties"]
    mute = sorted(name for name, field in fields.items() if not field.get("description"))
    if mute:
        raise ValueError(f"{settings.__name__}: {', '.join(mute)} without a description; give each one")
    rows = [
        [f"`{prefix}{name.upper()}`", _allowed(field), _default(field), field["description"]]
        for name, field in fields.items()
    ]
    return f"# {title}\n\n{intro}\n\n{markdown(['variable', 'allowed', 'default', 'meaning'], rows, text_columns=4)}"


def _allowed(field: Json) -> str:
    (kind,) = [one for one in field.get("anyOf", [field]) if one.get("type") != "null"]
    if "enum" in kind:
        return " or ".join(f"`{one}`" for one in kind["enum"])
    if kind.get("format") in _FORMATS:
        return _FORMATS[kind["format"]]
    if kind["type"] in ("integer", "number"):
        return _range(kind)
    return "JSON of names and values" if kind["type"] == "object" else "text"


_FORMATS = {"path": "a path", "uri": "an address, `http://` or `https://`"}


def _range(kind: Json) -> str:
    number = "a whole number" if kind["type"] == "integer" else "a number"
    above, least, most = (kind.get(bound) for bound in ("exclusiveMinimum", "minimum", "maximum"))
    low = f"above {above:g}" if above is not None else f"from {least:g}" if least is not None else ""
    return " ".join(part for part in (number, low, f"up to {most:,.0f}" if most is not None else "") if part)


def _default(field: Json) -> str:
    default = field.get("default")
    if default in (None, "", {}):
        return "none"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"
