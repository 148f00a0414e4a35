"""A project that uses the plugin: files in a folder, and pytest over them in a process of its own.

pytest's own fixture for this, `pytester`, unloads at its end the modules that were imported meanwhile. Their classes
would then exist twice in one process, and `isinstance` would fail between the two.
"""

import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest

from .processes import environment

TEST = """
    import pytest, urllib.request

    def listed(gpu_sim):
        asked = urllib.request.Request(
            gpu_sim.base_url + "/v1/gpu/offers", headers={"authorization": "Bearer " + gpu_sim.token}
        )
        return urllib.request.urlopen(asked).status
"""
"""The head of the project's test file."""
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""Without the other plugins of the environment, whose imports would take most of the time."""
STRICT = ("-p", "gpu_sim", "--strict-markers", "-W", "error", "-p", "no:cacheprovider")
WITH_HYPOTHESIS = ("-p", "hypothesispytest")
REPORTS = "reports.ndjson"
RECORDER = f"""
    import json

    def pytest_runtest_logreport(report):
        sections = [f"- {{title}} -\\n{{content}}" for title, content in report.sections]
        shown = "\\n".join([report.longreprtext, *sections]) if report.failed else ""
        file, _, test = report.nodeid.partition("::")
        line = {{"file": file, "test": test, "when": report.when, "outcome": report.outcome, "shown": shown}}
        with open("{REPORTS}", "a") as file:
            print(json.dumps(line), file=file)
"""
"""The `conftest.py` of a project whose files share one run: it tells their outcomes apart."""


class PluginProject:
    """The folder of a project whose tests use the plugin."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        """Write a file, and make its folder."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
        return file

    def test(self, *arguments: str, **settings: str) -> pytest.RunResult:
        """Run pytest on the folder, with warnings as errors, under these settings of the environment."""
        return self.run(sys.executable, "-m", "pytest", *STRICT, *arguments, **settings)

    def run(self, *command: str, **settings: str) -> pytest.RunResult:
        """Run a command in the folder."""
        env = environment(PYTHONPATH="", **ALONE, **settings)
        began = time.perf_counter()
        ended = subprocess.run(
            command, check=False, cwd=self.path, env=env, capture_output=True, text=True, timeout=300
        )
        took = time.perf_counter() - began
        return pytest.RunResult(ended.returncode, ended.stdout.splitlines(), ended.stderr.splitlines(), took)


def run_tests(project: PluginProject, tests: str, *arguments: str, **settings: str) -> pytest.RunResult:
    """Run these tests, below the head, under a pytest of their own."""
    project.write("test_it.py", TEST + tests)
    return project.test(*arguments, **settings)


@dataclass(frozen=True)
class TestFile:
    """A test file of a project with what it needs: other files, options of pytest, settings of the environment."""

    __test__ = False

    name: str
    text: str
    files: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


class FileResult:
    """The outcomes of the tests of a file by their kind, which of them failed, and what pytest shows of those that did
    not pass."""

    def __init__(self, reports: Iterable[Mapping[str, str]]) -> None:
        counted: Counter[str] = Counter()
        lines: list[str] = []
        self.failed: list[str] = []
        for report in reports:
            lines += report["shown"].splitlines()
            if report["outcome"] == "failed" and report["when"] == "call":
                self.failed.append(report["test"])
            if report["outcome"] == "failed" and report["when"] != "call":
                counted["errors"] += 1
            elif report["when"] == "call" or report["outcome"] == "skipped":
                counted[report["outcome"]] += 1
        self.outcomes = dict(counted)
        self.shown = pytest.LineMatcher(lines)

    @property
    def lines(self) -> list[str]:
        """All lines that are shown."""
        return self.shown.lines


def run_together(project: PluginProject, files: Iterable[TestFile]) -> dict[str, FileResult]:
    """Run several test files in one pytest, in this order, and give the result of each by its name."""
    options: dict[tuple[str, ...], None] = {}
    settings: dict[str, str] = {}
    names: list[str] = []
    project.write("conftest.py", RECORDER)
    for file in files:
        project.write(file.name, file.text)
        for name, text in file.files.items():
            project.write(name, text)
        options[file.options] = None
        settings |= file.settings
        names.append(file.name)
    ended = project.test(*(option for group in options for option in group), *names, **settings)
    assert ended.ret in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), ended.outlines + ended.errlines
    reports = defaultdict[str, list[dict[str, str]]](list)
    for line in (project.path / REPORTS).read_text(encoding="utf-8").splitlines():
        report = json.loads(line)
        reports[report["file"]].append(report)
    assert {*reports} == {*names}
    return {name: FileResult(found) for name, found in reports.items()}
