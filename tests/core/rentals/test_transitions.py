"""The transitions of a rental: each row of the table is brought about, and no other happens."""

from collections.abc import Callable
from typing import NamedTuple, get_args

import pytest
from gpu_sim.core.commands import InterruptRental, MoveRental, TerminateRental
from gpu_sim.core.events import Cause, Reason, RentalTerminated
from gpu_sim.core.kernel.errors import RentalNotInState
from gpu_sim.core.kernel.quantities import Duration, Share
from gpu_sim.core.rentals import rentals
from gpu_sim.core.rentals.rental import Rental
from gpu_sim.core.rentals.transitions import (
    TRANSITIONS,
    Status,
    StatusTransition,
    Trigger,
    check_transition,
    is_transition,
    leads_to,
)
from gpu_sim.core.scenario.market_settings import InterruptionSettings
from gpu_sim.core.scenario.scenario import BillingSettings, Scenario
from gpu_sim.core.simulation import Simulation

from ...support.builders import DAY, DOLLAR, FAILING, HOUR, READY, market, offer, rent, scenario

ENDLESS = BillingSettings(idle_timeout=None, hold_expiry=None)
EXHAUSTING = BillingSettings(idle_timeout=None, on_exhaustion="terminate")


def interrupting(shared: int) -> Scenario:
    """A market that soon interrupts, by shocks or by each rental's own hazard."""
    settings = InterruptionSettings(shared=Share(shared))
    return scenario(
        market(offer(probability_ppm=900_000), interruptions=settings), balance=10**6 * DOLLAR, billing=ENDLESS
    )


def wait(sim: Simulation, rental: Rental) -> None:
    """Leave it to the schedule."""


class Way(NamedTuple):
    """A way to bring a transition about: under these conditions, at an instant, do this and advance until another."""

    conditions: Scenario = scenario()
    at_ms: int = 0
    do: Callable[[Simulation, Rental], object] = wait
    until_ms: int = 0


def delete(sim: Simulation, rental: Rental) -> None:
    sim.execute(TerminateRental("alice", rental.rental_id))


def interrupt(sim: Simulation, rental: Rental) -> None:
    sim.execute(InterruptRental(rental.rental_id))


def end(sim: Simulation, rental: Rental) -> None:
    sim.execute(MoveRental(rental_id=rental.rental_id, to="terminated"))


def run(sim: Simulation, rental: Rental) -> None:
    sim.execute(MoveRental(rental_id=rental.rental_id, to="running"))


WAYS: dict[StatusTransition, Way] = {
    StatusTransition("provisioning", "running", "ready"): Way(until_ms=READY),
    StatusTransition("provisioning", "running", "operator"): Way(do=run),
    StatusTransition("provisioning", "terminated", "provisioning_failed"): Way(
        scenario(market(provisioning=FAILING)), until_ms=READY
    ),
    StatusTransition("provisioning", "terminated", "deleted"): Way(do=delete),
    StatusTransition("provisioning", "terminated", "operator"): Way(do=end),
    StatusTransition("provisioning", "terminated", "interrupted", "forced"): Way(do=interrupt),
    StatusTransition("running", "terminated", "interrupted", "forced"): Way(at_ms=READY, do=interrupt),
    StatusTransition("running", "terminated", "interrupted", "shock"): Way(
        interrupting(1_000_000), at_ms=READY, until_ms=100 * DAY
    ),
    StatusTransition("running", "terminated", "interrupted", "own"): Way(
        interrupting(0), at_ms=READY, until_ms=100 * DAY
    ),
    StatusTransition("running", "terminated", "deleted"): Way(at_ms=READY, do=delete),
    StatusTransition("running", "terminated", "operator"): Way(at_ms=READY, do=end),
    StatusTransition("running", "terminated", "idle_timeout"): Way(
        scenario(billing=BillingSettings(idle_timeout=Duration(HOUR))), at_ms=READY, until_ms=2 * HOUR
    ),
    StatusTransition("running", "terminated", "credit_exhausted"): Way(
        scenario(billing=EXHAUSTING), at_ms=READY, until_ms=DAY
    ),
}


def test_each_row_of_the_table_has_a_way() -> None:
    assert set(WAYS) == set(TRANSITIONS)
    assert len(set(TRANSITIONS)) == len(TRANSITIONS)


@pytest.mark.parametrize("row", WAYS, ids=lambda row: "-".join(map(str, row)))
def test_each_row_of_the_table_is_brought_about(row: StatusTransition, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[StatusTransition] = []

    def check(source: Status, target: Status, trigger: Trigger, cause: Cause | None) -> bool:
        checked.append(StatusTransition(source, target, trigger, cause))
        return is_transition(source, target, trigger, cause)

    monkeypatch.setattr(rentals, "is_transition", check)
    way = WAYS[row]
    sim = Simulation(way.conditions)
    rental = rent(sim)
    sim.advance(way.at_ms)
    assert rental.status == row.source
    way.do(sim, rental)
    sim.advance(max(way.at_ms, way.until_ms))
    assert rental.status == row.target
    assert checked[-1] == row
    ends = [(event.reason, event.cause) for event in sim.events if isinstance(event, RentalTerminated)]
    assert ends == ([(row.trigger, row.cause)] if row.target == "terminated" else [])


@pytest.mark.parametrize("source", get_args(Status))
@pytest.mark.parametrize("reason", get_args(Reason))
@pytest.mark.parametrize("cause", [None, *get_args(Cause)])
def test_no_rental_ends_otherwise(source: Status, reason: Reason, cause: Cause | None) -> None:
    sim = Simulation(scenario())
    rental = rent(sim)
    if source != "provisioning":
        sim.advance(READY)
    if source == "terminated":
        delete(sim, rental)
    allowed = StatusTransition(source, "terminated", reason, cause) in WAYS
    assert is_transition(source, "terminated", reason, cause) == allowed
    if allowed:
        sim.rentals.end(rental, reason, cause)
        assert (rental.status, rental.reason) == ("terminated", reason)
    else:
        with pytest.raises(AssertionError):
            sim.rentals.end(rental, reason, cause)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("provisioning", "running", None),
        ("running", "running", "the rental is running, not provisioning"),
        ("terminated", "running", "the rental is terminated, not provisioning"),
        ("provisioning", "terminated", None),
        ("running", "terminated", None),
        ("terminated", "terminated", "the rental is terminated"),
    ],
)
def test_an_operator_is_refused_where_the_table_has_no_row(source: Status, target: Status, message: str | None) -> None:
    assert leads_to(source, target, "operator") == (message is None)
    if message is None:
        check_transition(source, target, "operator")
        return
    with pytest.raises(RentalNotInState) as refusal:
        check_transition(source, target, "operator")
    assert refusal.value.message == message


def test_nothing_leads_back_to_provisioning() -> None:
    assert not any(leads_to(status, "provisioning", "operator") for status in get_args(Status))


@pytest.mark.parametrize("source", get_args(Status))
@pytest.mark.parametrize("trigger", ["ready", *get_args(Reason)])
def test_only_what_is_provisioning_begins_to_run_and_only_when_it_is_ready_or_an_operator_wants(
    source: Status, trigger: Trigger
) -> None:
    sim = Simulation(scenario())
    rental = rent(sim)
    if source != "provisioning":
        sim.advance(READY)
    if source == "terminated":
        delete(sim, rental)
    if StatusTransition(source, "running", trigger) in WAYS:
        sim.rentals.start(rental, trigger)
        assert rental.status == "running"
    else:
        with pytest.raises(AssertionError):
            sim.rentals.start(rental, trigger)
