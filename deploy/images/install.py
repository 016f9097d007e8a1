"""Run by the Dockerfile: installs what one image needs, of the versions in constraints.txt.

    build        what the wheel is made with, into an environment of its own
    controller, gateway, dashboard   the packages of one image
    wheel        the project itself, and then away with pip and with the tests that packages bring

pip is told how to reach its packages by two secrets of the build, both of which may be absent: a pip.conf, and the
certificates that a proxy in between signs with. Neither is in any image.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

PLACE = Path("/opt/foresail")
BUILD = Path("/opt/build")
SECRETS = Path("/run/secrets")
OF_THE_GATEWAY = ("pydantic",)
"""Of what the project itself depends on; all else there is for forecasts."""


def requirements(project: dict[str, Any], image: str) -> list[str]:
    """What the image's packages are, as pyproject.toml lists them."""
    own = project["dependencies"]
    if image == "gateway":
        own = [line for line in own if line.startswith(OF_THE_GATEWAY)]
    return [*own, *project["optional-dependencies"][image]]


def pip(place: Path, *arguments: str) -> None:
    environment = dict(os.environ)
    for variable, name in (("PIP_CONFIG_FILE", "pip.conf"), ("PIP_CERT", "ca.pem")):
        if (SECRETS / name).exists():
            environment[variable] = str(SECRETS / name)
    command = [str(place / "bin" / "pip"), "--disable-pip-version-check", *arguments]
    subprocess.run(command, env=environment, check=True)


def main(what: str) -> None:
    table = tomllib.loads(Path("pyproject.toml").read_text())
    if what == "wheel":
        pip(PLACE, "install", "--no-index", "--no-deps", *map(str, Path("/opt/wheel").glob("*.whl")))
        pip(PLACE, "uninstall", "--quiet", "--yes", "pip", "setuptools")
        for tests in [path for path in PLACE.rglob("tests") if path.is_dir()]:
            shutil.rmtree(tests, ignore_errors=True)
        return
    place, wanted = (
        (BUILD, table["build-system"]["requires"]) if what == "build" else (PLACE, requirements(table["project"], what))
    )
    pip(place, "install", "--no-cache-dir", "--only-binary", ":all:", "-c", "constraints.txt", *wanted)


if __name__ == "__main__":
    main(sys.argv[1])
