"""Raw requests over a real socket, for what a client library would never send, to a server that must not complain."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from gpu_sim import serve_in_thread
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.server.serving import Ready

from .asgi import ALICE, scenario

AUTHORIZED = f"host: localhost\r\nauthorization: Bearer {ALICE}\r\n"


class WireAnswer(NamedTuple):
    """The first answer on a connection, complete or cut off where the server closed."""

    status: int
    headers: dict[str, str]
    body: bytes


def connect(url: str) -> socket.socket:
    """A connection to the server; what hangs fails."""
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    return socket.create_connection((address.hostname, address.port), timeout=20)


def read_answer(connection: socket.socket, *, head: bool = False) -> WireAnswer:
    """The next answer; a body has the length that it says, and none to HEAD."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65_536)
        assert more, received
        received += more
    start, _, body = received.partition(b"\r\n\r\n")
    first, *lines = start.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while not head and len(body) < int(headers.get("content-length", "0")):
        more = connection.recv(65_536)
        assert more, body
        body += more
    return WireAnswer(int(first.split()[1]), headers, body)


def is_closed(connection: socket.socket) -> bool:
    """True if the server ends the connection without another byte."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def send_alone(url: str, request: bytes) -> WireAnswer:
    """One request on a connection of its own."""
    with connect(url) as connection:
        connection.sendall(request)
        return read_answer(connection, head=request.startswith(b"HEAD "))


@contextmanager
def without_complaints(*loggers: str) -> Iterator[None]:
    """A block in which these loggers log no error, by default uvicorn's."""
    complaints = _Complaints()
    listened_to = [logging.getLogger(name) for name in loggers or ("uvicorn.error",)]
    for logger in listened_to:
        logger.addHandler(complaints)
    try:
        yield
    finally:
        for logger in listened_to:
            logger.removeHandler(complaints)
    assert complaints.said == []


class _Complaints(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


@contextmanager
def serving_in_thread(conditions: Scenario | None = None) -> Iterator[Ready]:
    """A server that logs no error until it has ended, nor does uvicorn."""
    with (
        without_complaints("uvicorn.error", "gpu_sim", "asyncio"),
        serve_in_thread(scenario() if conditions is None else conditions) as ready,
    ):
        yield ready
