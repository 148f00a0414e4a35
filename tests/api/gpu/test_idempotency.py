"""Retried rents: the Idempotency-Key header (A17)."""

import asyncio
import json
from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Money
from gpu_sim.core.scenario.scenario import AccountSpec, BillingSettings

from ...support.asgi import ALICE, BOB, DOCUMENTED_RENT, RENT, Answer, Api, scenario
from ...support.builders import market, offer

RENT_PATH = "/v1/gpu/rent"


def rent(api: Api, key: str, body: dict[str, Any] | None = None, **options: Any) -> Answer:
    """Rent with an Idempotency-Key."""
    return api.call("POST", RENT_PATH, RENT if body is None else body, headers=[("idempotency-key", key)], **options)


def test_a17_the_same_key_and_body_give_the_first_answer_again_and_one_rental(api: Api) -> None:
    first = rent(api, "k1")
    with api.unchanged():
        again = rent(api, "k1")
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert (first.header("idempotent-replayed"), again.header("idempotent-replayed")) == (None, "true")
    assert len(api.get("/_sim/rentals")["data"]) == 1


def test_a17_the_first_answer_comes_again_whatever_became_of_the_rental(api: Api) -> None:
    first = rent(api, "k1", DOCUMENTED_RENT)
    api.advance("5m")
    api.delete(first.json()["rental_id"])
    again = rent(api, "k1", DOCUMENTED_RENT)
    assert again.body == first.body
    assert again.json()["status"] == "provisioning"


def test_a17_another_order_of_the_keys_is_the_same_body(api: Api) -> None:
    first = rent(api, "k1")
    again = rent(api, "k1", dict(reversed(RENT.items())))
    assert again.body == first.body
    spaced = json.dumps(RENT, indent=3, ensure_ascii=False).encode()
    third = api.call("POST", RENT_PATH, body=spaced, headers=[("idempotency-key", "k1")])
    assert third.body == first.body


@pytest.mark.parametrize(
    "change", [{"gpu_count": 2}, {"gpu_count": 1}, {"model_id": "other"}, {"ssh_key": None}, {"gpu_model": "rtx 4090"}]
)
def test_a17_another_body_under_the_same_key_is_refused(api: Api, change: dict[str, Any]) -> None:
    rent(api, "k1")
    with api.unchanged():
        error = rent(api, "k1", RENT | change).refused(422, "idempotency_key_reused")
    assert error["type"] == "invalid_request_error"


def test_a17_keys_are_per_account(api: Api) -> None:
    first = rent(api, "k1")
    theirs = rent(api, "k1", RENT | {"gpu_count": 2}, token=BOB)
    assert theirs.status == 201
    assert theirs.header("idempotent-replayed") is None
    assert theirs.json()["rental_id"] != first.json()["rental_id"]


def test_a17_a_402_is_not_stored(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(accounts=(AccountSpec("alice", ALICE, Money(0)),)))
    rent(api, "k1").refused(402, "insufficient_credit")
    api.call("POST", "/_sim/accounts/alice/credit", {"amount": "1"})
    answer = rent(api, "k1")
    assert (answer.status, answer.header("idempotent-replayed")) == (201, None)


def test_a17_a_refusal_leaves_the_key_free_for_another_body(api: Api) -> None:
    rent(api, "k1", RENT | {"gpu_count": 99}).refused(409, "offer_unavailable", "gpu_count")
    rent(api, "k1", RENT | {"gpu_count": 0}).refused(400, "invalid_value", "gpu_count")
    assert rent(api, "k1").status == 201


def test_a17_a_stored_key_answers_where_a_new_rent_would_be_refused(runner: asyncio.Runner) -> None:
    accounts = (AccountSpec("alice", ALICE, Money(71_750)),)
    api = Api(runner, scenario(accounts=accounts, market=market(offer(capacity=1))))
    first = rent(api, "k1")
    api.call("POST", RENT_PATH, RENT).refused(409, "offer_unavailable")
    assert rent(api, "k1").body == first.body


def test_a17_a_key_lives_24_hours_of_virtual_time_to_the_millisecond(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(billing=BillingSettings(idle_timeout=None, hold_expiry=None)))
    first = rent(api, "k1").json()["rental_id"]
    api.delete(first)
    api.advance("23h59m59s999ms")
    assert rent(api, "k1").json()["rental_id"] == first
    rent(api, "k1", RENT | {"gpu_count": 2}).refused(422, "idempotency_key_reused")
    api.advance("1ms")
    anew = rent(api, "k1", RENT | {"gpu_count": 2})
    assert (anew.status, anew.header("idempotent-replayed")) == (201, None)
    assert anew.json()["rental_id"] != first


def test_a17_a_replay_does_not_prolong_the_life_of_a_key(api: Api) -> None:
    first = rent(api, "k1").json()["rental_id"]
    api.delete(first)
    api.advance("12h")
    rent(api, "k1")
    api.advance("12h")
    assert rent(api, "k1").json()["rental_id"] != first


@pytest.mark.parametrize("key", ["", "k" * 256, "k\xff", "k\x7f", "k\tk"])
def test_a17_a_malformed_key_is_refused(api: Api, key: str) -> None:
    with api.unchanged():
        rent(api, key).refused(400, "invalid_value", "Idempotency-Key")


def test_a17_two_keys_are_refused(api: Api) -> None:
    for keys in (("a", "b"), ("a", "a")):
        with api.unchanged():
            answer = api.call("POST", RENT_PATH, RENT, headers=[("idempotency-key", key) for key in keys])
            answer.refused(400, "invalid_value", "Idempotency-Key")


@pytest.mark.parametrize("key", ["k", "k" * 255, " !~", "a-b_c:d/e"])
def test_a17_a_key_is_1_to_255_printable_ascii_characters(api: Api, key: str) -> None:
    assert rent(api, key).status == 201
    assert rent(api, key).header("idempotent-replayed") == "true"


def test_a17_rents_without_a_key_are_each_their_own(api: Api) -> None:
    assert api.rent() != api.rent()


def test_a17_a_reset_forgets_the_keys(api: Api) -> None:
    first = rent(api, "k1")
    api.call("POST", "/_sim/reset")
    again = rent(api, "k1", RENT)
    assert again.header("idempotent-replayed") is None
    assert again.body == first.body


def test_a17_a_key_means_nothing_to_other_operations(api: Api) -> None:
    rental_id = rent(api, "k1").json()["rental_id"]
    answer = api.call("DELETE", f"/v1/gpu/rentals/{rental_id}", headers=[("idempotency-key", "k1")])
    assert (answer.status, answer.header("idempotent-replayed")) == (200, None)
