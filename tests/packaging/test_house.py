"""The shape of the checkout: its top level, the sizes of folders, files and functions, and the folders with a map."""

import ast
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from ..support.processes import ROOT

TOP_LEVEL = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "simulator", "scenarios", "tests", "contract"}
ROOMS = ("simulator", "contract", "tests")
PACKAGE = Path("simulator/gpu_sim")
CORE = PACKAGE / "core"
FILES_MAX = 16
CORE_FILES_MAX = 14
"""Fewer than elsewhere, since the core is read as a whole, folder by folder."""
LINES_MAX = 350
FUNCTION_LINES_MAX = 60
SHELL_FOLDERS = ("api", "fidelity", "testing", "worlds")
MAPPED = ("simulator", "scenarios", "contract", "tests", *(f"{PACKAGE}/{folder}" for folder in SHELL_FOLDERS))
"""Folders that a reader may enter by themselves: each has a README.md that is its map."""
UNPACKED = {"PKG-INFO"}
"""A source distribution has it at its top, and none of git's files."""


def ignored() -> list[str]:
    """The patterns of `.gitignore`, all of which are about names."""
    file = ROOT / ".gitignore"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [line.strip().rstrip("/") for line in lines if line.strip() and not line.startswith("#")]


def visible(folder: Path) -> set[str]:
    """The names in a folder, without hidden ones and those that git ignores, among which are folders without a file."""
    patterns = ignored()
    return {
        path.name
        for path in folder.iterdir()
        if not path.name.startswith(".")
        if not any(fnmatch(path.name, pattern) for pattern in patterns)
        if not path.is_dir() or visible(path)
    }


@cache
def python_files() -> dict[Path, str]:
    """The text of each Python file, by its path from the root of the checkout."""
    found = {
        path.relative_to(ROOT): path.read_text(encoding="utf-8")
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
    }
    assert len(found) > 400
    return found


def long_functions(text: str) -> Iterator[str]:
    """The functions of a file that are too long, with their lines. A file without so many lines has none."""
    if text.count("\n") <= FUNCTION_LINES_MAX:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{node.name}: {lines}"


def test_the_top_level_is_these_names_and_no_others() -> None:
    assert visible(ROOT) - UNPACKED == TOP_LEVEL


def test_what_git_would_not_add_is_not_visible(tmp_path: Path) -> None:
    for name in ("notes.md", ".hidden/a", "build/a", "x.egg-info/a", "old/deep/__pycache__/a.pyc", "new/deep/a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert {"build", "*.egg-info", "__pycache__"} <= {*ignored()}
    assert visible(tmp_path) == {"notes.md", "new"}


def test_the_source_root_holds_one_package_and_its_map() -> None:
    assert visible(ROOT / "simulator") == {"README.md", "gpu_sim"}


@pytest.mark.parametrize("room", ROOMS)
def test_no_folder_has_too_many_python_files(room: str) -> None:
    counts = Counter(path.parent for path in python_files() if path.parts[0] == room)
    most = {folder: CORE_FILES_MAX if folder.is_relative_to(CORE) else FILES_MAX for folder in counts}
    assert {str(folder): count for folder, count in counts.items() if count > most[folder]} == {}


@pytest.mark.parametrize("room", ROOMS)
def test_no_python_file_is_too_long(room: str) -> None:
    lines = {str(path): text.count("\n") for path, text in python_files().items() if path.parts[0] == room}
    assert {path: count for path, count in lines.items() if count > LINES_MAX} == {}


@pytest.mark.parametrize("room", ROOMS)
def test_no_function_is_too_long(room: str) -> None:
    found = {str(path): [*long_functions(text)] for path, text in python_files().items() if path.parts[0] == room}
    assert {path: functions for path, functions in found.items() if functions} == {}


def test_a_function_that_is_too_long_is_found_wherever_it_is() -> None:
    body = "\n".join(["        pass"] * FUNCTION_LINES_MAX)
    shorter = body.removesuffix("        pass")
    assert [*long_functions(f"class C:\n    async def f(self):\n{body}\n")] == ["f: 61"]
    assert [*long_functions(f"class C:\n    def f(self):\n{shorter}\n")] == []


@pytest.mark.parametrize("folder", MAPPED)
def test_a_folder_that_one_may_enter_by_itself_has_a_map(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert len(text.splitlines()) > 5


def test_every_folder_of_the_package_can_be_imported() -> None:
    folders = {
        parent for path in python_files() for parent in path.parents if parent.is_relative_to("simulator/gpu_sim")
    }
    assert [str(folder) for folder in sorted(folders) if folder / "__init__.py" not in python_files()] == []
