"""A server that refuses connections for a while, and what becomes of those that are open."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from gpu_sim import serve_in_thread
from gpu_sim.server import listening_socket
from gpu_sim.server import serving as server
from gpu_sim.server.listening_socket import listen
from gpu_sim.server.serving import Ready
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..support import loopback
from ..support.asgi import scenario
from ..support.processes import serving as serving_in_a_process
from ..support.wire_client import AUTHORIZED, connect, is_closed, read_answer

OFFERS = f"GET /v1/gpu/offers HTTP/1.1\r\n{AUTHORIZED}"
REFUSE = "/_sim/server/refuse"
TRIES_MAX = 10_000


@pytest.fixture(params=[HttpToolsProtocol, H11Protocol], ids=["httptools", "h11"])
def ready(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ready]:
    """A server with either HTTP parser of uvicorn."""
    monkeypatch.setattr(server, "AutoHTTPProtocol", request.param)
    with serve_in_thread(scenario()) as ready:
        yield ready


@contextmanager
def operator(ready: Ready) -> Iterator[httpx.Client]:
    """A client that stays connected, and lets the server listen in the end."""
    with loopback.Client(base_url=ready.url, timeout=20) as client:
        assert client.get(REFUSE).json() == {"listening": True, "listens_again_at": None}
        yield client
        assert client.delete(REFUSE).json() == {"listening": True, "listens_again_at": None}


def refuse(client: httpx.Client, **given: str) -> Any:
    answer = client.post(REFUSE, json=given)
    assert answer.status_code == 202, answer.text
    return answer.json()


def await_listening(client: httpx.Client) -> None:
    """Wait until the server says that it listens, over the connection that was kept."""
    assert any(client.get(REFUSE).json()["listening"] for _ in range(TRIES_MAX))


def is_refused(url: str) -> bool:
    """True where nobody listens."""
    try:
        connect(url).close()
    except ConnectionRefusedError:
        return True
    return False


def ask(connection: socket.socket, *headers: str) -> int:
    """The status of the offers list over this connection."""
    connection.sendall((OFFERS + "".join(f"{header}\r\n" for header in headers) + "\r\n").encode())
    return read_answer(connection).status


def test_nobody_listens_until_the_span_is_over(ready: Ready) -> None:
    with operator(ready) as client:
        said = refuse(client, **{"for": "300ms"})
        assert said["listening"] is False
        assert said["listens_again_at"].endswith("Z")
        assert is_refused(ready.url)
        await_listening(client)
        with connect(ready.url) as connection:
            assert ask(connection) == 200


def test_a_span_can_be_ended_before_it_is_over_and_begun_again(ready: Ready) -> None:
    with operator(ready) as client:
        for _ in range(3):
            refuse(client, **{"for": "1m"})
            assert is_refused(ready.url)
            assert client.get(REFUSE).json()["listening"] is False
            assert client.delete(REFUSE).json()["listening"] is True
            assert not is_refused(ready.url)


def test_a_second_call_replaces_the_span(ready: Ready) -> None:
    with operator(ready) as client:
        longer = refuse(client, **{"for": "1m"})["listens_again_at"]
        shorter = refuse(client, **{"for": "50ms"})["listens_again_at"]
        assert shorter < longer
        await_listening(client)
        refuse(client, **{"for": "50ms"})
        refuse(client, **{"for": "1m"})
        assert is_refused(ready.url)
        assert client.get(REFUSE).json()["listening"] is False


def test_open_connections_are_closed_once_what_is_underway_is_answered(ready: Ready) -> None:
    with operator(ready) as client, connect(ready.url) as idle, connect(ready.url) as busy:
        assert ask(idle) == 200
        assert ask(busy) == 200
        busy.sendall(f"{OFFERS}x-sim: delay=300ms\r\n\r\n".encode())
        underway(client)
        refuse(client, **{"for": "1m"})
        assert is_closed(idle)
        answer = read_answer(busy)
        assert answer.status == 200
        assert "keep-alive" not in answer.headers
        assert is_closed(busy)


def test_open_connections_are_reset_at_once_if_asked_for(ready: Ready) -> None:
    with operator(ready) as client, connect(ready.url) as idle, connect(ready.url) as busy:
        assert ask(idle) == 200
        busy.sendall(f"{OFFERS}x-sim: delay=1m\r\n\r\n".encode())
        underway(client)
        refuse(client, **{"for": "1m", "connections": "reset"})
        for connection in (idle, busy):
            with pytest.raises(ConnectionResetError):
                connection.recv(1)


def test_open_connections_are_kept_if_asked_for(ready: Ready) -> None:
    with operator(ready) as client, connect(ready.url) as pooled:
        assert ask(pooled) == 200
        refuse(client, **{"for": "1m", "connections": "keep"})
        assert is_refused(ready.url)
        assert ask(pooled) == 200


def underway(client: httpx.Client) -> None:
    """Wait until the server has read what was sent before: it reads connections in turn."""
    for _ in range(3):
        assert client.get("/_sim/ready").status_code == 200


def test_a_port_that_was_lost_is_tried_for_until_it_is_there_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening_socket, "_stop_listening", lambda _: False)
    caplog.set_level(logging.ERROR, "gpu_sim")
    with serve_in_thread(scenario()) as ready, operator(ready) as client:
        refuse(client, **{"for": "1s"})
        with listen("127.0.0.1", urlsplit(ready.url).port or 0):
            assert any("cannot be listened on again" in caplog.text for _ in range(TRIES_MAX) if asked(client))
            assert client.get(REFUSE).json()["listening"] is False
        assert client.delete(REFUSE).json()["listening"] is True
        assert not is_refused(ready.url)
    assert caplog.text.count("cannot be listened on again") == 1
    assert caplog.text.count("is listened on again") == 1


def asked(client: httpx.Client) -> bool:
    return client.get("/_sim/ready").is_success


def test_a_server_that_refuses_connections_ends_on_a_signal_and_leaves_its_port(tmp_path: Path) -> None:
    with serving_in_a_process(tmp_path / "ready.json", "--scenario", "calm") as running:
        with loopback.Client(base_url=running.url) as client:
            refuse(client, **{"for": "1m", "connections": "keep"})
            code, _, err = running.stop()
        assert (code, err) == (0, "")
        listen("127.0.0.1", urlsplit(running.url).port or 0).close()
