"""Random requests: never a 5xx, always an envelope of the right shape, and a refusal changes nothing.

`python -m tests.commands.hostile.fuzz_http` sends many more of them, over sockets.
"""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ...support.asgi import ALICE, BOB, RENT
from ...support.fuzzing import BODIES, REQUESTS, Request, check_secrets, check_shape, fuzzed_api, send


@pytest.mark.parametrize("examples", [100, pytest.param(600, marks=pytest.mark.slow)])
def test_whatever_is_sent_gets_a_well_formed_answer(examples: int) -> None:
    settings(max_examples=examples)(given(REQUESTS)(check_answer))()


def check_answer(request: Request) -> None:
    """An answer of the right shape, without tokens; a refusal leaves everything as it was."""
    with asyncio.Runner() as runner:
        api = fuzzed_api(runner)
        api.rent()
        before = api.state()
        answer = runner.run(send(api, request))
        if answer is not None:
            check_shape(request.path_read, answer)
            check_secrets(request, answer, {ALICE, BOB})
            is_injected = answer.header("x-sim-fault") is not None
            if answer.status >= 400 and not is_injected and answer.json().get("code") != "not_reached":
                assert api.state() == before
        api.world.simulation.ledger.audit()


@given(st.lists(REQUESTS, min_size=5, max_size=20))
@settings(max_examples=40)  # of up to twenty requests each
def test_whatever_was_sent_is_logged_without_tokens(requests: list[Request]) -> None:
    with asyncio.Runner() as runner:
        lines: list[bytes] = []
        api = fuzzed_api(runner, lines.append)
        for request in requests:
            runner.run(send(api, request))
        tokens = {token.encode() for token in api.worlds.keyring.tokens}
        logged = api.call("GET", "/_sim/requests", host="127.0.0.1").body
        assert not [token for token in tokens if len(token) > 3 and token in b"".join((logged, *lines))]
        assert all(isinstance(json.loads(line), dict) for line in lines)


@given(
    st.lists(
        st.tuples(st.sampled_from(["rent", "delete", "touch", "interrupt", "advance", "reset", "get"]), BODIES),
        max_size=8,
    )
)
@settings(max_examples=60)
def test_whatever_happens_in_which_order_the_books_stay_in_order(calls: list[tuple[str, bytes]]) -> None:
    with asyncio.Runner() as runner:
        api = fuzzed_api(runner)
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
