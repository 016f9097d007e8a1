"""The house as a whole: versions agree, the lock is complete, extras stay small, walls and documents cover all."""

from __future__ import annotations

import configparser
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import foresail
from tools.requirements import read_project, requirements

ROOT = Path(__file__).resolve().parent.parent
PROJECT = read_project(ROOT)
HEAVY = {"torch", "onnx", "onnxscript", "streamlit", "pandas", "pyarrow", "matplotlib"}
TOUCHES_THE_WORLD = {
    "forecaster": {
        "artefact",
        "build",
        "checkpoint",
        "export",
        "fleet",
        "history",
        "http_session",
        "network",
        "predict",
        "prometheus",
        "refit",
        "rows",
        "train",
        "versions",
    },
    "gateway": {"app", "http_protocol", "hub", "metrics", "open_files", "protocol", "server", "settings"},
    "controller": {
        "adapters",
        "cluster_metrics",
        "deciding",
        "floor_events",
        "hpa_manifest",
        "hpa_patch",
        "hpa_wish",
        "json_log",
        "kube_cluster",
        "ledger_folder",
        "leftovers",
        "live_forecasts",
        "loop",
        "metrics",
        "onlooker",
        "originals",
        "policy",
        "policy_gauges",
        "policy_schema",
        "recent",
        "reconcile",
        "recorder",
        "restoring",
        "schema",
        "server",
        "settings",
        "statuses",
        "subjects",
        "telling",
    },
}
"""Modules that may do I/O or hold a library. Everything else in these rooms is pure, and the wall must say so."""


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins() -> dict[str, str]:
    lines = [line for line in read("constraints.txt").splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def packages_of(*extras: str) -> set[str]:
    """Names of everything that the extras bring here, directly or not, by the installed packages' own metadata."""
    found: set[str] = set()
    waiting = [Requirement(line) for line in requirements(PROJECT, extras)]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        for line in importlib.metadata.requires(name) or []:
            inner = Requirement(line)
            if not inner.marker or any(inner.marker.evaluate({"extra": e}) for e in ("", *wanted.extras)):
                inner.marker = None
                waiting.append(inner)
    return found


def test_one_version_everywhere() -> None:
    newest = re.search(r"^## \[(\d+\.\d+\.\d+)\]", read("CHANGELOG.md"), re.MULTILINE)
    assert newest
    assert newest[1] == PROJECT["version"] == foresail.__version__


def test_every_decision_is_in_the_index_under_its_own_title() -> None:
    folder = ROOT / "docs" / "decisions"
    records = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("[0-9]*.md")}
    listed = dict(re.findall(r"^- \[(?:\d{4}) [^\]]+\]\((\S+)\)()", read("docs/decisions/README.md"), re.MULTILINE))
    assert sorted(listed) == sorted(records)
    for name, text in records.items():
        title = text.splitlines()[0].removeprefix("# ")
        assert name.startswith(title[:4]), f"{name}: its title starts with {title[:4]}"
        assert f"[{title}]({name})" in read("docs/decisions/README.md")


@pytest.mark.parametrize("section", ["Motivation", "Decision", "Alternatives", "Consequences"])
def test_every_decision_says_why_and_at_what_price(section: str) -> None:
    for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"):
        assert f"\n## {section}\n" in path.read_text(encoding="utf-8"), f"{path.name}: no section {section}"


def test_links_between_the_documents_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                assert (page.parent / target).exists(), (
                    f"{page.relative_to(ROOT)} links to {target}, which is not there"
                )


def test_the_documents_index_lists_every_page() -> None:
    listed = set(re.findall(r"\]\(([^)#\s]+)\)", read("docs/README.md")))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    wanted = {p for p in pages if not p.startswith("decisions/")} - {"README.md"} | {"decisions/README.md"}
    assert wanted <= listed, f"not in docs/README.md: {', '.join(sorted(wanted - listed))}"


def test_the_lock_names_versions_and_no_index() -> None:
    lines = [line for line in read("constraints.txt").splitlines() if not line.startswith("#")]
    odd = [line for line in lines if not re.fullmatch(r"[a-z0-9][a-z0-9-]*==[0-9][0-9a-z.]*", line)]
    assert not odd
    assert "://" not in read("constraints.txt") + read("Makefile") + read(".ci/run")


def test_the_lock_pins_every_direct_dependency_within_its_range() -> None:
    locked = pins()
    extras = PROJECT["optional-dependencies"]
    for line in requirements(PROJECT, list(extras)):
        wanted = Requirement(line)
        assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)]), f"{line} is not what is locked"


def test_the_lock_pins_what_the_direct_dependencies_bring() -> None:
    missing = packages_of("dev") - set(pins())
    assert not missing, f"not in constraints.txt: {', '.join(sorted(missing))}; run `make lock`"


def test_the_gateway_brings_neither_torch_nor_streamlit() -> None:
    assert not packages_of("gateway") & HEAVY


def test_the_demo_brings_no_torch() -> None:
    assert not packages_of("demo") & {"torch", "onnx", "onnxscript", "safetensors"}


def test_help_lists_every_target() -> None:
    targets = set(re.findall(r"^\.PHONY: (.+)$", read("Makefile"), re.MULTILINE))
    wanted = {name for line in targets for name in line.split() if not name.startswith(("environment-", "python"))}
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make (\S+)", said, re.MULTILINE)) == wanted


@pytest.mark.parametrize("package", ["controller", "forecaster", "foresail.cli"])
def test_importing_a_package_loads_nothing_heavy(package: str) -> None:
    code = f"import sys, {package}; print(*sorted(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in ended.stdout.split()}
    assert not loaded & (HEAVY | {"fastapi", "onnxruntime", "uvicorn", "websockets"})


@pytest.mark.parametrize("room", sorted(TOUCHES_THE_WORLD))
def test_every_module_is_pure_by_contract_or_named_as_touching_the_world(room: str) -> None:
    walls = configparser.ConfigParser()
    walls.read_string(read(".importlinter"))
    pure = walls["importlinter:contract:pure"]["source_modules"].split()
    names = {path.stem for path in (ROOT / room).iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    walled = {name.split(".")[1] for name in pure if name.startswith(f"{room}.")}
    assert names - {"__init__"} == walled | TOUCHES_THE_WORLD[room]
    assert not walled & TOUCHES_THE_WORLD[room]


def test_every_room_is_inside_the_walls() -> None:
    walls = configparser.ConfigParser()
    walls.read_string(read(".importlinter"))
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert set(walls["importlinter"]["root_packages"].split()) == rooms


def test_the_continuous_check_is_executable_and_well_formed() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", script], check=True)


def test_the_wheel_has_its_licence_its_notice_and_its_types() -> None:
    assert PROJECT["license-files"] == ["LICENSE", "NOTICE"]
    assert all((ROOT / name).is_file() for name in PROJECT["license-files"])
    assert "Typing :: Typed" in PROJECT["classifiers"]
    for room in ("foresail", "forecaster", "controller", "gateway", "dashboard"):
        assert (ROOT / room / "py.typed").is_file(), room
