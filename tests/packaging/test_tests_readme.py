"""The README of the tests names every folder of them, and commands and files that there are."""

import re
from pathlib import Path

import pytest

from ..support.processes import ROOT
from ..support.readmes import READMES

STARTED_BY_ANOTHER = Path("tests/benchmarks/bare.py")
"""`benchmarks/serving.py` starts it, as the application to compare with."""
TEXT = READMES["tests/README.md"]
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", TEXT, re.MULTILINE))
MODULES = sorted({*re.findall(r"python -m (tests\.[\w.]+)", TEXT)})
FILES = sorted({*re.findall(r"(?:python|pytest) (tests/[\w/.]+)", TEXT)})
SLOW = re.findall(r"`([\w/]+(?:\.py|/))`", SECTIONS["The tiers"])


def test_every_folder_of_the_tests_is_in_the_table_and_no_other() -> None:
    named = re.findall(r"`(\w+)/`", "".join(re.findall(r"^\|(.+?)\|", SECTIONS["Which folder"], re.MULTILINE)))
    assert sorted(named) == sorted(
        {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").glob("*/**/*.py")}
    )


def test_every_benchmark_and_command_that_can_be_run_is_in_the_table() -> None:
    runnable = [
        path.relative_to(ROOT)
        for folder in ("benchmarks", "commands")
        for path in sorted((ROOT / "tests" / folder).glob("*.py"))
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    ]
    assert len(runnable) > 6
    for path in {*runnable} - {STARTED_BY_ANOTHER}:
        assert str(path) in FILES or ".".join(path.with_suffix("").parts) in MODULES, path


@pytest.mark.parametrize("module", MODULES)
def test_every_module_that_is_to_be_run_is_there(module: str) -> None:
    assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file()


@pytest.mark.parametrize("path", FILES)
def test_every_file_or_folder_that_is_to_be_run_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("path", SLOW)
def test_all_that_is_called_slow_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_slowest_are_ten() -> None:
    assert len(SLOW) == 10
