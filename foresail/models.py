"""Where the models are: a folder that the user names, or one that ships with the package."""

from __future__ import annotations

from pathlib import Path

from forecaster.artefact import MANIFEST
from forecaster.versions import CURRENT, in_use, is_versions
from foresail.errors import UsageError

_PLACES = (Path(__file__).parent / "_models", Path(__file__).parent.parent / "models")
"""Inside the installed package; beside it in a clone."""
_OWN = Path("models")
"""Where the examples put models, and where they are looked for to be named."""


def find_model(name: str, also: str = "") -> Path:
    """The folder of a model given by path, or by the name of a shipped one; of a folder of versions the one in use.

    Raises UsageError where there is none, which lists those that are there and what is allowed `also`, and BadArtefact
    where versions do not say which is in use.
    """
    try:
        for folder in (given := Path(name), *(place / name for place in _PLACES)):
            if folder.is_dir() and (folder is given or (folder / MANIFEST).is_file()):
                return in_use(folder) if is_versions(folder) else folder
    except OSError as error:  # a name too long, or a folder that may not be looked into
        raise UsageError(f"the model {_short(name)}: {error.strerror}; expected {_allowed()}{also}") from error
    raise UsageError(f"no model {_short(name)}; expected {_allowed()}{also}")


def _allowed() -> str:
    shipped = {p.parent.name for place in _PLACES for p in place.glob(f"*/{MANIFEST}")}
    own = {p.parent for file in (MANIFEST, CURRENT) for p in _OWN.glob(f"*/{file}") if p.parent.name not in shipped}
    there = [*sorted(shipped), *sorted(map(str, own))]
    return f"a model folder or one of: {', '.join(there) or 'none shipped'}"


def _short(name: str) -> str:
    return repr(name if len(name) <= 200 else f"{name[:200]}…")
