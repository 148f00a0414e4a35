"""Provisioning that gets stuck or fails while an act lasts."""

import pytest
from gpu_sim.core.commands import TerminateRental
from gpu_sim.core.events import ActEnded, RentalRunning
from gpu_sim.core.kernel.quantities import Duration, Share
from gpu_sim.core.scenario.acts import ProvisioningAct
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.market_settings import InterruptionSettings
from gpu_sim.core.scenario.scenario import BillingSettings
from gpu_sim.core.simulation import Simulation

from ...support.builders import (
    DOLLAR,
    FAILING,
    FOR,
    HOUR,
    MINUTE,
    READY,
    Bench,
    Row,
    accounts,
    at,
    check_table,
    market,
    offer,
    rent,
    scenario,
    seen,
    stuck,
)

HOLD = 71_750


@pytest.mark.parametrize(
    ("begins", "runs"), [(READY - 1, READY + 10 * MINUTE - 1), (READY, READY + 10 * MINUTE), (READY + 1, READY)]
)
def test_what_would_get_ready_while_provisioning_is_stuck_runs_when_that_is_over(begins: int, runs: int) -> None:
    sim = Simulation(scenario(timeline=(at(begins, provisioning=stuck()),)))
    rental = rent(sim)
    sim.advance(runs - 1)
    assert (rental.status, rental.is_due) == ("provisioning", runs > READY)
    sim.advance(runs)
    assert (rental.status, rental.running_ms, rental.is_due) == ("running", runs, False)


@pytest.mark.parametrize(("rented", "runs"), [(9 * MINUTE - 1, 10 * MINUTE), (9 * MINUTE, 10 * MINUTE)])
def test_what_gets_ready_when_the_act_is_over_is_not_stuck(rented: int, runs: int) -> None:
    sim = Simulation(scenario(timeline=(at(0, provisioning=stuck()),)))
    sim.advance(rented)
    rental = rent(sim)
    sim.advance(runs)
    assert rental.running_ms == runs


def test_without_an_end_a_stuck_rental_stays_provisioning_for_ever_and_its_hold_expires() -> None:
    rows = [
        Row(0, Bench.rent, "provisioning", DOLLAR - HOLD, HOLD),
        Row(2 * HOUR - 1, Bench.look, "provisioning", DOLLAR - HOLD, HOLD),
        Row(2 * HOUR, Bench.look, "provisioning", DOLLAR, 0),
        Row(1000 * HOUR, Bench.look, "provisioning", DOLLAR, 0),
        Row(1000 * HOUR, Bench.delete, "deleted", DOLLAR, 0),
    ]
    bench = check_table(Simulation(scenario(timeline=(at(0, provisioning=stuck(None)),))), rows)
    assert bench.simulation.market.offers[0].used == 0


def test_a_stuck_rental_is_billed_from_when_it_runs_and_idles_from_then() -> None:
    """Its hold expires while it is stuck, so all of the charge is debited."""
    act = at(0, provisioning=stuck(Duration(3 * HOUR)))
    rows = [
        Row(0, Bench.rent, "provisioning", DOLLAR - HOLD, HOLD),
        Row(3 * HOUR - 1, Bench.look, "provisioning", DOLLAR, 0),
        Row(3 * HOUR, Bench.look, "running", DOLLAR, 0),
        Row(3 * HOUR + 15 * MINUTE - 1, Bench.look, "running", DOLLAR, 0),
        Row(3 * HOUR + 15 * MINUTE, Bench.look, "idle_timeout", DOLLAR - HOLD, 0),
    ]
    check_table(Simulation(scenario(timeline=(act,))), rows)


def test_what_waited_runs_in_the_order_of_the_rents_whoever_rented_and_after_the_act_is_said_to_be_over() -> None:
    settings = market(offer(), offer("elsewhere"))
    sim = Simulation(
        scenario(settings, accounts=accounts(alice=DOLLAR, bob=DOLLAR), timeline=(at(0, provisioning=stuck()),))
    )
    first, elsewhere = settings.offers
    rentals = [rent(sim, *who) for who in (("alice", elsewhere), ("bob", first), ("alice", first), ("bob", elsewhere))]
    sim.advance(10 * MINUTE)
    over, *ran = seen(sim, ActEnded, RentalRunning)
    assert over == ActEnded(10 * MINUTE, 0, "provisioning", "provisioning-0", 10 * MINUTE, provisioning=stuck())
    assert ran == [
        *(RentalRunning(10 * MINUTE, rental.account, rental.rental_id) for rental in rentals),
    ]


def test_what_is_on_other_offers_or_over_does_not_care() -> None:
    settings = market(offer(), offer("elsewhere"))
    act = at(0, provisioning=ProvisioningAct(outcome="stuck", region="elsewhere", for_=FOR))
    sim = Simulation(scenario(settings, timeline=(act,)))
    free, waits, deleted = rent(sim), rent(sim, spec=settings.offers[1]), rent(sim, spec=settings.offers[1])
    sim.advance(2 * READY)
    sim.execute(TerminateRental("alice", deleted.rental_id))
    assert (free.running_ms, waits.status, deleted.is_due) == (READY, "provisioning", False)
    sim.advance(HOUR)
    assert (waits.running_ms, deleted.running_ms) == (10 * MINUTE, None)


def test_a20_what_was_to_fail_by_its_luck_fails_when_the_act_is_over() -> None:
    sim = Simulation(scenario(market(provisioning=FAILING), timeline=(at(0, provisioning=stuck()),)))
    rental = rent(sim)
    sim.advance(10 * MINUTE)
    assert (rental.reason, rental.terminated_ms) == ("provisioning_failed", 10 * MINUTE)


@pytest.mark.parametrize(("begins", "reason"), [(READY - 1, False), (READY, True), (READY + 1, False)])
def test_while_provisioning_fails_what_would_get_ready_is_over_at_no_charge(begins: int, reason: bool) -> None:
    act = at(begins, provisioning=ProvisioningAct(outcome="fails", for_=Duration(1)))
    sim = Simulation(scenario(timeline=(act,)))
    rental = rent(sim)
    sim.advance(READY + 5)
    assert (rental.reason == "provisioning_failed") is reason
    assert sim.ledger.available("alice") == (DOLLAR if reason else DOLLAR - HOLD)
    assert sim.market.offers[0].used == (0 if reason else 1)


def test_of_two_acts_on_provisioning_the_one_that_began_last_decides_while_it_lasts() -> None:
    fails = ProvisioningAct(outcome="fails", for_=Duration(MINUTE))
    sim = Simulation(scenario(timeline=(at(0, provisioning=stuck()), at(3 * MINUTE, provisioning=fails))))
    early = rent(sim)
    sim.advance(3 * MINUTE - 1)
    assert early.is_due
    sim.advance(3 * MINUTE)
    assert early.reason == "provisioning_failed"
    sim.advance(4 * MINUTE - 1)
    late = rent(sim)
    sim.advance(10 * MINUTE - 1)
    assert (late.status, late.is_due) == ("provisioning", True)
    sim.advance(10 * MINUTE)
    assert late.running_ms == 10 * MINUTE


def test_of_two_acts_that_leave_provisioning_stuck_the_end_of_one_releases_nothing() -> None:
    later = stuck(Duration(20 * MINUTE))
    sim = Simulation(scenario(timeline=(at(0, provisioning=stuck()), at(MINUTE, provisioning=later))))
    rental = rent(sim)
    sim.advance(21 * MINUTE - 1)
    assert rental.status == "provisioning"
    sim.advance(21 * MINUTE)
    assert rental.running_ms == 21 * MINUTE


def test_the_luck_of_a_rental_that_was_stuck_counts_from_when_it_runs() -> None:
    """Without shocks it is interrupted as long after that as it would have been."""
    settings = market(
        offer(probability_ppm=900_000), interruptions=InterruptionSettings(shared=Share(0), reclaim=fixed(0))
    )
    ends = []
    for acts in ((), (at(0, provisioning=stuck()),)):
        sim = Simulation(scenario(settings, billing=BillingSettings(idle_timeout=None), timeline=acts))
        rental = rent(sim)
        sim.advance(1000 * HOUR)
        assert rental.terminated_ms is not None
        assert rental.running_ms is not None
        ends.append(rental.terminated_ms - rental.running_ms)
    assert ends[0] == ends[1]
