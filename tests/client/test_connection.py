"""The connection to the control plane, and what is said where nobody answers."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from gpu_sim import load_scenario, serve_in_thread
from gpu_sim.client.connection import ControlConnection, ServerRefused, ServerUnreachable, UrlImpossible

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve_in_thread(load_scenario("calm")) as ready:
        yield ready.url


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/x", "nonsense", "http://", "http://127.0.0.1:port", "http://127.0.0.1?x=1", "http://a b"]
)
def test_what_is_no_http_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(UrlImpossible, match="is no http address"):
        ControlConnection(url)


@pytest.mark.parametrize(
    "url", ["http://me:hush@127.0.0.1:1", "me:hush@127.0.0.1", "http://me:hush@127.0.0.1:port", "http://me:hush@[::1"]
)
def test_an_address_with_a_password_is_refused_without_it(url: str) -> None:
    with pytest.raises(UrlImpossible, match="leave them out") as raised:
        ControlConnection(url)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("token", ["hush\n", "hush\u00e9", "hush\u2026"])
def test_a_token_that_cannot_be_sent_is_refused_without_it(token: str) -> None:
    for tokens in ((None, token), (token, None)):
        with pytest.raises(UrlImpossible, match="no header may have") as raised:
            ControlConnection("http://127.0.0.1:1", token=tokens[0], admin_token=tokens[1])
        assert "hush" not in str(raised.value)


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(ServerUnreachable, match=r"http://127\.0\.0\.1:1 cannot be asked"):
        ControlConnection("http://127.0.0.1:1").call("GET", "/_sim/clock")


def test_a_server_that_is_silent_is_named_with_how_long_it_was() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        control = ControlConnection(f"http://127.0.0.1:{silent.getsockname()[1]}", seconds_max=0.01)
        for _ in range(2):
            with pytest.raises(ServerUnreachable, match=r"^http://127\.0\.0\.1:\d+ did not answer within 0\.01 s$"):
                control.call("GET", "/_sim/ready")


def test_a_refusal_has_its_parts(url: str) -> None:
    control = ControlConnection(url)
    with pytest.raises(ServerRefused) as raised:
        control.call("GET", "/_sim/clock", query={"world": "nowhere"})
    refused = raised.value
    assert (refused.status, refused.code, refused.param) == (404, "world_not_found", "world")
    assert str(refused) == 'the server answered 404: world: no world "nowhere"'
    control.close()


def test_a_refusal_in_no_known_shape_is_shown_as_it_is() -> None:
    assert _answered(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\n\r\nlost") == "the server answered 502: lost"
    assert _answered(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").endswith("502: nothing more")
    assert "cannot be asked" in _answered(b"nonsense\r\n\r\n")


def _answered(answer: bytes) -> str:
    """The message about this answer."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        control = ControlConnection(f"http://127.0.0.1:{server.getsockname()[1]}")
        called = pool.submit(control.call, "GET", "/x")
        connection, _ = server.accept()
        with connection:
            connection.recv(4_096)
            connection.sendall(answer)
        message = str(called.exception())
        control.close()
        return message


def test_a_connection_that_the_server_closed_is_made_anew() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        control = ControlConnection(f"http://127.0.0.1:{server.getsockname()[1]}")
        for _ in range(2):
            called = pool.submit(control.call, "POST", "/x", {"n": 1})
            connection, _ = server.accept()
            with connection:
                connection.recv(4_096)
                connection.sendall(ANSWER)
                assert called.result() == b"{}"
        control.close()


def test_one_connection_serves_many_calls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        control = ControlConnection(f"http://127.0.0.1:{server.getsockname()[1]}/under/")
        first = pool.submit(control.call, "GET", "/x")
        connection, _ = server.accept()
        with connection:
            for called in (first, pool.submit(control.call, "GET", "/x", query={"a": "b c"})):
                request = connection.recv(4_096)
                connection.sendall(ANSWER)
                assert called.result() == b"{}"
        assert request.startswith(b"GET /under/x?a=b+c HTTP/1.1\r\n")
        control.close()


def test_many_threads_share_a_connection(url: str) -> None:
    control = ControlConnection(url)
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: control.call("GET", "/_sim/clock"), range(100)))
    assert len(answers) == 1
    control.close()


def test_its_lock_is_that_of_the_threads_as_they_are_by_then(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = threading.Lock()
    monkeypatch.setattr(threading, "Lock", lambda: lock)
    assert ControlConnection(url)._turn is lock
