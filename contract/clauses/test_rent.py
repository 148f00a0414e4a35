"""Renting: F7 to F10, F16 to F18, A10, A14, A16, A18, A22."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..document.error_codes import RENTED
from ..model.charges import hold_of
from ..model.examples import Examples
from ..model.fresh_world import ALICE, BOB, another_token, learn_offers, learn_world, reset_world
from ..model.strategies import SSH_KEY, ValidRent, picks
from ..target.money import MICRO, amount, dollars
from ..target.target import Target
from .situations import EXAMPLE, ended, example, instant, refused, rented, seen


def test_f7_the_documented_body_is_accepted_as_it_stands(world: Target) -> None:
    body = {**EXAMPLE, "ssh_key": "ssh-ed25519 AAAA... user@host", "fine_tuned": False}
    answer = world.rent(body)
    assert answer.status in RENTED, answer
    assert answer.json.items() >= {**EXAMPLE, "fine_tuned": False}.items()


def test_f8_the_hold_is_placed_before_provisioning_begins(world: Target) -> None:
    before = world.accounts()[ALICE]
    rental = rented(world)
    after = world.accounts()[ALICE]
    hold = hold_of(dollars(rental["price_per_gpu_hour"]), 1)
    assert (rental["status"], rental["hold_amount"]) == ("provisioning", amount(hold))
    assert (after.balance, after.held) == (before.balance, hold)


def test_f9_a_key_gives_ssh_access(world: Target) -> None:
    ssh = rented(world, ssh_key=SSH_KEY)["ssh"]
    assert set(ssh) == {"host", "port", "user"}
    assert "ssh" not in rented(world)


def test_f9_fine_tuned_is_taken_and_shown(world: Target) -> None:
    assert rented(world, fine_tuned=True)["fine_tuned"] is True
    assert rented(world)["fine_tuned"] is False


def test_f10_a_rent_answers_with_the_rental_being_provisioned(world: Target) -> None:
    rental = rented(world)
    assert rental["status"] == "provisioning"
    assert seen(world, rental["rental_id"]) == rental


def test_f16_available_is_balance_less_active_holds(world: Target) -> None:
    opening = world.accounts()[ALICE].balance
    held = Fraction(0)
    for gpus in (1, 2, 1):
        held += dollars(rented(world, gpu_count=gpus)["hold_amount"])
        account = world.accounts()[ALICE]
        assert (account.balance, account.held, account.available) == (opening, held, opening - held)


def test_f17_the_amount_needed_is_exactly_what_helps(world: Target, examples: Examples) -> None:
    """Credit of one micro-dollar less still leaves a 402, about that micro-dollar."""

    @examples.at_most(30)
    @given(pick=picks(), gpus=st.integers(1, 4), have=st.integers(0, 12_000))
    def check(pick: int, gpus: int, have: int) -> None:
        model, _ = learn_world(world)
        offer = model.offers[pick % len(model.offers)]
        gpus = min(gpus, offer.capacity)
        body = ValidRent(pick, extras=(("gpu_count", gpus),)).body(model.offers)
        hold = hold_of(offer.price, gpus)
        available = have * MICRO
        carol = another_token(world, "carol")
        world.open_account("carol", carol, available)
        error = refused(world.rent(body, token=carol), 402, "insufficient_credit")
        assert error["amount_needed"] == amount(hold - available)
        world.credit("carol", hold - available - MICRO)
        assert refused(world.rent(body, token=carol), 402, "insufficient_credit")["amount_needed"] == amount(MICRO)
        world.credit("carol", MICRO)
        assert world.rent(body, token=carol).status in RENTED

    check()


def test_f17_a_refused_rent_leaves_nothing_behind(world: Target, tokens: dict[str, str]) -> None:
    dear = ValidRent(-1).body(learn_offers(world))
    before = (world.accounts(), world.ledger(), world.offers())
    refused(world.rent(dear, token=tokens[BOB]), 402, "insufficient_credit")
    assert (world.accounts(), world.ledger(), world.offers()) == before


def test_f17_parallel_rents_never_spend_the_same_credit(world: Target) -> None:
    """Credit for three, ten at once: three rentals, seven refusals, nothing left over."""
    body = ValidRent(0).body(learn_offers(world))
    hold = hold_of(dollars(world.offers()[0]["price_per_gpu_hour"]), 1)
    token = another_token(world, "carol")
    world.open_account("carol", token, 3 * hold)
    with ThreadPoolExecutor(5) as pool:
        statuses = Counter(answer.status for answer in pool.map(lambda _: world.rent(body, token=token), range(10)))
    assert sum(statuses[status] for status in RENTED) == 3, statuses
    assert statuses[402] == 7, statuses
    carol = world.accounts()["carol"]
    assert (carol.available, carol.held) == (Fraction(0), 3 * hold)


def test_f18_two_gpus_are_held_at_twice_the_price_of_one(world: Target) -> None:
    one, two = rented(world), rented(world, gpu_count=2)
    assert dollars(two["hold_amount"]) == 2 * dollars(one["hold_amount"])
    assert two["price_per_gpu_hour"] == one["price_per_gpu_hour"]


def test_a10_a_rent_is_answered_201_200_or_202(world: Target) -> None:
    assert world.rent(example(world)).status in {200, 201, 202}


def test_a14_names_are_echoed_in_the_spelling_of_the_catalogue(world: Target) -> None:
    body = example(world)
    loud = {name: body[name].upper() for name in ("gpu_model", "provider_id", "region")}
    assert rented(world, **loud).items() >= body.items()


@pytest.mark.parametrize("count", [0, -1, 1.0, 1.5, True, "1", None, [1]])
def test_a16_a_number_of_gpus_is_an_integer_from_one_on(world: Target, count: object) -> None:
    error = refused(world.rent({**example(world), "gpu_count": count}), 400, "invalid_value")
    assert error["param"] == "gpu_count"


def test_a16_gpus_beyond_the_capacity_are_refused_for_ever(world: Target) -> None:
    offers = learn_offers(world)
    for count in (offers[0].capacity + 1, 10**6, 10**30):
        answer = world.rent(ValidRent(0, extras=(("gpu_count", count),)).body(offers))
        refused(answer, 409, "offer_unavailable")
        assert answer.headers["x-should-retry"] == "false"


def test_a16_gpus_that_others_have_are_refused_for_now(world: Target) -> None:
    offers = learn_offers(world)
    assert world.rent(ValidRent(0, extras=(("gpu_count", offers[0].capacity),)).body(offers)).status in RENTED
    answer = world.rent(ValidRent(0).body(offers))
    refused(answer, 409, "offer_unavailable")
    assert answer.headers.get("x-should-retry") != "false"


def test_a18_the_extended_rental_has_every_key_from_the_start(world: Target) -> None:
    body = example(world)
    rental = rented(world)
    assert rental == {
        **body,
        "rental_id": rental["rental_id"],
        "status": "provisioning",
        "fine_tuned": False,
        "gpu_count": 1,
        "price_per_gpu_hour": rental["price_per_gpu_hour"],
        "hold_amount": rental["hold_amount"],
        "created_at": rental["created_at"],
        "started_at": None,
        "terminated_at": None,
        "termination_reason": None,
        "billed_amount": None,
    }
    assert instant(rental, "created_at") == world.now()


def test_a18_the_documented_rental_has_two_keys(documented_world: Target) -> None:
    documented_world.reset()
    rental = rented(documented_world, ssh_key=SSH_KEY)
    assert rental == {"rental_id": rental["rental_id"], "status": "provisioning"}
    assert seen(documented_world, rental["rental_id"]) == rental
    last = documented_world.terminate(rental["rental_id"])
    assert last.json == {"rental_id": rental["rental_id"], "status": "terminated"}


@pytest.mark.parametrize(
    "key",
    [None, SSH_KEY, "ssh-rsa " + "A" * 740, "ecdsa-sha2-nistp256 AAAA", "sk-ssh-ed25519@openssh.com AAAA x"],
)
def test_a18_any_openssh_key_on_one_line_will_do(world: Target, key: str | None) -> None:
    assert ("ssh" in rented(world, ssh_key=key)) == (key is not None)


def test_a22_ids_are_opaque_distinct_and_the_same_again_after_a_reset(world: Target, tokens: dict[str, str]) -> None:
    def three() -> list[str]:
        return [rented(world, token)["rental_id"] for token in (tokens[ALICE], tokens[ALICE], tokens[BOB])]

    first = three()
    assert [one for one in first if not re.fullmatch(r"rent_[a-z2-7]{20}", one)] == []
    assert len(set(first)) == 3
    reset_world(world)
    assert three() == first


def test_a22_the_id_of_an_ended_rental_is_never_used_again(world: Target) -> None:
    first = rented(world)["rental_id"]
    ended(world, first)
    second = rented(world)["rental_id"]
    assert second != first, f"A22: {second} is the id of a rental that ended"
    assert seen(world, first)["status"] == "terminated"


def test_a22_another_account_does_not_change_my_ids(world: Target, tokens: dict[str, str]) -> None:
    mine = rented(world, tokens[ALICE])["rental_id"]
    reset_world(world)
    rented(world, tokens[BOB])
    assert rented(world, tokens[ALICE])["rental_id"] == mine


def test_f14_credit_added_is_available_at_once(world: Target) -> None:
    before = world.accounts()[BOB]
    world.credit(BOB, Fraction(1, 4))
    after = world.accounts()[BOB]
    assert after.available - before.available == after.balance - before.balance == Fraction(1, 4)
