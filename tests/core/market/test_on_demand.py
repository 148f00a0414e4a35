"""Offers on demand: whatever the mode, the market leaves them as they are, and only acts reach them."""

from typing import Any

import pytest
from gpu_sim.core.events import OfferCameBack, OfferLeft, OfferWentDown, PriceMoved, RentalTerminated, ShockStruck
from gpu_sim.core.kernel.quantities import Duration, Factor, Share
from gpu_sim.core.scenario.acts import InterruptAct, PriceAct
from gpu_sim.core.scenario.catalog import OfferSpec
from gpu_sim.core.scenario.market_settings import (
    AvailabilitySettings,
    ChurnSettings,
    ChurnTerms,
    InterruptionSettings,
    MarketSettings,
    PriceSettings,
)
from gpu_sim.core.scenario.recordings import ReplaySettings
from gpu_sim.core.scenario.scenario import BillingSettings
from gpu_sim.core.simulation import Simulation

from ...support.builders import DAY, HOUR, at, market, offer, on_demand_offer, rent, scenario, seen
from .recordings import series, trace

ON_DEMAND = on_demand_offer(capacity=4)
BUSY: dict[str, Any] = {
    "prices": PriceSettings(all="mean_reverting", activity=Factor(1_000_000_000)),
    "churn": ChurnSettings(all=ChurnTerms(stays=Duration(8 * HOUR), away=Duration(8 * HOUR))),
}
"""Prices that move all the time, and offers of which half are away."""
MODES = {
    "none": InterruptionSettings(mode="none"),
    "poisson": InterruptionSettings(),
    "realistic": InterruptionSettings(mode="realistic"),
    "replay": InterruptionSettings(mode="replay"),
}


def settings(mode: str, *offers: OfferSpec) -> MarketSettings:
    more = dict(BUSY)
    if mode == "replay":
        more["prices"] = PriceSettings(all="replay", activity=Factor(1_000_000_000))
        more["recordings"] = ReplaySettings(
            availability=(trace([1, 0], HOUR),), prices=(series([200_000, 300_000], HOUR),)
        )
    return market(*offers, interruptions=MODES[mode], **more)


def world(market_: MarketSettings, **fields: Any) -> Simulation:
    billing = BillingSettings(idle_timeout=None, hold_expiry=None)
    return Simulation(scenario(market_, balance=10**12, journal="full", billing=billing, **fields))


@pytest.mark.parametrize("mode", MODES)
def test_in_no_mode_does_anything_happen_to_it(mode: str) -> None:
    spot = offer(capacity=4, probability_ppm=300_000)
    sim = world(settings(mode, spot, ON_DEMAND))
    rental = rent(sim, spec=ON_DEMAND)
    sim.advance(30 * DAY)
    changes = seen(sim, PriceMoved, OfferLeft, OfferWentDown, OfferCameBack, ShockStruck)
    assert {event.provider_id for event in changes} == {spot.provider_id}
    assert len(changes) > 50
    assert seen(sim, RentalTerminated) == []
    one = sim.market.named(ON_DEMAND.name)
    assert (rental.status, one.is_listed, one.free, one.interruption_ppm) == ("running", True, 3, 0)
    assert one.price_micros_per_hour == ON_DEMAND.spot_price


@pytest.mark.parametrize("mode", MODES)
def test_it_moves_nobody_elses_luck(mode: str) -> None:
    journals = []
    for offers in ([offer()], [offer(), ON_DEMAND]):
        sim = world(settings(mode, *offers))
        rent(sim)
        sim.advance(10 * DAY)
        journals.append(sim.events)
    assert journals[0] == journals[1]


def test_where_all_classes_are_seldom_up_it_always_is() -> None:
    seldom = market(
        ON_DEMAND,
        interruptions=MODES["realistic"],
        availability=AvailabilitySettings(all=AvailabilitySettings().of("exchange")),
    )
    assert seldom.availability_shown(ON_DEMAND) == 1_000_000


def test_what_is_shown_of_it_are_not_the_recordings_that_mean_all_offers() -> None:
    replaying = settings("replay", offer(), ON_DEMAND)
    assert [replaying.availability_shown(each) for each in replaying.offers] == [500_000, 1_000_000]


def test_the_process_of_its_price_is_constant_whatever_that_of_its_class() -> None:
    prices = PriceSettings(marketplace="host_set")
    assert [prices.process_of(each) for each in (offer(), ON_DEMAND)] == ["host_set", "constant"]


def test_acts_reach_it_as_any_other() -> None:
    acts = (
        at(HOUR, price=PriceAct(multiply=Factor(2_000_000), for_=Duration(HOUR))),
        at(2 * HOUR, interrupt=InterruptAct(share=Share(1_000_000))),
    )
    sim = world(settings("poisson", ON_DEMAND), timeline=acts)
    rental = rent(sim, spec=ON_DEMAND)
    sim.advance(HOUR)
    assert sim.market.offers[0].price_micros_per_hour == 2 * ON_DEMAND.spot_price
    sim.advance(2 * HOUR)
    assert (rental.reason, sim.market.offers[0].price_micros_per_hour) == ("interrupted", ON_DEMAND.spot_price)


@pytest.mark.parametrize("mode", MODES)
def test_a_snapshot_restores_it(mode: str) -> None:
    conditions = scenario(settings(mode, offer(), ON_DEMAND), balance=10**12)
    sim = Simulation(conditions)
    rent(sim, spec=ON_DEMAND)
    sim.advance(DAY)
    again = Simulation.restored(conditions, sim.snapshot(), seed=sim.seed, start_epoch_ms=sim.start_epoch_ms)
    for each in (sim, again):
        each.advance(5 * DAY)
    assert again.market.state() == sim.market.state()
    assert [rental.reason for rental in again.rentals.by_id.values()] == ["idle_timeout"]
