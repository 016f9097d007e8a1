"""A trained model as a folder: what is in it, how it is written, and how a changed byte is found.

manifest.json        format, name, sizes, a SHA-256 of every other file, and one of all that
model.onnx           what serves
weights.safetensors  what training goes on from
golden.json          a forecast that this model once made; a test makes it again
metrics.json         measured figures, from which the card is written
card.md              what it was trained on, what it reaches, what it is not for
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forecaster.errors import BadArtefact
from forecaster.forecast import HORIZON, LEVELS
from forecaster.windows import CONTEXT, FEATURES

FORMAT = 1
MANIFEST, MODEL, WEIGHTS, GOLDEN, METRICS, CARD = (
    "manifest.json",
    "model.onnx",
    "weights.safetensors",
    "golden.json",
    "metrics.json",
    "card.md",
)
_SEAL = "sha256"
SHAPE = {"context": CONTEXT, "horizon": HORIZON, "features": FEATURES, "levels": list(LEVELS)}


@dataclass(frozen=True)
class Artefact:
    """A folder whose every byte is as its manifest says."""

    path: Path
    name: str
    manifest: Mapping[str, Any]

    @property
    def model(self) -> Path:
        return self.path / MODEL

    @property
    def seal(self) -> str:
        """SHA-256 that stands for the whole folder."""
        return str(self.manifest[_SEAL])


def load_artefact(path: Path) -> Artefact:
    """The artefact at `path`, checked. Raises BadArtefact where it is missing, changed or of another format."""
    manifest = _manifest(path)
    if manifest.get("shape") != SHAPE:
        raise BadArtefact(f"{path}: made for inputs {manifest.get('shape')}; this version has {SHAPE}: train it again")
    files = manifest.get("files")
    if not isinstance(files, dict) or MODEL not in files or not isinstance(manifest.get("name"), str):
        raise BadArtefact(f"{path / MANIFEST}: names no model file; copy the model again")
    for name, expected in files.items():
        _check(path / name, str(expected))
    return Artefact(path, manifest["name"], manifest)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        text = (path / MANIFEST).read_text("utf-8")
        manifest = json.loads(text)
    except FileNotFoundError:
        raise BadArtefact(f"{path}: no {MANIFEST}; expected a model folder as `foresail train` writes it") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadArtefact(f"{path / MANIFEST}: cannot be read ({error}); copy the model again") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise BadArtefact(f"{path}: format {found!r}; this version reads format {FORMAT}: train the model again")
    if not _is_sealed(manifest, text):
        raise BadArtefact(f"{path / MANIFEST}: was changed after it was written; copy the model again")
    return manifest


def _is_sealed(manifest: Mapping[str, Any], text: str) -> bool:
    try:
        return bool(manifest.get(_SEAL) == _seal(manifest) and text == _text(manifest))
    except RecursionError:  # from Python 3.12 on, what is nested deeply can be read and not be written
        return False


def _seal(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of everything else that the manifest says."""
    return _sha256(_text({key: value for key, value in manifest.items() if key != _SEAL}).encode())


def _text(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=2) + "\n"


def _check(file: Path, expected: str) -> None:
    try:
        found = _sha256(file.read_bytes())
    except OSError as error:
        raise BadArtefact(f"{file}: cannot be read ({error.strerror}); copy the model again") from error
    except ValueError as error:  # a NUL in the name
        raise BadArtefact(f"{file.parent}: {file.name!r} is no file's name ({error}); copy the model again") from error
    if found != expected:
        raise BadArtefact(
            f"{file}: its SHA-256 is {found[:12]}…, the manifest says {expected[:12]}…; the file was changed or cut: "
            "copy the model again"
        )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write_artefact(path: Path, name: str, files: Mapping[str, bytes], about: Mapping[str, Any]) -> Artefact:
    """Writes a whole artefact or nothing: into a folder beside `path`, which then takes its place.

    `about` goes into the manifest (seeds, sizes). An existing artefact at `path` is replaced; any other folder is not.
    Raises BadArtefact where `path` cannot be written.
    """
    fresh = _folder_beside(path)
    try:
        for file, content in files.items():
            (fresh / file).write_bytes(content)
        hashes = {file: _sha256(content) for file, content in sorted(files.items())}
        manifest = {"format": FORMAT, "name": name, "shape": SHAPE, **about, "files": hashes}
        (fresh / MANIFEST).write_text(_text({**manifest, _SEAL: _seal(manifest)}), "utf-8")
        fresh.chmod(0o755)
        _take_the_place_of(fresh, path)
    except OSError as error:
        raise BadArtefact(f"{path}: cannot be written ({error.strerror}); name another folder") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return load_artefact(path)


def check_writable(path: Path) -> None:
    """Raises BadArtefact where `write_artefact` could not write: to be asked before hours of training, not after."""
    _folder_beside(path).rmdir()


def _folder_beside(path: Path) -> Path:
    """A new, empty folder on the same file system as `path`."""
    if path.exists() and not (path / MANIFEST).exists() and (not path.is_dir() or any(path.iterdir())):
        raise BadArtefact(f"{path}: exists and is not a model folder; name another, or empty it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        raise BadArtefact(f"{path}: cannot be written ({error.strerror}); name another folder") from error


def _take_the_place_of(fresh: Path, path: Path) -> None:
    """The old folder is moved aside first, and back if the new one cannot take its place: a model is never lost."""
    if not path.exists():
        os.replace(fresh, path)
        return
    aside = fresh.with_name(f"{fresh.name}-old")
    os.replace(path, aside)
    try:
        os.replace(fresh, path)
    except OSError:
        os.replace(aside, path)
        raise
    shutil.rmtree(aside)
