"""The README's commands and programs run as they stand there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from ..support.processes import GPU_SIM, ROOT, environment, serving

README = (ROOT / "README.md").read_text()
ADDRESS = "http://127.0.0.1:4780"
LANGUAGES = {"sh", "sh no-test", "python", "yaml", "dockerfile", "js", "json", "text"}
"""What the README's blocks may be; of these, `sh` and `python` are run."""


class Block(NamedTuple):
    """A fenced block: its info string, its text, its line, the paragraph above it."""

    info: str
    text: str
    line: int
    above: str


def blocks_of(readme: str) -> list[Block]:
    """All fenced blocks. A fence that is not closed, or not plain, is refused."""
    found: list[Block] = []
    info, begun, body = None, 0, list[str]()
    lines = readme.splitlines()
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith(("```", "~~~")):
            fence = re.fullmatch(r"```([a-z -]*)", line)
            assert fence, f"line {number}: an unknown form of fence: {line}"
            if info is None:
                info, begun, body = fence[1], number, []
            else:
                assert not fence[1], f"line {number}: a fence in a fence"
                above = "\n".join(lines[: begun - 1]).rstrip().rpartition("\n\n")[2]
                found.append(Block(info, "\n".join(body) + "\n", begun, above))
                info = None
        elif info is not None:
            body.append(line)
    assert info is None, f"line {begun}: the fence is not closed"
    return found


def check_forms(blocks: list[Block]) -> None:
    """Refuses a block of which it is not clear whether it is to be run."""
    for block in blocks:
        assert block.info in LANGUAGES, f"line {block.line}: an unknown form of block: {block.info!r}"
        if block.info == "sh no-test":
            reason = block.above and not block.above.startswith(("#", "```", "|"))
            assert reason, f"line {block.line}: a block that is not run needs its reason above it"


BLOCKS = blocks_of(README)
SHELL = [block for block in BLOCKS if block.info == "sh"]
PYTHON = [block for block in BLOCKS if block.info == "python"]
TESTS = [block for block in PYTHON if re.search(r"^def test_", block.text, re.MULTILINE)]
PROGRAMS = [block for block in PYTHON if block not in TESTS]


class Session(NamedTuple):
    """A server as the README starts it, and the blocks that follow in another shell."""

    arguments: list[str]
    blocks: list[Block]


def sessions_of(blocks: list[Block]) -> list[Session]:
    """Each block that starts a server, with the blocks up to the next such."""
    found: list[Session] = []
    for block in blocks:
        if re.search(r"\bgpu-sim serve\b", block.text) is None:
            assert found, f"line {block.line}: no server has been started by then"
            found[-1].blocks.append(block)
            continue
        assert block.text.count("\n") == 1, f"line {block.line}: a server is started by one line of its own"
        program, command, *arguments = shlex.split(block.text.rpartition("&&")[2])
        assert (Path(program).name, command) == ("gpu-sim", "serve")
        found.append(Session(arguments, []))
    return found


SESSIONS = sessions_of(SHELL)


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
    ],
)
def test_a_block_of_an_unknown_form_is_refused(readme: str, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_forms(blocks_of(readme))


def test_a_block_may_say_above_why_it_is_not_run() -> None:
    check_forms(blocks_of("# Title\n\nIt needs a container:\n\n```sh no-test\nx\n```\n"))


def test_of_every_block_it_is_clear_whether_it_is_run() -> None:
    check_forms(BLOCKS)


def test_the_server_and_the_tests_are_one_line_each_on_the_first_screen() -> None:
    first_screen = README.splitlines()[:40]
    for ending in ("gpu-sim serve", "python -m pytest -n auto --maxprocesses 4 --dist loadfile"):
        one_line = re.compile(rf"python3 -m venv \S+ && .*/{ending}")
        assert sum(one_line.fullmatch(line) is not None for line in first_screen) == 1


def test_there_is_a_session_on_the_default_scenario() -> None:
    assert SESSIONS[0].arguments == []
    assert SESSIONS[0].blocks


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: " ".join(["serve", *session.arguments]))
def test_the_session_runs_as_it_stands_there(session: Session, tmp_path: Path) -> None:
    command = tmp_path / "bin" / "gpu-sim"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.join(GPU_SIM)} "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join([str(command.parent), os.environ["PATH"]])
    env = environment(PATH=path, PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    with serving(tmp_path / "ready.json", *session.arguments) as server:
        script = "".join(block.text for block in session.blocks)
        script = script.replace(ADDRESS, server.url).replace("/tmp/", f"{tmp_path}/").replace(".venv/bin/", "")
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=env,
            timeout=120,
        )
    assert ended.returncode == 0, ended.stderr
    assert '"error":' not in ended.stdout
    assert "urn:gpu-sim:" not in ended.stdout
    assert not session.blocks or '"rental_id":' in ended.stdout


@pytest.mark.parametrize("block", PROGRAMS, ids=lambda block: f"line-{block.line}")
def test_every_program_runs_as_it_stands_there(block: Block, tmp_path: Path) -> None:
    env = environment(PYTHONPATH=str(ROOT))
    subprocess.run([sys.executable, "-W", "error", "-c", block.text], check=True, cwd=tmp_path, env=env, timeout=120)


def test_there_are_test_files_with_and_without_http() -> None:
    assert [block for block in TESTS if "gpu_sim" in block.text]
    assert [block for block in TESTS if "Simulation(" in block.text]


@pytest.mark.parametrize("block", TESTS, ids=lambda block: f"line-{block.line}")
def test_every_test_file_passes_as_it_stands_there(block: Block, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(block.text)
    command = [sys.executable, "-m", "pytest", "-W", "error", "--strict-markers", "-p", "no:cacheprovider", "-rA"]
    ended = subprocess.run(
        command, check=False, cwd=tmp_path, env=environment(), timeout=120, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.count("PASSED ") == block.text.count("def test_")
