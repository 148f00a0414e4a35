"""One request at a time over a socket, byte by byte, on a server whose world is as new for each."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from gpu_sim import serve_in_thread
from gpu_sim.server import serving as server

from ...support.asgi import RENT, scenario
from ...support.wire_client import AUTHORIZED, connect, without_complaints


def request_text(target: str, *headers: str) -> bytes:
    """A request to the API with these headers: a rent for POST."""
    body = json.dumps(RENT) if target.startswith("POST") else ""
    about_body = ("content-type: application/json", f"content-length: {len(body)}") if body else ()
    lines = "".join(f"{header}\r\n" for header in (*headers, *about_body))
    return f"{target} HTTP/1.1\r\n{AUTHORIZED}{lines}\r\n{body}".encode()


class Seen(NamedTuple):
    """What came over the socket: a status or 0, the headers (lines of one name joined), the body, and the end."""

    status: int
    headers: dict[str, str]
    body: bytes
    ending: str


class Bench:
    """A server, calls of its control plane, and one request of the API byte by byte."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._control = HTTPConnection(urlsplit(url).netloc, timeout=20)
        self._answers: dict[tuple[str, str], Seen] = {}

    def close(self) -> None:
        """Close the connection for calls."""
        self._control.close()

    def call(self, method: str, path: str, content: object = None) -> Any:
        """A call of the control plane."""
        body = None if content is None else json.dumps(content)
        self._control.request(method, f"/_sim/{path}", body, {"content-type": "application/json"})
        answer = self._control.getresponse()
        text = answer.read()
        assert answer.status < 300, text
        return json.loads(text)

    def begin(self, operation: str) -> str:
        """The world at its start, with the rental that the operation is about; answers with the request's target."""
        self.call("POST", "reset", {})
        if operation == "list_offers":
            return "GET /v1/gpu/offers"
        if operation == "rent_gpu":
            return "POST /v1/gpu/rent"
        rented = json.loads(self.ask("POST /v1/gpu/rent", "open").body)["rental_id"]
        return f"{'GET' if operation == 'get_rental' else 'DELETE'} /v1/gpu/rentals/{rented}"

    def own(self, operation: str, delay: str) -> Seen:
        """The answer without a fault, to the request at the instant at which a delay lets it through."""
        if (operation, delay) not in self._answers:
            target = self.begin(operation)
            if delay == "delayed":
                self.call("POST", "clock/advance", {"by": "10m"})
            self._answers[operation, delay] = self.ask(target, "open")
        return self._answers[operation, delay]

    def ask(self, target: str, ending: str) -> Seen:
        """One request; what comes until it is complete on a connection that is to stay open, else until the end."""
        with connect(self.url) as connection:
            connection.sendall(request_text(target, "x-request-id: mine"))
            if ending != "open":
                return parsed(*until_the_end(connection))
            seen = parsed(complete(connection), "open")
            # What stays open is in order: the next request gets its answer.
            connection.sendall(f"GET /v1/gpu HTTP/1.1\r\n{AUTHORIZED}\r\n".encode())
            assert complete(connection).startswith(b"HTTP/1.1 404 ")
            return seen


def until_the_end(connection: socket.socket) -> tuple[bytes, str]:
    """All bytes until the server ends the connection, and how it did."""
    received = b""
    try:
        while more := connection.recv(65_536):
            received += more
    except ConnectionResetError:
        return received, "reset"
    return received, "closed"


def complete(connection: socket.socket) -> bytes:
    """The bytes of one answer that says itself how long it is."""
    received = b""
    while True:
        head, end, body = received.partition(b"\r\n\r\n")
        if end:
            lines = head.lower()
            if b"chunked" in lines:
                if body.endswith(b"0\r\n\r\n"):
                    return received
            elif b"content-length: " not in lines:
                assert head.startswith(b"HTTP/1.1 204"), head
                return received
            elif len(body) >= int(lines.partition(b"content-length: ")[2].split(b"\r\n")[0]):
                return received
        more = connection.recv(65_536)
        assert more, received
        received += more


def parsed(received: bytes, ending: str) -> Seen:
    """An answer's bytes taken apart, chunks put together."""
    if not received:
        return Seen(0, {}, b"", ending)
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        name = name.lower()
        headers[name] = f"{headers[name]}\n{value}" if name in headers else value
    if headers.get("transfer-encoding") == "chunked":
        chunks = body
        body = b""
        while chunks:
            size, _, rest = chunks.partition(b"\r\n")
            body += rest[: int(size, 16)]
            chunks = rest[int(size, 16) + 2 :]
    del headers["date"]
    return Seen(int(first.split()[1]), headers, body, ending)


@contextmanager
def benched(protocol: type, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A server with this HTTP parser, which must not log an error."""
    monkeypatch.setattr(server, "AutoHTTPProtocol", protocol)
    with without_complaints(), serve_in_thread(scenario()) as ready, closing(Bench(ready.url)) as bench:
        yield bench
