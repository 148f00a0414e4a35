"""Mutation testing of ledger, holds, charges and hazard: `python -m tests.commands.mutants`.

mutmut knows a module by the path of its file, and of source roots only by the name `src`: so it runs in a copy of the
checkout that has that. `[tool.mutmut]` in `pyproject.toml` says what is mutated and which tests count.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ..support.processes import ROOT

COPIED = ("scenarios", "contract", "tests")


def copy_checkout(folder: Path) -> None:
    """Copy what mutmut needs into an empty folder, with `src` for the source root."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "simulator", folder / "src", ignore=ignore)
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    settings = settings.replace("simulator/gpu_sim", "src/gpu_sim").replace(
        'pythonpath = ["simulator"]', 'pythonpath = ["src"]'
    )
    (folder / "pyproject.toml").write_text(settings, encoding="utf-8")


def main() -> None:
    """Run all mutants, and print those that no test finds."""
    with tempfile.TemporaryDirectory() as folder:
        copy_checkout(Path(folder))
        for action in ("run", "results"):
            subprocess.run([sys.executable, "-m", "mutmut", action], cwd=folder, check=True)


if __name__ == "__main__":
    main()
