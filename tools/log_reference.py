"""The reference page of the controller's log: the fields of a line, as the model that writes it has them."""

from __future__ import annotations

from pydantic import BaseModel

from tools.side_by_side import markdown


def page(line: type[BaseModel], decision: type[BaseModel]) -> str:
    """The page of a line's fields and of those of a decision in it."""
    return "\n".join(
        [
            "# The controller's log",
            "",
            "Generated from `controller/json_log.py`. `foresail controller run` writes one JSON object a line to"
            " standard error, whoever logs; a field that does not apply is absent.",
            "",
            _fields(line),
            "## `decision`",
            "",
            _fields(decision),
        ]
    )


def _fields(model: type[BaseModel]) -> str:
    rows = [
        [f"`{name}`", "always" if field.is_required() else "where it applies", field.description or ""]
        for name, field in model.model_fields.items()
    ]
    return markdown(["field", "there", "meaning"], rows, text_columns=3)
