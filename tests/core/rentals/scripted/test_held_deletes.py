"""Ends that are held back: a DELETE is answered as always, and the rental goes on until it is released (F13)."""

from typing import Any

import pytest
from gpu_sim.core.commands import InterruptRental, MoveRental, TerminateRental
from gpu_sim.core.events import ActRefused, DeleteHeld, RentalTerminated, TransitionHeld, TransitionReleased
from gpu_sim.core.kernel.errors import RentalNotInState
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.rentals.rental import Rental
from gpu_sim.core.scenario.acts import RentAct, TransitionAct
from gpu_sim.core.scenario.scenario import BillingSettings
from gpu_sim.core.simulation import Simulation

from ....support.builders import DOLLAR, HOUR, MINUTE, READY, at, journal, rent, scenario, seen

RENT = RentAct(as_="r", account="alice", provider_id="vast-ai", gpu_model="RTX 4090", region="Quebec, CA")
ENDLESS = BillingSettings(idle_timeout=None)


def held(billing: BillingSettings = ENDLESS, balance: int = DOLLAR) -> tuple[Simulation, Rental]:
    """A rental that runs, and whose end an operator holds back."""
    sim = Simulation(scenario(billing=billing, balance=balance))
    rental = rent(sim)
    sim.advance(READY)
    move(sim, rental, hold=True)
    return sim, rental


def move(sim: Simulation, rental: Rental, to: Any = "terminated", hold: bool | None = None) -> None:
    sim.execute(MoveRental(rental_id=rental.rental_id, to=to, hold=hold))


def delete(sim: Simulation, rental: Rental) -> None:
    sim.execute(TerminateRental("alice", rental.rental_id))


def test_a_deleted_rental_runs_on_and_is_billed_until_it_is_released() -> None:
    sim, rental = held()
    sim.advance(READY + 20 * MINUTE)
    delete(sim, rental)
    assert (rental.status, rental.held_delete_ms, rental.reason) == ("running", READY + 20 * MINUTE, None)
    assert sim.ledger.held("alice") == 71_750
    sim.advance(READY + HOUR)
    move(sim, rental, hold=False)
    assert (rental.reason, rental.terminated_ms, rental.billed_micros) == ("deleted", READY + HOUR, 287_000)
    assert (rental.end_held, sim.market.offers[0].used, sim.ledger.available("alice")) == (False, 0, DOLLAR - 287_000)
    assert [type(event) for event in seen(sim, TransitionHeld, TransitionReleased, DeleteHeld, RentalTerminated)] == [
        *(TransitionHeld, DeleteHeld, TransitionReleased, RentalTerminated)
    ]
    assert {event.to for event in seen(sim, TransitionHeld, TransitionReleased)} == {"terminated"}


def test_the_charge_that_such_a_delete_names_is_that_of_its_instant() -> None:
    sim, rental = held()
    sim.advance(READY + 20 * MINUTE)
    delete(sim, rental)
    sim.advance(READY + HOUR)
    assert sim.rentals.held_delete_charge_micros(rental) == 95_667


@pytest.mark.parametrize("later", [0, 1, HOUR])
def test_a_delete_before_it_ran_names_no_charge_however_soon_it_runs(later: int) -> None:
    sim = Simulation(scenario(billing=ENDLESS))
    rental = rent(sim)
    move(sim, rental, hold=True)
    sim.advance(MINUTE // 2)
    delete(sim, rental)
    sim.advance(MINUTE // 2 + later)
    if rental.running_ms is None:
        move(sim, rental, to="running")
    assert sim.rentals.held_delete_charge_micros(rental) == 0


def test_a_delete_again_changes_nothing() -> None:
    sim, rental = held()
    delete(sim, rental)
    sim.advance(HOUR)
    before = journal(sim)
    delete(sim, rental)
    assert (journal(sim), rental.held_delete_ms) == (before, READY)


def test_a_rental_that_nobody_deleted_is_released_and_goes_on() -> None:
    sim, rental = held()
    move(sim, rental, hold=False)
    sim.advance(HOUR)
    assert rental.status == "running"
    delete(sim, rental)
    assert rental.reason == "deleted"


def test_what_is_held_already_and_what_is_not_changes_nothing() -> None:
    sim, rental = held()
    before = journal(sim)
    move(sim, rental, hold=True)
    assert journal(sim) == before
    move(sim, rental, hold=False)
    before = journal(sim)
    move(sim, rental, hold=False)
    assert journal(sim) == before


def test_a_rental_that_was_deleted_while_it_was_provisioned_begins_to_run_all_the_same() -> None:
    sim = Simulation(scenario(billing=ENDLESS))
    rental = rent(sim)
    move(sim, rental, hold=True)
    move(sim, rental, "running", hold=True)
    delete(sim, rental)
    sim.advance(READY)
    assert (rental.status, rental.is_due) == ("provisioning", True)
    move(sim, rental, "running", hold=False)
    assert (rental.running_ms, rental.end_held) == (READY, True)
    sim.advance(2 * READY)
    move(sim, rental, hold=False)
    assert (rental.reason, rental.billed_micros) == ("deleted", 71_750)


def test_an_end_can_be_held_back_while_provisioning_is_due_already() -> None:
    sim = Simulation(scenario())
    rental = rent(sim)
    move(sim, rental, "running", hold=True)
    sim.advance(HOUR)
    move(sim, rental, hold=True)
    delete(sim, rental)
    assert (rental.status, rental.held_back, rental.end_held) == ("provisioning", True, True)
    move(sim, rental, hold=False)
    assert (rental.reason, rental.billed_micros) == ("deleted", 0)


@pytest.mark.parametrize(
    ("reason", "ends_ms"), [("interrupted", READY), ("idle_timeout", 16 * MINUTE), ("credit_exhausted", 1_315_000)]
)
def test_what_else_ends_a_rental_ends_one_that_was_deleted_and_goes_on(reason: str, ends_ms: int) -> None:
    sim, rental = held(
        BillingSettings(
            idle_timeout=Duration(15 * MINUTE) if reason == "idle_timeout" else None, on_exhaustion="terminate"
        ),
        balance=100_000,
    )
    delete(sim, rental)
    if reason == "interrupted":
        sim.execute(InterruptRental(rental.rental_id))
    sim.advance(HOUR)
    assert (rental.reason, rental.terminated_ms) == (reason, ends_ms)
    assert (rental.end_held, rental.held_delete_ms) == (False, READY)
    delete(sim, rental)  # answered as one that is over
    assert rental.reason == reason


def test_an_operator_s_end_is_no_delete() -> None:
    sim, rental = held()
    delete(sim, rental)
    move(sim, rental)
    assert (rental.reason, rental.end_held) == ("operator", False)
    with pytest.raises(RentalNotInState, match="the rental is terminated"):
        move(sim, rental, hold=True)


def test_a_timeline_holds_an_end_back_and_releases_it() -> None:
    steps = (
        at(0, rent=RENT),
        at(READY, transition=TransitionAct(rental="r", to="terminated", hold=True)),
        at(20 * MINUTE, terminate="r"),
        at(40 * MINUTE, transition=TransitionAct(rental="r", to="terminated", hold=False)),
    )
    sim = Simulation(scenario(timeline=steps, billing=ENDLESS))
    sim.advance(HOUR)
    (rental,) = sim.rentals.by_id.values()
    assert (rental.held_delete_ms, rental.terminated_ms, rental.reason) == (20 * MINUTE, 40 * MINUTE, "deleted")
    assert seen(sim, ActRefused) == []
