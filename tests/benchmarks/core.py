"""Figures of the core without HTTP: `python tests/benchmarks/core.py`. It measures and asserts nothing."""

import gc
import time
import tracemalloc
from collections.abc import Callable
from itertools import cycle
from statistics import median
from typing import Literal

from gpu_sim import Scenario, Simulation, load_scenario
from gpu_sim.api.offers.listing import Listing
from gpu_sim.core.commands import RentGpu, TerminateRental
from gpu_sim.core.events import RentalTerminated
from gpu_sim.core.kernel.clock import DAY_MS, MINUTE_MS
from gpu_sim.core.kernel.errors import OfferUnavailable
from gpu_sim.core.kernel.quantities import Factor, Money
from gpu_sim.core.market.availability_rates import calibrate
from gpu_sim.core.market.offer import Offer
from gpu_sim.core.scenario.catalog import CatalogSpec, Generate, generated_offers
from gpu_sim.core.scenario.market_settings import InterruptionSettings, MarketSettings, PriceSettings, opening_offers
from gpu_sim.core.scenario.scenario import AccountSpec, BillingSettings
from gpu_sim.core.scenario_problems import find_problems
from gpu_sim.worlds.world import World
from msgspec.structs import replace

RICH = (AccountSpec("alice", None, Money(10**15)),)
ROUNDS = 5


def best_of(measure: Callable[[], float]) -> float:
    """The largest of a few figures: the machine's other work can only make them smaller."""
    return max(measure() for _ in range(ROUNDS))


def rent(offer: Offer) -> RentGpu:
    spec = offer.spec
    return RentGpu("alice", spec.provider_id, spec.gpu_model, spec.region, 1, "model", "image")


def always_there() -> Scenario:
    """The default market as measured, but for offers that go down."""
    scenario = load_scenario("realistic")
    return replace(scenario, market=replace(scenario.market, interruptions=InterruptionSettings()), timeline=())


def price_events_per_second() -> float:
    """A full journal of the default market with prices a thousand times busier: the events are price steps."""
    scenario = always_there()
    busy = replace(scenario.market, prices=PriceSettings(activity=Factor(1_000_000_000)))
    simulation = Simulation(replace(scenario, market=busy, journal="full"))
    began = time.perf_counter()
    simulation.advance(10 * DAY_MS)
    spent = time.perf_counter() - began
    return sum(offer.path.steps for offer in simulation.market.offers) / spent


def lifecycle_lines_per_second() -> float:
    """Rent, run for a while, terminate: commands and events written to the journal."""
    simulation = Simulation(replace(always_there(), accounts=RICH))
    offers = cycle([offer for offer in simulation.market.offers if offer.capacity > 1])
    began = time.perf_counter()
    for _ in range(10_000):
        command = rent(next(offers))
        try:
            rental = simulation.execute(command)
        except OfferUnavailable:
            continue
        assert rental is not None
        simulation.advance(simulation.now_ms + 2 * MINUTE_MS)
        simulation.execute(TerminateRental("alice", rental.rental_id))
    spent = time.perf_counter() - began
    return (sum(1 for _ in simulation.journal()) - 2) / spent


def thirty_days() -> tuple[float, int, int]:
    """Thirty days of the default market, 100 rentals at all times: seconds, rentals and events."""
    scenario = load_scenario("default")
    simulation = Simulation(replace(scenario, accounts=RICH, billing=BillingSettings(idle_timeout=None), timeline=()))
    offers = cycle(simulation.market.offers)
    began = time.perf_counter()
    wanted, seen = 100, 0
    while True:
        while wanted:
            try:
                simulation.execute(rent(next(offers)))
                wanted -= 1
            except OfferUnavailable:
                continue
        if not simulation.step(30 * DAY_MS):
            break
        events = simulation.events
        wanted += sum(isinstance(event, RentalTerminated) for event in events[seen:])
        seen = len(events)
    spent = time.perf_counter() - began
    return spent, len(simulation.rentals.by_id), len(simulation.events)


def many_offers(mode: Literal["poisson", "realistic"]) -> tuple[float, float, float]:
    """A hundred thousand offers: seconds to check the scenario, seconds to load it, and megabytes."""
    market = MarketSettings(catalog=CatalogSpec(Generate(100_000)), interruptions=InterruptionSettings(mode=mode))
    scenario = Scenario(name="many", market=market)
    generated_offers.cache_clear()
    calibrate.cache_clear()
    gc.collect()
    began = time.perf_counter()
    assert not any(find_problems(scenario, opening_offers(market)))
    checked = time.perf_counter()
    simulation = Simulation(scenario)
    loaded = time.perf_counter()
    del simulation
    generated_offers.cache_clear()
    tracemalloc.start()
    simulation = Simulation(scenario)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert simulation.now_ms == 0
    return checked - began, loaded - checked, held / 1e6


def list_ms(query: bytes) -> tuple[float, float, int]:
    """Milliseconds for an offers list of a hundred thousand offers that is asked for anew, and for one that was asked
    for before the market changed last; and its rows."""
    world = World("many", Scenario(name="many", market=MarketSettings(catalog=CatalogSpec(Generate(100_000)))))
    listing = Listing(world)
    listing.answer(b"max_price=0.001")
    began = time.perf_counter()
    rows = listing.answer(query).body.count(b'"gpu_model"')
    first = time.perf_counter() - began
    again = []
    for _ in range(20):
        version = world.simulation.market.version
        while world.simulation.market.version == version:
            world.simulation.step(DAY_MS)
        began = time.perf_counter()
        listing.answer(query)
        again.append(time.perf_counter() - began)
    return 1e3 * first, 1e3 * median(again), rows


def market_days(offers: int, days: int) -> tuple[float, int]:
    """So many days of so many generated offers with nobody in the market: seconds, and events."""
    market = MarketSettings(catalog=CatalogSpec(Generate(offers)))
    simulation = Simulation(Scenario(name="many", market=market))
    began = time.perf_counter()
    simulation.advance(days * DAY_MS)
    return time.perf_counter() - began, simulation.scheduled


def finished_rental_bytes() -> float:
    """The memory that a finished rental keeps: itself, its ledger entries and its lines of the journal."""
    simulation = Simulation(replace(load_scenario("calm"), accounts=RICH, timeline=()))
    offer = next(offer for offer in simulation.market.offers if offer.capacity > 1)

    def finish(count: int) -> None:
        for number in range(count):
            # a client sends its strings anew with each request
            command = replace(rent(offer), model_id=f"model {number:06d}", docker_image=f"image {number:06d}")
            rental = simulation.execute(command)
            assert rental is not None
            simulation.advance(simulation.now_ms + 2 * MINUTE_MS)
            simulation.execute(TerminateRental("alice", rental.rental_id))

    finish(1_000)
    gc.collect()
    tracemalloc.start()
    finish(10_000)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / 10_000


def main() -> None:
    print(f"price steps, events per second: {best_of(price_events_per_second):,.0f}")
    print(f"lifecycles, journal lines per second: {best_of(lifecycle_lines_per_second):,.0f}")
    runs = [thirty_days() for _ in range(3)]
    seconds, rentals, events = min(runs)
    print(f"30 days of the default market, 100 rentals: {seconds:.2f} s ({rentals} rentals, {events} events)")
    for mode in ("poisson", "realistic"):
        check, load, megabytes = many_offers(mode)
        print(f"100,000 offers, {mode}: {check:.2f} s to check, {load:.2f} s to load, {megabytes:.0f} MB")
    for query in ("", "gpu_model=H100", "min_vram=80", "gpu_model=H100&max_price=1.2"):
        first, again, rows = list_ms(query.encode())
        print(f"a list of {rows:,} of them: {first:.2f} ms the first time, {again:.2f} ms after a change (?{query})")
    for offers, days in ((25_000, 1), (50_000, 1), (100_000, 1), (25_000, 2), (25_000, 4)):
        seconds, events = market_days(offers, days)
        print(f"{days} days of {offers:,} offers: {seconds:.2f} s ({events} events)")
    print(f"a finished rental: {finished_rental_bytes():.0f} bytes")


if __name__ == "__main__":
    main()
