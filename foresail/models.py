"""Where the models are: a folder that the user names, or one that ships with the package."""

from __future__ import annotations

from pathlib import Path

from forecaster.versions import in_use, is_versions
from foresail.errors import UsageError

_PLACES = (Path(__file__).parent / "_models", Path(__file__).parent.parent / "models")
"""Inside the installed package; beside it in a clone."""


def find_model(name: str) -> Path:
    """The folder of a model given by path, or by the name of a shipped one; of a folder of versions the one in use.

    Raises UsageError where there is none, and BadArtefact where versions do not say which is in use.
    """
    try:
        for folder in (given := Path(name), *(place / name for place in _PLACES)):
            if folder.is_dir() and (folder is given or (folder / "manifest.json").is_file()):
                return in_use(folder) if is_versions(folder) else folder
    except OSError as error:  # a name too long, or a folder that may not be looked into
        raise UsageError(f"the model {_short(name)}: {error.strerror}; expected {_allowed()}") from error
    raise UsageError(f"no model {_short(name)}; expected {_allowed()}")


def _allowed() -> str:
    shipped = sorted({p.parent.name for place in _PLACES for p in place.glob("*/manifest.json")})
    return f"a model folder or one of: {', '.join(shipped) or 'none shipped'}"


def _short(name: str) -> str:
    return repr(name if len(name) <= 200 else f"{name[:200]}…")
