"""Interrupted rentals: their end in the API, those that a shock hits together, and the return of their GPUs."""

from typing import Any

import pytest
from gpu_sim.core.commands import InterruptRental
from gpu_sim.core.events import GpusReturned, RentalTerminated, ShockStruck
from gpu_sim.core.kernel.errors import RentalNotInState
from gpu_sim.core.kernel.quantities import Duration, Share
from gpu_sim.core.rentals.rental import Rental
from gpu_sim.core.scenario.acts import Act, InterruptAct
from gpu_sim.core.scenario.distributions import Distribution, fixed
from gpu_sim.core.scenario.market_settings import InterruptionSettings
from gpu_sim.core.scenario.scenario import BillingSettings
from gpu_sim.core.simulation import Simulation

from ...support.builders import DAY, DOLLAR, HOUR, READY, Bench, accounts, market, offer, rent, scenario

CROWDED = offer(capacity=1_000, probability_ppm=300_000)
RECLAIM = 30 * 60_000


def simulation(
    *, balance: int = 10**12, journal: str = "compact", reclaim: Distribution | None = None, **how: Any
) -> Simulation:
    """A crowded offer that is interrupted often; nothing else ends a rental."""
    settings = InterruptionSettings(reclaim=reclaim or fixed(RECLAIM), **how)
    billing = BillingSettings(idle_timeout=None)
    return Simulation(
        scenario(
            market(CROWDED, offer("calm", probability_ppm=0), interruptions=settings),
            balance=balance,
            billing=billing,
            journal=journal,
        )
    )


def ends(sim: Simulation) -> list[RentalTerminated]:
    return [event for event in sim.events if isinstance(event, RentalTerminated)]


def test_a2_an_interruption_leads_from_running_to_terminated_with_its_reason() -> None:
    sim = simulation()
    rental = rent(sim)
    sim.advance(READY)
    assert (rental.status, rental.reason) == ("running", None)
    sim.execute(InterruptRental(rental.rental_id))
    assert (rental.status, rental.reason) == ("terminated", "interrupted")
    assert ends(sim) == [RentalTerminated(READY, "alice", rental.rental_id, "interrupted", "forced", 0)]


def test_a2_the_market_itself_interrupts_by_shocks_and_by_bad_luck_of_ones_own() -> None:
    sim = simulation()
    rentals = [rent(sim) for _ in range(200)]
    sim.advance(10 * HOUR)
    causes = {event.cause for event in ends(sim)}
    assert causes == {"shock", "own"}
    assert {rental.reason for rental in rentals if rental.terminated_ms is not None} == {"interrupted"}
    assert all(rental.terminated_ms is None or rental.terminated_ms > READY for rental in rentals)


def test_rentals_of_one_offer_fall_together() -> None:
    sim = simulation(shared=Share(1_000_000))
    for _ in range(200):
        rent(sim)
    sim.advance(5 * HOUR)
    instants = [event.at for event in ends(sim)]
    assert len(instants) > 50
    assert len(set(instants)) < 10


def test_without_shared_hazard_they_are_interrupted_one_by_one() -> None:
    sim = simulation(shared=Share(0))
    for _ in range(200):
        rent(sim)
    sim.advance(5 * HOUR)
    instants = [event.at for event in ends(sim)]
    assert len(instants) > 50
    assert len(set(instants)) > 0.95 * len(instants)
    assert {event.cause for event in ends(sim)} == {"own"}


def test_without_interruptions_nothing_is_interrupted() -> None:
    sim = simulation(mode="none")
    rental = rent(sim)
    sim.advance(30 * DAY)
    assert rental.status == "running"
    safe = simulation()
    other = rent(safe, spec=offer("calm", probability_ppm=0))
    safe.advance(30 * DAY)
    assert other.status == "running"


def test_a_rental_that_is_being_provisioned_meets_no_shock() -> None:
    """A shock hits running rentals only: one rented at every shock's instant outlives it."""
    met = simulation(shared=Share(1_000_000), journal="full")
    met.advance(DAY)
    shocks = [event for event in met.events if isinstance(event, ShockStruck)]
    assert len(shocks) > 5
    sim = simulation(shared=Share(1_000_000))
    for shock in shocks:
        sim.advance(shock.at - READY // 2)
        rental = rent(sim)
        sim.advance(shock.at)
        assert rental.status == "provisioning"


def test_shocks_happen_whether_or_not_anybody_rents() -> None:
    empty, crowded = simulation(journal="full"), simulation(journal="full")
    for _ in range(50):
        rent(crowded)
    for sim in (empty, crowded):
        sim.advance(DAY)
    met = [[event for event in sim.events if isinstance(event, ShockStruck)] for sim in (empty, crowded)]
    assert met[0] == met[1]
    assert met[0]


def test_the_gpus_of_an_interrupted_rental_come_back_after_reclaim() -> None:
    sim = simulation()
    rental = rent(sim, gpu_count=3)
    sim.advance(READY)
    sim.execute(InterruptRental(rental.rental_id))
    assert rental.offer.free == 997
    sim.advance(READY + RECLAIM - 1)
    assert rental.offer.free == 997
    sim.advance(READY + RECLAIM)
    assert rental.offer.free == 1_000
    returned = [event for event in sim.events if isinstance(event, GpusReturned)]
    assert returned == [GpusReturned(READY + RECLAIM, "vast-ai", "RTX 4090", "Quebec, CA", 3)]
    sim.advance(10 * DAY)
    assert rental.offer.used == 0


def test_a_reclaim_of_nothing_gives_the_gpus_back_at_once() -> None:
    sim = simulation(reclaim=fixed(0))
    rental = rent(sim)
    sim.execute(InterruptRental(rental.rental_id))
    assert rental.offer.used == 0
    assert not [event for event in sim.events if isinstance(event, GpusReturned)]


def test_the_gpus_of_a_deleted_rental_come_back_at_once() -> None:
    sim = simulation()
    bench = Bench(sim)
    bench.rent(2)
    bench.delete()
    assert bench.rental is not None
    assert bench.rental.offer.used == 0


def test_a_rental_that_is_over_cannot_be_interrupted() -> None:
    sim = simulation()
    bench = Bench(sim)
    bench.rent()
    bench.delete()
    with pytest.raises(RentalNotInState, match=r"^the rental is terminated$"):
        bench.interrupt()


def test_a_rental_can_be_interrupted_while_it_is_being_provisioned_and_never_runs() -> None:
    sim = simulation(balance=DOLLAR)
    rental = rent(sim)
    sim.execute(InterruptRental(rental.rental_id))
    sim.advance(DAY)
    assert (rental.reason, rental.running_ms, rental.billed_micros) == ("interrupted", None, 0)
    assert sim.ledger.available("alice") == DOLLAR


def storm(share_ppm: int, seed: int = 1, **names: Any) -> tuple[Simulation, list[Rental]]:
    """Ten rentals on the crowded offer and two elsewhere, then an act that interrupts a share of those meant."""
    act = Act(at=Duration(HOUR), interrupt=InterruptAct(share=Share(share_ppm), **names))
    specs = (CROWDED, offer("calm", probability_ppm=0))
    sim = Simulation(
        scenario(market(*specs), balance=10**9, billing=BillingSettings(idle_timeout=None), timeline=(act,)), seed=seed
    )
    sim.advance(0)
    rentals = [rent(sim, spec=specs[0]) for _ in range(10)] + [rent(sim, spec=specs[1]) for _ in range(2)]
    sim.advance(HOUR)
    return sim, rentals


@pytest.mark.parametrize(
    ("share_ppm", "interruptions"),
    [(0, 0), (1, 1), (83_333, 1), (83_334, 2), (500_000, 6), (999_999, 12), (1_000_000, 12)],
)
def test_an_interrupt_act_takes_the_share_of_the_matching_rentals_rounded_up(
    share_ppm: int, interruptions: int
) -> None:
    _, rentals = storm(share_ppm)
    assert sum(rental.reason == "interrupted" for rental in rentals) == interruptions


def test_an_interrupt_act_concerns_only_what_its_selector_means() -> None:
    _, rentals = storm(1_000_000, region="quebec, ca")
    assert [rental.reason for rental in rentals] == ["interrupted"] * 10 + [None] * 2


def test_which_rentals_an_act_takes_is_luck_of_theirs() -> None:
    interruptions = [tuple(rental.reason for rental in storm(500_000, seed)[1]) for seed in range(1, 6)]
    assert len(set(interruptions)) > 1
    assert storm(500_000, 3)[0].events == storm(500_000, 3)[0].events


def test_a_larger_share_takes_those_that_a_smaller_one_takes_and_more() -> None:
    small, large = storm(300_000)[1], storm(600_000)[1]
    assert all(b.reason == "interrupted" for a, b in zip(small, large, strict=True) if a.reason == "interrupted")


def test_rentals_that_survived_an_act_draw_again_for_the_next() -> None:
    acts = tuple(Act(at=Duration(hour * HOUR), interrupt=InterruptAct(share=Share(200_000))) for hour in range(1, 11))
    settings = scenario(market(CROWDED), balance=10**12, billing=BillingSettings(idle_timeout=None), timeline=acts)
    sim = Simulation(settings)
    sim.advance(0)
    rentals = [rent(sim) for _ in range(100)]
    sim.advance(10 * HOUR)
    left = 100
    for _ in acts:
        left -= -(-left // 5)
    assert sum(rental.status == "running" for rental in rentals) == left


def test_what_interrupts_one_account_says_nothing_of_another_on_the_same_offer() -> None:
    """Their own draws differ, so one shock may hit one and not the other."""
    settings = InterruptionSettings()
    both = accounts(alice=10**9, bob=10**9)
    sim = Simulation(
        scenario(market(CROWDED, interruptions=settings), accounts=both, billing=BillingSettings(idle_timeout=None))
    )
    fates = [(rent(sim, "alice"), rent(sim, "bob")) for _ in range(30)]
    sim.advance(20 * HOUR)
    assert any(a.terminated_ms != b.terminated_ms for a, b in fates)
