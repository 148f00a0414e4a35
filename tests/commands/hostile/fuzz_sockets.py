"""Hostile connections to a server in a process: `python -m tests.commands.hostile.fuzz_sockets --requests 1000000`.

Requests are pipelined, split, cut off, changed in some bytes, given broken chunks, lengths and heads, or never read;
clients abort, close one side, and leave connections open with half a head. None may give a 5xx that was not asked for
or a traceback; no token may be on stderr, memory, descriptors and tasks must not grow, and the server stays healthy. A
failure prints the `--seed` that leads to it again.
"""

import socket
import struct
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random

from .fuzzed_server import ANSWER_SECONDS_MAX, FuzzedServer, ServerFailed, command
from .random_requests import random_request, request_bytes

_LEFT_OPEN_MAX = 100
_QUIET_SECONDS = 0.05
"""The longest wait for an answer to what may be no whole request."""

_RESET = struct.pack("ii", 1, 0)
_LAST = request_bytes("GET", "/_sim/ready?world=default", None, more="connection: close\r\n")
"""A request after which the server closes, so that what was sent before it is over."""

_LEAVE = request_bytes("POST", "/_sim/reset?world=default", b"{}", more="content-type: application/json\r\n")
_HEAD = request_bytes("POST", "/v1/gpu/rent", None, more="content-type: application/json\r\n")[:-2]
_CHUNKED = _HEAD + b"transfer-encoding: chunked\r\n\r\n"
_BROKEN = [
    *(
        b"5\r\nhello\r\n",
        b"zz\r\n",
        b"-1\r\nx\r\n",
        b"5\r\nhelloX",
        b"fffffffffffff\r\nx",
        b"5;a=b\r\nhello\r\n0\r\n",
    ),
    *(b"0\r\nx: y\r\n\r\n", b"0\r\n" + b"x: y\r\n" * 300, b"0;" + b"a" * 70_000, b"\r\n", b"5\nhello\n0\n\n", b""),
]
_HEADS = [
    *(b"GARBAGE\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"),
    *(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET  /  HTTP/1.1\r\n\r\n", b"\r\n" * 100, b"\x00" * 100, b"GET\r\n"),
    *(_HEAD + b"content-length: x\r\n\r\n", _HEAD + b"content-length: -5\r\n\r\n", _HEAD + b"bad header\r\n\r\n"),
    *(_HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello", _HEAD + b"content-length: 99999999999\r\n\r\n"),
    *(_HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\nhello", _HEAD + b"x: " + b"a" * 70_000),
    *(_HEAD + b"x: y\r\n" * 20_000, b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", _HEAD + b"x: y\r\n z\r\n\r\n"),
    *(_HEAD + b"upgrade: websocket\r\nconnection: upgrade\r\n\r\n", _HEAD + b"expect: 100-continue\r\n\r\n"),
    *(
        b"GET http://evil.example/_sim/clock HTTP/1.1\r\n\r\n",
        b"CONNECT x HTTP/1.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
    ),
]


class Fuzz:
    """Connections to one server, and what came of them."""

    steps_per_look = 200

    def __init__(self, server: FuzzedServer) -> None:
        self.server = server
        self.sent = 0
        self.answered = 0
        self.kinds: Counter[str] = Counter()
        self._left_open: list[socket.socket] = []

    def step(self, seed: int) -> None:
        """One connection of a kind that follows from the seed, as all that is sent on it does."""
        random = Random(seed)
        kind = random.choice(KINDS)
        self.kinds[kind.__name__.strip("_")] += 1
        with socket.create_connection(self.server.address, ANSWER_SECONDS_MAX) as connection:
            try:
                kind(self, random, connection)
            except ConnectionError:
                pass  # the server has closed it, as it may
            except TimeoutError:
                raise ServerFailed(f"no answer and no end ({kind.__name__})") from None

    def figures(self) -> list[str]:
        """The answers, and the connections by their kind."""
        connections = ", ".join(f"{kind} × {number:,}" for kind, number in sorted(self.kinds.items()))
        return [f"{self.answered:,} answered", f"connections: {connections}"]

    def close(self) -> None:
        """Close what was left open."""
        while self._left_open:
            self._left_open.pop().close()

    def _requests(self, random: Random, most: int) -> list[bytes]:
        requests = [random_request(random)[1] for _ in range(random.randrange(1, most))]
        self.sent += len(requests)
        return [request for request in requests if b"event-stream" not in request]

    def _read(self, connection: socket.socket) -> None:
        """Read to the end of the connection."""
        received = []
        try:
            while more := connection.recv(1 << 18):
                received.append(more)
        finally:
            answers = b"".join(received)
            self.answered += answers.count(b"HTTP/1.1 ")
            self.server.check_answers(answers)

    def _read_some(self, connection: socket.socket) -> None:
        """Read for a while: what was sent may be no whole request."""
        connection.settimeout(_QUIET_SECONDS)
        with suppress(TimeoutError):
            self._read(connection)

    def _pipelined(self, random: Random, connection: socket.socket) -> None:
        connection.sendall(b"".join((*self._requests(random, 60), _LEAVE, _LAST)))
        self._read(connection)

    def _split(self, random: Random, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        whole = b"".join((*self._requests(random, 20), _LAST))
        while whole:
            size = random.choice((1, 2, 7, 100, 1_000))
            connection.send(whole[:size])
            whole = whole[size:]
        self._read(connection)

    def _changed(self, random: Random, connection: socket.socket) -> None:
        whole = bytearray(b"".join((*self._requests(random, 20), _LAST)))
        for _ in range(random.randrange(1, 6)):
            at = random.randrange(len(whole))
            whole[at : at + random.randrange(3)] = random.randbytes(random.randrange(3))
        connection.sendall(whole)
        self._read_some(connection)

    def _cut_off(self, random: Random, connection: socket.socket) -> None:
        whole = b"".join(self._requests(random, 40))
        connection.sendall(whole[: random.randrange(len(whole) + 1)])
        if random.random() < 0.3:
            connection.shutdown(socket.SHUT_WR)
            self._read(connection)

    def _aborted(self, random: Random, connection: socket.socket) -> None:
        connection.sendall(b"".join(self._requests(random, 60)))
        if random.random() < 0.5:
            self.server.check_answers(connection.recv(1 << 16))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _badly_framed(self, random: Random, connection: socket.socket) -> None:
        before = b"".join(self._requests(random, 10))
        chunks = b"".join(random.choice(_BROKEN) for _ in range(random.randrange(1, 4)))
        connection.sendall(before + _CHUNKED + chunks)
        self.sent += 1
        self._read_some(connection)

    def _bad_head(self, random: Random, connection: socket.socket) -> None:
        connection.sendall(b"".join((*self._requests(random, 10), random.choice(_HEADS))))
        self.sent += 1
        self._read_some(connection)

    def _left(self, random: Random, connection: socket.socket) -> None:
        """Half a head, or answers that nobody reads, on a connection that stays open for a while."""
        whole = b"".join(self._requests(random, 60))
        left = socket.create_connection(self.server.address, ANSWER_SECONDS_MAX)
        self._left_open.append(left)
        left.sendall(whole if random.random() < 0.5 else whole[: random.randrange(len(whole) + 1)])
        while len(self._left_open) > _LEFT_OPEN_MAX:
            self._left_open.pop(random.randrange(len(self._left_open))).close()


Kind = Callable[[Fuzz, Random, socket.socket], None]
KINDS: list[Kind] = [
    *[Fuzz._pipelined] * 6,
    *(Fuzz._split, Fuzz._cut_off, Fuzz._aborted, Fuzz._aborted, Fuzz._left),
    *(Fuzz._changed, Fuzz._badly_framed, Fuzz._bad_head),
]


if __name__ == "__main__":
    command(__doc__, Fuzz)
