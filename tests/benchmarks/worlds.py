"""The cost of worlds over HTTP: `python tests/benchmarks/worlds.py`.

A server with many worlds side by side, each of which lists its offers once: how long it takes to make one, what it
adds to the server's resident memory, and what is left of that once all are deleted.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class Client:
    """One connection to a server, and the server's memory."""

    def __init__(self, url: str, pid: int) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        self._connection = HTTPConnection(address.hostname, address.port)
        self._pid = pid

    def call(self, method: str, path: str, content: Any = None, token: str | None = None) -> tuple[int, bytes]:
        """Status and body of the answer."""
        headers = {"content-type": "application/json"} | ({} if token is None else {"authorization": f"Bearer {token}"})
        self._connection.request(method, path, None if content is None else json.dumps(content), headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def resident_mb(self) -> float:
        """Resident memory of the server, in MB."""
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def serving(folder: Path) -> Iterator[Client]:
    """A server, ended by its id."""
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "gpu_sim", "serve", "--scenario", "calm", "--port", "0"]
    running = subprocess.Popen([*command, "--ready-file", str(ready)], stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if ready.exists():
                break
            time.sleep(0.05)
        told = json.loads(ready.read_text())
        yield Client(told["url"], told["pid"])
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(10)


def make(client: Client, count: int, scenario: str) -> list[float]:
    """So many worlds; how long each took to make, in ms."""
    took: list[float] = []
    for number in range(count):
        began = time.perf_counter()
        status, body = client.call("POST", "/_sim/worlds", {"name": f"w{number}", "scenario": scenario})
        took.append((time.perf_counter() - began) * 1e3)
        assert status == 201, body
        status, _ = client.call("GET", "/v1/gpu/offers", token=json.loads(body)["tokens"]["alice"])
        assert status == 200
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scenario", default="calm")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as client:
        make(client, 1, arguments.scenario)
        client.call("DELETE", "/_sim/worlds/w0")
        before = client.resident_mb()
        print(f"resident at start: {before:.1f} MB")
        for _ in range(arguments.rounds):
            took = sorted(make(client, arguments.worlds, arguments.scenario))
            full = client.resident_mb()
            began = time.perf_counter()
            for number in range(arguments.worlds):
                status, _ = client.call("DELETE", f"/_sim/worlds/w{number}")
                assert status == 204
            deletes = (time.perf_counter() - began) * 1e3 / arguments.worlds
            print(
                f"{arguments.worlds} worlds of {arguments.scenario}: made in {statistics.median(took):.2f} ms "
                f"(95 %: {took[len(took) * 95 // 100]:.2f}), {(full - before) * 1e3 / arguments.worlds:.0f} kB each; "
                f"deleted in {deletes:.2f} ms each; resident {full:.1f} MB, then {client.resident_mb():.1f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
