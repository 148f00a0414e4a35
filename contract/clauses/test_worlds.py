"""Two worlds of the same scenario and seed, which must agree after different requests to the same end: A22, A23."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..model.examples import Examples
from ..model.fresh_world import ALICE, BOB, learn_offers, reset_world
from ..model.strategies import ValidRent
from ..target.instants import HOUR, MINUTE
from ..target.target import NotApplicable, Target
from .situations import rented

Twins = tuple[Target, Target]
LONG = (MINUTE, 15 * MINUTE, 2 * HOUR)
RENTS_MAX = 3
"""The largest number of rents of one account."""


@pytest.fixture
def twins(world: Target, other_world: Target | None) -> Twins:
    """Two equal worlds, with Alice's tokens."""
    if other_world is None:
        raise NotApplicable("needs two worlds: the server makes none")
    return world, other_world


def begin(twins: Twins) -> list[dict[str, str]]:
    """Reset both worlds. Returns the tokens of the accounts in each."""
    return [{name: account.token for name, account in reset_world(world).items()} for world in twins]


def state_of(world: Target) -> tuple[Any, Any, Any]:
    """Accounts, ledger and rentals of a world, without what may differ: tokens, and the order of ledger entries."""
    accounts = {name: (account.balance, account.held) for name, account in world.accounts().items()}
    entries = Counter(repr({key: value for key, value in row.items() if key != "seq"}) for row in world.ledger())
    rentals = world.items("rentals")
    return accounts, entries, {row["rental_id"]: row for row in rentals}


def test_a23_time_in_parts_comes_to_the_same_as_time_at_once(twins: Twins, examples: Examples) -> None:
    """Reads in between change nothing: a deadline does not wait to be seen."""
    at_once, in_parts = twins

    @examples.at_most(20)
    @given(
        parts=st.lists(st.integers(1, HOUR) | st.sampled_from([MINUTE, 15 * MINUTE, 2 * HOUR]), min_size=2, max_size=5)
    )
    def check(parts: Sequence[int]) -> None:
        begin(twins)
        ids = [rented(world)["rental_id"] for world in twins]
        assert ids[0] == ids[1], "A22: the same seed gives the same ids"
        at_once.advance(sum(parts))
        for part in parts:
            in_parts.advance(part)
            in_parts.rental(ids[1])
            in_parts.offers()
        assert state_of(at_once) == state_of(in_parts)
        assert at_once.rental(ids[0]).json == in_parts.rental(ids[1]).json

    check()


def test_a22_the_order_of_two_accounts_changes_nobodys_fate(twins: Twins, examples: Examples) -> None:
    """At one instant, on offers with GPUs enough for both."""
    offers = [offer for offer in learn_offers(twins[0]) if offer.capacity >= 2 * RENTS_MAX]
    some = st.lists(st.integers(0, len(offers) - 1), min_size=1, max_size=RENTS_MAX)

    @examples.at_most(20)
    @given(alices=some, bobs=some, then=st.integers(0, 3 * HOUR))
    def check(alices: Sequence[int], bobs: Sequence[int], then: int) -> None:
        tokens = begin(twins)
        wanted = [*((ALICE, pick) for pick in alices), *((BOB, pick) for pick in bobs)]
        bob_first = sorted(wanted, key=lambda rent: rent[0] == ALICE)
        for world, order, known in zip(twins, (wanted, bob_first), tokens, strict=True):
            for name, pick in order:
                world.rent(ValidRent(pick).body(offers), token=known[name])
            if then:
                world.advance(then)
        assert state_of(twins[0]) == state_of(twins[1])

    check()


def test_a23_worlds_have_time_and_money_of_their_own(twins: Twins) -> None:
    begin(twins)
    before, now = state_of(twins[1]), twins[1].now()
    rented(twins[0])
    twins[0].advance(3 * HOUR)
    assert twins[0].now() == now + 3 * HOUR
    assert (state_of(twins[1]), twins[1].now()) == (before, now)
