"""Small markets for tests: zones that go down and come back, and histories made by hand."""

from collections.abc import Sequence

import numpy as np
from gpu_sim.core.kernel.quantities import Availability, Share
from gpu_sim.core.scenario.catalog import OfferSpec, ProviderClass
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.market_settings import InterruptionSettings
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.fidelity.runs.market_run import MarketHistory, NodeRentals, OfferHistory
from gpu_sim.fidelity.runs.seed_run import Plan, SeedRun
from gpu_sim.fidelity.traces.observation import LookSchedule
from msgspec.structs import replace

from ..support.builders import DAY, market, offer, scenario

GAP = 195_000
LOOKED = LookSchedule(GAP, 631_000)

NINE = tuple(f"{region}{letter}" for region in ("us-east-1", "us-east-2", "us-west-2") for letter in "abc")
"""Nine zones in three regions."""


def zone(place: str, *, gpu_model: str = "V100", capacity: int = 1) -> OfferSpec:
    """An offer of a hyperscaler that is up for 60 % of the time, and interrupted in 40 of 100 hours."""
    spec = offer(
        f"{place}, US",
        provider_id="aws",
        provider_class="hyperscaler",
        gpu_model=gpu_model,
        probability_ppm=400_000,
        capacity=capacity,
    )
    return replace(spec, availability=Availability(600_000), group=f"{place[:-1]} {gpu_model}")


def realistic(*offers: OfferSpec) -> Scenario:
    """A market in which offers go down, and most of what runs on them with them."""
    settings = InterruptionSettings(mode="realistic", shared=Share(990_000), reclaim=fixed(0))
    return scenario(market(*offers, interruptions=settings))


def poisson(probability_ppm: int, *capacities: int) -> Scenario:
    """A market whose offers are always there, with so many GPUs each."""
    offers = (
        offer(f"place {number}, US", probability_ppm=probability_ppm, capacity=capacity)
        for number, capacity in enumerate(capacities)
    )
    return scenario(market(*offers, interruptions=InterruptionSettings(mode="poisson", reclaim=fixed(0))))


def plan(conditions: Scenario, days: int = 2) -> Plan:
    """Two days, looked at as the recorder did."""
    return Plan(conditions, days, LOOKED)


def history(*offers: OfferHistory, days: int = 2) -> MarketHistory:
    """A market of these offers."""
    return MarketHistory(1, days * DAY, offers)


def priced(
    prices: Sequence[float],
    *,
    provider_class: ProviderClass = "marketplace",
    region: str = "Here, US",
    on_demand: float = 1.0,
) -> OfferHistory:
    """An offer that is always up, with these prices in dollars, one for each day."""
    spec = offer(
        region, provider_class=provider_class, spot=round(prices[0] * 1_000_000), on_demand=round(on_demand * 1_000_000)
    )
    return OfferHistory(
        spec=spec,
        up_at_start=True,
        turned_ms=np.zeros(0, np.int64),
        moved_ms=np.zeros(0, np.int64),
        priced_ms=np.arange(len(prices), dtype=np.int64) * DAY,
        prices=np.array(prices, np.float64),
        fleet_size=0,
        rentals=NO_RENTALS,
    )


NO_RENTALS = NodeRentals(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.bool_))


def seed_run(seed: int = 1, **measured: float) -> SeedRun:
    """A run in which every statistic named came out so, however it is measured, and none else."""
    return SeedRun(
        seed=seed,
        looked=measured,
        each_tick=measured,
        others=measured,
        lifetimes_h=np.zeros(0),
        by_distance={},
        lifts={},
        lost_together=np.zeros(17, np.int64),
        interruptions=None,
        history=None,
    )
