"""The copy that is mutated: the one that its tests import, whatever is installed."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ..support.processes import environment
from .mutants import copy_checkout

SHOWS = """
import gpu_sim.core.billing.holds as holds

def test_it():
    print("imported", holds.__file__)
"""


@pytest.mark.slow  # it copies the checkout
def test_the_tests_of_the_copy_import_the_copy(tmp_path: Path) -> None:
    copy_checkout(tmp_path)
    settings = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    assert len(settings["only_mutate"]) == 4
    assert all((tmp_path / file).is_file() for file in settings["only_mutate"])
    (tmp_path / "tests" / "core" / "test_shows.py").write_text(SHOWS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:gpu_sim", "-p", "no:cacheprovider"]
    shown = subprocess.run(
        [*command, "tests/core/test_shows.py"],
        cwd=tmp_path,
        env=environment(PYTHONPATH=""),
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"imported {tmp_path / 'src' / 'gpu_sim'}" in shown.stdout
