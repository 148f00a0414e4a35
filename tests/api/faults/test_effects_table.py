"""Every effect × operation × command before or not at all × delay, over a socket: the bytes that the client sees, how
the connection ends, and whether the command has happened."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .wire_bench import Bench, benched

OPERATIONS = ("list_offers", "rent_gpu", "get_rental", "terminate_rental")
Sees = Callable[[bytes, bytes], bool]
"""Given the body that the client got and the command's own, whether that is right."""


class Row(NamedTuple):
    """An effect and what is to be seen of it.

    `status` is that of the answer, None for the command's own and 0 for none at all; `headers` are those that differ
    from the command's own, None where there must be none; `ending` is what becomes of the connection.
    """

    name: str
    effect: dict[str, Any]
    status: int | None
    sees: Sees = lambda _, __: True
    ending: str = "open"
    headers: Mapping[str, str | None] = {}
    times: int | None = None
    """How often the command happens; None where that is `after`, once or not at all."""


def whole(body: bytes, own: bytes) -> bool:
    """The command's own answer."""
    return body == own


def half(body: bytes, own: bytes) -> bool:
    """The first half of the command's own answer."""
    return body == own[: len(own) // 2] != b""


def has(part: bytes) -> Sees:
    """A body with this in it."""
    return lambda body, _: part in body


def coded(code: str) -> Sees:
    """The API's error envelope with this code."""
    return lambda body, _: bool(json.loads(body)["error"]["code"] == code)


def nothing(body: bytes, _: bytes) -> bool:
    """No body."""
    return body == b""


OWN = [
    Row("delay alone", {}, None, whole, times=1),
    Row("duplicate", {"duplicate": True}, None, whole, times=2),
    Row("truncate", {"truncate": "50%"}, None, half, "closed"),
    Row("truncate, hang", {"truncate": "50%", "hang": "1ms"}, None, half, "closed"),
    Row("truncate, reset", {"truncate": "50%", "reset": True}, None, half, "reset"),
    Row("truncate to the head", {"truncate": "0%"}, None, nothing, "closed"),
    Row("malformed", {"malformed": True}, None, lambda body, own: body == own[:-1] + b","),
    Row("drip", {"drip": {"bytes": 50, "every": "1ms"}}, None, whole),
    Row("drip, truncate", {"drip": {"bytes": 50, "every": "1ms"}, "truncate": "50%"}, None, half, "closed"),
    Row(
        "whitespace",
        {"whitespace": 9},
        None,
        lambda body, own: body[:9].isspace() and body[9:] == own,
        headers={"content-length": "+9"},
    ),
    Row(
        "gzip",
        {"gzip": True},
        None,
        lambda body, own: gzip.decompress(body) == own,
        headers={"content-encoding": "gzip", "content-length": "any"},
    ),
    Row(
        "headers",
        {"headers": {"X-RateLimit-Remaining": 0, "set-cookie": ["a=1", "b=2"], "content-type": None}},
        None,
        whole,
        headers={"x-ratelimit-remaining": "0", "set-cookie": "a=1\nb=2", "content-type": None},
    ),
    Row(
        "wrongly compressed",
        {"headers": {"content-encoding": "gzip"}},
        None,
        whole,
        headers={"content-encoding": "gzip"},
    ),
    Row(
        "too long a length",
        {"headers": {"content-length": 99999}},
        None,
        whole,
        "closed",
        {"content-length": "99999"},
    ),
    Row("too short a length", {"headers": {"content-length": 5}}, None, whole, "closed", {"content-length": "5"}),
    Row(
        "chunks",
        {"headers": {"content-length": None}},
        None,
        whole,
        headers={"content-length": None, "transfer-encoding": "chunked"},
    ),
    Row(
        "connection: close",
        {"headers": {"Connection": "close"}},
        None,
        whole,
        "closed",
        {"connection": "close", "keep-alive": None},
    ),
    Row(
        "connection: close, and not",
        {"headers": {"connection": "close", "keep-alive": "timeout=9"}},
        None,
        whole,
        "closed",
        {"connection": "close", "keep-alive": "timeout=9"},
    ),
]
"""Effects on the command's own answer: it happens."""

OTHER = [
    Row("respond", {"respond": 500}, 500, coded("injected_fault")),
    Row("respond, no retry-after", {"respond": 429, "retry_after": "none"}, 429, coded("rate_limited")),
    Row(
        "gateway",
        {"respond": 502, "form": "html"},
        502,
        has(b"<h1>502 Bad Gateway</h1>"),
        headers={"content-type": "text/html"},
    ),
    Row("text", {"respond": 504, "form": "text"}, 504, lambda body, _: body == b"504 Gateway Timeout\n"),
    Row("problem", {"respond": 503, "form": "problem"}, 503, has(b'"title":"Service Unavailable"')),
    Row("empty", {"respond": 503, "form": "empty"}, 503, nothing),
    Row("login page", {"respond": 200, "body": "<html>Sign in</html>"}, 200, has(b"Sign in")),
    Row("other JSON", {"respond": 400, "body": {"message": "no"}}, 400, lambda body, _: body == b'{"message":"no"}'),
    Row("no content", {"respond": 204}, 204, nothing),
    Row("redirect", {"respond": 307, "headers": {"location": "/x"}}, 307, nothing, headers={"location": "/x"}),
    Row("respond, truncate", {"respond": 500, "truncate": "10%"}, 500, lambda body, _: len(body) > 5, "closed"),
    Row("respond, malformed", {"respond": 500, "malformed": True}, 500, lambda body, _: body.endswith(b",")),
    Row("respond, drip", {"respond": 500, "drip": {"bytes": 9, "every": "1ms"}}, 500, coded("injected_fault")),
    Row("respond, gzip", {"respond": 500, "gzip": True}, 500, lambda body, _: b"error" in gzip.decompress(body)),
    Row("rate limit", {"rate_limit": {"limit": 1, "per": "9h"}}, 429, coded("rate_limited")),
    Row("rate limit, respond", {"rate_limit": {"limit": 1, "per": "9h"}, "respond": 503}, 503, coded("injected_fault")),
    Row("rate limit, reset", {"rate_limit": {"limit": 1, "per": "9h"}, "reset": True}, 0, nothing, "reset"),
    Row("hang", {"hang": "1ms"}, 0, nothing, "closed"),
    Row("reset", {"reset": True}, 0, nothing, "reset"),
]
"""Effects in place of the command's own answer: it happens `after: true`, and else not at all."""

LOST = [
    Row("lost", {"lose_response": True}, 0, nothing, "reset", times=1),
    Row("lost, respond", {"lose_response": True, "respond": 500}, 500, coded("injected_fault"), times=1),
    Row("twice, respond", {"duplicate": True, "respond": 500}, 500, coded("injected_fault"), times=2),
    Row("twice, hang", {"duplicate": True, "hang": "1ms"}, 0, nothing, "closed", times=2),
]
"""Effects in place of the answer to a command that happens."""

DELAYS: dict[str, dict[str, Any]] = {
    "at once": {},
    "delayed": {"delay": "10m", "clock": "virtual"},
    "answered late": {"delay": "10m", "clock": "virtual", "delay_of": "answer"},
}
"""Virtual: the clock shows that a delay was there, and where, and the test takes no time for it."""

CELLS = [
    pytest.param(row, operation, after, delay, id=f"{row.name}-{operation}-{after}-{delay}")
    for rows, afters in ((OWN, (None, True)), (OTHER, (False, True)), (LOST, (None, True)))
    for row in rows
    for operation in OPERATIONS
    for after in afters
    for delay in DELAYS
    if row.effect or (after is None and delay != "at once")
]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patches, benched(HttpToolsProtocol, patches) as one:
        yield one


@pytest.fixture(scope="module")
def slow_bench() -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patches, benched(H11Protocol, patches) as one:
        yield one


def changed(own: dict[str, str], row: Row) -> dict[str, str]:
    """The headers of the command's own answer with those of the row in place of them."""
    headers = {**own, **{name: value for name, value in row.headers.items() if value is not None}}
    for name, value in row.headers.items():
        if value is None:
            headers.pop(name, None)
        elif value.startswith("+"):
            headers[name] = str(int(own[name]) + int(value))
    return headers | {"x-sim-fault": "the-rule"}


def check(bench: Bench, row: Row, operation: str, after: bool | None, delay: str) -> None:
    """One cell of the table."""
    own = bench.own(operation, delay)
    target = bench.begin(operation)
    said = {} if after is None else {"after": after}
    bench.call("POST", "faults", {"name": "the-rule", "effect": row.effect | said | DELAYS[delay]})
    if "rate_limit" in row.effect:  # the one token that there is
        bench.ask("GET /v1/gpu/offers", "open")
    seen = bench.ask(target, row.ending)

    assert seen.status == (own.status if row.status is None else row.status)
    assert seen.ending == row.ending
    assert row.sees(seen.body, own.body), seen
    if row.status is None:
        expected = changed(own.headers, row)
        if "any" in expected.values():
            expected["content-length"] = seen.headers["content-length"]
        assert seen.headers == expected
    elif row.status:
        assert seen.headers["x-sim-fault"] == "the-rule"
        assert seen.headers["x-request-id"] == "mine"
        wanted = {name: value for name, value in row.headers.items() if value is not None}
        assert {name: seen.headers.get(name) for name in wanted} == wanted

    moved = bench.call("GET", "clock")["now"]
    assert moved == ("2026-01-01T00:00:00.000Z" if delay == "at once" else "2026-01-01T00:10:00.000Z")
    times = row.times if row.times is not None else 0 if after is False else 1
    rentals = bench.call("GET", "rentals")["data"]
    if operation == "rent_gpu":
        assert len(rentals) == times
    elif operation != "list_offers":
        (rental,) = rentals
        ended = operation == "terminate_rental" and times > 0
        assert (rental["status"] == "terminated") is ended


@pytest.mark.parametrize(("row", "operation", "after", "delay"), CELLS)
def test_a_client_sees_what_the_effect_says_and_the_command_has_happened_or_not(
    bench: Bench, row: Row, operation: str, after: bool | None, delay: str
) -> None:
    check(bench, row, operation, after, delay)


@pytest.mark.slow
@pytest.mark.parametrize(("row", "operation", "after", "delay"), CELLS)
def test_with_the_other_http_parser_it_is_the_same(
    slow_bench: Bench, row: Row, operation: str, after: bool | None, delay: str
) -> None:
    check(slow_bench, row, operation, after, delay)
