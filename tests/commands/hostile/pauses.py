"""The longest pause that one request imposes on another: `python -m tests.commands.hostile.pauses`.

While a request of each kind is answered, another client asks a server in a process for its health all the time, and the
longest wait for that is printed, beside the time and the size of the request. It measures time: on a busy machine the
first line, with no other request at all, says how much of it is the machine's.
"""

import argparse
import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gpu_sim import __version__
from gpu_sim.worlds.snapshot import FORMAT

from ...support import loopback
from ...support.asgi import RENT
from .fuzzed_server import FuzzedServer, fuzzed_server
from .random_requests import request_bytes

_JSON = "content-type: application/json\r\n"
_HEALTH = request_bytes("GET", "/_sim/ready", None)
_RECEIVED = 1 << 18


class Pause(NamedTuple):
    """What a kind of request came to: its answer, the seconds that it took, and the longest wait of another client."""

    status: int
    seconds: float
    longest: float
    sent: int


class Watch:
    """A client that asks for health all the time, and the longest wait for an answer."""

    def __init__(self, server: FuzzedServer) -> None:
        self._address = server.address
        self._stopped = threading.Event()
        self.longest = 0.0
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with socket.create_connection(self._address) as connection:
            while not self._stopped.is_set() or not self.longest:
                began = time.perf_counter()
                connection.sendall(_HEALTH)
                answer = b""
                while not answer.endswith(b'{"status":"ready"}'):
                    answer += connection.recv(_RECEIVED)
                self.longest = max(self.longest, time.perf_counter() - began)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()


def measure(server: FuzzedServer, sent: bytes) -> Pause:
    """Send what is one request, or what the server takes for one, while another client asks for health."""
    with Watch(server) as watch, socket.create_connection(server.address, 600) as connection:
        began = time.perf_counter()
        first = b""
        try:
            connection.sendall(sent)
            while more := connection.recv(_RECEIVED):
                first = first or more
        except ConnectionError:  # cut off for its size
            pass
        seconds = time.perf_counter() - began
    return Pause(int(first[9:12] or b"0"), seconds, watch.longest, len(sent))


def put(target: str, body: bytes, method: str = "POST") -> bytes:
    return request_bytes(method, target, body, more=_JSON + "connection: close\r\n")


def get(target: str) -> bytes:
    return request_bytes("GET", target, None, more="connection: close\r\n")


def kinds(megabytes: int, snapshot: bytes) -> dict[str, Callable[[], bytes]]:
    """What is sent, by its name; snapshots have so many megabytes."""
    size = megabytes << 20
    head = json.dumps({"snapshot": FORMAT, "version": __version__, "checksum": "x"}).encode()[:-1]
    twice = b'{%b,"z":0,"z":0}' % b",".join(b'"%d":0' % number for number in range(100_000))
    accounts = json.dumps({"scenario": {"name": "x", "accounts": [{"name": f"a{number}"} for number in range(40_000)]}})
    return {
        "a key twice, 1 MB": lambda: put("/_sim/worlds", twice),
        "a head of 20 MB": lambda: b"GET / HTTP/1.1\r\nx: " + b"a" * (20 << 20),
        "10,000 requests ahead": lambda: b"GET /x HTTP/1.1\r\n\r\n" * 9_999 + get("/x"),
        "a world of 40,000 accounts": lambda: put("/_sim/worlds", accounts.encode()),
        "junk as snapshot": lambda: put("/_sim/snapshot", b"[" * size, "PUT"),
        "a damaged snapshot": lambda: put("/_sim/snapshot", head + b',"world":' + b"[1]" * (size // 3) + b"}", "PUT"),
        "a damaged snapshot with spaces": lambda: put(
            "/_sim/snapshot", head + b', "world": [1' + b" ,1" * (min(size, 3 << 20) // 3) + b"]}", "PUT"
        ),
        "a damaged snapshot with escapes": lambda: put(
            "/_sim/snapshot", head + b',"world":["' + b"\\n" * (min(size, 3 << 20) // 2) + b'"]}', "PUT"
        ),
        "a valid snapshot": lambda: put("/_sim/snapshot?world=other", snapshot, "PUT"),
        "its download": lambda: get("/_sim/snapshot?world=default"),
        "all events": lambda: get("/_sim/events?world=default&limit=1000000"),
        "all ledger entries": lambda: get("/_sim/ledger?world=default&limit=1000000"),
        "all rentals": lambda: get("/_sim/rentals?world=default&limit=1000000"),
        "events by filters": lambda: get("/_sim/events?world=default&account=alice&type=act_started,rental_hidden"),
        "all events by a filter": lambda: get("/_sim/events?world=default&account=alice&order=desc&limit=1000000"),
        "ledger entries by a filter": lambda: get("/_sim/ledger?world=default&type=credit_added"),
        "rentals by filters": lambda: get("/_sim/rentals?world=default&status=running&provider=vast-ai&order=desc"),
        "the journal": lambda: get("/_sim/journal?world=default"),
        "an advance of 300 days": lambda: put("/_sim/clock/advance?world=default", b'{"by":"300d"}'),
    }


def fill(server: FuzzedServer, rentals: int) -> bytes:
    """Rent and end so many rentals, and make a second world; the snapshot of the first."""
    with loopback.Client(base_url=server.url, timeout=600, headers={"authorization": "Bearer si_test_alice"}) as client:
        client.post("/_sim/accounts/alice/credit", json={"amount": "900000"})
        for _ in range(rentals):
            rental = client.post("/v1/gpu/rent", json=RENT).json()
            client.delete(f"/v1/gpu/rentals/{rental['rental_id']}")
        client.post("/_sim/worlds", json={"name": "other"})
        return client.get("/_sim/snapshot?world=default").content


def run(server: FuzzedServer, *, megabytes: int, rentals: int) -> dict[str, Pause]:
    """The pauses of each kind of request."""
    pauses = {"nothing": measure(server, get("/_sim/ready"))}
    for name, sent in kinds(megabytes, fill(server, rentals)).items():
        pauses[name] = measure(server, sent())
    return pauses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100, help="of junk and damaged snapshots")
    parser.add_argument("--rentals", type=int, default=5_000, help="in the world that is listed and downloaded")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, fuzzed_server(Path(folder)) as server:
        pauses = run(server, megabytes=arguments.megabytes, rentals=arguments.rentals)
    for name, pause in pauses.items():
        figures = f"{pause.longest * 1000:7.0f} ms  in {pause.seconds:6.2f} s  status {pause.status or 'none'}"
        print(f"{name:<32}{figures}  {pause.sent / 1e6:8.2f} MB sent")


if __name__ == "__main__":
    main()
