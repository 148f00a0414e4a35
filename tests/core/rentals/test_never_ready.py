"""Rentals that are provisioned for ever: only their client, or an operator, ends that (A20)."""

import pytest
from gpu_sim.core.commands import TerminateRental
from gpu_sim.core.kernel.errors import RentalNotInState
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.acts import ProvisioningAct
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.market_settings import ProvisioningSettings
from gpu_sim.core.simulation import Simulation

from ...support.builders import (
    DOLLAR,
    HOUR,
    MINUTE,
    READY,
    Bench,
    Row,
    at,
    check_table,
    market,
    offer,
    rent,
    scenario,
    stuck,
)
from .test_provisioning_phases import BEGINS, HOLD, conditions, move, phases, provided

never_ready = pytest.mark.parametrize(
    "settings",
    [provided(never_ready=1_000_000), provided(None, delay=fixed(READY), never_ready=1_000_000)],
    ids=["parts", "delay"],
)


@never_ready
def test_a_rental_that_is_never_ready_stays_provisioning_and_its_hold_expires(settings: ProvisioningSettings) -> None:
    rows = [
        Row(0, Bench.rent, "provisioning", DOLLAR - HOLD, HOLD),
        Row(2 * HOUR - 1, Bench.look, "provisioning", DOLLAR - HOLD, HOLD),
        Row(2 * HOUR, Bench.look, "provisioning", DOLLAR, 0),
        Row(10_000 * HOUR, Bench.look, "provisioning", DOLLAR, 0),
        Row(10_000 * HOUR, Bench.delete, "deleted", DOLLAR, 0),
    ]
    bench = check_table(Simulation(conditions(settings)), rows)
    assert bench.simulation.market.offers[0].used == 0
    assert phases(bench.simulation) == (BEGINS if settings.terms("marketplace").parts else {})


@never_ready
def test_given_up_before_its_hold_expires_it_costs_nothing(settings: ProvisioningSettings) -> None:
    rows = [
        Row(0, Bench.rent, "provisioning", DOLLAR - HOLD, HOLD),
        Row(10 * MINUTE, Bench.delete, "deleted", DOLLAR, 0),
    ]
    check_table(Simulation(conditions(settings)), rows)


@never_ready
def test_forced_to_run_what_is_never_ready_runs_and_its_hold_expires_all_the_same(
    settings: ProvisioningSettings,
) -> None:
    sim = Simulation(conditions(settings))
    rental = rent(sim)
    sim.advance(2 * HOUR - 5 * MINUTE)
    move(sim, rental)
    assert (rental.running_ms, rental.phase) == (2 * HOUR - 5 * MINUTE, None)
    sim.advance(2 * HOUR)
    assert (rental.status, rental.hold.status) == ("running", "expired")


@never_ready
def test_acts_do_not_settle_what_is_never_ready(settings: ProvisioningSettings) -> None:
    acts = (
        at(0, provisioning=stuck()),
        at(HOUR, provisioning=ProvisioningAct(outcome="fails", for_=Duration(HOUR))),
    )
    sim = Simulation(conditions(settings, timeline=acts))
    rental = rent(sim)
    sim.advance(10 * HOUR)
    assert (rental.status, rental.is_due) == ("provisioning", False)


@never_ready
def test_held_back_and_released_it_is_as_before(settings: ProvisioningSettings) -> None:
    sim = Simulation(conditions(settings))
    rental = rent(sim)
    sim.advance(HOUR)
    move(sim, rental, hold=True)
    move(sim, rental, hold=False)
    sim.advance(2 * HOUR)
    assert (rental.status, rental.held_back, rental.is_due) == ("provisioning", False, False)
    sim.execute(TerminateRental("alice", rental.rental_id))
    with pytest.raises(RentalNotInState):
        move(sim, rental, hold=True)


def test_failing_and_never_being_ready_are_shares_of_all_and_neither_moves_the_other() -> None:
    spec = offer(capacity=2_000)
    fates: list[list[str]] = []
    for never in (0, 300_000):
        settings = market(spec, provisioning=provided(failure=200_000, never_ready=never))
        sim = Simulation(scenario(settings, balance=10**12), seed=3)
        rentals = [rent(sim) for _ in range(2_000)]
        sim.advance(MINUTE)
        fates.append([rental.reason or rental.status for rental in rentals])
    without, with_ = fates
    assert 0.17 < without.count("provisioning_failed") / 2_000 < 0.23
    assert 0.26 < with_.count("provisioning") / 2_000 < 0.34
    assert without.count("provisioning") == 0
    for before, after in zip(without, with_, strict=True):
        assert after == before or (before, after) == ("running", "provisioning")
