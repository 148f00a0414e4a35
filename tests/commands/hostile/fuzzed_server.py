"""A server in a process of its own under random requests: its figures, what it says on stderr, and its health."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

from ...support import loopback
from ...support.asgi import ALICE, BOB
from ...support.processes import ROOT, environment

ANSWER_SECONDS_MAX = 20
GROWTH_MB_MAX = 16.0
GROWTH_TASKS_MAX = 2
GROWTH_DESCRIPTORS_MAX = 20
WARM_UP_SHARE = 5
"""A fifth of the requests come before growth is measured: until then the server's caches and logs fill."""

SECRETS = (ALICE.encode(), BOB.encode())
_PROGRAM = """
import asyncio, gc, os, signal
from gpu_sim.cli.main import main

def tell(number, frame):
    tasks = sum(isinstance(each, asyncio.Task) and not each.done() for each in gc.get_objects())
    os.write(1, b"tasks %d\\n" % tasks)

signal.signal(signal.SIGUSR1, tell)
main()
"""

_server_error = re.compile(rb"HTTP/1\.1 5\d\d [^\r\n]*\r\n(?:(?!x-sim-fault)[^\r\n]*\r\n)*?\r\n").search


class Figures(NamedTuple):
    """Of the server's process: resident memory, open descriptors, unfinished asyncio tasks."""

    resident_mb: float
    descriptors: int
    tasks: int


class ServerFailed(AssertionError):
    """The server did what it never may."""


class FuzzedServer:
    """A server that runs with a line on stderr for each API request, and what it must never do."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self.process = process
        self.url = url
        address = urlsplit(url)
        assert address.hostname is not None
        assert address.port is not None
        self.address = address.hostname, address.port
        self.stderr_bytes = 0
        self._complaint = b""
        self._warm: Figures | None = None
        self._reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._reader.start()

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        before = b""
        while read := os.read(self.process.stderr.fileno(), 1 << 18):
            self.stderr_bytes += len(read)
            seen = before + read
            if not self._complaint and (b"Traceback" in seen or any(secret in seen for secret in SECRETS)):
                self._complaint = seen[-4_000:]
            before = read[-200:]

    def figures(self) -> Figures:
        """The figures now."""
        process, stdout = self.process.pid, self.process.stdout
        assert stdout is not None
        os.kill(process, signal.SIGUSR1)
        # A request wakes it up, so that the signal is seen.
        loopback.get(f"{self.url}/_sim/ready", timeout=ANSWER_SECONDS_MAX)
        line = stdout.readline()
        while not line.startswith(b"tasks "):
            line = stdout.readline()
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        descriptors = len(os.listdir(f"/proc/{process}/fd"))
        return Figures(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, descriptors, int(line.split()[1]))

    def start_over(self) -> None:
        """Leave one world, at its beginning."""
        with loopback.Client(base_url=self.url, timeout=ANSWER_SECONDS_MAX) as client:
            for world in client.get("/_sim/worlds?limit=100000").json()["data"]:
                if world["name"] != "default":
                    client.delete(f"/_sim/worlds/{world['name']}")
            client.post("/_sim/reset?world=default")

    def check_answers(self, received: bytes) -> None:
        """Raises ServerFailed for an answer of 5xx that no fault asked for."""
        if b"HTTP/1.1 5" in received and (found := _server_error(received)) is not None:
            raise ServerFailed(f"an answer of 5xx: {received[found.start() : found.end() + 300]!r}")

    def check(self) -> None:
        """Raises ServerFailed where it has ended, is not healthy, or has said what it must not."""
        if self._complaint:
            raise ServerFailed(f"on stderr: {self._complaint.decode(errors='backslashreplace')}")
        if self.process.poll() is not None:
            raise ServerFailed(f"the server has ended with {self.process.returncode}")
        answer = loopback.get(f"{self.url}/_sim/health", timeout=ANSWER_SECONDS_MAX)
        if answer.status_code != 200:
            raise ServerFailed(f"health is {answer.status_code}: {answer.text}")

    def note_warmth(self, share: float) -> None:
        """Note the figures once a fifth of the requests is over: growth is measured from there."""
        if self._warm is None and share * WARM_UP_SHARE >= 1:
            self._warm = self.figures()

    def growth(self) -> tuple[Figures, Figures]:
        """The figures after a fifth of the requests, and now. Raises ServerFailed where they have grown."""
        # Connections that fuzzing left behind are closed by the server when it next looks.
        warm, now = self._warm or self.figures(), self.figures()
        if (
            now.resident_mb - warm.resident_mb > GROWTH_MB_MAX
            or now.tasks - warm.tasks > GROWTH_TASKS_MAX
            or now.descriptors - warm.descriptors > GROWTH_DESCRIPTORS_MAX
        ):
            raise ServerFailed(f"it grows: {warm} after a fifth, {now} at the end")
        return warm, now


@contextmanager
def fuzzed_server(folder: Path, scenario: Sequence[str] = ("--scenario", "calm")) -> Iterator[FuzzedServer]:
    """A server on a free port, until the block ends."""
    ready_file = folder / "ready.json"
    command = [sys.executable, "-c", _PROGRAM, "serve", *scenario, "--clock", "manual", "--port", "0", "--log-requests"]
    command += ["--scenario-dir", str(ROOT / "scenarios"), "--ready-file", str(ready_file)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert b"ready" in line, line
            yield FuzzedServer(process, json.loads(ready_file.read_text())["url"])
        finally:
            process.terminate()
            process.wait(30)


class Fuzz(Protocol):
    """What is sent to one server, step by step, and what came of it."""

    steps_per_look: int
    sent: int

    def step(self, seed: int) -> None:
        """Send what follows from the seed. Raises ServerFailed."""

    def close(self) -> None:
        """Close what was left open."""

    def figures(self) -> Sequence[str]:
        """What came of it, in lines."""


AnyFuzz = TypeVar("AnyFuzz", bound=Fuzz)


def run(server: FuzzedServer, fuzz: AnyFuzz, requests: int, seed: int) -> AnyFuzz:
    """Steps with this seed and those that follow it, until so many requests are sent. Raises ServerFailed with the seed
    that leads to it again: that of the step, or of the first one since the server was last looked at."""
    number, first = seed, seed

    def look() -> None:
        fuzz.close()
        try:
            server.start_over()
            server.check()
        except ServerFailed as error:
            raise ServerFailed(f"--seed {first} or one of those up to {number}: {error}") from None
        server.note_warmth(fuzz.sent / requests)

    try:
        while fuzz.sent < requests:
            try:
                fuzz.step(number)
            except ServerFailed as error:
                raise ServerFailed(f"--seed {number}: {error}") from None
            if (number - seed) % fuzz.steps_per_look == 0:
                look()
                first = number + 1
            number += 1
        look()
    finally:
        fuzz.close()
    return fuzz


def command(description: str | None, make: Callable[[FuzzedServer], Fuzz]) -> None:
    """Run the command line of a fuzzer."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first step")
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, fuzzed_server(Path(folder)) as server:
        fuzz = run(server, make(server), arguments.requests, arguments.seed)
        warm, end = server.growth()
    print(f"seed {arguments.seed}: {fuzz.sent:,} requests in {time.monotonic() - began:.0f} s")
    print("\n".join(fuzz.figures()))
    print(f"after a fifth: {warm}\nat the end:    {end}")
    print(f"on stderr: {server.stderr_bytes:,} bytes, no traceback, no token")
