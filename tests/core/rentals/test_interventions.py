"""Forced, held back and released transitions, and vanished rentals."""

from typing import Any

import pytest
from gpu_sim.core.commands import HideRental, InterruptRental, MoveRental, PlayAct, TerminateRental, TouchRental
from gpu_sim.core.events import (
    ActRefused,
    RentalHidden,
    RentalRunning,
    RentalShown,
    RentalTerminated,
    TransitionHeld,
    TransitionReleased,
)
from gpu_sim.core.kernel.errors import RentalNotFound, RentalNotInState
from gpu_sim.core.rentals.idempotency import Key
from gpu_sim.core.rentals.rental import Rental
from gpu_sim.core.scenario.acts import RentAct, TransitionAct, VanishAct
from gpu_sim.core.simulation import Simulation

from ...support.builders import (
    DOLLAR,
    FAILING,
    FOR,
    HOUR,
    MINUTE,
    READY,
    at,
    journal,
    market,
    offer,
    rent,
    scenario,
    seen,
    stuck,
)

HOLD = 71_750


def move(sim: Simulation, rental: Rental, to: Any = "running", hold: bool | None = None) -> None:
    sim.execute(MoveRental(rental_id=rental.rental_id, to=to, hold=hold))


# Transitions


def test_forced_to_run_a_rental_runs_from_then_whatever_its_luck_and_for_good() -> None:
    sim = Simulation(scenario(market(provisioning=FAILING)))
    rental = rent(sim)
    sim.advance(10)
    move(sim, rental)
    sim.advance(READY)
    assert (rental.status, rental.running_ms) == ("running", 10)
    sim.advance(10 + 15 * MINUTE)
    assert rental.reason == "idle_timeout"
    assert len(seen(sim, RentalRunning)) == 1


@pytest.mark.parametrize("keep", ["stuck", "held"])
def test_forced_to_run_a_rental_runs_even_where_it_is_stuck_or_held_back(keep: str) -> None:
    sim = Simulation(scenario(timeline=(at(0, provisioning=stuck(None)),) if keep == "stuck" else ()))
    rental = rent(sim)
    if keep == "held":
        move(sim, rental, hold=True)
    sim.advance(2 * READY)
    move(sim, rental)
    assert (rental.running_ms, rental.held_back, rental.is_due) == (2 * READY, False, False)


def test_an_operators_end_charges_the_seconds_used_and_nothing_before_running() -> None:
    sim = Simulation(scenario())
    running = rent(sim)
    sim.advance(READY + 100_000)
    waiting = rent(sim)
    for rental in (running, waiting):
        move(sim, rental, "terminated")
    assert [(r.reason, r.billed_micros) for r in (running, waiting)] == [("operator", 7_972), ("operator", 0)]
    assert sim.ledger.available("alice") == DOLLAR - 7_972
    assert sim.market.offers[0].used == 0
    assert [event.cause for event in seen(sim, RentalTerminated)] == [None, None]


@pytest.mark.parametrize(("released", "runs"), [(READY - 1, READY), (READY, READY), (READY + 1, READY + 1)])
def test_a_transition_that_is_held_back_comes_when_it_is_released_but_never_early(released: int, runs: int) -> None:
    sim = Simulation(scenario())
    rental = rent(sim)
    move(sim, rental, hold=True)
    sim.advance(released)
    assert rental.status == "provisioning"
    move(sim, rental, hold=False)
    sim.advance(HOUR)
    assert rental.running_ms == runs
    events = [(type(event), event.at) for event in seen(sim, TransitionHeld, TransitionReleased)]
    assert events == [(TransitionHeld, 0), (TransitionReleased, released)]


def test_a_released_transition_fails_if_its_luck_said_so() -> None:
    sim = Simulation(scenario(market(provisioning=FAILING)))
    rental = rent(sim)
    move(sim, rental, hold=True)
    sim.advance(HOUR)
    assert rental.status == "provisioning"
    move(sim, rental, hold=False)
    assert (rental.reason, rental.held_back) == ("provisioning_failed", False)


def test_a_transition_that_is_released_while_provisioning_is_stuck_goes_on_waiting() -> None:
    sim = Simulation(scenario(timeline=(at(5 * MINUTE, provisioning=stuck()),)))
    rental = rent(sim)
    move(sim, rental, hold=True)
    sim.advance(6 * MINUTE)
    move(sim, rental, hold=False)
    sim.advance(15 * MINUTE - 1)
    assert rental.is_due
    sim.advance(15 * MINUTE)
    assert rental.running_ms == 15 * MINUTE


def test_what_is_held_back_stays_when_an_act_is_over() -> None:
    sim = Simulation(scenario(timeline=(at(0, provisioning=stuck()),)))
    rental = rent(sim)
    move(sim, rental, hold=True)
    sim.advance(10 * MINUTE)
    assert (rental.status, rental.held_back, rental.is_due) == ("provisioning", True, True)
    sim.execute(TerminateRental("alice", rental.rental_id))
    assert (rental.reason, rental.held_back, rental.is_due) == ("deleted", False, False)


def test_a_move_that_does_not_fit_the_status_is_refused() -> None:
    sim = Simulation(scenario(timeline=(at(0, provisioning=stuck()),)))
    rental = rent(sim)
    sim.advance(READY)
    refused: list[tuple[Any, bool | None]] = [("running", True)]
    for to, hold in refused:
        with pytest.raises(RentalNotInState, match="its time has come"):
            move(sim, rental, to, hold)
    move(sim, rental)
    refused = [("running", None), ("running", True)]
    for to, hold in refused:
        with pytest.raises(RentalNotInState, match="is running, not provisioning"):
            move(sim, rental, to, hold)
    move(sim, rental, "terminated")
    for to, hold in [*refused, ("terminated", None)]:
        with pytest.raises(RentalNotInState, match="is terminated"):
            move(sim, rental, to, hold)


def test_what_is_so_already_changes_nothing_and_leaves_no_line() -> None:
    sim = Simulation(scenario())
    rental = rent(sim)
    for done, again in (
        (None, MoveRental(rental_id=rental.rental_id, to="running", hold=False)),
        (None, HideRental(rental.rental_id, hidden=False)),
        (MoveRental(rental_id=rental.rental_id, to="running", hold=True),) * 2,
        (HideRental(rental.rental_id, hidden=True),) * 2,
    ):
        if done is not None:
            sim.execute(done)
        before = journal(sim)
        assert sim.execute(again) is rental
        assert journal(sim) == before
    sim.advance(READY)
    sim.execute(MoveRental(rental_id=rental.rental_id, to="running", hold=True))
    assert rental.status == "provisioning"


def test_transitions_in_a_timeline_do_what_a_call_does() -> None:
    rented = RentAct(as_="r1", account="alice", provider_id="vast-ai", gpu_model="RTX 4090", region="Quebec, CA")
    hold, release, end = (
        TransitionAct(rental="r1", to="running", hold=True),
        TransitionAct(rental="r1", to="running", hold=False),
        TransitionAct(rental="r1", to="terminated"),
    )
    acts = (
        at(0, rent=rented),
        at(1, transition=hold),
        at(2, transition=hold),
        at(2 * READY, transition=release),
        at(3 * READY, transition=end),
        at(4 * READY, transition=end),
    )
    sim = Simulation(scenario(timeline=acts))
    sim.advance(HOUR)
    (rental,) = sim.rentals.by_id.values()
    assert (rental.running_ms, rental.terminated_ms, rental.reason) == (2 * READY, 3 * READY, "operator")
    assert len(seen(sim, TransitionHeld)) == 1
    assert seen(sim, ActRefused) == [ActRefused(4 * READY, "alice", "transition", "rental_not_in_state")]


# Vanished


@pytest.mark.parametrize("by", ["act", "command"])
def test_a_vanished_rental_is_not_found_for_its_account_and_goes_on_and_is_billed(by: str) -> None:
    sim = Simulation(scenario())
    rental = rent(sim, key=Key("k", b"body"))
    sim.advance(READY)
    if by == "act":
        sim.execute(PlayAct(vanish=VanishAct(for_=FOR)))
    else:
        sim.execute(HideRental(rental.rental_id, hidden=True))
    before = journal(sim)
    with pytest.raises(RentalNotFound, match=f'no rental "{rental.rental_id}"'):
        sim.rentals.find(rental.rental_id, "alice")
    with pytest.raises(RentalNotFound):
        sim.execute(TerminateRental("alice", rental.rental_id))
    assert sim.rentals.find(rental.rental_id) is rental
    assert rent(sim, key=Key("k", b"body")) is rental
    assert journal(sim) == before
    sim.advance(READY + 10 * MINUTE - 1)
    assert rental.is_hidden
    sim.advance(READY + 10 * MINUTE)
    if by == "command":
        sim.execute(HideRental(rental.rental_id, hidden=False))
    assert sim.rentals.find(rental.rental_id, "alice") is rental
    sim.advance(READY + 15 * MINUTE)
    assert (rental.reason, rental.billed_micros) == ("idle_timeout", HOLD)
    hidden = [
        RentalHidden(READY, "alice", rental.rental_id),
        RentalShown(READY + 10 * MINUTE, "alice", rental.rental_id),
    ]
    assert seen(sim, RentalHidden, RentalShown) == (hidden if by == "command" else [])


def test_a_rental_that_is_rented_while_rentals_vanish_is_made_and_hidden_too() -> None:
    settings = market(offer(), offer("elsewhere"))
    sim = Simulation(scenario(settings, timeline=(at(0, vanish=VanishAct(region="elsewhere", for_=FOR)),)))
    shown, hidden = rent(sim), rent(sim, spec=settings.offers[1])
    assert (shown.is_hidden, hidden.is_hidden) == (False, True)
    sim.advance(10 * MINUTE)
    assert not hidden.is_hidden
    assert hidden.running_ms == READY


def test_of_two_acts_that_hide_the_same_rentals_the_end_of_one_shows_none() -> None:
    acts = (at(0, vanish=VanishAct(for_=FOR)), at(MINUTE, vanish=VanishAct(for_=FOR)))
    sim = Simulation(scenario(timeline=acts))
    rental = rent(sim)
    for ms, hidden in ((11 * MINUTE - 1, True), (11 * MINUTE, False)):
        sim.advance(ms)
        assert rental.is_hidden is hidden


def test_other_commands_reach_a_vanished_rental() -> None:
    sim = Simulation(scenario())
    rental = rent(sim)
    sim.execute(HideRental(rental.rental_id, hidden=True))
    sim.advance(READY)
    assert sim.execute(TouchRental(rental.rental_id)) is rental
    sim.execute(InterruptRental(rental.rental_id))
    assert rental.reason == "interrupted"
