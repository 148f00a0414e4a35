"""The prices of the default market beside those of real ones, by counting over 360 simulated days.

Bounds are the tolerances that real series leave (the README's table), not what these seeds happen to give; what is
counted is so much that chance moves each figure by less than a fifth of its tolerance. The seeds were fixed beforehand.
"""

import math
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import pytest
from gpu_sim import Simulation, load_scenario
from gpu_sim.core.events import PriceMoved
from gpu_sim.core.scenario.catalog import ProviderClass, generate_offers
from gpu_sim.core.scenario.market_settings import InterruptionSettings, MarketSettings
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.fidelity.runs import price_statistics as statistics
from gpu_sim.fidelity.traces.arrays import Floats
from msgspec.structs import replace

from ...support.builders import DAY

DAYS = 360
SEED = 1
Mode = Literal["poisson", "realistic"]

modes = pytest.mark.parametrize("mode", [pytest.param("poisson", marks=pytest.mark.slow), "realistic"])
"""The mode of interruptions decides who is listed, not what moves prices."""


class Prices(NamedTuple):
    """Prices at the end of each day, in dollars, in a row per offer: NaN while it is not listed."""

    shown: Floats
    start: Floats
    on_demand: Floats
    classes: list[str]
    models: list[str]

    def of(self, provider_class: ProviderClass) -> Floats:
        """Those of the offers of a class."""
        return self.shown[[each == provider_class for each in self.classes]]

    def by_model(self, *classes: str) -> list[Floats]:
        """Those of each GPU model that two or more offers of these classes have."""
        chosen = [each in classes for each in self.classes]
        rows = [
            [is_chosen and each == model for is_chosen, each in zip(chosen, self.models, strict=True)]
            for model in sorted(set(self.models))
        ]
        return [self.shown[row] for row in rows if sum(row) >= 2]


def observe(simulation: Simulation, days: int) -> Prices:
    """A market, looked at daily."""
    offers, columns = simulation.market.offers, []
    for day in range(days + 1):
        simulation.advance(day * DAY)
        columns.append([each.price_micros_per_hour / 1e6 if each.is_listed else np.nan for each in offers])
    return Prices(
        np.array(columns).T,
        np.array([int(each.spec.spot_price) / 1e6 for each in offers]),
        np.array([int(each.spec.on_demand_price) / 1e6 for each in offers]),
        [each.spec.provider_class for each in offers],
        [each.spec.gpu_model for each in offers],
    )


def moves_of(simulation: Simulation) -> list[PriceMoved]:
    """All that a full journal tells of prices."""
    return [event for event in simulation.events if isinstance(event, PriceMoved)]


@cache
def prices(mode: Mode) -> Prices:
    """The default market, with nobody in it."""
    scenario = load_scenario("realistic")
    interruptions = InterruptionSettings(mode=mode)
    market = replace(scenario.market, interruptions=interruptions)
    return observe(Simulation(replace(scenario, market=market, timeline=()), seed=SEED), DAYS)


@modes
def test_a_marketplaces_prices_are_unchanged_on_most_days_and_else_change_by_a_tenth_or_two(mode: Mode) -> None:
    hosts = prices(mode).of("marketplace")
    assert 0.45 <= statistics.unchanged_share(hosts) <= 0.70
    assert 0.05 <= statistics.typical_change(hosts) <= 0.20


@modes
def test_what_a_gpu_model_costs_in_the_marketplace_persists_from_day_to_day(mode: Mode) -> None:
    """The mean over GPU models; each alone is known to a tenth only. As in what was recorded, the noise of a day, which
    is in who is listed, is taken out."""
    medians = [statistics.daily_medians(rows) for rows in prices(mode).by_model("marketplace")]
    assert len(medians) == 8
    assert 0.6 <= np.mean([statistics.persistence_less_noise(series) for series in medians]) <= 0.95
    assert 0.10 <= np.mean([np.nanstd(series) for series in medians]) <= 0.39


@modes
def test_the_same_gpu_costs_different_prices_in_different_regions(mode: Mode) -> None:
    spreads = [statistics.regional_spread(rows).mean() for rows in prices(mode).by_model("marketplace")]
    assert 0.2 <= np.mean(spreads) <= 0.5
    everywhere = prices(mode).by_model("marketplace", "neocloud", "hyperscaler", "exchange")
    assert 0.2 <= np.mean([statistics.regional_spread(rows).mean() for rows in everywhere]) <= 0.5


@modes
def test_a_neoclouds_prices_are_unchanged_on_almost_all_days(mode: Mode) -> None:
    assert statistics.unchanged_share(prices(mode).of("neocloud")) > 0.97


def test_most_prices_of_hyperscalers_are_frozen_and_the_others_move_in_small_steps() -> None:
    """Over 90 days, of 500 offers: the standard error of the share is 2 %. The default market has but ten."""
    specs = [spec for spec in generate_offers(2_100) if spec.provider_class == "hyperscaler"][:500]
    settings = MarketSettings(offers=tuple(specs), interruptions=InterruptionSettings(mode="none"))
    simulation = Simulation(Scenario(name="clouds", market=settings, journal="full"), seed=SEED)
    seen = observe(simulation, 90)
    assert 0.60 <= statistics.frozen_share(seen.shown) <= 0.90
    last = {spec.region: int(spec.spot_price) for spec in specs}
    steps = []
    for event in moves_of(simulation):
        steps.append(abs(math.log(event.price_micros_per_hour / last[event.region])))
        last[event.region] = event.price_micros_per_hour
    assert len(steps) > 3_000
    assert 0.04 < max(steps) <= 0.06


@modes
def test_no_price_is_above_the_on_demand_price_or_below_the_floor_of_its_class(mode: Mode) -> None:
    seen = prices(mode)
    assert statistics.within_on_demand(seen.shown, seen.on_demand)
    floors = {"marketplace": 0.3, "neocloud": 0.5, "hyperscaler": 0.3, "exchange": 0.3}
    floor = np.array([floors[each] for each in seen.classes]) * seen.on_demand
    lowest = np.nanmin(seen.shown, axis=1)
    assert np.all(lowest >= np.minimum(floor, seen.start) - 1e-9)


@modes
def test_no_price_is_above_the_on_demand_price_at_any_instant(mode: Mode) -> None:
    """Every move of 60 days, of offers that are listed and of others."""
    scenario = load_scenario("realistic")
    market = replace(scenario.market, interruptions=InterruptionSettings(mode=mode))
    simulation = Simulation(replace(scenario, market=market, timeline=(), journal="full"), seed=SEED)
    simulation.advance(60 * DAY)
    moves = moves_of(simulation)
    assert len(moves) > 1_000
    for move in moves:
        spec = simulation.market.find(move.provider_id, move.gpu_model, move.region).spec
        assert 0 < move.price_micros_per_hour <= spec.on_demand_price
