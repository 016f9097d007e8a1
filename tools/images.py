"""Builds the images of controller, gateway and dashboard from deploy/images/Dockerfile: `make images`.

With docker, buildah or podman, whichever is there first; FORESAIL_BUILDER names one. An image is called
foresail-controller:0.1.0, of the project's version. In a build pip asks where it asks on this machine: its
configuration and the certificates that PIP_CERT names are lent to the build, and stay out of the images.

Where no registry can be reached, `--stand-in` makes the base with debootstrap: Debian's own Python, as root on Debian.

Standard library only: CI can run this before anything is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.environment import SetupFailed, alone, cache_folder, ended
from tools.requirements import ROOT, read_project

IMAGES = ("controller", "gateway", "dashboard")
BUILDERS: Mapping[str, tuple[str, ...]] = {
    "docker": ("build",),
    "buildah": ("bud", "--layers"),
    "podman": ("build", "--layers"),
}
"""What builds, the one that is looked for first in front, and how it is told to."""
CHOSEN = "FORESAIL_BUILDER"
STAND_IN = "localhost/foresail-base:bookworm"
"""The base that debootstrap makes; a name of its own, so that nobody takes it for the official one."""
_FILE = "deploy/images/Dockerfile"
_PACKAGES = "python3,python3-venv,ca-certificates"


@dataclass(frozen=True)
class Built:
    """An image, and its bytes on disk; `base` are those of what it stands on."""

    name: str
    size: int
    base: int


def builder_of(environ: Mapping[str, str]) -> str:
    """The program that builds. Raises SetupFailed where there is none, or no such."""
    known = ", ".join(BUILDERS)
    if chosen := environ.get(CHOSEN):
        if chosen not in BUILDERS:
            raise SetupFailed(f"{CHOSEN} is {chosen}; expected one of {known}")
        candidates: Sequence[str] = (chosen,)
    else:
        candidates = tuple(BUILDERS)
    for name in candidates:
        if shutil.which(name, path=environ.get("PATH")) and _answers(name, environ):
            return name
    raise SetupFailed(f"no {' and no '.join(candidates)} on this machine; images take one of {known}: install one")


def _answers(builder: str, environ: Mapping[str, str]) -> bool:
    """Docker's client may be there without an engine; the others are programs of one piece."""
    asked = subprocess.run([builder, "version"], env=dict(environ), capture_output=True, check=False)
    return asked.returncode == 0


def name_of(image: str, root: Path = ROOT) -> str:
    """Such as foresail-gateway:0.1.0."""
    return f"foresail-{image}:{read_project(root)['version']}"


def build(images: Sequence[str], base: str | None, environ: Mapping[str, str], root: Path = ROOT) -> list[Built]:
    """The images, built from the sources as they are. Raises SetupFailed."""
    builder, built = builder_of(environ), []
    for image in images:
        name = name_of(image, root)
        _say(f"building {name} with {builder}")
        _run([*_command(builder, base, environ), *_stamped(root), "--target", image, "-t", name, "."], environ, root)
        built.append(Built(name, _size(builder, name, environ), _size(builder, base, environ) if base else 0))
    return built


def _command(builder: str, base: str | None, environ: Mapping[str, str]) -> list[str]:
    """All of the call but what names the image."""
    command = [builder, *BUILDERS[builder], "-f", _FILE]
    for identity, source in _lent(environ):
        command += ["--secret", f"id={identity},src={source}"]
    if base is not None:
        command += ["--build-arg", f"BASE={base}"]
        if builder != "docker":  # which has no such option, and looks on this machine first anyway
            command += ["--pull-never" if builder == "buildah" else "--pull=never"] if base == STAND_IN else []
    return command


def _lent(environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """What of pip's configuration there is on this machine, by the name that the Dockerfile knows it by."""
    home = Path(environ.get("HOME", "/"))
    usual = (str(home / ".config/pip/pip.conf"), str(home / ".pip/pip.conf"), "/etc/pip.conf")
    lendable = {"pip.conf": (environ.get("PIP_CONFIG_FILE", ""), *usual), "ca.pem": (environ.get("PIP_CERT", ""),)}
    for identity, places in lendable.items():
        found = next((Path(one) for one in places if one and Path(one).is_file()), None)
        if found is not None:
            yield identity, found


def _stamped(root: Path) -> list[str]:
    """Which version of the sources this is, for the labels."""
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
    stamps = {"VERSION": read_project(root)["version"], "REVISION": asked.stdout.strip() or "unknown"}
    return [part for name, value in stamps.items() for part in ("--build-arg", f"{name}={value}")]


def _size(builder: str, name: str, environ: Mapping[str, str]) -> int:
    if builder == "buildah":
        lines = _run([builder, "images", "--json", name], environ, said=True)
        return round(_bytes(str(json.loads(lines)[0]["size"])))
    return int(_run([builder, "image", "inspect", "--format", "{{.Size}}", name], environ, said=True))


def _bytes(text: str) -> float:
    """Of such as "313 MB": all that buildah says of a size."""
    number, unit = text.split()
    return float(number) * {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}[unit.upper()]


def stand_in(environ: Mapping[str, str]) -> str:
    """A base made by debootstrap, now unless it is there. Raises SetupFailed."""
    builder = builder_of(environ)
    with alone(cache_folder(environ) / "image-base.lock", _say):
        there = subprocess.run([builder, "inspect", STAND_IN], env=dict(environ), capture_output=True, check=False)
        if there.returncode:
            if not shutil.which("debootstrap", path=environ.get("PATH")) or os.geteuid() != 0:
                raise SetupFailed("a stand-in for the base takes debootstrap, and root; or leave --stand-in out")
            _say("making a base with debootstrap (once; minutes)")
            with tempfile.TemporaryDirectory(dir=cache_folder(environ)) as folder:
                goal = ["--variant=minbase", f"--include={_PACKAGES}", "bookworm", f"{folder}/root", *_mirror(environ)]
                # In a mount namespace of its own: what it mounts is gone when it ends, however it does.
                _run(["unshare", "--mount", "debootstrap", *goal], environ, Path(folder), quiet=True)
                for trace in ("etc/apt/sources.list", "etc/resolv.conf", "etc/hostname"):  # of this machine
                    (Path(folder) / "root" / trace).unlink(missing_ok=True)
                (Path(folder) / "Dockerfile").write_text('FROM scratch\nADD root /\nCMD ["python3"]\n')
                _run([builder, BUILDERS[builder][0], "-t", STAND_IN, "."], environ, Path(folder), quiet=True)
    return STAND_IN


def _mirror(environ: Mapping[str, str]) -> list[str]:
    """Where apt gets Debian from on this machine; nothing, and so debootstrap's own, where it does not say."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Codename: bookworm"]
    try:
        found = subprocess.run(asked, env=dict(environ), capture_output=True, text=True, check=False).stdout.split()
    except OSError:
        found = []
    return found[:1]


def _run(
    command: Sequence[str], environ: Mapping[str, str], folder: Path = ROOT, *, said: bool = False, quiet: bool = False
) -> str:
    """What it printed, with `said`; with `quiet` it is shown only where the call fails."""
    out = subprocess.PIPE if said or quiet else None
    done = subprocess.run(
        command, cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, stdout=out,
        stderr=subprocess.STDOUT if quiet else None, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        if quiet:
            print(done.stdout, flush=True)
        raise SetupFailed(f"{command[0]} {command[1]} ended with {done.returncode}; what it found is above")
    return done.stdout or ""


def _say(what: str) -> None:
    print(f"images: {what}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.images", description="Builds the images.")
    parser.add_argument("images", nargs="*", metavar="IMAGE", help=f"of {', '.join(IMAGES)}; none: all")
    parser.add_argument("--base", metavar="NAME", help="of the base (default: as the Dockerfile has it)")
    parser.add_argument("--stand-in", action="store_true", help="where no registry is reached: a base by debootstrap")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the sizes down as well")
    options = parser.parse_args(argv)
    if unknown := [one for one in options.images if one not in IMAGES]:
        parser.error(f"no image {', '.join(unknown)}; expected {', '.join(IMAGES)}")
    if options.stand_in and options.base:
        parser.error("--stand-in makes a base and --base names one; give one of them")

    def work() -> None:
        base = stand_in(os.environ) if options.stand_in else options.base
        built = build(options.images or IMAGES, base, os.environ)
        for one in built:
            over = f", of it {one.base / 1e6:.0f} MB base" if one.base else ""
            _say(f"{one.name}: {one.size / 1e6:.0f} MB{over}")
        if options.json:
            sizes = {one.name.partition(":")[0]: one.size - one.base for one in built}
            found = {"base": base or "as in the Dockerfile", "bytes_over_the_base": sizes}
            options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")

    return ended("images", "to keep what is made", work)


if __name__ == "__main__":
    raise SystemExit(main())
