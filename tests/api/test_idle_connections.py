"""Idle connections: how long they are kept, what answers say of that, and a request at the last moment."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from gpu_sim import serve_in_thread
from gpu_sim.api import guarded_protocol
from gpu_sim.api.guarded_protocol import GuardedProtocol
from gpu_sim.server import serving as server
from gpu_sim.server.serving import Options, Ready
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..support import loopback
from ..support.asgi import Api, scenario
from ..support.wire_client import AUTHORIZED, connect, is_closed, read_answer, send_alone

OFFERS = f"GET /v1/gpu/offers HTTP/1.1\r\n{AUTHORIZED}"


@pytest.fixture(params=[HttpToolsProtocol, H11Protocol], ids=["httptools", "h11"])
def ready(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ready]:
    """A server with either HTTP parser of uvicorn."""
    monkeypatch.setattr(server, "AutoHTTPProtocol", request.param)
    with serve_in_thread(scenario()) as ready:
        yield ready


def said(url: str, request: str) -> str | None:
    """What the answer to a request says of idle connections."""
    return send_alone(url, request.encode()).headers.get("keep-alive")


def test_by_default_an_idle_connection_is_kept_75_s_which_is_longer_than_clients_pause() -> None:
    assert Options(scenario=scenario()).keep_alive == guarded_protocol.KEEP_ALIVE_SECONDS == 75


def test_what_answers_say_is_less_than_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that drops its connection when it was told to leaves a second for what is on its way."""
    given: list[float] = []
    configure = uvicorn.Config.__init__

    def configure_and_tell(config: uvicorn.Config, *arguments: Any, **named: Any) -> None:
        configure(config, *arguments, **named)
        given.append(config.timeout_keep_alive)

    monkeypatch.setattr(uvicorn.Config, "__init__", configure_and_tell)
    with serve_in_thread(scenario()) as ready:
        assert said(ready.url, f"{OFFERS}\r\n") == "timeout=75"
    assert given == [76]


def test_answers_say_how_long_an_idle_connection_is_kept(ready: Ready) -> None:
    for request in (
        f"{OFFERS}\r\n",
        f"{OFFERS}connection: keep-alive\r\n\r\n",
        f"HEAD /v1/gpu/offers HTTP/1.1\r\n{AUTHORIZED}\r\n",
        "GET /v1/gpu/offers HTTP/1.1\r\nhost: localhost\r\n\r\n",
        f"{OFFERS}x-sim: respond=503\r\n\r\n",
        f"{OFFERS}x-sim: malformed\r\n\r\n",
        f"POST /v1/gpu/rent HTTP/1.1\r\n{AUTHORIZED}content-length: 1\r\n\r\n{{",
        f"GET /_sim/health HTTP/1.1\r\n{AUTHORIZED}\r\n",
        f"DELETE /_sim/faults/x HTTP/1.1\r\n{AUTHORIZED}\r\n",
        f"GET /docs HTTP/1.1\r\n{AUTHORIZED}\r\n",
    ):
        assert said(ready.url, request) == "timeout=75", request


def test_answers_after_which_the_connection_is_closed_do_not_say_so(ready: Ready) -> None:
    for request in (
        f"{OFFERS}connection: close\r\n\r\n",
        f"{OFFERS}connection: Close\r\n\r\n",
        f"GET /v1/gpu/offers HTTP/1.0\r\n{AUTHORIZED}\r\n",
        f"POST /v1/gpu/rent HTTP/1.1\r\n{AUTHORIZED}content-length: 99999999\r\n\r\n",
        f"GET /_sim/events?after=0 HTTP/1.1\r\n{AUTHORIZED}accept: text/event-stream\r\n\r\n",
        "nonsense\r\n\r\n",
    ):
        assert said(ready.url, request) is None, request


def test_the_last_of_pipelined_requests_may_be_the_one_that_closes(ready: Ready) -> None:
    with connect(ready.url) as connection:
        head = f"HEAD /v1/gpu/offers HTTP/1.1\r\n{AUTHORIZED}"
        connection.sendall(f"{head}\r\n{head}connection: close\r\n\r\n".encode())
        received = b""
        while more := connection.recv(65_536):
            received += more
    first, last, _ = received.split(b"\r\n\r\n")
    assert b"keep-alive: timeout=75" in first
    assert b"keep-alive" not in last
    assert b"connection: close" in last.lower()


def test_in_process_nobody_speaks_for_a_connection(api: Api) -> None:
    assert api.call("GET", "/v1/gpu/offers").header("keep-alive") is None


def test_an_idle_connection_is_closed_when_its_time_is_over(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)
    with connect(ready.url) as connection:
        connection.sendall(f"{OFFERS}\r\n".encode())
        assert read_answer(connection).status == 200
        assert is_closed(connection)


def test_a_request_that_arrives_as_the_time_is_over_is_answered(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop is at the timer of the connection while the request lies in the kernel, unread."""
    is_over, is_sent = threading.Event(), threading.Event()
    end = GuardedProtocol.timeout_keep_alive_handler

    def end_when_sent(protocol: GuardedProtocol) -> None:
        is_over.set()
        assert is_sent.wait(20)
        end(protocol)

    monkeypatch.setattr(GuardedProtocol, "timeout_keep_alive_handler", end_when_sent)
    shorten(monkeypatch)
    with connect(ready.url) as connection:
        connection.sendall(f"{OFFERS}\r\n".encode())
        assert read_answer(connection).status == 200
        assert is_over.wait(20)
        connection.sendall(f"{OFFERS}\r\n".encode())
        is_sent.set()
        assert read_answer(connection).status == 200


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let connections that are made from now on be idle for a hundredth of a second and no longer."""
    make = GuardedProtocol.connection_made

    def connection_made(protocol: GuardedProtocol, transport: object) -> None:
        protocol.timeout_keep_alive = 0.01
        make(protocol, transport)  # type: ignore[arg-type]  # handed on as it is

    monkeypatch.setattr(GuardedProtocol, "connection_made", connection_made)


def test_idle_connections_end_with_the_server_however_long_they_might_be_kept() -> None:
    options = Options(scenario=scenario())
    assert options.keep_alive > server.SHUTDOWN_SECONDS_MAX
    with serve_in_thread(scenario()) as ready:
        idle = [connect(ready.url) for _ in range(20)]
        for connection in idle:
            connection.sendall(f"{OFFERS}\r\n".encode())
            assert read_answer(connection).status == 200
        client = loopback.Client()
        assert client.get(f"{ready.url}/_sim/ready").status_code == 200
    for connection in idle:
        with connection:
            assert connection.recv(1) == b""  # not reset
    client.close()
    with pytest.raises(ConnectionRefusedError), socket.socket():
        connect(ready.url)
