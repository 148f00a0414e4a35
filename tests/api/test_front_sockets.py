"""Framing over a real socket: bodies above the limit, incomplete requests, bytes that are not HTTP (A13)."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gpu_sim import serve_in_thread
from gpu_sim.api import bodies
from gpu_sim.server.serving import Ready

from ..support import loopback
from ..support.asgi import ALICE, RENT, Api, scenario
from ..support.wire_client import AUTHORIZED, WireAnswer, connect, is_closed, read_answer, send_alone

LIMIT = 64 << 10
MEBIBYTE = 1 << 20
POST = f"POST /v1/gpu/rent HTTP/1.1\r\n{AUTHORIZED}content-type: application/json\r\n"
Framed = Callable[..., bytes]
NO_TOKEN = "POST /v1/gpu/rent HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Ready]:
    with serve_in_thread(scenario()) as ready:
        yield ready


def with_length(body: bytes, head: str = POST) -> bytes:
    """A request that declares the length of its body."""
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def in_chunks(body: bytes, head: str = POST) -> bytes:
    """A request with a chunked body."""
    pieces = [body[start : start + 10_000] for start in range(0, len(body), 10_000)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return f"{head}transfer-encoding: chunked\r\n\r\n".encode() + framed + b"0\r\n\r\n"


def code(heard: WireAnswer) -> str:
    """The code of a refusal."""
    found: str = json.loads(heard.body)["error"]["code"]
    return found


def journal(server: Ready) -> bytes:
    """The journal up to now."""
    return loopback.get(f"{server.url}/_sim/journal").content


@pytest.mark.parametrize("head", [POST, NO_TOKEN], ids=["authorized", "without token"])
@pytest.mark.parametrize("framed", [with_length, in_chunks])
@pytest.mark.parametrize("size", [LIMIT + 1, 300_000, MEBIBYTE])
def test_a13_a_client_that_sends_too_much_sees_the_413_and_the_end(
    server: Ready, framed: Framed, size: int, head: str
) -> None:
    before = journal(server)
    with connect(server.url) as connection:
        connection.sendall(framed(b" " * size, head))
        heard = read_answer(connection)
        assert (heard.status, code(heard)) == (413, "payload_too_large")
        assert heard.headers["connection"] == "close"
        assert heard.headers["x-request-id"]
        assert heard.headers["x-sim-now"]
        assert is_closed(connection)
    assert journal(server) == before


@pytest.mark.parametrize("framed", [with_length, in_chunks])
def test_a13_a_body_of_64_kib_is_not_too_large(server: Ready, framed: Framed) -> None:
    body = json.dumps(RENT | {"gpu_count": 99}).encode()
    heard = send_alone(server.url, framed(body + b" " * (LIMIT - len(body))))
    assert (heard.status, code(heard)) == (409, "offer_unavailable")


def test_a13_a_declared_length_is_refused_before_any_of_it_comes(
    server: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "DRAIN_SECONDS_MAX", 0.01)
    for expect in ("", "expect: 100-continue\r\n"):
        with connect(server.url) as connection:
            connection.sendall(f"{POST}{expect}content-length: 99999999999\r\n\r\n".encode())
            assert read_answer(connection).status == 413
            assert is_closed(connection)


def test_a13_no_more_than_a_mebibyte_is_drained(server: Ready) -> None:
    with connect(server.url) as connection:
        connection.sendall(f"{POST}content-length: {100 * MEBIBYTE}\r\n\r\n".encode())
        assert read_answer(connection).status == 413
        with pytest.raises(ConnectionError):
            connection.sendall(b" " * (99 * MEBIBYTE))


@pytest.mark.parametrize("name", ["host: evil.example", "host: localhost\r\norigin: http://evil.example"])
@pytest.mark.parametrize("framing", [f"content-length: {100 * MEBIBYTE}\r\n\r\n", "transfer-encoding: chunked\r\n\r\n"])
def test_whom_the_control_plane_turns_away_is_told_before_a_body_is_read(
    server: Ready, framing: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "DRAIN_SECONDS_MAX", 0.01)
    with connect(server.url) as connection:
        head = f"PUT /_sim/snapshot HTTP/1.1\r\n{name}\r\ncontent-type: application/json\r\n"
        connection.sendall(f"{head}{framing}".encode())
        heard = read_answer(connection)
        assert (heard.status, json.loads(heard.body)["code"]) == (403, "control_refused")
        assert heard.headers["connection"] == "close"
        assert is_closed(connection)


def test_of_whom_the_control_plane_turns_away_no_more_than_a_mebibyte_is_drained(server: Ready) -> None:
    with connect(server.url) as connection:
        head = "PUT /_sim/snapshot HTTP/1.1\r\nhost: evil.example\r\ncontent-type: application/json\r\n"
        connection.sendall(f"{head}content-length: {100 * MEBIBYTE}\r\n\r\n".encode())
        assert read_answer(connection).status == 403
        with pytest.raises(ConnectionError):
            connection.sendall(b" " * (99 * MEBIBYTE))


def test_a_small_body_that_is_turned_away_leaves_nothing_of_it_behind(server: Ready) -> None:
    with connect(server.url) as connection:
        head = "PUT /_sim/clock HTTP/1.1\r\nhost: evil.example\r\ncontent-type: application/json\r\n"
        connection.sendall(with_length(b'{"mode": "real"}', head))
        assert read_answer(connection).status == 403
        assert is_closed(connection)


def test_an_http_client_sees_the_413(server: Ready) -> None:
    answer = loopback.post(f"{server.url}/v1/gpu/rent", content=b" " * 500_000)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")


def test_expect_100_continue_is_answered_and_then_the_rent(server: Ready) -> None:
    body = json.dumps(RENT | {"gpu_count": 99}).encode()
    with connect(server.url) as connection:
        connection.sendall(f"{POST}expect: 100-continue\r\ncontent-length: {len(body)}\r\n\r\n".encode())
        assert read_answer(connection).status == 100
        connection.sendall(body)
        assert read_answer(connection).status == 409


@pytest.mark.parametrize("sent", [b"", b'{"gpu_model": "RTX', json.dumps(RENT).encode()])
def test_a_rent_whose_client_leaves_before_its_end_leaves_nothing(server: Ready, sent: bytes) -> None:
    before = journal(server)
    with connect(server.url) as connection:
        connection.sendall(f"{POST}content-length: {len(sent) + 1}\r\n\r\n".encode() + sent)
    assert journal(server) == before


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        f"{POST}content-length: x\r\n\r\n".encode(),
        f"{POST}content-length: -5\r\n\r\n".encode(),
        f"{POST}content-length: 5\r\ncontent-length: 6\r\n\r\nhello".encode(),
        f"{POST}transfer-encoding: chunked\r\n\r\nzz\r\n".encode(),
        f"{POST}bad header\r\n\r\n".encode(),
    ],
)
def test_a13_bytes_that_are_no_http_get_400_and_the_server_goes_on(server: Ready, request_bytes: bytes) -> None:
    before = journal(server)
    assert send_alone(server.url, request_bytes).status == 400
    assert journal(server) == before


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v1/gpu/offers?gpu_model=%zz", 400),
        ("/v1/gpu/rentals/%ff", 404),
        ("/v1/gpu/rentals/%2e%2e", 404),
        ("/v1/gpu/rentals/a%2Fb", 404),
        ("/v1/gpu/../gpu/offers", 404),
        ("/v1/gpu/offers#part", 200),
    ],
)
def test_odd_targets_are_answered(server: Ready, target: str, status: int) -> None:
    assert send_alone(server.url, f"GET {target} HTTP/1.1\r\n{AUTHORIZED}\r\n".encode()).status == status


def test_in_process_and_over_the_wire_the_answers_agree(server: Ready, runner: asyncio.Runner) -> None:
    api = Api(runner, scenario())
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/v1/gpu/offers?gpu_model=RTX%204090", None),
        ("GET", "/v1/gpu/offers?gpu_modle=x", None),
        ("POST", "/v1/gpu/rent", RENT | {"gpu_count": 99}),
        ("POST", "/v1/gpu/rent", {}),
        ("GET", "/v1/gpu/rentals/rent_x", None),
        ("PATCH", "/v1/gpu/rent", None),
        ("GET", "/_sim/market", None),
        ("GET", "/_sim/journal", None),
        ("POST", "/_sim/clock/advance", {"by": "-1s"}),
    ]
    given = {"x-request-id": "same"}
    for method, target, content in calls:
        headers = given | {"authorization": f"Bearer {ALICE}"}
        wired = loopback.request(method, server.url + target, json=content, headers=headers)
        called = api.call(method, target, content, headers=list(given.items()))
        del wired.headers["date"], wired.headers["keep-alive"]
        assert (wired.status_code, wired.content) == (called.status, called.body)
        assert wired.headers.multi_items() == called.headers


def test_requests_on_one_connection_are_answered_in_order(server: Ready) -> None:
    with connect(server.url) as connection:
        for target, status in (("/v1/gpu/offers", 200), ("/nowhere", 404), ("/_sim/clock", 200)):
            connection.sendall(f"GET {target} HTTP/1.1\r\n{AUTHORIZED}\r\n".encode())
            assert read_answer(connection).status == status


@pytest.mark.parametrize("path", ["/v1/gpu/offers", "/nowhere", "/_sim/market", "/openapi.json"])
def test_head_has_the_headers_of_get_and_no_body(server: Ready, path: str) -> None:
    headers = {"authorization": f"Bearer {ALICE}", "x-request-id": "same"}
    get, head = (loopback.request(method, server.url + path, headers=headers) for method in ("GET", "HEAD"))
    for answer in (get, head):
        del answer.headers["date"]
    assert (get.status_code, get.headers.multi_items()) == (head.status_code, head.headers.multi_items())
    assert head.content == b""


def test_a23_the_date_is_the_walls_and_x_sim_now_the_worlds(server: Ready) -> None:
    headers = loopback.get(f"{server.url}/_sim/health").headers
    assert headers["x-sim-now"] == "2026-01-01T00:00:00.000Z"
    assert headers["date"].endswith("GMT")
    assert "server" not in headers


def test_a_closed_stdout_is_no_reason_not_to_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with serve_in_thread(scenario()) as ready:
        assert loopback.get(f"{ready.url}/_sim/ready").status_code == 200
