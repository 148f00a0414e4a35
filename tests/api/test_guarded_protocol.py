"""Bounds of connections over a real socket, with both HTTP parsers where they have them: heads that are too large or
never end, many pipelined requests, clients that go away or never read."""

import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from gpu_sim.api import guarded_protocol
from gpu_sim.api.control import worlds as control_worlds
from gpu_sim.api.transport import Address, Connection, Connections
from gpu_sim.core.kernel.quantities import Factor
from gpu_sim.core.scenario.catalog import CatalogSpec, Generate
from gpu_sim.core.scenario.market_settings import MarketSettings, PriceSettings
from gpu_sim.server.serving import Ready
from gpu_sim.worlds.world import World
from gpu_sim.worlds.worlds import Worlds
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..support import loopback
from ..support.wire_client import AUTHORIZED, connect, is_closed, read_answer, serving_in_thread

GET = f"GET /v1/gpu/offers HTTP/1.1\r\n{AUTHORIZED}"
LIMIT = 64 << 10
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
PATIENCE_MS = 20_000
BUSY = MarketSettings(catalog=CatalogSpec(Generate(50)), prices=PriceSettings(activity=Factor(5_000_000)))


@pytest.fixture
def ready() -> Iterator[Ready]:
    with serving_in_thread() as ready:
        yield ready


def test_the_bounds_are_64_kib_15_and_60_seconds_and_100_requests() -> None:
    assert guarded_protocol.HEAD_BYTES_MAX == LIMIT
    assert (guarded_protocol.HEAD_SECONDS_MAX, guarded_protocol.STALL_SECONDS_MAX) == (15, 60)
    assert guarded_protocol.QUEUED_MAX == 100


def test_a_head_of_64_kib_is_read(ready: Ready) -> None:
    rest = "\r\nx: \r\n\r\n"
    with connect(ready.url) as connection:
        connection.sendall(f"{GET}x: {'a' * (LIMIT - len(GET) - len(rest) - 3)}{rest}".encode())
        assert read_answer(connection).status == 200


@pytest.mark.parametrize(
    "head",
    [
        f"{GET}x: {'a' * LIMIT}\r\n\r\n",
        f"{GET}{'x: aaaaaaaaaa' * 10}\r\n" + "x: a\r\n" * 20_000 + "\r\n",
        f"{GET}x: {'a' * 5_000_000}\r\n\r\n",
        f"GET /{'a' * 5_000_000} HTTP/1.1\r\n\r\n",
        f"{GET}{'x' * 5_000_000}",
        "\r\n" * 100_000,
        f"POST /v1/gpu/rent HTTP/1.1\r\n{AUTHORIZED}transfer-encoding: chunked\r\n\r\n0\r\nx: {'a' * 5_000_000}",
        f"POST /v1/gpu/rent HTTP/1.1\r\n{AUTHORIZED}transfer-encoding: chunked\r\n\r\n1;x={'a' * 5_000_000}",
    ],
    ids=["header", "headers", "long header", "long url", "name", "blank lines", "trailer", "chunk extension"],
)
def test_a_larger_head_is_refused_and_the_connection_closed(ready: Ready, head: str) -> None:
    with connect(ready.url) as connection:
        try:
            connection.sendall(head.encode())
        except ConnectionError:
            return  # closed before all was sent: the answer may be lost with it
        try:
            answer = read_answer(connection)
        except ConnectionError:
            return
        assert answer.status == 431
        assert is_closed(connection)


def test_a_head_that_is_just_too_large_is_told_so(ready: Ready) -> None:
    with connect(ready.url) as connection:
        connection.sendall(f"{GET}x: {'a' * LIMIT}\r\n\r\n".encode())
        answer = read_answer(connection)
        assert (answer.status, answer.headers["connection"]) == (431, "close")
        assert answer.body == b"the head of a request is above 65536 bytes\n"
        assert is_closed(connection)


@pytest.mark.parametrize("sent", ["", "GET", f"{GET}x: a", "\r\n"])
def test_a_head_that_does_not_come_closes_the_connection(
    either: Ready, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded_protocol, "HEAD_SECONDS_MAX", 0.01)
    with connect(either.url) as connection:
        connection.sendall(sent.encode())
        while not is_closed(connection):  # over h11 a blank line is answered with 400
            pass


def test_a_head_that_does_not_come_after_an_answer_closes_the_connection(
    either: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(either.url) as connection:
        connection.sendall(f"{GET}\r\n".encode())
        assert read_answer(connection).status == 200
        monkeypatch.setattr(guarded_protocol, "HEAD_SECONDS_MAX", 0.01)
        connection.sendall(b"G")
        assert is_closed(connection)


def test_a_request_that_takes_long_is_no_head_that_does_not_come(
    either: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded_protocol, "HEAD_SECONDS_MAX", 0.05)
    with connect(either.url) as connection:
        connection.sendall(f"{GET}x-sim: delay=200ms\r\n\r\nGET".encode())
        assert read_answer(connection).status == 200


def test_many_pipelined_requests_are_all_answered_in_order(either: Ready) -> None:
    targets = [f"/nothing/{number}" for number in range(2_000)]
    with connect(either.url) as connection:
        connection.sendall("".join(f"GET {target} HTTP/1.1\r\n{AUTHORIZED}\r\n" for target in targets).encode())
        received = b""
        while received.count(b"HTTP/1.1 404") < len(targets) or not received.endswith(b"}"):
            received += connection.recv(1 << 20)
    asked = [received.index(f'\\"{target}\\"'.encode()) for target in targets]
    assert asked == sorted(asked)


def test_of_pipelined_requests_few_are_parsed_ahead(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[None] = []
    parsed_ahead = []
    base = HttpToolsProtocol.on_message_begin
    done = HttpToolsProtocol.on_response_complete

    def on_message_begin(protocol: HttpToolsProtocol) -> None:
        begun.append(None)
        base(protocol)

    def on_response_complete(protocol: HttpToolsProtocol) -> None:
        parsed_ahead.append(len(protocol.pipeline))
        done(protocol)

    monkeypatch.setattr(HttpToolsProtocol, "on_message_begin", on_message_begin)
    monkeypatch.setattr(HttpToolsProtocol, "on_response_complete", on_response_complete)
    request, number = b"GET /x HTTP/1.1\r\n\r\n", 5_000
    with connect(ready.url) as connection:
        connection.sendall(request * number)
        received = b""
        while received.count(b"HTTP/1.1 404") < number or not received.endswith(b"}"):
            received += connection.recv(1 << 20)
    assert len(begun) == number
    assert max(parsed_ahead) <= guarded_protocol.QUEUED_MAX + (16 << 10) // len(request) + 1


@pytest.mark.parametrize(
    "first",
    [
        f"GET /v1/gpu/offers HTTP/1.1\r\n{AUTHORIZED}x-sim: delay=50ms\r\n\r\n",
        f"POST /_sim/worlds HTTP/1.1\r\n{AUTHORIZED}\r\n",
        f"GET /metrics HTTP/1.1\r\n{AUTHORIZED}\r\n",
    ],
)
def test_clients_that_pipeline_and_go_away_are_no_failures(either: Ready, first: str) -> None:
    last = f"GET /metrics HTTP/1.1\r\n{AUTHORIZED}\r\n"
    for _ in range(10):
        with connect(either.url) as connection:
            connection.sendall(f"GET /v1/gpu/offers HTTP/1.1\r\n{AUTHORIZED}\r\n{first}{last}{last}".encode())
            assert read_answer(connection).status == 200
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    assert loopback.get(f"{either.url}/_sim/health").status_code == 200


def test_a_world_whose_client_went_away_before_it_was_made_is_not_added(
    either: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, remove = control_worlds._build, Connections.remove
    added: list[str] = []
    begun, gone, built = threading.Event(), threading.Event(), threading.Event()

    def build_slowly(*arguments: Any) -> World:
        begun.set()
        assert gone.wait(PATIENCE_MS / 1000)
        try:
            return build(*arguments)
        finally:
            built.set()

    def remove_and_tell(registry: Connections, address: Address, connection: Connection) -> None:
        remove(registry, address, connection)
        gone.set()

    monkeypatch.setattr(control_worlds, "_build", build_slowly)
    monkeypatch.setattr(Connections, "remove", remove_and_tell)
    monkeypatch.setattr(Worlds, "add", lambda *given: added.append(given[1].name))
    with connect(either.url) as connection:
        connection.sendall(f"POST /_sim/worlds HTTP/1.1\r\n{AUTHORIZED}\r\n".encode())
        assert begun.wait(PATIENCE_MS / 1000)
    assert built.wait(PATIENCE_MS / 1000)
    for _ in range(20):  # the thread hands the world over within a turn or two of the event loop
        assert loopback.get(f"{either.url}/_sim/ready").status_code == 200
    assert added == []


def test_clients_that_reset_at_once_are_no_failures(either: Ready) -> None:
    request = f"GET /v1/gpu/offers HTTP/1.1\r\n{AUTHORIZED}x-sim: reset\r\n\r\n".encode()
    for _ in range(200):
        with connect(either.url) as connection:
            connection.sendall(request * 2)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    assert loopback.get(f"{either.url}/_sim/health").status_code == 200
