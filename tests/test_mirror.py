"""The tests mirror the source: every module has its own test file, and every test file a module, or a reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("forecaster", "controller", "gateway", "dashboard", "foresail", "tools")
NOT_MIRRORED = {"__init__.py", "__main__.py", "errors.py"}
"""Files that only name things: a test of theirs could only repeat them."""
BESIDE = ("_properties", "_live")
"""`test_plan_properties.py` stands beside `test_plan.py`: the same module by hypothesis; `_live`: on a real cluster."""
WITHOUT_A_MODULE = {
    "test_house.py": "the house as a whole: versions, walls, lock, documents",
    "test_mirror.py": "this file",
    "foresail/commands/test_replay_refusals.py": "half of what `test_replay.py` would be: bad input",
    "e2e/test_ownership.py": "the whole on real parts: the tools that people apply an HPA with",
    "e2e/test_spike.py": "the whole on real parts: a rise that recurs",
    "e2e/test_images.py": "the images, built and started",
    "e2e/test_dead_man.py": "the whole on real parts: controllers that end",
    "controller/test_status_rate.py": "reconciler, forecasts and status together: how often an hour of ticks writes",
    "controller/test_restart.py": "feed, model and tick together: a controller that begins anew",
    "e2e/test_faults.py": "the whole on real parts: what breaks under a running controller",
    "test_deploy.py": "the chart is no module: a real API server holds its account to its rights",
    "deploy/test_rendering.py": "the chart is no module: what two Helms render, and what its values refuse",
    "deploy/test_admission.py": "the chart is no module: a real API server takes every object and every pod",
    "deploy/test_install.py": "the chart is no module: installed, upgraded and uninstalled on a real API server",
    "deploy/test_monitoring.py": "the chart is no module: its alerts by promtool, its board by the metrics there are",
    "dashboard/test_page.py": "the page as a whole, in a real browser",
    "test_crd.py": "the schema of the policies is no module: a real API server refuses by it",
    "notebooks/test_notebooks.py": "the notebooks are no modules: each runs on small settings, and is stored clean",
    "models/test_artefacts.py": "the committed models are data: each loads and makes its golden forecast again",
    "models/test_scores.py": "the shipped model's scores know nothing of a load's unit, nor of the day",
}


def modules() -> Iterator[Path]:
    """Every source file that wants a mirror, relative to the root."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if path.name not in NOT_MIRRORED:
                yield path.relative_to(ROOT)


def written_tests() -> Iterator[Path]:
    """Every test file, relative to `tests`."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        yield path.relative_to(ROOT / "tests")


def mirrored(test: Path) -> Path:
    """The module that a test file is about, by its name."""
    name = test.stem.removeprefix("test_")
    for end in BESIDE:
        name = name.removesuffix(end)
    return test.with_name(f"{name}.py")


def test_every_module_has_its_own_tests() -> None:
    missing = [str(m) for m in modules() if not (ROOT / "tests" / m.with_name(f"test_{m.name}")).is_file()]
    assert not missing, f"no tests/<folder>/test_<name>.py for: {', '.join(missing)}"


def test_every_test_file_is_about_a_module_or_has_a_reason() -> None:
    known = {*WITHOUT_A_MODULE}
    stray = [
        str(t) for t in written_tests()
        if t.as_posix() not in known and not any((place / mirrored(t)).is_file() for place in (ROOT, ROOT / "tests"))
    ]  # fmt: skip
    assert not stray, f"no module, and no reason in WITHOUT_A_MODULE, for: {', '.join(stray)}"


def test_the_exceptions_exist() -> None:
    gone = [name for name in WITHOUT_A_MODULE if not (ROOT / "tests" / name).is_file()]
    assert not gone, f"WITHOUT_A_MODULE names files that are gone: {', '.join(gone)}"


def test_every_test_file_says_what_it_checks() -> None:
    silent = [str(t) for t in written_tests() if not (ROOT / "tests" / t).read_text(encoding="utf-8").startswith('"""')]
    assert not silent, f"no docstring at the top of: {', '.join(silent)}"
