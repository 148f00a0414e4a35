"""For tests of the plugin: a project of their own, and the results of those projects that share one run of pytest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ..support.plugin_project import TEST, FileResult, PluginProject, TestFile, run_together


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker `project`."""
    config.addinivalue_line(
        "markers",
        "project(tests, name, head, files, options, settings): the test file of a project that uses the plugin, and "
        "what it needs; the fixture `result` has what came of it. Those of one module run in one process, in order",
    )


@pytest.fixture
def project(tmp_path: Path) -> PluginProject:
    """The folder of a project with a run of pytest of its own."""
    return PluginProject(tmp_path)


def _file_of(item: pytest.Function) -> TestFile:
    marker = item.get_closest_marker("project")
    assert marker is not None, "a test that takes `result` needs the marker `project`"
    return _test_file(f"{item.function.__name__}.py", *marker.args, **marker.kwargs)


def _test_file(own_name: str, tests: str, *, name: str = "", head: str = TEST, **needs: Any) -> TestFile:
    return TestFile(name or own_name, head + tests, **needs)


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, FileResult]:
    """What came of the projects of this module's selected tests, by the names of their files."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    files = [_file_of(item) for item in items if item.path == request.path and "results" in item.fixturenames]
    assert len({file.name for file in files}) == len(files)
    return run_together(PluginProject(tmp_path_factory.mktemp("project")), files)


@pytest.fixture
def result(request: pytest.FixtureRequest, results: Mapping[str, FileResult]) -> FileResult:
    """What came of the project of this test."""
    assert isinstance(request.node, pytest.Function)
    return results[_file_of(request.node).name]
