"""Scenarios of the market's gallery: each `expect`, compared with the run."""

from collections.abc import Iterator
from itertools import groupby

import numpy as np
import pytest
from gpu_sim.core.events import InterruptionNotified, RentalTerminated
from gpu_sim.core.market.offer import Offer
from gpu_sim.core.rentals.rental import Rental
from gpu_sim.core.scenario.catalog import PROVIDER_CLASSES
from gpu_sim.core.scenario.market_settings import ChurnTerms
from gpu_sim.core.simulation import Simulation
from gpu_sim.fidelity.runs.market_run import run_market
from gpu_sim.fidelity.runs.seed_run import FLEET_GAP_MS, fleet_counts
from gpu_sim.fidelity.traces.fleets import measure_fleet
from gpu_sim.scenario_files.load import load_scenario, shipped_scenarios

from ..support.scenario_runs import HOUR, MINUTE, begin, bills, ends, of_bob, refusals, run, waits

DAY = 24 * HOUR


def looks(name: str, every_ms: int) -> Iterator[Simulation]:
    """A scenario up to its end, again and again."""
    simulation = begin(name)
    until = load_scenario(name).until
    assert until is not None
    for at_ms in range(0, until, every_ms):
        simulation.advance(at_ms)
        yield simulation


def can_be_had(offer: Offer) -> bool:
    """True if the offer is up, in the market and in service."""
    return not offer.is_down and not offer.is_away and not offer.outages


def up_shares(name: str) -> dict[str, float]:
    """The share of the time in which each offer can be had, by a look every ten minutes."""
    seen = [{o.name: can_be_had(o) for o in simulation.market.offers} for simulation in looks(name, 10 * MINUTE)]
    return {name: float(np.mean([look[name] for look in seen])) for name in seen[0]}


def notices(simulation: Simulation) -> dict[str, int]:
    """The time in ms between notice and interruption, by rental."""
    return {
        event.rental_id: event.interrupts_ms - event.at
        for event in simulation.events
        if isinstance(event, InterruptionNotified)
    }


def lasted(simulation: Simulation) -> list[tuple[Rental, RentalTerminated | None]]:
    """Bob's rentals with their ends, in order; None while they last."""
    ended = ends(simulation)
    return [(simulation.rentals.by_id[id_], ended.get(id_)) for id_, _, _ in of_bob(simulation)]


@pytest.mark.parametrize("name", shipped_scenarios())
def test_aws_tells_two_minutes_ahead_other_hyperscalers_half_a_minute_and_others_hardly(name: str) -> None:
    market = load_scenario(name).market
    wanted = {
        spec.provider_id: 2 * MINUTE if spec.provider_id == "aws" else 30_000 * (spec.provider_class == "hyperscaler")
        for spec in market.offers
    }
    assert wanted
    if name in ("realistic", "frozen-prices"):
        wanted["runpod"] = 5_000
    assert {o.provider_id: market.notices.of(o.provider_id, o.provider_class) for o in market.offers} == wanted


# bad-week


def test_bad_week_has_the_availability_and_the_rates_of_the_scarcest_recorded_zones() -> None:
    market = load_scenario("bad-week").market
    told = [
        (spec.gpu_model, spec.availability, market.interruptions.goes_down_per_hour(spec.interruption_probability))
        for spec in market.offers
    ]
    zones = [(166_700, 2.29147), (466_500, 1.07427), (447_300, 0.92811)]
    assert [(gpu, availability) for gpu, availability, _ in told] == [
        (gpu, availability) for gpu in ("V100", "H100") for availability, _ in zones
    ]
    assert [rate for _, _, rate in told] == pytest.approx([rate for _, rate in zones] * 2, rel=1e-3)
    assert market.interruptions.severity.mean == pytest.approx(0.8)


def test_in_a_bad_week_large_fleets_lose_most_of_their_nodes_at_once() -> None:
    history = run_market(load_scenario("bad-week"), 1, 7)
    for offer in history.offers:
        assert offer.fleet_size == 16
        fleet = measure_fleet(fleet_counts(offer, history.length_ms), 16, FLEET_GAP_MS / 1000)
        assert fleet.severity_mean > 0.65
        assert fleet.lost_with_partner_in_tick > 0.95


def test_in_a_bad_week_bob_gets_nothing_on_four_days_and_loses_what_he_gets_on_the_others() -> None:
    simulation = run("bad-week")
    noons = [(day * DAY + DAY // 2) // MINUTE for day in range(4)]
    assert refusals(simulation) == [(noon, "offer_unavailable") for noon in noons for _ in range(4)]
    days = [list(rentals) for _, rentals in groupby(lasted(simulation), lambda each: each[0].created_ms)]
    assert [len(rentals) for rentals in days] == [4, 4, 4]
    lost = [[end for _, end in rentals if end is not None] for rentals in days]
    assert [len(each) for each in lost] == [4, 4, 2]
    assert [len({end.at for end in each}) for each in lost] == [1, 1, 1]
    after = [(each[0].at - rentals[0][0].created_ms) / HOUR for each, rentals in zip(lost, days, strict=True)]
    assert after == pytest.approx([14 / 60, 6.0, 3.6], abs=0.01)
    assert {end.cause for each in lost for end in each} == {"shock"}
    assert notices(simulation) == {end.rental_id: 2 * MINUTE for each in lost for end in each}


# black-friday


def test_on_black_friday_few_offers_of_any_class_can_be_had() -> None:
    assert load_scenario("black-friday").market.interruptions.horizon == 10 * MINUTE
    shares = up_shares("black-friday")
    simulation = begin("black-friday")
    for provider_class in PROVIDER_CLASSES:
        own = [shares[o.name] for o in simulation.market.offers if o.spec.provider_class == provider_class]
        assert 0.14 < np.mean(own) < 0.43
    assert len(shares) == 79


def test_on_black_friday_every_price_is_at_the_cap_for_a_day() -> None:
    for simulation in looks("black-friday", HOUR):
        offers = simulation.market.offers
        at_cap = [offer.price_micros_per_hour == offer.spec.on_demand_price for offer in offers]
        if 6 * HOUR <= simulation.now_ms < 30 * HOUR:
            assert all(at_cap)
        else:
            assert sum(at_cap) < len(offers) // 2


def test_on_black_friday_bob_gets_five_of_24_gpus_and_keeps_one() -> None:
    simulation = run("black-friday")
    refused = refusals(simulation)
    assert len(refused) == 19
    assert {at_min for at_min, _ in refused} == {3 * 60, 12 * 60, 24 * 60}
    rented = lasted(simulation)
    assert [rental.created_ms // HOUR for rental, _ in rented] == [3, 3, 12, 24, 24]
    for rental, _ in rented:
        cap = rental.offer.spec.on_demand_price
        assert (
            rental.price_micros_per_hour == cap if rental.created_ms > 6 * HOUR else rental.price_micros_per_hour < cap
        )
    lost = [(rental, end) for rental, end in rented if end is not None]
    assert len(lost) == 4
    assert {end.reason for _, end in lost} == {"interrupted"}
    assert sum(end.at - rental.created_ms < 6 * HOUR for rental, end in lost) == 2


# regional-outage


def test_in_a_regional_outage_one_region_is_gone_for_six_hours_and_its_neighbours_are_not() -> None:
    up: dict[bool, list[bool]] = {True: [], False: []}
    for simulation in looks("regional-outage", 10 * MINUTE):
        if 9 * HOUR <= simulation.now_ms < 15 * HOUR:
            for offer in simulation.market.offers:
                up[offer.spec.region.startswith("us-east-1")].append(can_be_had(offer))
        else:
            assert not any(offer.outages for offer in simulation.market.offers)
    assert not any(up[True])
    assert np.mean(up[False]) > 0.85


def test_in_a_regional_outage_bob_loses_one_region_without_a_notice_and_comes_back_to_it() -> None:
    simulation = run("regional-outage")
    assert refusals(simulation) == [(9 * 60 + 5, "offer_unavailable")]
    rented, paid = lasted(simulation), bills(simulation)
    regions = [rental.offer.spec.region.removesuffix(", US") for rental, _ in rented]
    assert regions == ["us-east-1a", "us-east-1b", "us-east-2b", "us-west-2a", "us-east-2a", "us-east-1a"]
    assert rented[-1][0].created_ms == 15 * HOUR
    assert len(waits(simulation)) == 6
    for rental, end in rented[:2]:
        assert end is not None
        assert (end.reason, end.cause, end.at) == ("interrupted", "forced", 9 * HOUR)
        assert 0 < end.billed_seconds < 10 * 60
        assert paid[rental.rental_id].charge_micros == (2_140_000 * end.billed_seconds * 2 + 3600) // 7200
    assert [end for _, end in rented[2:]] == [None] * 4
    assert notices(simulation) == {}


# flapping-offer


def test_a_flapping_offer_goes_down_seventy_times_a_day_and_its_neighbours_never() -> None:
    flapping, *others = run_market(load_scenario("flapping-offer"), 1, 1, fleets=False).offers
    downs = len(flapping.turned_ms[0 if flapping.up_at_start else 1 :: 2])
    assert 65 <= downs <= 75
    assert float(np.median(np.diff(flapping.turned_ms))) < 6 * MINUTE
    assert len(others) == 4
    assert [len(offer.turned_ms) for offer in others] == [0] * 4
    assert 0.4 < up_shares("flapping-offer")["vast-ai|RTX 4090|Quebec, CA"] < 0.6
    assert flapping.spec.interruption_probability == 900_000
    assert [len(offer.prices) for offer in (flapping, *others)] == [1] * 5


def test_of_a_flapping_offer_bob_keeps_nothing_and_next_door_all() -> None:
    simulation = run("flapping-offer")
    assert [code for _, code in refusals(simulation)] == ["offer_unavailable"] * 7
    (neighbour, kept), *there = lasted(simulation)
    assert (neighbour.offer.spec.provider_id, neighbour.status, kept) == ("runpod", "running", None)
    lost = [end for _, end in there if end is not None]
    assert len(there) == len(lost) == 6
    assert max(end.at for end in lost) < 5 * HOUR
    assert {end.reason for end in lost} == {"interrupted"}
    instants = [end.at for end in lost]
    assert max(instants.count(at_ms) for at_ms in instants) == 5


# frozen-prices


def test_with_frozen_prices_every_offer_costs_what_it_cost_at_first_and_comes_and_goes_all_the_same() -> None:
    was_down: dict[str, None] = {}
    was_away: dict[str, None] = {}
    for simulation in looks("frozen-prices", HOUR):
        for offer in simulation.market.offers:
            assert offer.price_micros_per_hour == offer.spec.spot_price
            if offer.is_down:
                was_down[offer.name] = None
            if offer.is_away:
                was_away[offer.name] = None
    assert len(was_down) > 40
    assert len(was_away) > 20


def test_with_frozen_prices_bob_pays_the_same_on_each_day_on_which_the_offer_is_there() -> None:
    simulation = run("frozen-prices")
    assert refusals(simulation) == [((day * 24 + 12) * 60, "offer_unavailable") for day in (2, 3)]
    rented = list(of_bob(simulation))
    assert [price for _, _, price in rented] == [287_000] * 5
    assert {end.reason for end in ends(simulation).values()} == {"idle_timeout"}
    assert [bills(simulation)[rental_id].charge_micros for rental_id, _, _ in rented] == [71_750] * 5
    for day in (2, 3):
        [offer] = [
            each
            for each in begin("frozen-prices", day * DAY + DAY // 2).market.offers
            if each.name == "vast-ai|RTX 4090|Quebec, CA"
        ]
        assert offer.is_away


def test_frozen_prices_are_realistic_in_all_else() -> None:
    frozen, realistic = load_scenario("frozen-prices").market, load_scenario("realistic").market
    assert frozen.interruptions == realistic.interruptions
    assert frozen.provisioning == realistic.provisioning
    assert frozen.churn_of("marketplace") == realistic.churn_of("marketplace") == ChurnTerms()
