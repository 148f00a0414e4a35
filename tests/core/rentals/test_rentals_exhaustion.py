"""When the balance runs out during a rental (A9), and what a rental pays when prices move (A3).

The offer here costs $3.600 an hour, $0.001 a second, with a hold of $0.900.
"""

from typing import Any

import pytest
from gpu_sim.core.commands import TouchRental
from gpu_sim.core.events import RentalTerminated
from gpu_sim.core.kernel.errors import InsufficientCredit
from gpu_sim.core.kernel.quantities import Duration, Factor, Price
from gpu_sim.core.rentals.rental import Rental
from gpu_sim.core.scenario.acts import Act, PriceAct
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
    market,
    offer,
    refused,
    rent,
    rent_gpus,
    scenario,
)

OFFER = offer(spot=3_600_000, on_demand=4_000_000)
OTHER = offer("elsewhere", spot=3_600_000, on_demand=4_000_000)
HOLD = 900_000


def simulation(balance: int, *, terminate: bool = True, **fields: Any) -> Simulation:
    billing = BillingSettings(idle_timeout=None, on_exhaustion="terminate" if terminate else "overdraft")
    return Simulation(scenario(market(OFFER, OTHER), balance=balance, billing=billing, **fields))


def rented(balance: int) -> Row:
    return Row(0, Bench.rent, "provisioning", balance - HOLD, HOLD)


def test_a9_by_default_the_rental_goes_on_and_the_balance_may_go_below_zero() -> None:
    end = READY + HOUR
    rows = [
        rented(DOLLAR),
        Row(end, Bench.delete, "deleted", -2_600_000, 0),
        Row(end + 1, refused("insufficient_credit", Bench.rent), "deleted", -2_600_000, 0),
    ]
    check_table(simulation(DOLLAR, terminate=False), rows)


def test_a9_the_amount_needed_after_an_overdraft_includes_the_debt() -> None:
    sim = simulation(DOLLAR, terminate=False)
    bench = check_table(sim, [rented(DOLLAR), Row(READY + HOUR, Bench.delete, "deleted", -2_600_000, 0)])
    with pytest.raises(InsufficientCredit) as refusal:
        bench.rent()
    assert refusal.value.amount_needed_micros == 2_600_000 + HOLD
    credit(2_600_000 + HOLD)(bench)
    bench.rent()
    assert (sim.ledger.available("alice"), sim.ledger.held("alice")) == (0, HOLD)


@pytest.mark.parametrize(
    ("balance", "second"), [(900_000, 901), (900_999, 901), (901_000, 902), (1_000_000, 1_001), (3_600_000, 3_601)]
)
def test_a9_by_setting_it_ends_at_the_first_whole_second_that_costs_more_than_the_balance(
    balance: int, second: int
) -> None:
    due = READY + second * 1_000
    rows = [
        rented(balance),
        Row(due - 1, Bench.look, "running", balance - HOLD, HOLD),
        Row(due, Bench.look, "credit_exhausted", balance - second * 1_000, 0),
    ]
    check_table(simulation(balance), rows)


def test_a9_at_the_instant_of_exhaustion_a_credit_comes_too_late_and_a_millisecond_before_in_time() -> None:
    due = READY + 901_000
    rows = [rented(HOLD), Row(due, credit(DOLLAR), "credit_exhausted", DOLLAR - 1_000, 0)]
    check_table(simulation(HOLD), rows)
    rows = [
        rented(HOLD),
        Row(due - 1, credit(10_000), "running", 10_000, HOLD),
        Row(READY + 910_999, Bench.look, "running", 10_000, HOLD),
        Row(READY + 911_000, Bench.look, "credit_exhausted", -1_000, 0),
    ]
    check_table(simulation(HOLD), rows)


def test_a9_several_sessions_exhaust_the_balance_together_and_all_end() -> None:
    """Both run since minute 1: they accrue $0.002 a second, so $2.000 is exceeded at second 1,001."""
    sim = simulation(2 * DOLLAR)
    first, second = rent(sim, spec=OFFER), rent(sim, spec=OTHER)
    sim.advance(READY + 1_000_999)
    assert (first.status, second.status) == ("running", "running")
    sim.advance(READY + 1_001_000)
    assert (first.reason, second.reason) == ("credit_exhausted", "credit_exhausted")
    assert (sim.ledger.available("alice"), sim.ledger.held("alice")) == (-2_000, 0)
    sim.ledger.audit()
    sim.advance(10 * HOUR)
    assert len([event for event in sim.events if isinstance(event, RentalTerminated)]) == 2


def test_a9_a_later_session_brings_exhaustion_forward() -> None:
    sim = simulation(2_500_000)
    first = rent(sim, spec=OFFER)
    sim.advance(READY + 600_000)
    second = rent(sim, spec=OTHER)
    # From second 660 on both run; the younger costs its minimum until 1,560: 900 + s = 2,500 at s = 1,600,
    # but then it has run 940 s: s + (s - 660) > 2,500 first holds at s = 1,581.
    sim.advance(READY + 1_580_999)
    assert (first.status, second.status) == ("running", "running")
    sim.advance(READY + 1_581_000)
    assert (first.reason, second.reason) == ("credit_exhausted", "credit_exhausted")
    assert (first.billed_micros, second.billed_micros) == (1_581_000, 921_000)


def test_a9_the_end_of_one_session_puts_exhaustion_off() -> None:
    sim = simulation(2_500_000)
    first, second = rent(sim, spec=OFFER), rent(sim, spec=OTHER)
    sim.advance(READY + 1_000_000)
    bench = Bench(sim)
    bench.rental = first
    bench.delete()
    sim.advance(READY + 1_500_999)
    assert second.status == "running"
    sim.advance(READY + 1_501_000)
    assert second.reason == "credit_exhausted"
    assert sim.ledger.balance("alice") == -1_000


def test_a9_what_is_still_being_provisioned_does_not_end_with_the_rest() -> None:
    sim = simulation(1_850_000)
    first = rent(sim, spec=OFFER)
    due = READY + 1_851_000
    sim.advance(due - MINUTE // 2)
    second = rent(sim, spec=OTHER) if sim.ledger.available("alice") >= HOLD else None
    assert second is not None
    sim.advance(due)
    assert (first.reason, second.status) == ("credit_exhausted", "provisioning")
    sim.advance(due + MINUTE)
    assert second.reason == "credit_exhausted"  # at the first whole second of its run: its minimum is not covered
    assert second.running_ms is not None
    assert second.terminated_ms == second.running_ms + 1_000


def test_a9_every_gpu_counts_and_accounts_run_out_on_their_own() -> None:
    sim = simulation(DOLLAR, accounts=accounts(alice=2 * DOLLAR, bob=2 * DOLLAR))
    rows = [
        Row(0, rent_gpus(2), "provisioning", 2 * DOLLAR - 2 * HOLD, 2 * HOLD),
        Row(READY + 1_000_999, Bench.look, "running", 2 * DOLLAR - 2 * HOLD, 2 * HOLD),
        Row(READY + 1_001_000, Bench.look, "credit_exhausted", -2_000, 0),
    ]
    other = rent(sim, "bob", OTHER)
    check_table(sim, rows)
    assert other.status == "running"
    sim.advance(READY + 2_001_000)
    assert other.reason == "credit_exhausted"


def test_a9_an_overdraft_ends_at_the_hand_of_nobody() -> None:
    sim = simulation(HOLD, terminate=False)
    rental = rent(sim, spec=OFFER)
    sim.advance(100 * HOUR)
    sim.execute(TouchRental(rental.rental_id))
    assert rental.status == "running"


def test_a9_waiting_for_exhaustion_leaves_the_other_deadlines_alone() -> None:
    rows = [
        rented(100 * DOLLAR),
        Row(2 * HOUR - 1, Bench.look, "running", 100 * DOLLAR - HOLD, HOLD),
        Row(2 * HOUR, Bench.look, "running", 100 * DOLLAR, 0),
    ]
    check_table(simulation(100 * DOLLAR), rows)


def test_a9_exhaustion_comes_before_an_idle_timeout_of_the_same_instant() -> None:
    billing = BillingSettings(idle_timeout=Duration(901_000), on_exhaustion="terminate")
    sim = Simulation(scenario(market(OFFER), balance=HOLD, billing=billing))
    check_table(sim, [rented(HOLD), Row(READY + 901_000, Bench.look, "credit_exhausted", -1_000, 0)])


def moving(*acts: Act) -> Simulation:
    billing = BillingSettings(idle_timeout=None)
    return Simulation(scenario(market(OFFER), balance=100 * DOLLAR, billing=billing, timeline=acts))


def test_a3_a_rental_pays_the_price_at_which_it_was_rented_for_its_whole_time() -> None:
    sim = moving(Act(at=Duration(MINUTE // 2), price=PriceAct(multiply=Factor(2_000_000))))
    sim.advance(0)
    before = rent(sim)
    sim.advance(MINUTE // 2)
    after = rent(sim)
    assert (before.price_micros_per_hour, after.price_micros_per_hour) == (3_600_000, 7_200_000)
    assert (before.hold.amount_micros, after.hold.amount_micros) == (HOLD, 2 * HOLD)
    assert charge_after_an_hour(sim, before) == 3_600_000
    assert charge_after_an_hour(sim, after) == 7_200_000


def test_a3_a_price_that_falls_again_does_not_help_either() -> None:
    sim = moving(Act(at=Duration(0), price=PriceAct(set=Price(5_000_000), for_=Duration(MINUTE))))
    sim.advance(0)
    rental = rent(sim)
    sim.advance(MINUTE)
    assert rental.offer.price_micros_per_hour == 3_600_000
    assert charge_after_an_hour(sim, rental) == 5_000_000


def charge_after_an_hour(sim: Simulation, rental: Rental) -> int:
    assert rental.created_ms is not None
    sim.advance(max(sim.now_ms, rental.created_ms + READY + HOUR))
    bench = Bench(sim)
    bench.rental = rental
    bench.delete()
    assert rental.billed_micros is not None
    assert rental.running_ms is not None
    assert rental.terminated_ms is not None
    seconds = -((rental.running_ms - rental.terminated_ms) // 1_000)
    assert rental.billed_micros == rental.price_micros_per_hour * seconds // 3_600
    return rental.billed_micros * 3_600 // seconds
