"""The life of rentals and what it costs: tables of what is done when, ending in the status and the balances.

The documented offer costs $0.287 an hour: a hold of $0.071750; 901 s cost $0.071830, 3,600 s $0.287000.
A rental of the quiet market runs a minute after it is rented.
"""

from typing import Any

import pytest
from gpu_sim.core.billing.ledger import HoldPlaced, RentalSettled
from gpu_sim.core.events import RentalCreated
from gpu_sim.core.kernel.errors import InsufficientCredit, OfferUnavailable, RentalNotFound
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.rentals.rental import Rental
from gpu_sim.core.scenario.scenario import BillingSettings
from gpu_sim.core.simulation import Simulation

from ...support.builders import (
    DOLLAR,
    HOUR,
    MINUTE,
    READY,
    Bench,
    Row,
    accounts,
    check_table,
    credit,
    journal,
    market,
    offer,
    refused,
    rent,
    rent_gpus,
    scenario,
)

HOLD = 71_750
FREE = DOLLAR - HOLD
LATER = READY + 900_000
"""When a rental that was rented at 0 has run for 15 minutes."""


def simulation(balance: int = DOLLAR, **billing: Any) -> Simulation:
    """The quiet market without idle timeout, unless it is given."""
    settings: dict[str, Any] = {"idle_timeout": None} | billing
    return Simulation(scenario(balance=balance, billing=BillingSettings(**settings)))


def test_f8_the_hold_is_placed_before_provisioning_begins() -> None:
    sim = simulation()
    check_table(sim, [Row(0, Bench.look, "none", DOLLAR, 0), Row(5, Bench.rent, "provisioning", FREE, HOLD)])
    kinds = [type(event) for event in sim.events]
    assert kinds.index(HoldPlaced) < kinds.index(RentalCreated)


def test_a22_the_id_of_the_next_rental_of_an_offer_is_known_before_the_rent() -> None:
    sim = simulation()
    (spec,) = (each.spec for each in sim.market.offers)
    for _ in range(2):
        known = sim.rentals.next_id("alice", spec.name)
        assert rent(sim).rental_id == known


def test_f10_a_rental_is_provisioning_then_running_then_terminated() -> None:
    rows = [
        Row(0, Bench.rent, "provisioning", FREE, HOLD),
        Row(READY - 1, Bench.look, "provisioning", FREE, HOLD),
        Row(READY, Bench.look, "running", FREE, HOLD),
        Row(LATER, Bench.delete, "deleted", FREE, 0),
    ]
    rental = check_table(simulation(), rows).rental
    assert rental is not None
    assert (rental.status, rental.reason) == ("terminated", "deleted")
    assert (rental.created_ms, rental.running_ms, rental.terminated_ms) == (0, READY, LATER)


@pytest.mark.parametrize(
    ("ended_ms", "charge"),
    [
        (READY + 3_600_000, 287_000),
        (READY + 900_500, 71_830),
    ],
)
def test_f13_deleting_bills_the_time_used_and_releases_the_rest_of_the_hold(ended_ms: int, charge: int) -> None:
    rows = [
        Row(0, Bench.rent, "provisioning", FREE, HOLD),
        Row(ended_ms, Bench.delete, "deleted", DOLLAR - charge, 0),
        Row(ended_ms + HOUR, Bench.look, "deleted", DOLLAR - charge, 0),
    ]
    check_table(simulation(), rows)


def test_f13_what_a_charge_leaves_of_the_hold_is_released() -> None:
    """With the defaults only an interruption before 15 minutes leaves something: here 300 of 900 seconds are used."""
    rows = [
        Row(0, Bench.rent, "provisioning", FREE, HOLD),
        Row(READY + 300_000, Bench.interrupt, "interrupted", DOLLAR - 23_917, 0),
    ]
    check_table(simulation(), rows)


def test_f14_all_that_an_account_does_draws_on_one_balance() -> None:
    rows = [
        Row(0, Bench.rent, "provisioning", 150_000 - HOLD, HOLD),
        Row(1, Bench.rent, "provisioning", 150_000 - 2 * HOLD, 2 * HOLD),
        Row(2, refused("insufficient_credit", Bench.rent), "provisioning", 6_500, 2 * HOLD),
        Row(3, Bench.delete, "deleted", 150_000 - HOLD, HOLD),
        Row(4, Bench.rent, "provisioning", 6_500, 2 * HOLD),
    ]
    check_table(simulation(150_000), rows)


@pytest.mark.parametrize(
    ("ran_ms", "charge"),
    [
        (0, HOLD),
        (300_000, HOLD),
        (899_000, HOLD),
        (899_999, HOLD),
        (900_000, HOLD),
        (900_001, 71_830),
        (901_000, 71_830),
        (901_001, 71_909),
    ],
)
def test_f15_ended_before_the_minimum_the_minimum_is_billed_and_past_it_every_second(ran_ms: int, charge: int) -> None:
    rows = [
        Row(0, Bench.rent, "provisioning", FREE, HOLD),
        Row(READY + ran_ms, Bench.delete, "deleted", DOLLAR - charge, 0),
    ]
    rental = check_table(simulation(), rows).rental
    assert rental is not None
    assert rental.billed_micros == charge


def test_f15_another_minimum_is_held_and_billed() -> None:
    rows = [
        Row(0, Bench.rent, "provisioning", DOLLAR - 4_783, 4_783),
        Row(READY + 59_999, Bench.look, "running", DOLLAR - 4_783, 4_783),
        Row(READY + 60_000, Bench.delete, "deleted", DOLLAR - 4_783, 0),
        Row(2 * HOUR, Bench.rent, "provisioning", DOLLAR - 2 * 4_783, 4_783),
        Row(2 * HOUR + READY + 61_000, Bench.delete, "deleted", DOLLAR - 4_783 - 4_863, 0),
    ]
    check_table(simulation(minimum=Duration(60_000)), rows)


def test_f16_what_is_available_is_the_balance_less_the_active_holds() -> None:
    sim = simulation()
    rentals = list[Rental]()
    for gpus in (1, 2):
        rentals.append(rent(sim, gpu_count=gpus))
        active = sum(rental.hold.amount_micros for rental in rentals if rental.hold.status == "active")
        assert sim.ledger.available("alice") == sim.ledger.balance("alice") - active
    assert sim.ledger.balance("alice") == DOLLAR
    assert sim.ledger.held("alice") == 3 * HOLD


@pytest.mark.parametrize(("balance", "missing"), [(HOLD - 1, 1), (0, HOLD), (10_000, 61_750)])
def test_f17_a_balance_below_the_hold_is_refused_with_the_amount_needed(balance: int, missing: int) -> None:
    sim = simulation(balance)
    with pytest.raises(InsufficientCredit) as refusal:
        rent(sim)
    assert refusal.value.amount_needed_micros == missing
    assert "$0.071750" in refusal.value.message


def test_f17_exactly_the_hold_is_enough_and_a_micro_dollar_less_is_not() -> None:
    rows = [
        Row(0, refused("insufficient_credit", Bench.rent), "none", 50_000, 0),
        Row(1, credit(21_749), "none", 71_749, 0),
        Row(2, refused("insufficient_credit", Bench.rent), "none", 71_749, 0),
        Row(3, credit(1), "none", HOLD, 0),
        Row(4, Bench.rent, "provisioning", 0, HOLD),
    ]
    check_table(simulation(50_000), rows)


def test_f18_two_gpus_cost_twice_the_rate_per_gpu_that_the_offer_shows() -> None:
    rows = [
        Row(0, rent_gpus(2), "provisioning", DOLLAR - 2 * HOLD, 2 * HOLD),
        Row(READY + HOUR, Bench.delete, "deleted", DOLLAR - 2 * 287_000, 0),
    ]
    bench = check_table(simulation(), rows)
    assert bench.rental is not None
    assert bench.rental.price_micros_per_hour == bench.rental.offer.price_micros_per_hour == 287_000


@pytest.mark.parametrize("spot", [100_000, 4_000_000])
def test_f21_a_hold_outside_the_typical_range_is_placed(spot: int) -> None:
    sim = Simulation(scenario(market(offer(spot=spot, on_demand=spot)), balance=10 * DOLLAR))
    assert rent(sim).hold.amount_micros == spot // 4


@pytest.mark.parametrize(("ended_ms", "when"), [(0, "at once"), (READY - 1, "a millisecond before it would run")])
def test_a5_a_rental_deleted_while_provisioning_is_free(ended_ms: int, when: str) -> None:
    rows = [
        Row(0, Bench.rent, "provisioning", FREE, HOLD),
        Row(ended_ms, Bench.delete, "deleted", DOLLAR, 0),
        Row(HOUR, Bench.look, "deleted", DOLLAR, 0),
    ]
    check_table(simulation(), rows)


def test_a5_it_can_be_set_to_cost_the_minimum() -> None:
    rows = [
        Row(0, Bench.rent, "provisioning", FREE, HOLD),
        Row(10, Bench.delete, "deleted", FREE, 0),
        Row(20, Bench.rent, "provisioning", FREE - HOLD, HOLD),
        Row(30, Bench.interrupt, "interrupted", FREE, 0),
    ]
    check_table(simulation(cancelled_provisioning="minimum"), rows)


@pytest.mark.parametrize(
    ("ran_ms", "actual", "minimum"),
    [
        (0, 0, HOLD),
        (1, 80, HOLD),
        (300_000, 23_917, HOLD),
        (899_000, 71_670, HOLD),
        (899_001, HOLD, HOLD),
        (900_000, HOLD, HOLD),
        (901_000, 71_830, 71_830),
    ],
)
def test_a6_an_interruption_bills_the_time_used_or_by_setting_the_minimum(
    ran_ms: int, actual: int, minimum: int
) -> None:
    rented = Row(0, Bench.rent, "provisioning", FREE, HOLD)
    end = READY + ran_ms
    check_table(simulation(), [rented, Row(end, Bench.interrupt, "interrupted", DOLLAR - actual, 0)])
    rows = [rented, Row(end, Bench.interrupt, "interrupted", DOLLAR - minimum, 0)]
    check_table(simulation(interrupted="minimum"), rows)


def test_a8_the_money_moves_at_the_end_in_one_entry_that_captures_debits_and_releases() -> None:
    sim = simulation()
    rows = [
        Row(0, Bench.rent, "provisioning", FREE, HOLD),
        Row(READY + HOUR - 1, Bench.look, "running", FREE, HOLD),
        Row(READY + HOUR, Bench.delete, "deleted", DOLLAR - 287_000, 0),
    ]
    bench = check_table(sim, rows)
    assert bench.rental is not None
    settled = [entry for entry in sim.ledger.entries if isinstance(entry, RentalSettled)]
    assert settled == [RentalSettled(READY + HOUR, "alice", bench.rental.rental_id, HOLD, 287_000)]
    assert bench.rental.hold.status == "settled"


def test_a11_deleting_twice_charges_once() -> None:
    rows = [
        Row(0, Bench.rent, "provisioning", FREE, HOLD),
        Row(READY, Bench.delete, "deleted", FREE, 0),
        Row(READY, Bench.delete, "deleted", FREE, 0),
        Row(HOUR, Bench.delete, "deleted", FREE, 0),
    ]
    sim = simulation()
    check_table(sim, rows)
    assert journal(sim).count(b"terminate_rental") == 1


def test_a13_another_accounts_rental_is_unknown() -> None:
    sim = Simulation(scenario(accounts=accounts(alice=DOLLAR, bob=DOLLAR)))
    rental = rent(sim)
    assert sim.rentals.find(rental.rental_id, "alice") is rental
    assert sim.rentals.find(rental.rental_id) is rental
    for id_, account in ((rental.rental_id, "bob"), ("rent_x", "alice"), ("rent_x", None)):
        with pytest.raises(RentalNotFound, match=f'^no rental "{id_}"$'):
            sim.rentals.find(id_, account)


def test_a13_state_comes_before_money() -> None:
    sim = simulation(0)
    with pytest.raises(OfferUnavailable):
        rent(sim, gpu_count=5)


def test_a16_a_rental_takes_as_many_gpus_as_it_asks_for() -> None:
    sim = simulation()
    shown = sim.market.offers[0]
    first = rent(sim, gpu_count=3)
    assert (shown.free, shown.used) == (1, 3)
    rent(sim)
    assert (shown.free, shown.is_listed) == (0, False)
    with pytest.raises(OfferUnavailable) as refusal:
        rent(sim)
    assert refusal.value.retry_helps
    with pytest.raises(OfferUnavailable) as refusal:
        rent(sim, gpu_count=5)
    assert not refusal.value.retry_helps
    Bench.delete(bench_of(sim, first))
    assert (shown.free, shown.is_listed) == (3, True)


def bench_of(sim: Simulation, rental: Rental) -> Bench:
    bench = Bench(sim)
    bench.rental = rental
    return bench


def test_a22_ids_are_derived_and_never_used_again() -> None:
    sim, again, other = simulation(), simulation(), Simulation(scenario(), seed=2)
    ids = []
    for _ in range(5):
        rental = rent(sim)
        ids.append(rental.rental_id)
        Bench.delete(bench_of(sim, rental))
    assert len(set(ids)) == 5
    assert rent(again).rental_id == ids[0]
    assert rent(other).rental_id not in ids


def test_the_rentals_that_are_not_over_are_listed_as_live() -> None:
    sim = simulation()
    first, second = rent(sim), rent(sim)
    assert list(sim.rentals.live()) == [first, second]
    Bench.delete(bench_of(sim, first))
    assert list(sim.rentals.live()) == [second]
    assert list(sim.rentals.by_id.values()) == [first, second]


def test_n_rents_against_credit_for_k_succeed_k_times() -> None:
    sim = Simulation(scenario(market(offer(capacity=100)), balance=7 * HOLD + HOLD - 1))
    accepted = 0
    for _ in range(20):
        try:
            rent(sim)
        except InsufficientCredit:
            continue
        accepted += 1
    assert accepted == 7
    assert sim.ledger.available("alice") == HOLD - 1
    assert sim.market.offers[0].used == 7


def test_money_is_held_minutes_before_anything_runs() -> None:
    sim = simulation()
    rent(sim)
    sim.advance(MINUTE // 2)
    assert sim.ledger.held("alice") == HOLD
