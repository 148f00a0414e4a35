"""Waiting for a server: it is asked again and again, but not for ever."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from gpu_sim import serve_in_thread
from gpu_sim.client.connection import ControlConnection, UrlImpossible
from gpu_sim.client.readiness import PAUSE_SECONDS_MAX, await_ready

from ..support.builders import scenario


class Answering(HTTPServer):
    """A server that answers with these statuses, then 200, and notes what it was asked."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses = list(statuses)
        self.asked: list[tuple[str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["x-sim-admin"]))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
        pass


@pytest.fixture
def late() -> Iterator[Answering]:
    """A server that is ready when asked for the fourth time."""
    with Answering(503, 500, 404) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def no_pause(seconds: float) -> None:
    raise AssertionError(f"nothing to wait {seconds} s for")


def nobody() -> str:
    """The URL of a port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_a_server_off_loopback_that_serves_is_ready_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_sim.server.serving.is_loopback", lambda _: False)
    with serve_in_thread(scenario()) as server:
        assert await_ready(server.url, 1, pause=no_pause) is None
        assert await_ready(server.url, 0, admin_token="wrong") == "it answers 403"


def test_a_server_that_refuses_connections_is_waited_for() -> None:
    with serve_in_thread(scenario()) as server, closing(ControlConnection(server.url)) as operator:
        operator.call("POST", "/_sim/server/refuse", {"for": "1m"})
        paused: list[float] = []

        def listen_after_a_while(seconds: float) -> None:
            paused.append(seconds)
            if len(paused) == 3:
                operator.call("DELETE", "/_sim/server/refuse")

        assert await_ready(server.url, 60_000, pause=listen_after_a_while) is None
        assert len(paused) == 3


def test_a_server_that_serves_is_ready_at_once() -> None:
    with serve_in_thread(scenario()) as server:
        assert await_ready(server.url, 0, pause=no_pause) is None
        assert await_ready(f"{server.url}/", 0, pause=no_pause) is None


def test_a_server_is_asked_until_it_is_ready(late: Answering) -> None:
    pauses: list[float] = []
    assert await_ready(late.url, 60_000, admin_token="s3cret", pause=pauses.append) is None
    assert late.asked == [("/_sim/ready", "s3cret")] * 4
    assert pauses == sorted(pauses)
    assert all(0 < pause <= PAUSE_SECONDS_MAX for pause in pauses)
    assert len(pauses) == 3


def test_without_time_it_is_asked_once_and_says_what_came(late: Answering) -> None:
    assert await_ready(late.url, 0, pause=no_pause) == "it answers 503"
    assert late.asked == [("/_sim/ready", None)]


def test_where_nobody_listens_it_says_so() -> None:
    reason = await_ready(nobody(), 0, pause=no_pause)
    assert reason is not None
    assert "refused" in reason


def test_what_speaks_no_http_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1_000)
                connection.sendall(b"+OK\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert await_ready(url, 0, pause=no_pause)
        thread.join()


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", nobody())
    monkeypatch.delenv("no_proxy", raising=False)
    with serve_in_thread(scenario()) as server:
        assert await_ready(server.url, 0, pause=no_pause) is None


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost:4780", "ftp://localhost", "http://", "http://:4780", "http://localhost:port", "//localhost"),
        *("http://localhost:65536", "http://localhost:0", "http://[::1", "http://localhost/v1", "http://localhost?x=1"),
        *("http://localhost#x", "http://user@localhost", "http://local host", "http://localhost\n", "file:///etc"),
    ],
)
def test_a_url_at_which_no_server_can_be_is_refused(url: str) -> None:
    with pytest.raises(UrlImpossible, match="http"):
        await_ready(url, 60_000, pause=no_pause)
