"""Rents sent again under their idempotency key: A13, A17."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from ..document.error_codes import RENTED
from ..model.fresh_world import ALICE, BOB, learn_offers
from ..model.strategies import ValidRent, spelled
from ..target.instants import HOUR
from ..target.target import Answer, Target
from .situations import ended, example, refused, rented, seen

KEY = "7a0f3c52-rent"
LIFE_MS = 24 * HOUR


def again(answer: Answer, first: Answer) -> None:
    """The answer must be the first one again."""
    assert answer.headers.get("idempotent-replayed") == "true", answer
    assert (answer.status, answer.json) == (first.status, first.json)


def test_a17_the_same_rent_sent_again_is_one_rental(world: Target) -> None:
    body = example(world)
    first = world.rent(body, key=KEY)
    assert first.status in RENTED, first
    assert "idempotent-replayed" not in first.headers
    after = (world.accounts(), world.ledger())
    again(world.rent(body, key=KEY), first)
    assert (world.accounts(), world.ledger()) == after


def test_a17_the_same_body_in_other_bytes_is_the_same_body(world: Target) -> None:
    body = example(world)
    first = world.rent(body, key=KEY)
    headers = [("content-type", "application/json"), ("idempotency-key", KEY)]
    again(world.send("POST", "/v1/gpu/rent", headers=headers, content=spelled(body)), first)


def test_a17_the_first_answer_comes_again_whatever_became_of_the_rental(world: Target) -> None:
    body = example(world)
    first = world.rent(body, key=KEY)
    ended(world, first.json["rental_id"])
    again(world.rent(body, key=KEY), first)
    assert seen(world, first.json["rental_id"])["status"] == "terminated"


def test_a17_another_body_under_the_same_key_is_refused(world: Target) -> None:
    body = example(world)
    world.rent(body, key=KEY)
    before = (world.accounts(), world.ledger())
    refused(world.rent({**body, "model_id": "org/other"}, key=KEY), 422, "idempotency_key_reused")
    assert (world.accounts(), world.ledger()) == before


def test_a17_keys_are_of_one_account(world: Target, tokens: dict[str, str]) -> None:
    body = example(world)
    mine = world.rent(body, key=KEY, token=tokens[ALICE])
    theirs = world.rent(body, key=KEY, token=tokens[BOB])
    assert theirs.status in RENTED, theirs
    assert "idempotent-replayed" not in theirs.headers
    assert theirs.json["rental_id"] != mine.json["rental_id"]


def test_a17_without_a_key_every_rent_is_new(world: Target) -> None:
    assert rented(world)["rental_id"] != rented(world)["rental_id"]


def test_a17_a_refusal_is_not_stored(world: Target, tokens: dict[str, str]) -> None:
    """The same key and body succeed once the credit is there."""
    dear = ValidRent(-1).body(learn_offers(world))
    refused(world.rent(dear, key=KEY, token=tokens[BOB]), 402, "insufficient_credit")
    world.credit(BOB, world.accounts()[ALICE].balance)
    answer = world.rent(dear, key=KEY, token=tokens[BOB])
    assert answer.status in RENTED, answer
    assert "idempotent-replayed" not in answer.headers


def test_a17_a_refusal_leaves_the_key_to_another_body(world: Target) -> None:
    body = example(world)
    refused(world.rent({**body, "gpu_count": 10**6}, key=KEY), 409, "offer_unavailable")
    assert world.rent(body, key=KEY).status in RENTED


@pytest.mark.parametrize(("wait_ms", "replayed"), [(LIFE_MS - 1, True), (LIFE_MS, False)])
def test_a17_keys_live_for_24_hours_of_virtual_time(world: Target, wait_ms: int, *, replayed: bool) -> None:
    body = example(world)
    first = world.rent(body, key=KEY)
    world.advance(wait_ms)
    answer = world.rent(body, key=KEY)
    assert (answer.headers.get("idempotent-replayed") == "true") == replayed, answer
    assert (answer.json["rental_id"] == first.json["rental_id"]) == replayed


@pytest.mark.parametrize("values", [[""], ["x" * 256], ["a", "a"]])
def test_a17_an_empty_long_or_repeated_key_is_refused(world: Target, values: list[str]) -> None:
    headers = [("idempotency-key", value) for value in values]
    answer = world.send("POST", "/v1/gpu/rent", body=example(world), headers=headers)
    refused(answer, 400, "invalid_value")


@pytest.mark.parametrize("wrong", [{"gpu_count": 0}, {"gpu_model": "nobody"}, {"region": "nowhere"}])
def test_a13_a_wrong_value_is_told_before_a_used_key(world: Target, wrong: dict[str, object]) -> None:
    """Invalid values, among them names that the catalogue lacks, are refused before the stored answer comes again."""
    body = example(world)
    world.rent(body, key=KEY)
    refused(world.rent({**body, **wrong}, key=KEY), 400, "invalid_value")


def test_a17_a_key_of_255_characters_will_do(world: Target) -> None:
    assert world.rent(example(world), key="x" * 255).status in RENTED


def test_a17_the_same_rent_sent_many_times_at_once_is_one_rental(world: Target) -> None:
    body = example(world)
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: world.rent(body, key=KEY), range(10)))
    assert {answer.status for answer in answers} <= RENTED
    assert len({answer.json["rental_id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    placed = [entry for entry in world.ledger() if entry["kind"] == "hold_placed"]
    assert len(placed) == 1
