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
