"""The environment is made once, shared, and made again where it was left half done. Real venv, real pip, no network."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.environment import (
    BENCH,
    PRODUCT,
    Environment,
    SetupFailed,
    cache_folder,
    environment_name,
    main,
    packages,
    place_name,
)
from tools.requirements import ROOT

PROJECT: dict[str, Any] = {"dependencies": ["numpy>=2"], "optional-dependencies": {"demo": ["rich>=13"]}}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone whose `demo` extra needs one package, and a pip that finds it in a folder and nowhere else."""
    root = tmp_path / "clone"
    root.mkdir()
    (root / "pyproject.toml").write_text(
        '[project]\nname = "house"\ndependencies = []\n'
        'optional-dependencies = {demo = ["brick"], dev = ["absent"], train = []}\n'
    )
    (root / "constraints.txt").write_text("brick==1.0\n")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "brick-1.0-py3-none-any.whl", "w") as wheel:
        about = "brick-1.0.dist-info"
        wheel.writestr("brick.py", "WEIGHT_KG = 3\n")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: brick\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return root


@pytest.fixture
def environment(clone: Path, tmp_path: Path) -> Environment:
    """Not made yet."""
    return Environment(tmp_path / "cache" / "foresail" / "venv", clone)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment without packages, made once because it takes seconds."""
    made = Environment(tmp_path_factory.mktemp("empty") / "venv", ROOT)
    made.ensure([])
    return made.place


@pytest.fixture
def made(environment: Environment, empty: Path) -> Environment:
    """Made, without packages."""
    shutil.copytree(empty, environment.place, symlinks=True)
    return environment


def runs_in(environment: Environment, code: str) -> bool:
    return subprocess.run([environment.python, "-c", code], capture_output=True, check=False).returncode == 0


def test_made_once_then_used_as_it_is(made: Environment, capfd: pytest.CaptureFixture[str]) -> None:
    made.ensure(["demo"])
    made.link()
    assert runs_in(made, "import brick")
    assert (made.root / ".venv").readlink() == made.place
    capfd.readouterr()
    made.ensure(["demo"])
    made.link()
    assert capfd.readouterr() == ("", "")


def test_a_pip_that_fails_leaves_no_stamp_and_what_worked_before(made: Environment) -> None:
    made.ensure(["demo"])
    (made.place / "still-the-same").touch()
    for _ in range(2):
        with pytest.raises(SetupFailed, match="pip ended with 1"):
            made.ensure(["dev"])
    assert not made.has("dev")
    assert made.has("demo")
    assert (made.place / "still-the-same").exists()


def test_one_whose_installation_was_cut_off_is_made_anew(made: Environment) -> None:
    (made.place / "foresail-installing").touch()
    (made.place / "left-behind").touch()
    made.ensure(["demo"])
    assert not (made.place / "left-behind").exists()
    assert runs_in(made, "import brick")
    assert made.has("demo")


def test_two_at_once_make_one_from_what_was_left_half_made(clone: Path, environment: Environment) -> None:
    (environment.place / "bin").mkdir(parents=True)
    code = (
        "import sys; from pathlib import Path; from tools.environment import Environment\n"
        "Environment(Path(sys.argv[1]), Path(sys.argv[2])).ensure(['demo'])"
    )
    command = [sys.executable, "-c", code, str(environment.place), str(clone)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("making" in text for text in said) == 1
    assert sum("installing" in text for text in said) == 1
    assert runs_in(environment, "import brick")


def test_one_whose_interpreter_is_gone_is_not_ready(made: Environment) -> None:
    made.ensure(["demo"])
    made.python.unlink()
    made.python.symlink_to("/nonexistent/python")
    assert not made.has("made")
    assert not made.has("demo")


def test_a_ready_group_does_not_wait_for_who_installs_another(made: Environment) -> None:
    made.ensure(["demo"])
    with made.place.with_name("venv.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        made.ensure(["demo"])


def test_a_folder_of_the_users_own_is_not_touched(environment: Environment) -> None:
    (environment.root / ".venv").mkdir()
    with pytest.raises(SetupFailed, match="a folder of your own"):
        environment.link()


def test_a_link_to_an_older_environment_is_led_here(environment: Environment) -> None:
    (environment.root / ".venv").symlink_to("/somewhere/older")
    environment.link()
    assert (environment.root / ".venv").readlink() == environment.place


def test_removing_takes_the_environment_and_the_link(made: Environment) -> None:
    made.link()
    made.remove()
    assert not made.place.exists()
    assert not (made.root / ".venv").is_symlink()


def test_the_name_follows_the_lock_and_the_wishes() -> None:
    first = environment_name(PROJECT, b"numpy==2.1\n")
    assert first == environment_name({**PROJECT, "description": "another"}, b"numpy==2.1\n")
    assert first != environment_name(PROJECT, b"numpy==2.2\n")
    assert first != environment_name({**PROJECT, "dependencies": ["numpy>=2.1"]}, b"numpy==2.1\n")


@pytest.mark.parametrize("given", ["", "relative/cache"])
def test_a_cache_that_is_not_absolute_does_not_count(given: str) -> None:
    assert cache_folder({"XDG_CACHE_HOME": given}) == Path.home() / ".cache" / "foresail"


def test_the_users_cache_is_used(tmp_path: Path) -> None:
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "foresail"


def test_an_unknown_group_is_refused_with_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cellar"])
    assert ended.value.code == 2
    assert "no group 'cellar'; there are: demo, dev, train, bench" in capsys.readouterr().err


def test_the_command_names_its_failure_and_ends_with_2(tmp_path: Path) -> None:
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "a-file")}
    (tmp_path / "a-file").touch()
    ended = subprocess.run(
        [sys.executable, "-m", "tools.environment"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "a-file" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_benchmark_has_an_environment_and_a_lock_of_its_own(clone: Path, tmp_path: Path, empty: Path) -> None:
    with (clone / "pyproject.toml").open("a") as project:
        project.write('[dependency-groups]\nbench = ["brick"]\n')
    (clone / "benchmarks").mkdir()
    (clone / "benchmarks" / "constraints.txt").write_text("brick==1.0\n")
    made = Environment(tmp_path / "cache" / place_name(clone, BENCH), clone, BENCH)
    shutil.copytree(empty, made.place, symlinks=True)
    made.ensure(["bench"])
    made.link()
    assert runs_in(made, "import brick")
    assert (clone / "benchmarks" / ".venv").readlink() == made.place
    assert not (clone / ".venv").exists()
    made.remove()
    assert not (clone / "benchmarks" / ".venv").is_symlink()


def test_a_changed_lock_of_the_benchmark_leaves_the_product_alone(clone: Path) -> None:
    with (clone / "pyproject.toml").open("a") as project:
        project.write('[dependency-groups]\nbench = ["brick"]\n')
    (clone / "benchmarks").mkdir()
    lock = clone / "benchmarks" / "constraints.txt"
    lock.write_text("brick==1.0\n")
    before = place_name(clone, PRODUCT), place_name(clone, BENCH)
    lock.write_text("brick==1.1\n")
    after = place_name(clone, PRODUCT), place_name(clone, BENCH)
    assert before[0] == after[0]
    assert before[1] != after[1]
    assert before[1].startswith("bench-venv-")


def test_the_benchmark_is_asked_for_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "dev"])
    assert ended.value.code == 2
    assert "ask for it alone" in capsys.readouterr().err


def test_the_lock_of_the_benchmark_pins_what_it_asks_for_and_what_the_product_pins() -> None:
    def pins(name: str) -> dict[str, str]:
        lines = (ROOT / name).read_text("utf-8").splitlines()
        return dict(line.split("==") for line in lines if line and not line.startswith("#"))

    bench, product = pins(BENCH.lock), pins(PRODUCT.lock)
    for line in packages(ROOT, "bench"):
        wanted = Requirement(line)
        assert wanted.specifier.contains(bench[canonicalize_name(wanted.name)]), f"{line} is not what is locked"
    assert {name for name in bench if product.get(name, bench[name]) != bench[name]} <= {"pandas"}
