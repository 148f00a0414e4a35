"""The charge of a rental: F15, F18, A6 to A9."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..model.charges import charge_of, hold_of
from ..model.examples import Examples
from ..model.fresh_world import ALICE, BOB, PROVISIONING_MS, learn_offers
from ..model.ledger_view import LedgerView
from ..model.rental_history import Offer
from ..model.strategies import ValidRent
from ..target.instants import HOUR, MINUTE, SECOND
from ..target.money import MICRO, amount, dollars
from ..target.target import Target
from .situations import ended, instant, keep_busy, refused, rented, running, seen

TOUCH_AT = 10 * MINUTE


def price_of(rental: dict[str, str]) -> Fraction:
    """A rental's price in US dollars per GPU and hour."""
    return dollars(rental["price_per_gpu_hour"])


def bill_after(world: Target, ran_ms: int, gpus: int = 1) -> tuple[str, Fraction]:
    """The charge and the price of a rental that was kept busy and deleted so long after it became running."""
    rental = running(world, gpu_count=gpus)
    keep_busy(world, rental["rental_id"], instant(rental, "started_at") + ran_ms)
    return ended(world, rental["rental_id"])["billed_amount"], price_of(rental)


@pytest.mark.parametrize(
    ("ran_ms", "seconds"),
    [
        (0, 900),
        (1, 900),
        (300_000, 900),
        (899_000, 900),
        (899_999, 900),
        (900_000, 900),
        (900_001, 901),
        (901_000, 901),
        (901_001, 902),
        (3_600_000, 3600),
    ],
)
def test_f15_fifteen_minutes_at_least_then_each_begun_second(world: Target, ran_ms: int, seconds: int) -> None:
    billed, price = bill_after(world, ran_ms)
    assert billed == amount(charge_of(price, 1, seconds))


def test_f15_the_charge_is_computed_by_hand_for_the_documented_offer(world: Target) -> None:
    """0.287 an hour: a quarter is 0.07175; 1,000 seconds are 0.0797222…"""
    assert bill_after(world, 5 * MINUTE) == ("0.071750", Fraction(287, 1000))
    assert bill_after(world, 1000 * SECOND) == ("0.079722", Fraction(287, 1000))


def test_f18_each_gpu_costs_the_whole_price(world: Target) -> None:
    two, price = bill_after(world, 3600 * SECOND, gpus=2)
    assert dollars(two) == 2 * price


@pytest.mark.parametrize(("ran_ms", "seconds"), [(0, 0), (1, 1), (100_000, 100), (100_001, 101), (899_999, 900)])
def test_a6_an_interrupted_rental_pays_the_time_used(world: Target, ran_ms: int, seconds: int) -> None:
    rental = running(world)
    world.advance(ran_ms)
    world.interrupt(rental["rental_id"])
    billed = seen(world, rental["rental_id"])["billed_amount"]
    assert billed == amount(charge_of(price_of(rental), 1, seconds))


def test_a7_half_a_micro_dollar_is_rounded_up(world: Target) -> None:
    """A charge that ends in exactly half a micro-dollar above an even one: half to even would differ."""
    offers = learn_offers(world)
    pick, seconds = next(
        (pick, seconds)
        for pick, offer in enumerate(offers)
        for seconds in range(901, 1800)
        if (offer.price * seconds / 3600 / MICRO) % 2 == Fraction(1, 2)
    )
    rental = running(world, **ValidRent(pick).body(offers))
    keep_busy(world, rental["rental_id"], instant(rental, "started_at") + seconds * SECOND)
    exact = price_of(rental) * seconds / 3600
    assert dollars(ended(world, rental["rental_id"])["billed_amount"]) == exact + MICRO / 2


def test_a7_the_hold_is_a_quarter_of_the_hourly_price_of_every_offer(world: Target, examples: Examples) -> None:
    offers = learn_offers(world)

    @examples
    @given(pick=st.integers(0, len(offers) - 1), gpus=st.integers(1, 3))
    def check(pick: int, gpus: int) -> None:
        offer = Offer(offers[pick].row, offers[pick].capacity)
        body = ValidRent(pick, extras=(("gpu_count", min(gpus, offer.capacity)),)).body(offers)
        rental = world.rent(body).json
        world.terminate(rental["rental_id"])
        assert rental["hold_amount"] == amount(hold_of(offer.price, rental["gpu_count"]))

    check()


@pytest.mark.parametrize("ran_ms", [0, 2000 * SECOND, 3 * HOUR])
def test_a8_the_money_moves_in_one_entry_at_the_end(world: Target, ran_ms: int) -> None:
    """Captured up to the hold, the rest debited; after three hours there is no hold left to capture."""
    rental = running(world)
    before = world.accounts()[ALICE]
    keep_busy(world, rental["rental_id"], instant(rental, "started_at") + ran_ms)
    last = world.ledger()[-1]["seq"]
    done = ended(world, rental["rental_id"])
    entries = world.ledger(after=last)
    assert len(entries) == 1, f"A8: not one entry: {entries}"
    [entry] = entries
    assert (entry["kind"], entry["rental_id"], entry["account"]) == (
        "rental_settled",
        rental["rental_id"],
        ALICE,
    )
    charge = dollars(done["billed_amount"])
    hold = dollars(done["hold_amount"]) if ran_ms < 2 * HOUR else Fraction(0)
    moved = {posting["account"]: dollars(posting["amount"]) for posting in entry["postings"]}
    expected = {f"{ALICE}/held": -hold, f"{ALICE}/available": hold - charge, "revenue": charge}
    assert {name: value for name, value in moved.items() if value} == {k: v for k, v in expected.items() if v}
    assert world.accounts()[ALICE].balance == before.balance - charge


def test_a8_the_ledger_balances_and_folds_to_the_accounts(world: Target, tokens: dict[str, str]) -> None:
    first, second = running(world, tokens[ALICE]), rented(world, tokens[BOB])
    world.credit(BOB, Fraction(1))
    world.advance(2 * HOUR)
    world.terminate(first["rental_id"], tokens[ALICE])
    world.terminate(second["rental_id"], tokens[BOB])
    rented(world, tokens[BOB])
    ledger = LedgerView()
    ledger.read(world.ledger())
    for name, account in world.accounts().items():
        assert (ledger.balance(name), ledger.held(name)) == (account.balance, account.held)
    assert sum(ledger.sums.values()) == 0


def test_a9_a_rental_goes_on_when_the_balance_is_spent(world: Target, tokens: dict[str, str]) -> None:
    """Two hours of the example cost more than Bob has: he ends in debt, which the next 402 asks for too."""
    rental = running(world, tokens[BOB])
    keep_busy(world, rental["rental_id"], instant(rental, "started_at") + 3 * HOUR)
    assert seen(world, rental["rental_id"], tokens[BOB])["status"] == "running"
    charge = dollars(ended(world, rental["rental_id"], tokens[BOB])["billed_amount"])
    bob = world.accounts()[BOB]
    assert bob.balance == bob.available == Fraction(1, 2) - charge < 0
    body = ValidRent(0).body(learn_offers(world))
    error = refused(world.rent(body, token=tokens[BOB]), 402, "insufficient_credit")
    hold = hold_of(dollars(world.offers()[0]["price_per_gpu_hour"]), 1)
    assert error["amount_needed"] == amount(hold - bob.available)


def test_a9_an_expired_hold_leaves_the_charge_to_the_available_balance(world: Target) -> None:
    before = world.accounts()[ALICE]
    rental = running(world)
    keep_busy(world, rental["rental_id"], instant(rental, "created_at") + 2 * HOUR)
    assert world.accounts()[ALICE].available == before.available
    charge = dollars(ended(world, rental["rental_id"])["billed_amount"])
    after = world.accounts()[ALICE]
    assert (after.available, after.held) == (before.available - charge, Fraction(0))


def test_f15_idle_or_deleted_the_minimum_is_the_same(world: Target) -> None:
    deleted, idle = running(world), rented(world)
    ended(world, deleted["rental_id"])
    world.advance(PROVISIONING_MS + TOUCH_AT * 2)
    found = seen(world, idle["rental_id"])
    assert (found["termination_reason"], found["billed_amount"]) == ("idle_timeout", deleted["hold_amount"])
