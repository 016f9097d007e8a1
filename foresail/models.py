"""Where the models are: a folder that the user names, or one that ships with the package."""

from __future__ import annotations

from pathlib import Path

from foresail.errors import UsageError

_PLACES = (Path(__file__).parent / "_models", Path(__file__).parent.parent / "models")
"""Inside the installed package; beside it in a clone."""


def find_model(name: str) -> Path:
    """The folder of a model given by path, or by the name of a shipped one."""
    if (given := Path(name)).is_dir():
        return given
    for place in _PLACES:
        if (place / name / "manifest.json").is_file():
            return place / name
    shipped = sorted({p.parent.name for place in _PLACES for p in place.glob("*/manifest.json")})
    raise UsageError(f"no model {name!r}; expected a model folder or one of: {', '.join(shipped) or 'none shipped'}")
