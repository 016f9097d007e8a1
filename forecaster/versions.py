"""A model that is refitted again and again: a folder of its versions, and a file that names the one in use.

0001/, 0002/, ...  artefacts; the first is what the others began with, each other one names the one that it replaced
current            the number of the version in use

A version is written whole before `current` names it, and neither is ever half there.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from forecaster.artefact import MANIFEST, Artefact, load_artefact
from forecaster.errors import BadArtefact

CURRENT = "current"
REPLACES = "replaces"
"""Key of a manifest: the version that was in use when this one took its place."""
_NUMBER = re.compile(r"(?!0+$)\d{4,}")


def next_number(taken: Iterable[str]) -> str:
    """The number after the highest of `taken`, of which names that are no numbers do not count. Pure."""
    return f"{max((int(name) for name in taken if _NUMBER.fullmatch(name)), default=0) + 1:04d}"


def is_versions(folder: Path) -> bool:
    return (folder / CURRENT).is_file()


def in_use(folder: Path) -> Path:
    """The artefact's folder that `current` names. Raises BadArtefact where it names none."""
    try:
        number = (folder / CURRENT).read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise BadArtefact(f"{folder / CURRENT}: cannot be read ({error}); write a version's number to it") from error
    if not _NUMBER.fullmatch(number) or not (folder / number / MANIFEST).is_file():
        there = ", ".join(_kept(folder)) or "none is there"
        raise BadArtefact(f"{folder / CURRENT}: names {number[:40]!r}; expected the number of a version ({there})")
    return folder / number


def first_version(folder: Path) -> Path:
    """The artefact's folder that the versions began with. Raises BadArtefact where none is there."""
    return folder / _kept(folder)[0] if _kept(folder) else in_use(folder)


def check_versions(folder: Path) -> None:
    """Raises BadArtefact where `folder` neither holds versions nor can begin to."""
    if is_versions(folder):
        load_artefact(in_use(folder))
    elif (folder / MANIFEST).exists():
        raise BadArtefact(f"{folder}: is a model itself; name a new folder, which will hold its versions")
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadArtefact(f"{folder}: exists and holds no versions of a model; name another, or empty it")


def begin(folder: Path, first: Artefact) -> Artefact:
    """A new folder of versions whose first is a copy of `first`, in use."""
    check_versions(folder)
    return _add(folder, lambda place: shutil.copytree(first.path, place, dirs_exist_ok=True))


def promote(folder: Path, write: Callable[[Path, str], object]) -> Artefact:
    """The new version in use, which `write(place, replaces)` has written as an artefact to `place`.

    `replaces` is the number of the version that was in use; the artefact's manifest must hold it under REPLACES.
    """
    replaced = in_use(folder).name
    return _add(folder, lambda place: write(place, replaced))


def roll_back(folder: Path) -> tuple[str, Artefact]:
    """The number of the version that was in use, and the one that it had replaced, now in use again.

    Raises BadArtefact where there is none, or where it is gone, damaged or of another format.
    """
    if not is_versions(folder):
        raise BadArtefact(f"{folder}: holds no versions of a model; expected a folder that `foresail refit` wrote")
    left = in_use(folder)
    replaced = load_artefact(left).manifest.get(REPLACES)
    # A copy of another folder's version names one of that folder; the numbers here only rise.
    if not isinstance(replaced, str) or not _NUMBER.fullmatch(replaced) or int(replaced) >= int(left.name):
        raise BadArtefact(f"{folder}: {left.name} is the first version in use; there is none to go back to")
    back = load_artefact(folder / replaced)
    _use(folder, replaced)
    return left.name, back


def _add(folder: Path, write: Callable[[Path], object]) -> Artefact:
    try:
        place = _reserve(folder)
        try:
            write(place)
            place.chmod(0o755)
            artefact = load_artefact(place)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        _use(folder, place.name)
    except OSError as error:
        raise BadArtefact(f"{folder}: cannot be written ({error.strerror}); name another folder") from error
    return artefact


def _reserve(folder: Path) -> Path:
    """An empty folder for the next version, which no other refit can take as well."""
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        place = folder / next_number(path.name for path in folder.iterdir())
        try:
            place.mkdir()
        except FileExistsError:
            continue
        return place


def _use(folder: Path, number: str) -> None:
    fresh = folder / f".{CURRENT}-{number}"
    try:
        fresh.write_text(f"{number}\n", "ascii")
        os.replace(fresh, folder / CURRENT)
    except OSError as error:
        raise BadArtefact(
            f"{folder / CURRENT}: cannot be written ({error.strerror}); give it back its rights"
        ) from error
    finally:
        fresh.unlink(missing_ok=True)


def _kept(folder: Path) -> list[str]:
    names = [path.parent.name for path in folder.glob(f"*/{MANIFEST}")]
    return sorted((name for name in names if _NUMBER.fullmatch(name)), key=int)
