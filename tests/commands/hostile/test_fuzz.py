"""A few rounds of the commands that send a million: `python -m tests.commands.hostile.fuzz_http` and `fuzz_sockets`."""

from collections.abc import Iterator

import pytest

from . import fuzz_http, fuzz_sockets
from .fuzzed_server import FuzzedServer, ServerFailed, fuzzed_server, run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FuzzedServer]:
    with fuzzed_server(tmp_path_factory.mktemp("fuzz")) as server:
        yield server


def test_random_requests_are_answered_as_the_contract_says(server: FuzzedServer) -> None:
    fuzz = run(server, fuzz_http.Fuzz(server), 400, seed=7)
    assert fuzz.sent >= 400
    assert {200, 201, 400, 404} <= set(fuzz.statuses)
    assert sum(fuzz.statuses.values()) > 300


def test_hostile_connections_do_no_harm(server: FuzzedServer) -> None:
    fuzz = run(server, fuzz_sockets.Fuzz(server), 400, seed=7)
    assert fuzz.sent >= 400
    assert fuzz.answered > 100
    assert len(fuzz.kinds) >= 5


def test_figures_are_those_of_the_server_s_process(server: FuzzedServer) -> None:
    figures = server.figures()
    assert 10 < figures.resident_mb < 1_000
    assert figures.descriptors > 3
    assert figures.tasks >= 1


@pytest.mark.parametrize(
    ("answer", "is_failure"),
    [
        (b"HTTP/1.1 500 Internal Server Error\r\nx: y\r\n\r\n{}", True),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 503 Service Unavailable\r\n\r\n", True),
        (b"HTTP/1.1 503 Service Unavailable\r\nx: y\r\nx-sim-fault: header\r\n\r\n", False),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", False),
    ],
)
def test_an_answer_of_5xx_is_found_unless_a_fault_asked_for_it(
    server: FuzzedServer, answer: bytes, is_failure: bool
) -> None:
    if is_failure:
        with pytest.raises(ServerFailed, match="5xx"):
            server.check_answers(answer)
    else:
        server.check_answers(answer)


@pytest.mark.parametrize(
    ("status", "head", "body"),
    [
        (500, b"x-request-id: 1\r\nx-sim-now: 2", b"{}"),
        (200, b"x-sim-now: 2", b"{}"),
        (400, b"x-request-id: 1\r\nx-sim-now: 2", b"Internal"),
        (418, b"x-request-id: 1\r\nx-sim-now: 2", b'{"error":{"message":'),
    ],
)
def test_an_answer_in_no_known_form_is_a_failure(status: int, head: bytes, body: bytes) -> None:
    with pytest.raises(ServerFailed):
        fuzz_http.check("GET", (status, b"HTTP/1.1 %d X\r\n%b" % (status, head), body))


def test_a_failure_names_the_seeds_since_the_server_was_last_looked_at(
    server: FuzzedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fuzz, looks = fuzz_http.Fuzz(server), iter([False, True])

    def check() -> None:
        if next(looks):
            raise ServerFailed("planted")

    monkeypatch.setattr(server, "check", check)
    monkeypatch.setattr(fuzz, "steps_per_look", 2)
    with pytest.raises(ServerFailed, match="--seed 8 or one of those up to 9: planted"):
        run(server, fuzz, 10_000, seed=7)
