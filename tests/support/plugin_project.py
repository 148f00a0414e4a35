"""The repository of a team that uses the plugin: files in a folder, and pytest over them in a process of its own.

pytest's own fixture for this forgets at its end what was imported meanwhile, and the same classes twice in one process
are not the same.
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
"""What the tests of a team share."""
STRICT = ("--strict-markers", "-W", "error", "-p", "no:cacheprovider")


class Team:
    """A folder with tests."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        """A file, its folder made with it."""
        file = self.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(dedent(text))
        return file

    def test(self, *arguments: str, **settings: str) -> pytest.RunResult:
        """What pytest says of the folder, warnings being errors, under these settings of the environment."""
        return self.run(sys.executable, "-m", "pytest", *STRICT, *arguments, **settings)

    def run(self, *command: str, **settings: str) -> pytest.RunResult:
        """What a command says, in the folder."""
        env = environment(PYTHONPATH="", **settings)
        began = time.perf_counter()
        ended = subprocess.run(
            command, check=False, cwd=self.path, env=env, capture_output=True, text=True, timeout=300
        )
        took = time.perf_counter() - began
        return pytest.RunResult(ended.returncode, ended.stdout.splitlines(), ended.stderr.splitlines(), took)


def ran(team: Team, tests: str, *arguments: str, **settings: str) -> pytest.RunResult:
    """These tests, with what they share, under a pytest of their own."""
    team.write("test_it.py", TEST + tests)
    return team.test(*arguments, **settings)
