"""Reading documents that follow a schema: YAML -> checked parts, or one error that lists every problem.

What a policy and an HPA's manifest share: keys given once, no unknown keys, no guessing at types, quantities.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from controller.errors import BadPolicy

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([num]|[kMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,3})?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_FACTORS = {suffix: Decimal(10) ** power for suffix, power in _DECIMAL.items()} | {
    f"{prefix}i": Decimal(1024) ** power for power, prefix in enumerate("KMGTPE", 1)
}


class Part(BaseModel):
    """A mapping of the schema: camelCase keys, no other keys, no guessing at types."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, strict=True)


_Document = TypeVar("_Document", bound=Part)


def read_text(path: Path) -> str:
    """The text of a YAML file. Raises BadPolicy, naming the file, where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadPolicy(f"{path}: cannot be read: {error.strerror}; name a YAML file that can be read") from error
    except UnicodeDecodeError as error:
        raise BadPolicy(f"{path}: not UTF-8 text (byte {error.start}); expected YAML") from error


def parse_yaml(text: str, where: str) -> object:
    """What a YAML text holds. Raises BadPolicy where it is not YAML; `where` names the text."""
    try:
        document: object = yaml.load(text, Loader=_UniqueKeys)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-13-01
        raise BadPolicy(f"{where}: not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise BadPolicy(f"{where}: nested too deeply; a few levels are all that is needed") from error
    except (AttributeError, LookupError, TypeError) as error:  # how PyYAML ends on `!!timestamp x` and `!!int ""`
        raise BadPolicy(f"{where}: not YAML: a value does not fit its tag (!!); leave the tags out") from error
    return document


def validated(kind: type[_Document], document: object, where: str) -> _Document:
    """The document as the schema has it. Raises BadPolicy with a line for each problem; `where` names the document."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise BadPolicy("\n".join(f"{where}: {_explained(kind, problem)}" for problem in error.errors())) from error


def quantity(given: object) -> Decimal:
    """A Kubernetes quantity such as 1000, "600m" or "2k" as a number. Raises ValueError for anything else."""
    match = _QUANTITY.fullmatch(str(given)) if isinstance(given, str | int | float) else None
    if match is None or isinstance(given, bool):
        raise ValueError('allowed is a quantity such as 1000, "600m" or "2k"')
    suffix = match[2] or ""
    return Decimal(match[1]) * _FACTORS[suffix] if suffix in _FACTORS else Decimal(match[0])


class _UniqueKeys(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        if node.id != "mapping":  # `!!map [1]`
            raise yaml.constructor.ConstructorError(
                None, None, f"expected a mapping, but found a {node.id}", node.start_mark
            )
        keys = [(key.tag, key.value) for key, _ in node.value]
        for index, (key, _) in enumerate(node.value):
            if keys[index] in keys[:index]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
        return super().construct_mapping(node, deep)


def _explained(document: type[Part], problem: ErrorDetails) -> str:
    """One problem in a line: the path of the field, what was found, what is allowed."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"]).lstrip(".")
    where = f"{path}: " if path else ""
    found = f"found {_short(problem['input'])}"
    match problem["type"]:
        case "extra_forbidden":
            return f"{where}unknown key; allowed here are {', '.join(_keys(document, problem['loc'][:-1]))}"
        case "missing":
            return f"{where}missing; it must be given"
        case "model_type":
            return f"{where}{found}; allowed is a mapping with the keys {', '.join(_keys(document, problem['loc']))}"
        case "value_error":
            return f"{where}{found}; {problem['ctx']['error']}"
        case _:
            return f"{where}{found}; {problem['msg'].replace('Input should be', 'allowed is')}"


def _short(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _keys(part: type[Part], path: tuple[int | str, ...]) -> list[str]:
    """The keys that the schema allows in the mapping at `path`."""
    for key in path:
        if isinstance(key, str):
            field = next(field for field in part.model_fields.values() if field.alias == key)
            part = _part_in(field.annotation)
    return [field.alias or name for name, field in part.model_fields.items()]


def _part_in(annotation: Any) -> type[Part]:
    """The part in an annotation such as `list[_Signal]` or `_HpaRef | None`."""
    return next(_parts_in(annotation))


def _parts_in(annotation: Any) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for inner in get_args(annotation):
        yield from _parts_in(inner)
