"""The wheel of this checkout, and a virtual environment in which it is installed with what it asks for.

What it asks for is linked from the environment of the tests: to install it anew took a minute and proved no more.
"""

import os
import subprocess
import sys
import venv
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path
from zipfile import Path as ZipPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..support.processes import ROOT

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout in a folder."""
    subprocess.run([*PIP, "wheel", str(ROOT), "--no-deps", "--wheel-dir", str(folder)], check=True, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


def environment_with(wheel: Path, extra: str, place: Path) -> Path:
    """Make a virtual environment with a wheel, its extra and all that these require; the folder of its commands."""
    venv.create(place, symlinks=os.name != "nt")
    commands = place / ("Scripts" if os.name == "nt" else "bin")
    python = commands / "python"
    where = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip())
    for required in _required_by(wheel, extra):
        _link(required, packages, python)
    subprocess.run([*PIP, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)], check=True)
    return commands


def _required_by(wheel: Path, extra: str) -> list[Distribution]:
    """What a wheel requires, directly and by what it requires, as it is installed here."""
    (metadata,) = (entry for entry in ZipPath(wheel).iterdir() if entry.name.endswith(".dist-info"))
    root = PathDistribution(metadata)
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    asking: list[tuple[Distribution, str]] = [(root, ""), (root, extra)]
    while asking:
        by, of_extra = asking.pop()
        for requirement in map(Requirement, by.requires or []):
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": of_extra}):
                continue
            name = canonicalize_name(requirement.name)
            installed = found.setdefault(name, distribution(name))
            assert requirement.specifier.contains(installed.version, prereleases=True), requirement
            for wanted in ("", *requirement.extras):
                if (name, wanted) not in seen:
                    seen.add((name, wanted))
                    asking.append((installed, wanted))
    return list(found.values())


def _link(required: Distribution, packages: Path, python: Path) -> None:
    """Link what a distribution has in site-packages, and write its commands."""
    tops = {file.parts[0] for file in required.files or [] if not file.parts[0].startswith(("..", "__pycache__"))}
    for top in tops:
        target = packages / top
        if not target.exists():  # two distributions may share a package
            target.symlink_to(str(required.locate_file(top)))
    for entry in required.entry_points.select(group="console_scripts"):
        command = python.with_name(entry.name)
        command.write_text(
            f"#!{python}\nimport sys\nfrom {entry.module} import {entry.attr}\nsys.exit({entry.attr}())\n"
        )
        command.chmod(0o755)
