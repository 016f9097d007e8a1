"""The reference page of the policy: each field, rule, column and condition, as the CRD and the controller have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.side_by_side import markdown

Json = Mapping[str, Any]
_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "minLength": "characters, at least",
    "maxLength": "characters, at most",
    "minItems": "entries, at least",
    "maxItems": "entries, at most",
}


def page(crd: Json, reasons: Mapping[str, tuple[str, Mapping[str, str]]]) -> str:
    """`reasons`: type of condition -> what it says, and every reason with its meaning."""
    (version,) = crd["spec"]["versions"]
    schema, names = version["schema"]["openAPIV3Schema"], crd["spec"]["names"]
    spec, status = (schema["properties"][part] for part in ("spec", "status"))
    return "\n".join([
        f"# {names['kind']}",
        "",
        "Generated from `deploy/kubernetes/crd.yaml` and `controller/status.py`. " + schema["description"],
        "",
        f"`apiVersion: {crd['spec']['group']}/{version['name']}`, short name `{', '.join(names['shortNames'])}`.",
        "The API server refuses what this page rules out. An unknown field it refuses for whoever asks for strict",
        "validation, as `kubectl apply` does. What only the cluster can tell, the condition `Ready` says.",
        "",
        "## spec",
        "",
        markdown(["field", "type", "allowed", "default", "meaning"], list(_rows(spec)), text_columns=5),
        "## Rules between fields",
        "",
        markdown(["where", "message", "rule"], list(_rules(spec, "spec")), text_columns=3),
        "## Columns of `kubectl get`",
        "",
        markdown(["column", "from", "meaning"], [_column(one) for one in version["additionalPrinterColumns"]], 3),
        "## status",
        "",
        markdown(["field", "type", "meaning"], [[row[0], row[1], row[4]] for row in _rows(status)], text_columns=3),
        "## Conditions",
        "",
        *(line for kind, (says, known) in reasons.items() for line in _condition(kind, says, known)),
    ])  # fmt: skip


def fields(schema: Json, path: str = "") -> Iterator[tuple[str, Json, bool]]:
    """Every field below an object: its path, its schema, and whether it must be given."""
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        where = f"{path}.{name}".lstrip(".")
        yield where, one, name in required
        yield from fields(one, where)
        yield from fields(one.get("items", {}), f"{where}[]")


def kind(one: Json) -> str:
    """Its type in a word."""
    if one.get("x-kubernetes-int-or-string"):
        return "quantity"
    if one.get("type") == "array":
        return f"list of {kind(one['items'])}s"
    return "time" if one.get("format") == "date-time" else str(one["type"])


def allowed(one: Json) -> str:
    """What may stand there, in words; empty where its type says all."""
    if "enum" in one:
        return ", ".join(f"`{value}`" for value in one["enum"])
    words = [
        "above 0" if name == "minimum" and one.get("exclusiveMinimum") else f"{text} {one[name]:,}"
        for name, text in _BOUNDS.items()
        if name in one
    ]
    if "pattern" in one:
        words.append(f"matches `{_cell(one['pattern'])}`")
    if one.get("type") == "array" and "enum" in one["items"]:
        words.append(f"of {allowed(one['items'])}")
    return "; ".join(words)


def _rows(schema: Json) -> Iterator[list[str]]:
    for path, one, required in fields(schema):
        given = _default(one["default"]) if "default" in one else "must be given" if required else ""
        yield [f"`{path}`", kind(one), allowed(one), given, _cell(one["description"])]


def _default(value: object) -> str:
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    return "as below" if value == {} else f"`{value}`"


def _rules(schema: Json, path: str) -> Iterator[list[str]]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield [f"`{path}`", _cell(rule["message"]), f"`{_cell(rule['rule'])}`"]
    for name, one in schema.get("properties", {}).items():
        yield from _rules(one, f"{path}.{name}")
        yield from _rules(one.get("items", {}), f"{path}.{name}[]")


def _column(one: Json) -> Sequence[str]:
    wide = " (`-o wide`)" if one.get("priority") else ""
    return [one["name"], f"`{_cell(one['jsonPath'])}`", _cell(one["description"]) + wide]


def _condition(name: str, says: str, known: Mapping[str, str]) -> Iterator[str]:
    yield f"### {name}"
    yield ""
    yield says
    yield ""
    yield markdown(["reason", "meaning"], [[f"`{reason}`", text] for reason, text in known.items()], text_columns=2)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
