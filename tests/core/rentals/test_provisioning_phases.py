"""Provisioning phase by phase: events, ends, interventions, snapshots."""

import json
from itertools import pairwise
from typing import Any

import pytest
from gpu_sim.core.billing.ledger import HoldPlaced
from gpu_sim.core.commands import InterruptRental, MoveRental, RentGpu, TerminateRental
from gpu_sim.core.events import ProvisioningPhaseBegan, RentalCreated, RentalRunning, RentalTerminated
from gpu_sim.core.kernel.quantities import Duration, Share, Size
from gpu_sim.core.kernel.randomness import stream
from gpu_sim.core.rentals.provisioning import fails
from gpu_sim.core.rentals.rental import Rental
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.acts import ProvisioningAct, RentAct
from gpu_sim.core.scenario.distributions import Distribution, Uniform, fixed
from gpu_sim.core.scenario.market_settings import ProvisioningSettings, ProvisioningTerms
from gpu_sim.core.scenario.provisioning_parts import Parts, PerGigabyte, Sizes
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.core.simulation import Simulation
from msgspec.structs import replace

from ...support.builders import (
    DOLLAR,
    HOUR,
    MINUTE,
    READY,
    accounts,
    at,
    journal,
    market,
    offer,
    rent,
    rent_command,
    scenario,
    seen,
    stuck,
)

HOLD = 71_750
SECOND = 1_000
SIZES = Sizes(images={"an-image:latest": Size(1_500)}, models={"a-model": Size(20_000)})
PARTS = Parts(
    allocate=fixed(2 * SECOND),
    boot=fixed(10 * SECOND),
    pull=PerGigabyte(fixed(4 * SECOND)),
    weights=PerGigabyte(fixed(500)),
    fine_tuned=fixed(7 * SECOND),
)
"""With the sizes above: 2 s, 10 s, 6 s, 10 s, so 28 s, and 7 s for fine-tuned variants."""
BEGINS = {"allocate": 0, "boot": 2 * SECOND, "pull": 12 * SECOND, "weights": 18 * SECOND}
RUNS = 28 * SECOND
SPREAD = Distribution(uniform=Uniform(Duration(1), Duration(10 * MINUTE)))
WIDE = Parts(allocate=SPREAD, boot=SPREAD, pull=PerGigabyte(SPREAD), weights=PerGigabyte(SPREAD), fine_tuned=SPREAD)


def provided(parts: Parts | None = PARTS, *, delay: Distribution | None = None, **shares: int) -> ProvisioningSettings:
    """Provisioning like this for every class, which does not fail unless that is said."""
    given = {name: Share(share) for name, share in ({"failure": 0} | shares).items()}
    return ProvisioningSettings(sizes=SIZES, all=ProvisioningTerms(parts=parts, delay=delay, **given))


def conditions(settings: ProvisioningSettings | None = None, **fields: Any) -> Scenario:
    """Alice on the quiet market, whose provisioning goes by parts."""
    return scenario(market(provisioning=settings or provided()), **fields)


def phases(simulation: Simulation) -> dict[str, int]:
    """When each phase began."""
    return {event.phase: event.at for event in seen(simulation, ProvisioningPhaseBegan)}


def move(simulation: Simulation, rental: Rental, to: Any = "running", hold: bool | None = None) -> None:
    simulation.execute(MoveRental(rental_id=rental.rental_id, to=to, hold=hold))


# Phases


def test_phases_follow_each_other_while_the_status_is_provisioning() -> None:
    sim = Simulation(conditions())
    rental = rent(sim)
    for phase, began in BEGINS.items():
        sim.advance(max(0, began - 1))
        assert rental.phase == (phase if began == 0 else list(BEGINS)[list(BEGINS).index(phase) - 1])
        sim.advance(began)
        assert (rental.phase, rental.status) == (phase, "provisioning")
    sim.advance(RUNS - 1)
    assert (rental.phase, rental.status) == ("weights", "provisioning")
    sim.advance(RUNS)
    assert (rental.phase, rental.status, rental.running_ms) == (None, "running", RUNS)
    assert phases(sim) == BEGINS


def test_the_first_phase_is_told_right_after_the_rental_and_names_its_account() -> None:
    sim = Simulation(conditions())
    rental = rent(sim)
    assert [type(event) for event in sim.events[-3:]] == [HoldPlaced, RentalCreated, ProvisioningPhaseBegan]
    assert sim.events[-1] == ProvisioningPhaseBegan(0, "alice", rental.rental_id, "allocate")


def test_only_fine_tuned_variants_have_the_phase_of_their_own() -> None:
    sim = Simulation(conditions())
    rental = sim.execute(replace(rent_command(), fine_tuned=True))
    assert rental is not None
    sim.advance(RUNS)
    assert (rental.status, rental.phase) == ("provisioning", "fine_tuned")
    sim.advance(RUNS + 7 * SECOND)
    assert rental.running_ms == RUNS + 7 * SECOND


@pytest.mark.parametrize(
    ("image", "model", "runs"),
    [
        ("an-image:latest", "a-model", RUNS),
        ("an-image:older", "a-model", RUNS - 6 * SECOND + 36 * SECOND),
        ("an-image:latest", "another", RUNS - 10 * SECOND + 8 * SECOND),
    ],
)
def test_what_is_fetched_takes_as_long_as_it_is_large(image: str, model: str, runs: int) -> None:
    sim = Simulation(conditions())
    rental = sim.execute(RentGpu("alice", "vast-ai", "RTX 4090", "Quebec, CA", 1, model, image))
    assert rental is not None
    sim.advance(HOUR // 2)
    assert rental.running_ms == runs


def test_a_phase_takes_at_least_a_millisecond() -> None:
    nothing = Parts(boot=fixed(0), pull=PerGigabyte(fixed(HOUR)))
    settings = ProvisioningSettings(
        sizes=Sizes(unlisted_image=Size(0)), all=ProvisioningTerms(parts=nothing, failure=Share(0))
    )
    sim = Simulation(conditions(settings))
    rental = rent(sim)
    sim.advance(2)
    assert (phases(sim), rental.running_ms) == ({"boot": 0, "pull": 1}, 2)


def test_a_plain_delay_has_no_phases() -> None:
    sim = Simulation(scenario())
    rental = rent(sim)
    assert rental.phase is None
    sim.advance(READY)
    assert (rental.status, phases(sim)) == ("running", {})


def test_a_class_has_its_own_parts() -> None:
    settings = ProvisioningSettings(
        sizes=SIZES,
        all=ProvisioningTerms(delay=fixed(READY), failure=Share(0)),
        neocloud=ProvisioningTerms(parts=Parts(boot=fixed(SECOND))),
    )
    neo = offer("Texas, US", provider_class="neocloud")
    sim = Simulation(scenario(market(offer(), neo, provisioning=settings)))
    plain, parted = rent(sim), rent(sim, spec=neo)
    sim.advance(READY)
    assert (plain.running_ms, parted.running_ms) == (READY, SECOND)
    assert [event.rental_id for event in seen(sim, ProvisioningPhaseBegan)] == [parted.rental_id]


def took(parts: Parts, *, fine_tuned: bool) -> dict[str, int]:
    """The length of each phase of a rental that fails with a chance of one half."""
    sim = Simulation(conditions(provided(parts, failure=500_000)), seed=7)
    rental = sim.execute(replace(rent_command(), fine_tuned=fine_tuned))
    assert rental is not None
    sim.advance(1_000 * HOUR)
    began = phases(sim)
    assert (rental.running_ms is None) == fails(stream(7, f"provisioning/{rental.name}"), Share(500_000))
    instants = [*began.values(), rental.running_ms or seen(sim, RentalTerminated)[0].at]
    return {phase: after - at_ms for phase, (at_ms, after) in zip(began, pairwise(instants), strict=True)}


@pytest.mark.parametrize("fine_tuned", [False, True])
@pytest.mark.parametrize("left_out", ["allocate", "boot", "pull", "weights"])
def test_without_one_phase_the_others_take_as_long_and_end_the_same_way(left_out: str, *, fine_tuned: bool) -> None:
    whole = took(WIDE, fine_tuned=fine_tuned)
    assert ("fine_tuned" in whole) == fine_tuned
    assert len(set(whole.values())) == len(whole)
    less = took(replace(WIDE, **{left_out: None}), fine_tuned=fine_tuned)
    assert less == {phase: ms for phase, ms in whole.items() if phase != left_out}


def test_a_failure_shows_at_the_end_of_the_last_phase() -> None:
    sim = Simulation(conditions(provided(failure=1_000_000)))
    rental = rent(sim)
    sim.advance(RUNS - 1)
    assert (rental.status, rental.phase) == ("provisioning", "weights")
    sim.advance(RUNS)
    assert (rental.reason, rental.phase, rental.billed_micros) == ("provisioning_failed", None, 0)
    assert phases(sim) == BEGINS


@pytest.mark.parametrize("end", ["deleted", "interrupted", "operator"])
@pytest.mark.parametrize("at_ms", [0, 2 * SECOND - 1, 2 * SECOND, 20 * SECOND])
def test_after_an_end_no_phase_begins(end: str, at_ms: int) -> None:
    sim = Simulation(conditions())
    rental = rent(sim)
    sim.advance(at_ms)
    if end == "deleted":
        sim.execute(TerminateRental("alice", rental.rental_id))
    elif end == "interrupted":
        sim.execute(InterruptRental(rental.rental_id))
    else:
        move(sim, rental, "terminated")
    assert (rental.reason, rental.phase) == (end, None)
    sim.advance(HOUR)
    assert phases(sim) == {phase: began for phase, began in BEGINS.items() if began <= at_ms}
    assert seen(sim, RentalRunning) == []


# Interventions


@pytest.mark.parametrize("at_ms", [0, 11 * SECOND, 12 * SECOND, RUNS - 1])
def test_forced_to_run_a_rental_skips_the_phases_that_are_left(at_ms: int) -> None:
    sim = Simulation(conditions())
    rental = rent(sim)
    sim.advance(at_ms)
    move(sim, rental)
    assert (rental.status, rental.phase) == ("running", None)
    sim.advance(14 * MINUTE)
    assert phases(sim) == {phase: began for phase, began in BEGINS.items() if began <= at_ms}
    assert (rental.running_ms, len(seen(sim, RentalRunning))) == (at_ms, 1)


@pytest.mark.parametrize("keep", ["held", "stuck"])
def test_what_is_held_back_or_stuck_goes_through_its_phases_and_waits_in_the_last(keep: str) -> None:
    sim = Simulation(conditions(timeline=(at(0, provisioning=stuck()),) if keep == "stuck" else ()))
    rental = rent(sim)
    if keep == "held":
        move(sim, rental, hold=True)
    sim.advance(10 * MINUTE - 1)
    assert (rental.status, rental.phase, rental.is_due, phases(sim)) == ("provisioning", "weights", True, BEGINS)
    sim.advance(10 * MINUTE)
    if keep == "held":
        move(sim, rental, hold=False)
    assert (rental.running_ms, rental.phase, phases(sim)) == (10 * MINUTE, None, BEGINS)


def test_released_in_time_a_rental_runs_when_its_last_phase_is_over() -> None:
    sim = Simulation(conditions())
    rental = rent(sim)
    move(sim, rental, hold=True)
    sim.advance(5 * SECOND)
    move(sim, rental, hold=False)
    sim.advance(RUNS)
    assert rental.running_ms == RUNS


def test_an_act_that_fails_provisioning_does_so_at_the_end_of_the_last_phase() -> None:
    sim = Simulation(conditions(timeline=(at(20 * SECOND, provisioning=ProvisioningAct(outcome="fails")),)))
    rental = rent(sim)
    sim.advance(RUNS)
    assert (rental.reason, rental.terminated_ms, phases(sim)) == ("provisioning_failed", RUNS, BEGINS)


# Snapshots, journals

LONG = provided(WIDE, failure=200_000, never_ready=200_000)


def busy() -> Simulation:
    """Ten rentals by two customers, some of fine-tuned variants, one held back, one rented by the timeline."""
    act = RentAct(as_="r", account="bob", provider_id="vast-ai", gpu_model="RTX 4090", region="Quebec, CA")
    sim = Simulation(
        scenario(
            market(offer(capacity=20), provisioning=LONG),
            accounts=accounts(alice=10 * DOLLAR, bob=10 * DOLLAR),
            timeline=(at(MINUTE, rent=act), at(30 * MINUTE, provisioning=stuck())),
        ),
        seed=11,
    )
    for number in range(10):
        sim.advance(number * 2 * MINUTE)
        command = rent_command("alice" if number % 2 else "bob")
        rental = sim.execute(replace(command, fine_tuned=number % 3 == 0))
        assert rental is not None
        if number == 4:
            move(sim, rental, hold=True)
    return sim


def test_restored_within_any_phase_a_run_goes_on_as_it_would_have() -> None:
    whole, stopped = busy(), busy()
    whole.advance(100 * HOUR)
    phases_met = set()
    while (due := stopped.next_due_ms) is not None and due <= 100 * HOUR:
        stopped.advance(due)
        again = Simulation.restored(
            stopped.scenario, stopped.snapshot(), seed=11, start_epoch_ms=stopped.start_epoch_ms
        )
        assert [rental.phase for rental in again.rentals.live()] == [rental.phase for rental in stopped.rentals.live()]
        phases_met |= {rental.phase for rental in again.rentals.live()}
        again.advance(100 * HOUR)
        assert again.events == whole.events[len(whole.events) - len(again.events) :]
        assert again.events_total == whole.events_total
    assert phases_met == {None, *BEGINS, "fine_tuned"}
    assert {type(event) for event in whole.events} >= {RentalRunning, RentalTerminated}
    assert any(event.reason == "provisioning_failed" for event in seen(whole, RentalTerminated))
    assert any(rental.status == "provisioning" for rental in whole.rentals.live())


def test_a_journal_with_phases_is_replayed_to_the_byte_sizes_and_parts_included() -> None:
    sim = busy()
    sim.advance(100 * HOUR)
    _, difference = replay(journal(sim))
    assert difference is None
    header = json.loads(journal(sim).splitlines()[0])
    written = header["scenario"]["market"]["provisioning"]
    assert written["sizes"] == {"images": {"an-image:latest": 1_500}, "models": {"a-model": 20_000}}
    assert list(written["all"]["parts"]) == ["allocate", "boot", "pull", "weights", "fine_tuned"]
    assert written["all"]["never_ready"] == 200_000
