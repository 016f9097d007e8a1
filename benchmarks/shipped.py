"""Which network a result was measured with: the hash that its manifest holds of it."""

from __future__ import annotations

from pathlib import Path

from forecaster.artefact import MODEL, load_artefact


def network_hash(model: Path) -> str:
    """The SHA-256 of the network in a model's folder, checked. Raises BadArtefact."""
    found: str = load_artefact(model).manifest["files"][MODEL]
    return found
