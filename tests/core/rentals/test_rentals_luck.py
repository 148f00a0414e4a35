"""Luck belongs to things: each fate of a rental or an offer is read from the stream that is named after it."""

import pytest
from gpu_sim.core.billing.ledger import HoldPlaced, RentalSettled
from gpu_sim.core.commands import InterruptRental
from gpu_sim.core.events import RentalCreated, RentalRunning, RentalTerminated, RentalTouched, ShockStruck
from gpu_sim.core.kernel.quantities import Duration, Share
from gpu_sim.core.kernel.randomness import draw, stream
from gpu_sim.core.rentals import provisioning
from gpu_sim.core.rentals.hazard import ShockClock, hazard, is_hit, own_delay_ms
from gpu_sim.core.scenario.acts import Act, InterruptAct
from gpu_sim.core.scenario.distributions import Distribution, Uniform, fixed
from gpu_sim.core.scenario.market_settings import (
    InterruptionSettings,
    MarketSettings,
    ProvisioningSettings,
    ProvisioningTerms,
)
from gpu_sim.core.scenario.scenario import BillingSettings
from gpu_sim.core.simulation import Simulation

from ...support.builders import DAY, HOUR, READY, Bench, market, offer, rent, scenario

RISKY = offer(capacity=500, probability_ppm=200_000)
NAME = "vast-ai|RTX 4090|Quebec, CA"
SPREAD = Distribution(uniform=Uniform(Duration(1), Duration(10**9)))

seeds = pytest.mark.parametrize("seed", [1, 2])


def simulation(settings: MarketSettings, seed: int, *acts: Act, journal: str = "compact") -> Simulation:
    billing = BillingSettings(idle_timeout=None)
    conditions = scenario(settings, balance=10**12, billing=billing, timeline=acts, journal=journal)
    return Simulation(conditions, seed=seed)


@seeds
def test_provisioning_is_decided_by_the_rentals_own_stream(seed: int) -> None:
    terms = ProvisioningTerms(delay=SPREAD, failure=Share(400_000))
    sim = simulation(market(RISKY, provisioning=ProvisioningSettings(all=terms)), seed)
    rentals = [rent(sim) for _ in range(40)]
    sim.advance(10**9 + 1)
    for number, rental in enumerate(rentals):
        key = stream(seed, f"provisioning/alice|{NAME}|{number}")
        ready = provisioning.delay_ms(key, SPREAD.sampler())
        failed = provisioning.fails(key, Share(400_000))
        assert (rental.running_ms, rental.terminated_ms) == ((None, ready) if failed else (ready, None))


@seeds
def test_a_rentals_own_interruption_is_decided_by_its_own_stream(seed: int) -> None:
    settings = InterruptionSettings(shared=Share(0))
    sim = simulation(market(RISKY, interruptions=settings), seed)
    rentals = [rent(sim) for _ in range(20)]
    sim.advance(90 * DAY)
    for number, rental in enumerate(rentals):
        own = own_delay_ms(stream(seed, f"own/alice|{NAME}|{number}"), hazard(200_000, settings))
        assert own is not None
        assert rental.terminated_ms == READY + own


@seeds
def test_shocks_are_decided_by_the_offers_stream_and_whom_they_hit_by_the_rentals(seed: int) -> None:
    settings = InterruptionSettings(shared=Share(1_000_000))
    sim = simulation(market(RISKY, interruptions=settings), seed, journal="full")
    rentals = [rent(sim) for _ in range(20)]
    sim.advance(3 * DAY)
    clock = ShockClock(stream(seed, f"shock/{NAME}"), hazard(200_000, settings))
    shocks = [event for event in sim.events if isinstance(event, ShockStruck)]
    assert len(shocks) > 5
    now, ends = 0, dict[int, int]()
    for event in shocks:
        now += clock.delay_ms() or 0
        shock, severity = clock.draw_shock()
        assert (event.at, event.shock, event.severity_ppm) == (now, shock, severity)
        for number in range(len(rentals)):
            if now >= READY and is_hit(stream(seed, f"hit/alice|{NAME}|{number}"), shock, severity):
                ends.setdefault(number, now)
    assert [rental.terminated_ms for rental in rentals] == [ends.get(number) for number in range(len(rentals))]


@seeds
def test_when_the_gpus_return_is_decided_by_the_rentals_stream(seed: int) -> None:
    sim = simulation(market(RISKY, interruptions=InterruptionSettings(mode="none", reclaim=SPREAD)), seed)
    rental = rent(sim)
    sim.execute(InterruptRental(rental.rental_id))
    reclaim = SPREAD.sampler()(draw(stream(seed, f"reclaim/alice|{NAME}|0"), 0))
    sim.advance(reclaim - 1)
    assert rental.offer.used == 1
    sim.advance(reclaim)
    assert rental.offer.used == 0


@seeds
def test_whom_an_interrupt_act_takes_is_decided_by_a_draw_of_each_rental_for_each_act(seed: int) -> None:
    acts = [Act(at=Duration(n * HOUR), interrupt=InterruptAct(share=Share(250_000))) for n in range(1, 5)]
    sim = simulation(market(RISKY, interruptions=InterruptionSettings(mode="none", reclaim=fixed(0))), seed, *acts)
    rentals = [rent(sim) for _ in range(40)]
    left = set(range(40))
    for met in range(4):
        sim.advance((met + 1) * HOUR)
        drawn = sorted((draw(stream(seed, f"forced/alice|{NAME}|{number}"), met), number) for number in left)
        left -= {number for _, number in drawn[: -(-len(left) // 4)]}
        assert {number for number, rental in enumerate(rentals) if rental.status == "running"} == left
    assert {event.cause for event in sim.events if isinstance(event, RentalTerminated)} == {"forced"}


def test_a_life_is_told_in_full() -> None:
    sim = simulation(market(RISKY), 1)
    bench = Bench(sim)
    bench.rent(2)
    sim.advance(READY)
    bench.touch()
    sim.advance(READY + 901_000)
    bench.delete()
    assert bench.rental is not None
    id_ = bench.rental.rental_id
    end = READY + 901_000
    assert sim.events[2:] == [
        HoldPlaced(0, "alice", id_, 143_500),
        RentalCreated(0, "alice", id_, "vast-ai", "RTX 4090", "Quebec, CA", 2, 287_000),
        RentalRunning(READY, "alice", id_),
        RentalTouched(READY, "alice", id_),
        RentalTerminated(end, "alice", id_, "deleted", None, 901),
        RentalSettled(end, "alice", id_, 143_500, 143_659),
    ]
