"""A list updated change by change equals the list made anew."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from gpu_sim.api.offers import sorted_rows
from gpu_sim.api.offers.listing import OFFERS_PER_CHANGE_MIN, Listing
from gpu_sim.core.commands import PlayAct, TerminateRental
from gpu_sim.core.kernel.quantities import Duration, Factor, Share
from gpu_sim.core.market.market import RECENT_MAX
from gpu_sim.core.scenario.acts import CapacityAct, OutageAct, PriceAct
from gpu_sim.core.scenario.market_settings import InterruptionSettings, MarketSettings, PriceSettings
from gpu_sim.core.simulation import Simulation
from msgspec.structs import replace

from ...support.builders import HOUR, MINUTE, offer, rent, scenario

QUERIES = (
    b"",
    b"gpu_model=h100",
    b"provider=VAST-AI",
    b"gpu_model=RTX%204090&provider=vast-ai&max_price=0.28",
    b"max_price=0.28",
    b"min_vram=16",
    b"min_vram=25",
    b"min_vram=81",
    b"gpu_model=H100&min_vram=24",
    b"gpu_model=H100&provider=other&min_vram=48&max_price=0.28",
    b"gpu_model=none",
    b"provider=other&min_vram=24&max_price=2",
)
PLACES = 40


@pytest.fixture(autouse=True, params=[3, 128])
def rows_in_a_block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of few rows, which are soon full and soon empty."""
    monkeypatch.setattr(sorted_rows, "BLOCK_ROWS", request.param)


def spec(number: int) -> Any:
    model, provider = ("H100", "RTX 4090")[number % 2], ("vast-ai", "other")[number // 2 % 2]
    spot = 200_000 + number * 3_000
    one = offer(f"r{number}", gpu_model=model, provider_id=provider, spot=spot, capacity=1, probability_ppm=200_000)
    return replace(one, vram_gb=(16, 24, 24, 48, 80)[number % 5])


def restless() -> Simulation:
    """A market of forty offers whose prices jump, and that go down, come up, leave and return."""
    settings = MarketSettings(
        offers=tuple(spec(number) for number in range(PLACES)),
        prices=PriceSettings(activity=Factor(50_000_000)),
        interruptions=InterruptionSettings(mode="realistic", show="current", shared=Share(900_000)),
    )
    return Simulation(scenario(settings, balance=10**12), seed=3)


def world_of(simulation: Simulation) -> Any:
    return SimpleNamespace(simulation=simulation, scenario=simulation.scenario)


def same(kept: Listing, simulation: Simulation) -> None:
    anew = Listing(world_of(simulation))
    for query in QUERIES:
        assert kept.answer(query).body == anew.answer(query).body, query


@pytest.mark.parametrize("every_ms", [MINUTE, HOUR])
def test_after_every_change_it_is_the_list_made_anew(every_ms: int) -> None:
    simulation = restless()
    kept = Listing(world_of(simulation))
    versions = []
    for _ in range(150):
        same(kept, simulation)
        versions.append(simulation.market.version)
        simulation.advance(simulation.now_ms + every_ms)
    changes = [after - before for before, after in pairwise(versions)]
    assert max(changes) > 0
    assert (max(changes) * OFFERS_PER_CHANGE_MIN > PLACES) == (every_ms == HOUR), "both ways were gone"


def test_rentals_and_acts_are_taken_up() -> None:
    simulation = restless()
    kept = Listing(world_of(simulation))
    same(kept, simulation)
    free = [place.spec for place in simulation.market.offers if place.is_listed][:3]
    rentals = [rent(simulation, spec=one) for one in free]
    same(kept, simulation)
    for rental in rentals:
        simulation.execute(TerminateRental("alice", rental.rental_id))
        same(kept, simulation)
    for command in (
        PlayAct(outage=OutageAct(region="r1", for_=Duration(MINUTE))),
        PlayAct(capacity=CapacityAct(region="r2", set=0, for_=Duration(MINUTE))),
        PlayAct(price=PriceAct(region="r3", multiply=Factor(500_000), for_=Duration(MINUTE))),
    ):
        simulation.execute(command)
        same(kept, simulation)
    simulation.advance(2 * MINUTE)
    same(kept, simulation)


def test_after_a_restore_everything_is_made_anew() -> None:
    simulation = restless()
    simulation.advance(HOUR)
    again = Simulation.restored(
        simulation.scenario, simulation.snapshot(), seed=simulation.seed, start_epoch_ms=simulation.start_epoch_ms
    )
    assert len(again.market.recent) == 0
    same(Listing(world_of(again)), simulation)


def test_only_the_latest_changes_are_kept_one_by_one() -> None:
    simulation = restless()
    simulation.advance(400 * HOUR)
    assert simulation.market.version > RECENT_MAX == len(simulation.market.recent)
