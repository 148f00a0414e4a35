"""The commands and programs of all READMEs run as they stand there."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest

from ..support.markdown import Block, blocks_of, check_forms, indented_blocks_of
from ..support.plugin_project import WITH_HYPOTHESIS, FileResult, PluginProject, TestFile, run_together
from ..support.processes import GPU_SIM, environment, serving
from ..support.readmes import READMES

ADDRESS = "http://127.0.0.1:4780"
RENT = re.compile(r"v1/gpu/rent\b")
SECONDS_MAX = 240
"""When a block counts as hanging: the slowest takes some ten seconds of a fast machine."""


class Session(NamedTuple):
    """A server as a README starts it, or none, and the blocks that follow in another shell, with what they print."""

    readme: str
    arguments: list[str] | None
    blocks: list[Block]
    printed: list[Block]

    def __str__(self) -> str:
        command = "no server" if self.arguments is None else " ".join(["serve", *self.arguments])
        return f"{self.readme}: {command}"


class Program(NamedTuple):
    """A block of Python in a README."""

    readme: str
    block: Block

    def __str__(self) -> str:
        return f"{self.readme}: line {self.block.line}"


BLOCKS = {name: blocks_of(text) for name, text in READMES.items()}
PYTHON = [Program(name, block) for name, blocks in BLOCKS.items() for block in blocks if block.info == "python"]
TESTS = [program for program in PYTHON if re.search(r"^def test_", program.block.text, re.MULTILINE)]
PROGRAMS = [program for program in PYTHON if program not in TESTS]


def sessions_of(readme: str, blocks: list[Block]) -> list[Session]:
    """Each block that starts a server, with the blocks up to the next such; before the first one there is no server."""
    found = [Session(readme, None, [], [])]
    for block in blocks:
        if block.info == "text":
            found[-1].printed.append(block)
        elif block.info == "sh" and re.search(r"\bgpu-sim serve\b", block.text) is None:
            found[-1].blocks.append(block)
        elif block.info == "sh":
            assert block.text.count("\n") == 1, f"line {block.line}: a server is started by one line of its own"
            program, command, *arguments = shlex.split(block.text.rpartition("&&")[2])
            assert (Path(program).name, command) == ("gpu-sim", "serve")
            found.append(Session(readme, arguments, [], []))
    return found if found[0].blocks else found[1:]


SESSIONS = [session for readme, blocks in BLOCKS.items() for session in sessions_of(readme, blocks)]


@pytest.mark.parametrize(
    ("readme", "says"),
    [
        ("```bash\nx\n```\n", "unknown form of block"),
        ("```\nx\n```\n", "unknown form of block"),
        ("~~~sh\nx\n~~~\n", "unknown form of fence"),
        ("  ```sh\nx\n  ```\n", "unknown form of fence"),
        ("```sh\nx\n", "not closed"),
        ("# Title\n\n```sh no-test\nx\n```\n", "needs its reason"),
        ("```sh no-test\nx\n```\n", "needs its reason"),
        ("```text\nx\n```\n", "no sh block comes before"),
        ("Why:\n\n```sh no-test\nx\n```\n\n```text\nx\n```\n", "no sh block comes before"),
    ],
)
def test_a_block_of_an_unknown_form_is_refused(readme: str, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_forms(blocks_of(readme))


def test_a_block_may_say_above_why_it_is_not_run() -> None:
    check_forms(blocks_of("# Title\n\nIt needs a container:\n\n```sh no-test\nx\n```\n"))


@pytest.mark.parametrize("readme", READMES)
def test_of_every_block_it_is_clear_whether_it_is_run(readme: str) -> None:
    check_forms(BLOCKS[readme])
    assert indented_blocks_of(READMES[readme]) == []


def test_a_block_without_a_fence_is_found() -> None:
    assert indented_blocks_of("Run it:\n\n    gpu-sim serve\n    more\n\n```sh\n\n    x\n```\n- a\n    b\n") == [
        "    gpu-sim serve"
    ]


@pytest.mark.parametrize("readme", READMES)
def test_every_shell_block_is_in_a_session(readme: str) -> None:
    starts = [session for session in SESSIONS if session.readme == readme and session.arguments is not None]
    run = [block for session in SESSIONS if session.readme == readme for block in session.blocks]
    assert len(starts) + len(run) == sum(block.info == "sh" for block in BLOCKS[readme])


def test_the_server_and_the_tests_are_one_line_each_on_the_first_screen() -> None:
    first_screen = READMES["README.md"].splitlines()[:40]
    for ending in ("gpu-sim serve", "python -m pytest -n 3 --dist loadfile -m 'not slow'"):
        one_line = re.compile(rf"python3 -m venv \S+ && .*/{ending}")
        assert sum(one_line.fullmatch(line) is not None for line in first_screen) == 1


def test_the_first_session_rents_on_the_default_scenario_and_shows_what_comes_of_it() -> None:
    first = SESSIONS[0]
    assert (first.readme, first.arguments) == ("README.md", [])
    assert RENT.search("".join(block.text for block in first.blocks))
    assert '"termination_reason":"interrupted"' in first.printed[0].text


def tier(session: Session) -> object:
    """The session as a parameter: slow if it tries the whole contract, which takes the most time of all."""
    whole = re.compile(r"gpu-sim verify (?!.*--only)")
    slow = any(whole.search(block.text) for block in session.blocks)
    return pytest.param(session, marks=pytest.mark.slow) if slow else session


@pytest.mark.parametrize("session", [tier(session) for session in SESSIONS], ids=str)
def test_the_session_runs_as_it_stands_there(session: Session, tmp_path: Path) -> None:
    command = tmp_path / "bin" / "gpu-sim"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.join(GPU_SIM)} "$@"\n')
    command.chmod(0o755)
    env = environment(PATH=os.pathsep.join([str(command.parent), os.environ["PATH"]]))
    server = nullcontext() if session.arguments is None else serving(tmp_path / "ready.json", *session.arguments)
    with server as running:
        script = "".join(block.text for block in session.blocks).replace("/tmp/", f"{tmp_path}/")
        if running is not None:
            script = script.replace(ADDRESS, running.url)
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace(".venv/bin/", "")],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=env,
            timeout=SECONDS_MAX,
        )
    assert ended.returncode == 0, ended.stderr
    assert '"error":{' not in ended.stdout
    assert "urn:gpu-sim:" not in ended.stdout
    for block in session.printed:
        assert block.text in ended.stdout, f"line {block.line}"
    if RENT.search(script) is not None and not session.printed:
        assert '"rental_id":' in ended.stdout


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_every_program_runs_as_it_stands_there(program: Program, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", program.block.text]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment(), timeout=SECONDS_MAX)


def test_there_are_test_files_with_and_without_http() -> None:
    assert [program for program in TESTS if "gpu_sim" in program.block.text]
    assert [program for program in TESTS if "Simulation(" in program.block.text]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, FileResult]:
    """What came of all test files, which run together."""
    files = [TestFile(_file_name(program), program.block.text, options=WITH_HYPOTHESIS) for program in TESTS]
    return run_together(PluginProject(tmp_path_factory.mktemp("project")), files)


def _file_name(program: Program) -> str:
    return f"test_{TESTS.index(program)}.py"


@pytest.mark.parametrize("program", TESTS, ids=str)
def test_every_test_file_passes_as_it_stands_there(program: Program, results: Mapping[str, FileResult]) -> None:
    result = results[_file_name(program)]
    assert result.outcomes == {"passed": program.block.text.count("def test_")}, result.lines


@pytest.mark.parametrize("readme", READMES)
def test_every_whole_scenario_of_a_readme_is_sound(readme: str, tmp_path: Path) -> None:
    for block in BLOCKS[readme]:
        if block.info == "yaml" and block.text.startswith("scenario: 1"):
            file = tmp_path / "mine.yaml"
            file.write_text(block.text)
            checked = subprocess.run(
                [*GPU_SIM, "check", str(file)],
                check=False,
                capture_output=True,
                text=True,
                cwd=tmp_path,
                timeout=SECONDS_MAX,
            )
            assert checked.returncode == 0, checked.stderr
