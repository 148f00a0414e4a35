"""Any effect at all: it is refused with a reason, or carried out over a socket without a failure of the server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ...support.wire_client import connect
from .wire_bench import Bench, benched, request_text, until_the_end

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "respond": st.sampled_from([200, 201, 204, 205, 206, 302, 304, 400, 401, 402, 404, 409, 413, 429, 500, 503, 599]),
    "retry_after": st.sampled_from(["none", "0s", "1500ms", "10m"]),
    "retry_after_as": st.sampled_from(["seconds", "date", "epoch", "negative"]),
    "delay": st.just("1ms"),
    "delay_of": st.sampled_from(["request", "answer"]),
    "clock": st.sampled_from(["wall", "virtual"]),
    "hang": st.just("1ms"),
    "reset": st.booleans(),
    "truncate": st.sampled_from(["0%", "1%", "50%", "99%"]),
    "malformed": st.booleans(),
    "drip": st.just({"bytes": 100, "every": "1ms"}),
    "lose_response": st.booleans(),
    "duplicate": st.booleans(),
    "after": st.booleans(),
    "form": st.sampled_from(["api", "problem", "text", "html", "empty"]),
    "body": st.sampled_from(["", "x", "<html>\u2713", {"a": [1.5, None]}, []]),
    "whitespace": st.sampled_from([1, 3_000]),
    "gzip": st.booleans(),
    "headers": st.dictionaries(
        st.sampled_from(
            ["content-length", "content-type", "content-encoding", "connection", "set-cookie", "retry-after"]
        ),
        st.sampled_from([None, 0, 5, 10**6, "close", "keep-alive", ["a", "b"], "gzip", "\xe9", "x\r\ny: z"]),
        max_size=3,
    ),
}
effects = st.lists(st.sampled_from(sorted(FIELDS)), max_size=4, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: FIELDS[name] for name in names})
)
targets = st.sampled_from(
    ["GET /v1/gpu/offers", "HEAD /v1/gpu/offers", "POST /v1/gpu/rent", "DELETE /v1/gpu/rentals/x"]
)


@pytest.fixture(scope="module", params=[HttpToolsProtocol, H11Protocol], ids=["httptools", "h11"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patches, benched(request.param, patches) as one:
        yield one


def meet(bench: Bench, effect: dict[str, Any], target: str) -> None:
    """One request that asks for the effect. The server must not fail, which `benched` looks for at its end."""
    with connect(bench.url) as connection:
        connection.sendall(request_text(target, "connection: close", f"x-sim: {json.dumps(effect)}"))
        received, _ = until_the_end(connection)
    if received:
        head = received.partition(b"\r\n\r\n")[0]
        status = int(head.split()[1])
        assert b"x-sim-fault: header" in head or (status == 400 and b'"param":"x-sim"' in received) or "HEAD" in target
        assert status < 500 or effect["respond"] == status, received
        assert b'"failure"' not in received
        assert b"\r\ny: z" not in head
    assert bench.call("GET", "health")["status"] == "ok"


@pytest.mark.parametrize("examples", [60, pytest.param(1_000, marks=pytest.mark.slow)])
def test_any_effect_is_refused_or_carried_out(bench: Bench, examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(effects, targets)
    def meet_one(effect: dict[str, Any], target: str) -> None:
        meet(bench, effect, target)

    meet_one()
