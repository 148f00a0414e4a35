"""Random requests to all routes of a server in a process: `python -m tests.commands.hostile.fuzz_http`.

Many go on one connection. None may give a 5xx that was not asked for, an answer in another form than the contract's, or
a traceback; no token may be on stderr, and memory, descriptors and tasks must not grow. A failure prints the `--seed`
that leads to it again.
"""

import re
import socket
from collections import Counter
from random import Random

from .fuzzed_server import ANSWER_SECONDS_MAX, FuzzedServer, ServerFailed, command
from .random_requests import random_request, request_bytes

REQUESTS_PER_ROUND = 100
_LEFT_WORLDS = re.compile(rb'"world":"(world-\d+|other)"').findall
_length = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE).search
_REFUSALS = frozenset((400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422))


class Answers:
    """The answers on a connection, in order."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self._at = 0

    def next(self, method: str) -> tuple[int, bytes, bytes] | None:
        """Status, head and body of the next one; None where the connection ends before it is whole."""
        while (end := self._received.find(b"\r\n\r\n", self._at)) < 0:
            if not self._receive():
                return None
        head = self._received[self._at : end]
        length = _length(head)
        if length is None and b"\r\ntransfer-encoding: chunked" in head and method != "HEAD":
            while self._receive():  # a stream of events, which ends with the connection or never
                if b"\r\n0\r\n\r\n" in self._received[end:]:
                    break
            return None
        size = 0 if length is None or method == "HEAD" else int(length[1])
        begin = end + 4
        while len(self._received) < begin + size:
            if not self._receive():
                return None
        self._at = begin + size
        return int(head[9:12]), head, self._received[begin : self._at]

    def _receive(self) -> bool:
        try:
            more = self._connection.recv(1 << 18)
        except ConnectionError:
            return False
        self._received += more
        return bool(more)


def check(method: str, answer: tuple[int, bytes, bytes]) -> None:
    """Raises ServerFailed for an answer that no server of this contract gives."""
    status, head, body = answer
    lowered = head.lower()
    if b"\r\nx-sim-fault: " in lowered:
        return
    if b"\r\nx-request-id: " not in lowered or b"\r\nx-sim-now: " not in lowered:
        raise ServerFailed(f"an answer without its headers: {head!r}")
    if status < 400:
        return
    if status not in _REFUSALS:
        raise ServerFailed(f"an answer of {status}: {head!r} {body[:300]!r}")
    if method != "HEAD" and not body.startswith((b'{"error":{"message":', b'{"type":"urn:gpu-sim:')):
        raise ServerFailed(f"a refusal in no known form: {head!r} {body[:300]!r}")


class Fuzz:
    """Rounds of requests to one server, and what came of them."""

    steps_per_look = 50

    def __init__(self, server: FuzzedServer) -> None:
        self.server = server
        self.sent = 0
        self.cut = 0
        self.statuses: Counter[int] = Counter()
        self.worlds: list[str] = []

    def close(self) -> None:
        """Nothing is left open."""

    def figures(self) -> list[str]:
        """The answers by their status."""
        answers = ", ".join(f"{status} × {number:,}" for status, number in sorted(self.statuses.items()))
        return [f"answers: {answers}; {self.cut:,} cut off"]

    def step(self, seed: int) -> None:
        """The requests that follow from a seed, on one connection as long as the server leaves it open."""
        random = Random(seed)
        requests = [*self._beginning(), *(random_request(random) for _ in range(REQUESTS_PER_ROUND))]
        while requests:
            requests = self._on_one_connection(requests)

    def _beginning(self) -> list[tuple[str, bytes]]:
        """Every round begins with one world and one of Alice's rentals."""
        deleted = [("DELETE", request_bytes("DELETE", f"/_sim/worlds/{name}", None)) for name in self.worlds]
        self.worlds = []
        reset = request_bytes("POST", "/_sim/reset?world=default", b"{}", more="content-type: application/json\r\n")
        return [*deleted, ("POST", reset)]

    def _on_one_connection(self, requests: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        """Send requests and read their answers; those behind the one where the connection ended are left."""
        with socket.create_connection(self.server.address, ANSWER_SECONDS_MAX) as connection:
            batch = requests[:30]  # few enough for the buffers of both sides
            connection.sendall(b"".join(request for _, request in batch))
            answers = Answers(connection)
            for number, (method, request) in enumerate(batch, 1):
                self.sent += 1
                try:
                    answer = None if b"event-stream" in request else answers.next(method)
                except TimeoutError:
                    raise ServerFailed(f"no answer to {request!r}") from None
                if answer is None:
                    self.cut += 1
                    return requests[number:]
                try:
                    check(method, answer)
                except ServerFailed as error:
                    raise ServerFailed(f"{error} to {request!r}") from None
                self.statuses[answer[0]] += 1
                if answer[0] == 201:
                    self.worlds += [name.decode() for name in _LEFT_WORLDS(answer[2])]
        return requests[len(batch) :]


if __name__ == "__main__":
    command(__doc__, Fuzz)
