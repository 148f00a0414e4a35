"""Clients that send nothing more of a body, or never read their answers, over a real socket."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from urllib.parse import urlsplit

import pytest
from gpu_sim.api import guarded_protocol
from gpu_sim.api.guarded_protocol import GuardedProtocol
from gpu_sim.core.kernel.quantities import Factor
from gpu_sim.core.scenario.catalog import CatalogSpec, Generate
from gpu_sim.core.scenario.market_settings import MarketSettings, PriceSettings
from gpu_sim.server import serving as server
from gpu_sim.server.listening_socket import listen
from gpu_sim.server.serving import Ready

from ..support import loopback
from ..support.asgi import scenario
from ..support.wire_client import AUTHORIZED, connect, is_closed, read_answer, serving_in_thread

PATIENCE_MS = 20_000
BUSY = MarketSettings(catalog=CatalogSpec(Generate(50)), prices=PriceSettings(activity=Factor(5_000_000)))

# Bodies

CREDIT = f"POST /_sim/accounts/alice/credit HTTP/1.1\r\n{AUTHORIZED}content-type: application/json\r\n"


@pytest.mark.parametrize("framing", ["content-length: 17\r\n\r\n", "transfer-encoding: chunked\r\n\r\n11\r\n"])
@pytest.mark.parametrize("begun", ["", '{"amo'])
def test_a_body_that_does_not_go_on_closes_the_connection(
    either: Ready, framing: str, begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded_protocol, "STALL_SECONDS_MAX", 0.05)
    with connect(either.url) as connection:
        connection.sendall(f"{CREDIT}{framing}{begun}".encode())
        assert is_closed(connection)
    assert loopback.get(f"{either.url}/_sim/accounts").json()["data"][0]["balance"] == "1.000000"


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_look_at_a_body_finds_whether_more_has_come(
    either: Ready, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    """Since the last look: what comes slowly is read."""
    protocols, looked = SimpleQueue[GuardedProtocol](), threading.Event()
    receive = GuardedProtocol.data_received

    def receive_and_tell(protocol: GuardedProtocol, data: bytes) -> None:
        receive(protocol, data)
        protocols.put(protocol)

    def look(protocol: GuardedProtocol) -> None:
        protocol._look_at_body()
        looked.set()

    monkeypatch.setattr(GuardedProtocol, "data_received", receive_and_tell)
    with connect(either.url) as connection:
        connection.sendall(f"{CREDIT}content-length: 15\r\n\r\n".encode())
        protocol = protocols.get(timeout=PATIENCE_MS / 1000)
        for part in ('{"amount', '":"2') if goes_on else ("",):
            connection.sendall(part.encode())
            if part:
                protocols.get(timeout=PATIENCE_MS / 1000)
            looked.clear()
            protocol.loop.call_soon_threadsafe(look, protocol)
            assert looked.wait(PATIENCE_MS / 1000)
        if not goes_on:
            assert is_closed(connection)
            return
        connection.sendall(b'0"}')
        assert read_answer(connection).status == 200


def test_the_time_of_a_client_that_waits_to_be_asked_for_its_body_does_not_run(
    either: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look before it is asked, and the next one just afterwards, both leave it alone; the one after that does not."""
    receive, protocols, looked = GuardedProtocol.data_received, SimpleQueue[GuardedProtocol](), threading.Event()

    def receive_and_look(protocol: GuardedProtocol, data: bytes) -> None:
        receive(protocol, data)
        protocol._look_at_body()  # before the application has had its turn, which asks
        protocols.put(protocol)

    def look_twice(protocol: GuardedProtocol) -> None:
        protocol._look_at_body()
        closing.append(protocol.transport.is_closing())
        protocol._look_at_body()
        closing.append(protocol.transport.is_closing())
        looked.set()

    closing: list[bool] = []
    monkeypatch.setattr(GuardedProtocol, "data_received", receive_and_look)
    with connect(either.url) as connection:
        connection.sendall(f"{CREDIT}expect: 100-continue\r\ncontent-length: 15\r\n\r\n".encode())
        assert read_answer(connection).status == 100
        protocol = protocols.get(timeout=PATIENCE_MS / 1000)
        protocol.loop.call_soon_threadsafe(look_twice, protocol)
        assert looked.wait(PATIENCE_MS / 1000)
        assert is_closed(connection)
    assert closing == [False, True]


# Readers


@contextmanager
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The servers that start within the block send with little room in the kernel."""

    def listen_small(host: str, port: int) -> socket.socket:
        listening = listen(host, port)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        return listening

    monkeypatch.setattr(server, "listen", listen_small)
    yield


@contextmanager
def no_reader(url: str, request: str) -> Iterator[socket.socket]:
    """A client that asks and has little room for the answer, none of which it has read yet."""
    address = urlsplit(url)
    with socket.socket() as connection:
        connection.settimeout(PATIENCE_MS / 1000)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect((address.hostname, address.port))
        connection.sendall(request.encode())
        yield connection


def is_reset(connection: socket.socket) -> bool:
    """True once the server has reset the connection, though nothing is read."""
    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(PATIENCE_MS))


@pytest.mark.parametrize(
    ("path", "times"),
    [
        pytest.param("/docs/swagger-ui-bundle.js", 1, id="a long answer"),
        pytest.param("/docs/swagger-ui-bundle.js", 5, id="long answers"),
        pytest.param("/_sim/market", 40, id="the end of many"),
    ],
)
def test_a_client_that_never_reads_is_cut_off(monkeypatch: pytest.MonkeyPatch, path: str, times: int) -> None:
    monkeypatch.setattr(guarded_protocol, "STALL_SECONDS_MAX", 0.05)
    request = f"GET {path} HTTP/1.1\r\n{AUTHORIZED}\r\n" * times
    with small_buffers(monkeypatch), serving_in_thread() as ready, no_reader(ready.url, request) as connection:
        assert is_reset(connection)


def test_a_client_that_reads_slowly_gets_all_of_a_long_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_protocol, "STALL_SECONDS_MAX", 0.2)
    request = f"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\n{AUTHORIZED}connection: close\r\n\r\n"
    with small_buffers(monkeypatch), serving_in_thread() as ready:
        whole = loopback.get(f"{ready.url}/docs/swagger-ui-bundle.js").content
        with no_reader(ready.url, request) as connection:
            received = b""
            while more := connection.recv(2_048):
                received += more
    assert received.endswith(whole)


def test_a_stream_whose_client_never_reads_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_protocol, "STALL_SECONDS_MAX", 0.05)
    request = f"GET /_sim/events?after=0 HTTP/1.1\r\n{AUTHORIZED}accept: text/event-stream\r\n\r\n"
    busy = scenario(market=BUSY, journal="full")
    with small_buffers(monkeypatch), serving_in_thread(busy) as ready:
        loopback.post(f"{ready.url}/_sim/clock/advance", json={"by": "2d"}, timeout=PATIENCE_MS / 1000)
        with no_reader(ready.url, request) as connection:
            assert is_reset(connection)
        for _ in range(1_000):
            figures = loopback.get(f"{ready.url}/metrics").text
            if "gpu_sim_event_streams 0.0\n" in figures:
                break
    assert "gpu_sim_event_streams_dropped_total 1.0\n" in figures
