"""The notebooks: each runs from top to bottom on small settings without a warning, and is stored in one clean form."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.helpers.histories import a_load, write_history

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "notebooks").glob("*.ipynb"))
HISTORY = "history.csv.gz"
SMALL: dict[str, dict[str, object]] = {
    "01_explore_a_history.ipynb": {"DAYS": 3},
    "02_train_a_model.ipynb": {"DAYS": 2, "STEPS": 2, "SYNTHETIC": 0},
    "03_backtest.ipynb": {"HISTORY": HISTORY, "EVERY": 30},
    "04_what_if_with_replay.ipynb": {"DAYS": 3, "HOURS": 1, "POD_STARTS_S": (120,), "COST_RATIOS": (20,)},
}
"""Settings that take seconds; everything else is as stored."""
STRICT = "import warnings\n\nwarnings.simplefilter('error')\n"
TRAINS = "02_train_a_model.ipynb"


def read(page: Path) -> NotebookNode:
    return nbformat.reads(page.read_text("utf-8"), as_version=4)


def code_of(page: Path) -> list[NotebookNode]:
    return [cell for cell in read(page).cells if cell.cell_type == "code"]


def parameters_of(source: str) -> dict[str, object]:
    """What a cell assigns, where it does nothing but assign literals to single names."""
    found: dict[str, object] = {}
    for line in ast.parse(source).body:
        assert isinstance(line, ast.Assign)
        (name,) = line.targets
        assert isinstance(name, ast.Name)
        found[name.id] = ast.literal_eval(line.value)
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a kernel works, and keeps what it would keep at home; the project is found from there."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # Streamlit sets it where the dashboard's tests ran before
    place = tmp_path / "notebooks"  # what they write goes beside this folder, as it does in a clone
    place.mkdir()
    write_history(place / HISTORY, a_load(1, days=4))
    return place


def test_every_notebook_is_executed_here() -> None:
    assert [page.name for page in PAGES] == sorted(SMALL)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.train if name == TRAINS else ()) for name in SMALL]
)
def test_it_runs_on_small_settings_without_a_warning(name: str, folder: Path) -> None:
    page = read(ROOT / "notebooks" / name)
    cell = next(cell for cell in page.cells if cell.cell_type == "code")
    settings = parameters_of(cell.source) | SMALL[name]
    assert settings.keys() == parameters_of(cell.source).keys()
    cell.source = STRICT + "".join(f"{key} = {value!r}\n" for key, value in settings.items())
    NotebookClient(page, timeout=250, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in page.cells for output in cell.get("outputs", [])]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert any("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_it_begins_with_its_parameters(page: Path) -> None:
    first = code_of(page)[0]
    assert first.metadata.get("tags") == ["parameters"]
    assert "SEED" in parameters_of(first.source)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_it_is_stored_without_outputs(page: Path) -> None:
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code_of(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_it_is_stored_in_one_form(page: Path) -> None:
    stored = read(page)
    nbformat.validate(stored)
    assert stored.metadata.keys() == {"kernelspec", "language_info"}
    assert page.read_text("utf-8") == nbformat.writes(stored) + "\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_links_lead_somewhere(page: Path) -> None:
    text = "\n".join(cell.source for cell in read(page).cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\(([^)#\s]+)", text)
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []
