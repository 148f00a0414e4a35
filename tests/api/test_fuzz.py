"""Whatever is sent: no 5xx, always an envelope of the right shape, and a refusal changes nothing."""

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from .asgi import ALICE, RENT, Answer, Api, scenario

PATHS = st.one_of(
    st.sampled_from(
        [
            "/v1/gpu/offers",
            "/v1/gpu/rent",
            "/v1/gpu/rentals/rent_x",
            "/openapi.json",
            *(f"/_sim/{name}" for name in ("health", "ready", "clock", "clock/advance", "reset", "accounts", "ledger")),
            "/_sim/worlds",
            "/_sim/worlds/w",
            *(f"/_sim/{name}" for name in ("rentals", "rentals/x/touch", "rentals/x/interrupt", "events", "market")),
            "/_sim/accounts/alice/credit",
        ]
    ),
    st.text(st.characters(codec="utf-8"), max_size=20).map(lambda text: "/" + text),
)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
NAMES = st.sampled_from(
    [
        *(
            "gpu_model",
            "provider",
            "min_vram",
            "max_price",
            "world",
            "limit",
            "after",
            "gpu_count",
            "ssh_key",
            "fine_tuned",
        ),
        *("by", "to", "until", "mode", "speed", "step", "name", "token", "balance", "amount", "rental", "status"),
        *("scenario", "seed", "clock", "tokens", "extends", "only", "start"),
        *RENT,
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        [*RENT.values(), "1", "0.5", "1h", "-1h", "1d", "manual", "real", "next_event", "2026-01-02T00:00:00Z", 10**40]
    ),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=3)
)
BODIES = st.one_of(
    st.binary(max_size=60),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(NAMES, VALUES, max_size=4).map(lambda fields: json.dumps(fields).encode()),
    st.dictionaries(NAMES, VALUES, max_size=2).map(lambda fields: json.dumps(RENT | fields).encode()),
)
QUERIES = st.one_of(
    st.just(""),
    st.text(st.characters(max_codepoint=255), max_size=30),
    st.lists(st.tuples(NAMES, st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8)), max_size=3).map(
        lambda pairs: "&".join("=".join(pair) for pair in pairs)
    ),
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["idempotency-key", "x-request-id", "content-encoding", "authorization", "accept", "origin", "x-sim-admin"]
        ),
        st.text(st.characters(max_codepoint=255), max_size=20)
        | st.sampled_from([f"Bearer {ALICE}", "http://localhost", "k"]),
    ),
    max_size=2,
)
MEDIA = st.sampled_from(["application/json", "application/json", "text/plain", "", None])


def check_shape(path: str, answer: Answer) -> None:
    """Every answer is a success or a refusal in the envelope of where it was asked."""
    assert 200 <= answer.status < 500, answer.body
    assert answer.header("x-request-id")
    assert answer.header("x-sim-now")
    if answer.status < 400:
        return
    assert answer.status in (400, 401, 402, 403, 404, 405, 409, 413, 415, 422)
    shown: dict[str, Any] = answer.json()
    if path.startswith("/_sim/") or path == "/_sim":
        answer.problem(answer.status, shown["code"], shown["param"])
    else:
        answer.refused(answer.status, shown["error"]["code"], shown["error"]["param"])
        assert ("amount_needed" in shown["error"]) == (answer.status == 402)
    assert (answer.header("allow") is not None) == (answer.status == 405)
    assert (answer.header("www-authenticate") is not None) == (answer.status == 401)


@given(METHODS, PATHS, QUERIES, BODIES | st.none(), HEADERS, MEDIA, st.sampled_from([ALICE, ALICE, None, "si_x"]))
@settings(max_examples=600, derandomize=True, deadline=None, database=None)
def test_whatever_is_sent_gets_a_well_formed_answer(
    method: str,
    path: str,
    query: str,
    body: bytes | None,
    headers: list[tuple[str, str]],
    media: str | None,
    token: str | None,
) -> None:
    with asyncio.Runner() as runner:
        api = Api(runner, scenario())
        before = api.state()
        path = path.replace("?", "")
        answer = api.call(method, f"{path}?{query}", body=body, headers=headers, media=media, token=token)
        check_shape(path, answer)
        if answer.status >= 400 and answer.json().get("code") != "not_reached":
            assert api.state() == before
        api.world.simulation.ledger.audit()


@given(
    st.lists(
        st.tuples(st.sampled_from(["rent", "delete", "touch", "interrupt", "advance", "reset", "get"]), BODIES),
        max_size=8,
    )
)
@settings(max_examples=60, derandomize=True, deadline=None, database=None)
def test_whatever_happens_in_which_order_the_books_stay_in_order(calls: list[tuple[str, bytes]]) -> None:
    with asyncio.Runner() as runner:
        api = Api(runner, scenario())
        rental_id = api.rent()
        for name, body in calls:
            target = {
                "rent": ("POST", "/v1/gpu/rent"),
                "delete": ("DELETE", f"/v1/gpu/rentals/{rental_id}"),
                "touch": ("POST", f"/_sim/rentals/{rental_id}/touch"),
                "interrupt": ("POST", f"/_sim/rentals/{rental_id}/interrupt"),
                "advance": ("POST", "/_sim/clock/advance"),
                "reset": ("POST", "/_sim/reset"),
                "get": ("GET", f"/v1/gpu/rentals/{rental_id}"),
            }[name]
            content = None if name == "rent" else {"by": "7m"} if name == "advance" else None
            answer = api.call(*target, RENT if name == "rent" and len(body) % 2 else content, body=body)
            check_shape(target[1], answer)
            api.world.simulation.ledger.audit()
            for offer in api.world.simulation.market.offers:
                assert 0 <= offer.used <= offer.spec.capacity
