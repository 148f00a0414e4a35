"""Faults over a real socket, with both HTTP parsers: resets, short bodies, closes, and a server that goes on."""

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from gpu_sim import serve_in_thread
from gpu_sim.api import transport
from gpu_sim.api.app import build_app
from gpu_sim.api.auth import ControlAccess
from gpu_sim.server import serving as server
from gpu_sim.server.serving import Ready
from starlette.types import Message
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..support import loopback
from ..support.asgi import ALICE, RENT, Api, scenario
from ..support.wire_client import AUTHORIZED, connect, is_closed, read_answer, send_alone, without_complaints

BODY = json.dumps(RENT).encode()


@pytest.fixture(params=[HttpToolsProtocol, H11Protocol], ids=["httptools", "h11"])
def serving(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ready]:
    """A server with either HTTP parser of uvicorn; it must not log an error."""
    monkeypatch.setattr(server, "AutoHTTPProtocol", request.param)
    with without_complaints(), serve_in_thread(scenario()) as ready:
        yield ready


def renting(words: str, *more: str) -> bytes:
    """A rent whose headers ask for a fault."""
    lines = [f"x-sim: {words}", "content-type: application/json", f"content-length: {len(BODY)}", *more]
    return ("POST /v1/gpu/rent HTTP/1.1\r\n" + AUTHORIZED + "\r\n".join(lines) + "\r\n\r\n").encode() + BODY


def listing(words: str) -> bytes:
    return f"GET /v1/gpu/offers HTTP/1.1\r\n{AUTHORIZED}x-sim: {words}\r\n\r\n".encode()


def rent(ready: Ready, **headers: str) -> httpx.Response:
    authorized = {"authorization": f"Bearer {ALICE}"} | headers
    return loopback.post(f"{ready.url}/v1/gpu/rent", json=RENT, headers=authorized)


def rentals(ready: Ready) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = loopback.get(f"{ready.url}/_sim/rentals").json()["data"]
    return data


def held(ready: Ready) -> str:
    accounts = loopback.get(f"{ready.url}/_sim/accounts").json()["data"]
    return str(next(account["held"] for account in accounts if account["name"] == "alice"))


def all_of(connection: socket.socket) -> bytes:
    """All bytes until the server closes the connection in good order."""
    received = b""
    while more := connection.recv(65_536):
        received += more
    return received


def test_a_lost_response_is_a_true_reset_after_the_rental_exists_and_its_hold_is_placed(serving: Ready) -> None:
    with connect(serving.url) as connection:
        connection.sendall(renting("lose_response"))
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert len(rentals(serving)) == 1
    assert held(serving) == "0.071750"


def test_a_retry_with_the_same_key_finds_the_rental_whose_answer_was_lost(serving: Ready) -> None:
    with connect(serving.url) as connection:
        connection.sendall(renting("lose_response", "idempotency-key: k"))
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    (known,) = rentals(serving)
    answer = rent(serving, **{"idempotency-key": "k"})
    assert (answer.status_code, answer.headers["idempotent-replayed"]) == (201, "true")
    assert answer.json()["rental_id"] == known["rental_id"]
    assert len(rentals(serving)) == 1
    assert held(serving) == "0.071750"


def test_a_retry_without_a_key_makes_two_rentals_and_two_holds(serving: Ready) -> None:
    with pytest.raises(httpx.ReadError):
        rent(serving, **{"x-sim": "lose_response"})
    assert rent(serving).status_code == 201
    assert len(rentals(serving)) == 2
    assert held(serving) == "0.143500"


def test_a_reset_comes_before_the_command(serving: Ready) -> None:
    with connect(serving.url) as connection:
        connection.sendall(renting("reset"))
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert rentals(serving) == []


def test_a_reset_by_a_rule_is_one_too(serving: Ready) -> None:
    rule = {"name": "r", "on": {"operation": "rent_gpu"}, "effect": {"reset": True}, "when": {"times": 1}}
    assert loopback.post(f"{serving.url}/_sim/faults", json=rule).status_code == 201
    with pytest.raises(httpx.ReadError):
        rent(serving)
    assert rent(serving).status_code == 201
    (shown,) = loopback.get(f"{serving.url}/_sim/faults").json()["data"]
    assert (shown["hits"], shown["spent"]) == (2, 1)
    assert loopback.delete(f"{serving.url}/_sim/faults/r").status_code == 204
    assert loopback.get(f"{serving.url}/_sim/faults").json()["data"] == []


def test_a_truncated_answer_ends_in_good_order_before_its_declared_length(serving: Ready) -> None:
    with connect(serving.url) as connection:
        connection.sendall(listing("truncate=50%"))
        head, _, body = all_of(connection).partition(b"\r\n\r\n")
    whole = send_alone(serving.url, f"GET /v1/gpu/offers HTTP/1.1\r\n{AUTHORIZED}\r\n".encode()).body
    assert f"content-length: {len(whole)}".encode() in head
    assert b"x-sim-fault: header" in head
    assert body == whole[: len(whole) // 2]
    with pytest.raises(httpx.RemoteProtocolError):
        rent(serving, **{"x-sim": "truncate=1%"})


def test_a_hang_ends_with_silence_and_a_close(serving: Ready) -> None:
    with connect(serving.url) as connection:
        connection.sendall(renting("hang=10ms"))
        assert all_of(connection) == b""
    assert rentals(serving) == []


def test_a_dripping_answer_is_whole_and_the_connection_stays_in_use(serving: Ready) -> None:
    with connect(serving.url) as connection:
        connection.sendall(listing("drip=20/1ms"))
        dripped = read_answer(connection)
        assert dripped.headers["x-sim-fault"] == "header"
        connection.sendall(listing("delay=1ms"))
        assert read_answer(connection).body == dripped.body
        connection.sendall(listing("malformed"))
        broken = read_answer(connection)
        assert len(broken.body) == len(dripped.body)
        with pytest.raises(json.JSONDecodeError):
            json.loads(broken.body)


@pytest.mark.parametrize("words", ["truncate=50%", "malformed", "drip=10/1ms", "respond=503"])
def test_head_is_answered_without_a_body(serving: Ready, words: str) -> None:
    with connect(serving.url) as connection:
        for _ in range(2):
            connection.sendall(listing(words).replace(b"GET", b"HEAD", 1))
            assert read_answer(connection, head=True).headers["x-sim-fault"] == "header"


def test_a_client_that_leaves_during_a_hang_or_a_drip_is_waited_for_no_longer(serving: Ready) -> None:
    for words in ("hang=50s", "drip=10/50s"):
        with connect(serving.url) as connection:
            connection.sendall(listing(words))
    assert rent(serving).status_code == 201


def test_the_server_ends_though_a_fault_holds_a_request_up(serving: Ready) -> None:
    connection = connect(serving.url)
    connection.sendall(renting("hang=50s"))
    assert rentals(serving) == []
    connection.close()


def test_a_client_that_reads_nothing_of_a_truncated_answer_is_cut_off(
    serving: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CLOSE_SECONDS_MAX", 0.0)
    with connect(serving.url) as connection:
        connection.sendall(listing("truncate=50%"))
        while not is_closed(connection):
            pass
    assert rent(serving).status_code == 201


def test_pipelined_requests_behind_a_cut_one_are_dropped_with_it(serving: Ready) -> None:
    with connect(serving.url) as connection:
        connection.sendall(renting("reset") + renting("delay=1ms"))
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert rentals(serving) == []


def test_a_connection_that_ended_before_its_request_was_looked_at_is_gone() -> None:
    connections = transport.Connections()
    for scope in ({"client": ("127.0.0.1", 1)}, {"client": None}):
        connections.are_registered = False
        assert connections.of(scope) is None
        connections.are_registered = True
        gone = connections.of(scope)
        assert gone is not None
        assert (gone.is_open, gone.is_gone, gone.is_stalled) == (False, True, False)
        asyncio.run(gone.reset())
        asyncio.run(gone.close())


def test_a_fault_on_a_connection_that_is_gone_is_no_failure(runner: asyncio.Runner) -> None:
    connections = transport.Connections()
    connections.are_registered = True
    api = Api(runner, scenario())
    app = build_app(api.worlds, ControlAccess(), connections)
    for words in ("reset", "lose_response", "hang=10ms", "truncate=50%"):
        headers = [(b"authorization", f"Bearer {ALICE}".encode()), (b"x-sim", words.encode())]
        scope = {"type": "http", "method": "GET", "path": "/v1/gpu/offers", "query_string": b"", "headers": headers}

        async def send(message: Message) -> None:
            pass

        runner.run(app(scope | {"client": ("127.0.0.1", 1)}, None, send))  # type: ignore[arg-type]  # nothing is received
