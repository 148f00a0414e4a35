"""A project that uses the plugin: files in a folder, and pytest over them in a process of its own.

pytest's own fixture for this, `pytester`, unloads at its end the modules that were imported meanwhile. Their classes
would then exist twice in one process, and `isinstance` would fail between the two.
"""

import subprocess
import sys
import time
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
STRICT = ("--strict-markers", "-W", "error", "-p", "no:cacheprovider")


class PluginProject:
    """The folder of a project whose tests use the plugin."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        """Write a file, and make its folder."""
        file = self.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(dedent(text))
        return file

    def test(self, *arguments: str, **settings: str) -> pytest.RunResult:
        """Run pytest on the folder, with warnings as errors, under these settings of the environment."""
        return self.run(sys.executable, "-m", "pytest", *STRICT, *arguments, **settings)

    def run(self, *command: str, **settings: str) -> pytest.RunResult:
        """Run a command in the folder."""
        env = environment(PYTHONPATH="", **settings)
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
