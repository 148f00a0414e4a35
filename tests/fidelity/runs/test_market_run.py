"""Markets run without a server: what is read off agrees with the journal, and fleets change nothing of it."""

from itertools import pairwise

import numpy as np
import pytest
from gpu_sim.core.events import OfferCameBack, OfferWentDown
from gpu_sim.core.kernel.quantities import Duration, Price, Share
from gpu_sim.core.scenario.acts import Act, CapacityAct, InterruptAct, OutageAct, PriceAct
from gpu_sim.core.scenario.market_settings import ChurnSettings, ChurnTerms
from gpu_sim.core.simulation import Simulation
from gpu_sim.fidelity.runs.market_run import MarketHistory, run_market
from msgspec.structs import replace

from ...support.builders import DAY, DOLLAR, HOUR, MINUTE, READY, market, offer, scenario
from ..zone_markets import realistic, zone

ZONES = realistic(zone("us-east-1a", capacity=16), zone("us-east-1b"), zone("us-west-2a", capacity=5))


def turns(found: MarketHistory) -> list[list[int]]:
    """All that happened, to be compared."""
    return [[*each.turned_ms, *each.rentals.began_ms, *each.rentals.ended_ms] for each in found.offers]


def test_offers_turn_when_the_journal_says_so() -> None:
    found = run_market(ZONES, 7, 3)
    simulation = Simulation(replace(ZONES, journal="full"), seed=7)
    assert [each.up_at_start for each in found.offers] == [not each.is_down for each in simulation.market.offers]
    simulation.advance(3 * DAY)
    for history in found.offers:
        turned = [
            event.at
            for event in simulation.events
            if isinstance(event, OfferWentDown | OfferCameBack) and event.region == history.spec.region
        ]
        assert turned
        assert history.turned_ms.tolist() == turned


def test_fleets_change_nothing_of_the_market() -> None:
    with_fleets, without = run_market(ZONES, 3, 2), run_market(ZONES, 3, 2, fleets=False)
    assert [each.fleet_size for each in with_fleets.offers] == [16, 1, 4]
    assert [each.fleet_size for each in without.offers] == [0, 0, 0]
    for one, other in zip(with_fleets.offers, without.offers, strict=True):
        assert one.turned_ms.tolist() == other.turned_ms.tolist()
        assert len(one.rentals.slot) > 0 == len(other.rentals.slot)


def test_the_seed_suffices_and_matters() -> None:
    one, again, other = (run_market(ZONES, seed, 2) for seed in (1, 1, 2))
    assert turns(one) == turns(again)
    assert turns(one) != turns(other)


def test_a_fleet_is_whole_while_its_offer_is_up_and_what_is_lost_is_rented_anew() -> None:
    [history] = run_market(realistic(zone("us-east-1a", capacity=16)), 5, 4).offers
    lives, edges = history.rentals, np.array([0, *history.turned_ms, 4 * DAY])
    assert lives.interrupted.any()
    assert set(lives.slot.tolist()) == set(range(16))
    for number, (begun, over) in enumerate(pairwise(edges)):
        is_up = (number % 2 == 0) == history.up_at_start
        ready = np.arange(begun + READY, over, MINUTE)
        running = lives.running(ready)
        began_here = lives.began_ms[(lives.began_ms > begun + READY) & (lives.began_ms < over)]
        if is_up and len(ready):
            assert running.max() == 16
        elif not is_up:
            assert len(began_here) == 0


def test_a_place_of_a_fleet_has_one_rental_at_a_time() -> None:
    [history] = run_market(realistic(zone("us-east-1a", capacity=4)), 5, 4).offers
    for slot in range(4):
        alone = history.rentals.of_slot(slot)
        assert len(alone.slot) > 1
        assert np.all(alone.began_ms[1:] >= alone.ended_ms[:-1])
        assert alone.running(np.arange(0, 4 * DAY, MINUTE)).max() == 1


def test_what_an_act_takes_was_not_taken_by_the_market() -> None:
    act = Act(at=Duration(6 * HOUR), interrupt=InterruptAct(share=Share(1_000_000)))
    [history] = run_market(scenario(market(offer(capacity=4)), timeline=(act,)), 1, 1).offers
    assert history.fleet_size == 4
    assert history.rentals.ended_ms.tolist() == [6 * HOUR] * 4 + [DAY] * 4
    assert not history.rentals.interrupted.any()


def test_prices_are_those_shown() -> None:
    act = Act(at=Duration(6 * HOUR), price=PriceAct(set=Price(DOLLAR), for_=Duration(HOUR)))
    [history] = run_market(scenario(timeline=(act,)), 1, 1).offers
    assert history.priced_ms.tolist() == [0, 6 * HOUR, 7 * HOUR]
    assert history.prices == pytest.approx([0.287, 1, 0.287])
    at_ms = np.array([0, 6 * HOUR - 1, 6 * HOUR, 7 * HOUR, DAY])
    assert history.price_at(at_ms) == pytest.approx([0.287, 0.287, 1, 0.287, 0.287])


def test_an_offer_that_is_away_cannot_be_had_and_has_no_price_and_what_runs_there_runs_on() -> None:
    churn = ChurnSettings(all=ChurnTerms(stays=Duration(6 * HOUR), away=Duration(6 * HOUR)))
    [history] = run_market(scenario(market(offer(capacity=4), churn=churn)), 1, 3).offers
    assert history.up_at_start
    assert len(history.moved_ms) > 2
    assert history.turned_ms.tolist() == history.moved_ms.tolist()
    left, returned = history.moved_ms[:2]
    assert np.isnan(history.price_at(np.array([left - 1, left, returned - 1, returned]))).tolist() == [
        False,
        True,
        True,
        False,
    ]
    assert history.rentals.ended_ms.tolist() == [3 * DAY] * 4


def test_an_offer_is_up_while_it_is_neither_down_nor_away() -> None:
    churn = ChurnSettings(all=ChurnTerms(stays=Duration(3 * HOUR), away=Duration(3 * HOUR)))
    conditions = realistic(zone("us-east-1a"))
    restless = replace(conditions, market=replace(conditions.market, churn=churn))
    [history] = run_market(restless, 1, 3).offers
    simulation = Simulation(restless, seed=1)
    for at_ms in range(0, 3 * DAY, 7 * MINUTE):
        simulation.advance(at_ms)
        turns = int(np.searchsorted(history.turned_ms, at_ms, side="right"))
        assert simulation.market.offers[0].is_listed == (history.up_at_start == (turns % 2 == 0))


def test_an_offer_in_an_outage_cannot_be_had_and_its_fleet_is_rented_anew_after_it() -> None:
    """The first outage covers the end of the second; a price act beside them decides nothing."""
    acts = (
        Act(at=Duration(5 * HOUR), outage=OutageAct(region="a", for_=Duration(4 * HOUR), interrupt=True)),
        Act(at=Duration(6 * HOUR), price=PriceAct(region="a", set=Price(DOLLAR), for_=Duration(HOUR))),
        Act(at=Duration(7 * HOUR), outage=OutageAct(for_=Duration(HOUR))),
    )
    conditions = replace(scenario(market(offer("a", capacity=1), offer("b", capacity=1))), timeline=acts)
    for fleets in (True, False):
        a, b = run_market(conditions, 1, 1, fleets=fleets).offers
        assert (a.up_at_start, a.turned_ms.tolist()) == (True, [5 * HOUR, 9 * HOUR])
        assert (b.up_at_start, b.turned_ms.tolist()) == (True, [7 * HOUR, 8 * HOUR])
    a, _ = run_market(conditions, 1, 1).offers
    assert a.rentals.ended_ms[0] == 5 * HOUR
    assert 9 * HOUR < a.rentals.began_ms[1] < 9 * HOUR + 10 * MINUTE


def test_an_offer_left_without_a_gpu_cannot_be_had_and_its_fleet_is_rented_anew_after_it() -> None:
    """Of two acts that overlap the one that began last decides; b has no GPU until an act gives it some."""
    acts = (
        Act(at=Duration(2 * HOUR), capacity=CapacityAct(region="a", set=0, for_=Duration(4 * HOUR))),
        Act(at=Duration(3 * HOUR), interrupt=InterruptAct(region="a")),
        Act(at=Duration(4 * HOUR), capacity=CapacityAct(region="a", set=2, for_=Duration(HOUR))),
        Act(at=Duration(8 * HOUR), capacity=CapacityAct(region="b", set=1)),
    )
    conditions = replace(scenario(market(offer("a", capacity=4), offer("b", capacity=0))), timeline=acts)
    for fleets in (True, False):
        a, b = run_market(conditions, 1, 1, fleets=fleets).offers
        assert (a.up_at_start, a.turned_ms.tolist()) == (True, [2 * HOUR, 4 * HOUR, 5 * HOUR, 6 * HOUR])
        assert (b.up_at_start, b.turned_ms.tolist()) == (False, [8 * HOUR])
    a, _ = run_market(conditions, 1, 1).offers
    running = a.rentals.running(np.array([90, 210, 290, 390]) * MINUTE)
    assert running.tolist() == [4, 0, 2, 4]


def test_rentals_keep_no_offer_from_being_up() -> None:
    """GPUs that are rented or taken back can be had again; what counts is whether there are any."""
    acts = (Act(at=Duration(2 * HOUR), interrupt=InterruptAct()),)
    [history] = run_market(replace(scenario(market(offer("a", capacity=1))), timeline=acts), 1, 1).offers
    assert (history.up_at_start, history.turned_ms.tolist(), len(history.rentals.slot)) == (True, [], 2)


def test_each_day_is_told_of() -> None:
    days: list[int] = []
    run_market(scenario(), 1, 3, on_day=lambda: days.append(1))
    assert len(days) == 3
