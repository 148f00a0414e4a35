"""A signal ends `gpu-sim verify` in order wherever it lands, and leaves no world on the server."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support import loopback
from ..support.processes import ROOT, Serving, environment, serving

SECONDS_MAX = 120
HEAD = """
import os, signal, sys, threading
from gpu_sim.__main__ import main
import httpx, hypothesis.core
from _pytest._code.code import ExceptionInfo

def hear():
    os.kill(os.getpid(), signal.{number})
"""
IN_THE_KEY = """
digest = hypothesis.core.function_digest

def interrupted_digest(function):
    hear()
    return digest(function)

hypothesis.core.function_digest = interrupted_digest
"""
"""The key of a test in Hypothesis' database is being made: there an AssertionError takes the place of any exception."""
WITHOUT_A_LINE = """
shown = ExceptionInfo.getrepr

def broken(self, *given, **named):
    if isinstance(self.value, KeyboardInterrupt):
        return None - 1
    return shown(self, *given, **named)

ExceptionInfo.getrepr = broken
send = httpx.HTTPTransport.handle_request

def interrupted(self, request):
    httpx.HTTPTransport.handle_request = send
    hear()
    return send(self, request)

httpx.HTTPTransport.handle_request = interrupted
"""
"""An instruction without a line: pytest fails when it is to show what was raised there."""
WHILE_A_WORLD_IS_MADE = """
send, gone = httpx.HTTPTransport.handle_request, threading.Event()

def slow(self, request):
    if request.url.path != "/_sim/worlds" or request.method != "POST":
        answer = send(self, request)
        if request.method == "DELETE":
            gone.set()
        return answer
    answers = []

    def make():
        gone.wait()
        answers.append(send(self, request))

    making = threading.Thread(target=make)
    making.start()
    hear()
    gone.set()
    making.join()
    return answers[0]

httpx.HTTPTransport.handle_request = slow
"""
"""The server makes the world only once the suite waits for it, or has given it up and tried to delete it."""
MAIN = """
main()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A simulator."""
    with serving(tmp_path_factory.mktemp("served") / "ready.json") as running:
        yield running


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "where",
    [IN_THE_KEY, WITHOUT_A_LINE, pytest.param(WHILE_A_WORLD_IS_MADE, marks=pytest.mark.slow)],
    ids=["in the key", "without a line", "while a world is made"],
)
def test_wherever_a_signal_lands_the_run_ends_in_order(
    server: Serving, tmp_path: Path, where: str, number: signal.Signals
) -> None:
    program = HEAD.format(number=number.name) + where + MAIN
    file = tmp_path / "junit.xml"
    options = ["verify", "--url", server.url, "--token", "si_test_alice", "--profile", "deep", "--only", "F16"]
    ended = subprocess.run(
        [sys.executable, "-c", program, *options, "--junit", str(file)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=SECONDS_MAX,
        env=environment(TMPDIR=str(tmp_path)),
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", "Error: interrupted\n")
    found = loopback.get(f"{server.url}/_sim/worlds").json()["data"]
    assert [world["name"] for world in found] == ["default"]
    assert [*tmp_path.iterdir()] == []
