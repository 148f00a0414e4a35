"""Offers that leave the market and return: who does, how often, and what stays as it was."""

from typing import Any

import pytest
from gpu_sim.core.events import OfferCameBack, OfferLeft, OfferReturned, OfferWentDown, PriceMoved, ShockStruck
from gpu_sim.core.kernel.errors import OfferUnavailable
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.catalog import OfferSpec, ProviderClass
from gpu_sim.core.scenario.market_settings import ChurnSettings, ChurnTerms, InterruptionSettings, PriceSettings
from gpu_sim.core.scenario.scenario import BillingSettings
from gpu_sim.core.simulation import Simulation
from scipy.stats import binomtest

from ...support.builders import DAY, HOUR, market, offer, rent, scenario, seen

REALISTIC = InterruptionSettings(mode="realistic")
BRISK = ChurnSettings(all=ChurnTerms(stays=Duration(8 * HOUR), away=Duration(8 * HOUR)))
"""Half of the offers are away, and each turns thrice a day."""

ENDLESS = BillingSettings(idle_timeout=None)


def many(provider_class: ProviderClass = "marketplace", count: int = 40) -> tuple[OfferSpec, ...]:
    return tuple(offer(f"region-{number}", provider_class=provider_class) for number in range(count))


def simulation(*offers: OfferSpec, seed: int = 1, acts: Any = (), **settings: Any) -> Simulation:
    """A full journal of a market in which only what the settings say moves."""
    conditions = scenario(market(*offers, **settings), balance=10**12, billing=ENDLESS, journal="full", timeline=acts)
    return Simulation(conditions, seed=seed)


def brisk() -> Simulation:
    """One offer that comes and goes, just after it left for the first time."""
    sim = simulation(offer(), churn=BRISK)
    while not seen(sim, OfferLeft):
        assert sim.step(30 * DAY)
    return sim


def turns(sim: Simulation) -> int:
    return len(seen(sim, OfferLeft, OfferReturned))


@pytest.mark.parametrize("mode", ["none", "poisson"])
def test_unless_told_so_nobody_leaves(mode: Any) -> None:
    sim = simulation(*many(), interruptions=InterruptionSettings(mode=mode))
    sim.advance(30 * DAY)
    assert turns(sim) == 0


def test_in_the_realistic_mode_the_offers_of_marketplaces_leave_and_others_stay() -> None:
    offers = [offer(f"region-{name}", provider_class=name) for name in ("neocloud", "hyperscaler", "exchange")]
    sim = simulation(*many(), *offers, interruptions=REALISTIC)
    sim.advance(60 * DAY)
    assert {event.region for event in seen(sim, OfferLeft)} == {spec.region for spec in many()}


@pytest.mark.parametrize("churn", [ChurnSettings(all=ChurnTerms(away=Duration(0)))])
def test_those_that_are_away_for_no_time_never_leave(churn: ChurnSettings) -> None:
    sim = simulation(*many(), interruptions=REALISTIC, churn=churn)
    sim.advance(30 * DAY)
    assert turns(sim) == 0


def test_a_class_has_its_own_terms_or_those_for_all() -> None:
    settings = ChurnSettings(neocloud=ChurnTerms(away=Duration(0)), all=ChurnTerms(stays=Duration(HOUR)))
    found = market(churn=settings)
    assert found.churn_of("marketplace") == ChurnTerms(stays=Duration(HOUR))
    assert found.churn_of("neocloud") is None
    assert market().churn_of("marketplace") is None
    assert market(interruptions=REALISTIC).churn_of("marketplace") == ChurnTerms()


def test_offers_leave_and_return_as_often_as_said() -> None:
    """One in five leaves in a day of being there, and is away for a day. Of 40 offers over 250 days some
    1,670 leave, so the standard errors of both means are 2.5 %, and five of them are allowed."""
    sim = simulation(*many(), churn=ChurnSettings(marketplace=ChurnTerms()))
    away = dict.fromkeys((spec.region for spec in many()), 0)
    began = {shown.spec.region: 0 for shown in sim.market.offers if shown.is_away}
    sim.advance(250 * DAY)
    for event in seen(sim, OfferLeft, OfferReturned):
        if isinstance(event, OfferLeft):
            began[event.region] = event.at
        else:
            away[event.region] += event.at - began.pop(event.region)
    away_days = (sum(away.values()) + sum(250 * DAY - since for since in began.values())) / DAY
    left, back = len(seen(sim, OfferLeft)), len(seen(sim, OfferReturned))
    assert abs(left / (40 * 250 - away_days) / 0.2 - 1) < 0.125
    assert abs(away_days / back - 1) < 0.125


def test_as_many_are_away_at_the_start_as_in_the_long_run() -> None:
    sim = simulation(*many(count=2_000), churn=ChurnSettings(marketplace=ChurnTerms()))
    for day in range(3):
        sim.advance(day * 10 * DAY)
        away = sum(shown.is_away for shown in sim.market.offers)
        interval = binomtest(away, 2_000, 1 / 6).proportion_ci(confidence_level=0.999)
        assert interval.low <= 1 / 6 <= interval.high, (day, away)


def test_an_offer_that_left_is_not_listed_and_cannot_be_rented_until_it_returns() -> None:
    sim = brisk()
    shown, version = sim.market.offers[0], sim.market.version
    assert not shown.is_listed
    assert shown.free == 4
    with pytest.raises(OfferUnavailable) as refusal:
        rent(sim)
    assert refusal.value.message == "the offer has left the market for now"
    assert refusal.value.retry_helps
    while not seen(sim, OfferReturned):
        assert sim.step(30 * DAY)
    assert shown.is_listed
    assert sim.market.version > version
    assert rent(sim).status == "provisioning"


def test_what_runs_there_runs_on_and_is_billed_by_the_second() -> None:
    sim = simulation(offer(), churn=BRISK)
    rental = rent(sim)
    while turns(sim) < 4:
        assert sim.step(30 * DAY)
    assert rental.status == "running"
    sim.rentals.end(rental, "deleted")
    assert rental.running_ms is not None
    assert rental.terminated_ms is not None
    assert rental.terminated_ms - rental.running_ms > DAY / 4


def test_an_outage_and_an_absence_do_not_end_each_other() -> None:
    """Whichever is over first: the offer is listed when neither lasts."""
    sim = simulation(offer(), churn=BRISK)
    shown, states = sim.market.offers[0], set[tuple[bool, bool]]()
    for hour in range(24 * 10):
        sim.advance(hour * HOUR)
        if hour % 10 == 0:
            sim.market.lay_over(shown, (hour, "outage", 0))
        if hour % 10 == 5:
            sim.market.lift(shown, {hour - 5})
        states.add((shown.is_away, bool(shown.outages)))
        assert shown.is_listed == (not shown.is_away and not shown.outages)
    assert len(states) == 4


@pytest.mark.parametrize("interruptions", [InterruptionSettings(), REALISTIC])
def test_the_luck_of_rentals_and_of_offers_is_what_it_would_have_been(interruptions: InterruptionSettings) -> None:
    specs = tuple(offer(f"region-{number}", probability_ppm=20_000) for number in range(12))
    off = ChurnSettings(all=ChurnTerms(away=Duration(0)))
    found = []
    markets = [(churn, simulation(*specs, interruptions=interruptions, churn=churn)) for churn in (off, BRISK)]
    there = [spec for spec in specs if all(sim.market.find(*names(spec)).is_listed for _, sim in markets)]
    for churn, sim in markets:
        rentals = [rent(sim, spec=spec) for spec in there]
        sim.advance(20 * DAY)
        assert (turns(sim) > 100) == (churn is BRISK)
        ends = [(rental.rental_id, rental.terminated_ms, rental.reason) for rental in rentals]
        found.append((ends, seen(sim, ShockStruck, OfferWentDown, OfferCameBack)))
    assert found[0] == found[1]
    assert any(reason == "interrupted" for _, _, reason in found[0][0])


def names(spec: OfferSpec) -> tuple[str, str, str]:
    return spec.provider_id, spec.gpu_model, spec.region


def test_where_hosts_set_prices_another_comes_with_a_price_of_its_own() -> None:
    sim = simulation(*many(), churn=BRISK, prices=PriceSettings())
    sim.advance(10 * DAY)
    returned = {(event.at, event.region) for event in seen(sim, OfferReturned)}
    moved = {(event.at, event.region) for event in seen(sim, PriceMoved)}
    assert len(returned) > 300
    assert len(returned & moved) > 0.95 * len(returned)  # but for those that draw the same thousandth, or the cap again


@pytest.mark.parametrize("process", ["list_price", "smoothed", "mean_reverting"])
def test_other_prices_are_what_they_would_have_been(process: Any) -> None:
    found = []
    for churn in (ChurnSettings(), BRISK):
        sim = simulation(*many("exchange", 10), churn=churn, prices=PriceSettings(all=process))
        sim.advance(20 * DAY)
        found.append(seen(sim, PriceMoved))
    assert found[0] == found[1]


def test_only_a_full_journal_tells_of_it() -> None:
    sim = Simulation(scenario(market(offer(), churn=BRISK)))
    sim.advance(10 * DAY)
    assert turns(sim) == 0
    assert sim.market.version > 10


def test_each_offer_has_luck_of_its_own_that_no_other_offer_changes() -> None:
    alone, crowded = simulation(offer(), churn=BRISK), simulation(*many(), offer(), churn=BRISK)
    for sim in (alone, crowded):
        sim.advance(10 * DAY)
    here = [event for event in seen(crowded, OfferLeft, OfferReturned) if event.region == offer().region]
    assert here == seen(alone, OfferLeft, OfferReturned)
    assert len({event.at for event in seen(crowded, OfferLeft)}) > 300


def test_a_restored_world_goes_on_with_whom_it_had() -> None:
    sim = simulation(*many(), churn=BRISK, prices=PriceSettings(), interruptions=REALISTIC)
    sim.advance(5 * DAY)
    again = Simulation.restored(sim.scenario, sim.snapshot(), seed=1, start_epoch_ms=sim.start_epoch_ms)
    assert [shown.is_away for shown in again.market.offers] == [shown.is_away for shown in sim.market.offers]
    here = sim.journal_end
    for world in (sim, again):
        world.advance(15 * DAY)
    assert list(again.journal_lines(here)) == list(sim.journal_lines(here))


@pytest.mark.parametrize(
    ("terms", "problem"),
    [
        ({"stays": Duration(59_999)}, "stays must be between 1m and 3650d"),
        ({"stays": Duration(3_651 * DAY)}, "stays must be between 1m and 3650d"),
        ({"away": Duration(3_651 * DAY)}, "away must be at most 3650d"),
    ],
)
def test_impossible_terms_are_refused(terms: dict[str, Duration], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        ChurnTerms(**terms)
