"""The command line in processes forked from one that has loaded the contract suite: they start in no time."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import httpx
from gpu_sim.__main__ import main
from hypothesis import settings

from contract.model.profiles import PROFILES

from ..support.processes import ROOT, SECONDS_MAX, environment

FORKING = get_context("forkserver")
FORKING.set_forkserver_preload(["tests.cli.loaded_suite"])


class Ended(NamedTuple):
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


class Command(NamedTuple):
    """A command to carry out. With `few_examples` the suite's profile `dev` tries a handful. `awaiting` is the method
    and the beginning of the path of a request to tell of."""

    arguments: tuple[str, ...]
    env: Mapping[str, str]
    few_examples: bool
    awaiting: str | None
    files: tuple[str, str]
    """Where stdout and stderr go."""


class Running:
    """A command that runs."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._news, sender = FORKING.Pipe(duplex=False)
        self._process = FORKING.Process(target=_carry_out, args=(command, sender))
        self._process.start()
        sender.close()

    def until_it_waits(self) -> None:
        """Wait until it has sent a request such as it is `awaiting`, and waits for the answer."""
        assert self._news.poll(SECONDS_MAX)
        self._news.recv()

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def ended(self) -> Ended:
        """Wait for its end."""
        self._process.join(SECONDS_MAX)
        assert self._process.exitcode is not None, "it hangs"
        out, err = (Path(file).read_text(encoding="utf-8") for file in self._command.files)
        return Ended(self._process.exitcode, out, err)

    def close(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._news.close()


@contextmanager
def running(
    *arguments: str, env: Mapping[str, str] | None = None, few_examples: bool = False, awaiting: str | None = None
) -> Iterator[Running]:
    """A command, ended with the block."""
    with TemporaryDirectory() as folder:
        files = f"{folder}/stdout", f"{folder}/stderr"
        command = Command(arguments, environment() if env is None else env, few_examples, awaiting, files)
        run = Running(command)
        try:
            yield run
        finally:
            run.close()


def run_forked(*arguments: str, env: Mapping[str, str] | None = None, few_examples: bool = False) -> Ended:
    """A command that ends by itself."""
    with running(*arguments, env=env, few_examples=few_examples) as command:
        return command.ended()


def _carry_out(command: Command, sender: "Connection[None, None]") -> None:
    for number, file in enumerate(command.files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(command.env)
    os.chdir(ROOT)
    if command.few_examples:
        PROFILES["dev"] = settings(PROFILES["dev"], max_examples=2, stateful_step_count=8)
    if command.awaiting is not None:
        _tell_of(command.awaiting, sender)
    sys.argv = ["gpu-sim", *command.arguments]
    main()


def _tell_of(beginning: str, sender: "Connection[None, None]") -> None:
    """Send a message once such a request is sent and its answer waited for."""
    send = httpx.HTTPTransport.handle_request

    def trace(event: str, _: dict[str, Any]) -> None:
        if event == "http11.receive_response_headers.started":
            sender.send(None)

    def traced(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        if f"{request.method} {request.url.path}".startswith(beginning):
            httpx.HTTPTransport.handle_request = send  # type: ignore[method-assign]  # as it was before
            request.extensions = {**request.extensions, "trace": trace}
        return send(self, request)

    httpx.HTTPTransport.handle_request = traced  # type: ignore[method-assign]  # in this process alone
