"""Offers that go down and come back: how often, together with whom, and what it means for those who rent."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from gpu_sim.core.events import OfferCameBack, OfferWentDown, ShockStruck
from gpu_sim.core.kernel.errors import OfferUnavailable
from gpu_sim.core.kernel.quantities import Availability, Duration, Factor, Share
from gpu_sim.core.market.availability_rates import MarketRates
from gpu_sim.core.scenario.availability_shape import Shape
from gpu_sim.core.scenario.catalog import OfferSpec
from gpu_sim.core.scenario.market_settings import AvailabilitySettings, InterruptionSettings
from gpu_sim.core.scenario.scenario import BillingSettings
from gpu_sim.core.simulation import Simulation
from msgspec.structs import replace

from ...support.builders import DAY, HOUR, MINUTE, journal, market, offer, rent, scenario, seen

Turn = OfferWentDown | OfferCameBack


def zone(region: str, *, available: int | None = 650_000, group: str | None = None, **how: Any) -> OfferSpec:
    """An offer that is interrupted often."""
    fields = {"probability_ppm": 250_000, "capacity": 1_000, **how}
    spec = offer(region, **fields)
    return replace(spec, availability=None if available is None else Availability(available), group=group)


def world(*offers: OfferSpec, seed: int = 1, timeline: Sequence[Any] = (), **how: Any) -> Simulation:
    """A realistic market with a full journal in which nothing else ends a rental."""
    settings = market(*offers, interruptions=InterruptionSettings(mode="realistic", **how))
    billing = BillingSettings(idle_timeout=None, hold_expiry=None)
    return Simulation(
        scenario(settings, balance=10**15, journal="full", billing=billing, timeline=tuple(timeline)), seed=seed
    )


def turns(sim: Simulation) -> list[tuple[int, str, bool]]:
    """When which region went down (False) or came back."""
    return [
        (event.at, event.region, isinstance(event, OfferCameBack)) for event in seen(sim, OfferWentDown, OfferCameBack)
    ]


def times_up(sim: Simulation, opening: dict[str, bool]) -> tuple[int, int]:
    """The ms that all offers together were up until now, and how often they went down."""
    since = dict.fromkeys(opening, 0)
    is_up, up_ms, downs = dict(opening), 0, 0
    for at, region, comes_back in turns(sim):
        assert is_up[region] != comes_back, "down and up take turns"
        if not comes_back:
            up_ms += at - since[region]
            downs += 1
        is_up[region], since[region] = comes_back, at
    return up_ms + sum(sim.now_ms - since[region] for region in opening if is_up[region]), downs


def opening_of(sim: Simulation) -> dict[str, bool]:
    return {offer.spec.region: not offer.is_down for offer in sim.market.offers}


@pytest.mark.parametrize(
    ("offers", "days", "off", "rate_off"),
    [(20, 40, 0.05, 0.1), pytest.param(60, 100, 0.02, 0.04, marks=pytest.mark.slow)],
)
def test_availability_and_rate_are_those_wanted(offers: int, days: int, off: float, rate_off: float) -> None:
    """Of offers without a stress or a shock in common: the more of them and the longer, the nearer."""
    lost_per_hour = InterruptionSettings(mode="realistic").goes_down_per_hour(250_000)
    sim = world(*(zone(f"r{number}", gpu_model=f"M{number}", group=f"g{number}") for number in range(offers)))
    opening = opening_of(sim)
    sim.advance(days * DAY)
    up_ms, downs = times_up(sim, opening)
    assert up_ms / (offers * days * DAY) == pytest.approx(0.65, abs=off)
    assert downs / (up_ms / HOUR) == pytest.approx(lost_per_hour, rel=rate_off)


def test_the_start_is_as_likely_as_any_other_instant() -> None:
    offers = [zone(f"r{number}", gpu_model=f"M{number}", group=f"g{number}") for number in range(400)]
    assert sum(opening_of(world(*offers)).values()) == pytest.approx(0.65 * 400, abs=3 * (400 * 0.65 * 0.35) ** 0.5)


def test_offers_of_one_group_go_down_at_one_instant_now_and_then_and_others_never() -> None:
    together = [zone(f"{group}{number}", group=group) for group in ("a", "b") for number in range(3)]
    sim = world(*together)
    sim.advance(60 * DAY)
    downs: dict[int, list[str]] = {}
    for at, region, comes_back in turns(sim):
        if not comes_back:
            downs.setdefault(at, []).append(region[0])
    crowds = [groups for groups in downs.values() if len(groups) > 1]
    assert len(crowds) > 10
    assert all(len(set(groups)) == 1 for groups in crowds)


def test_the_group_is_the_country_unless_the_catalogue_says_otherwise() -> None:
    assert zone("Quebec, CA").shock_group == zone("Ontario, CA").shock_group == "vast-ai|RTX 4090|CA"
    assert zone("us-east-1").shock_group == "vast-ai|RTX 4090|us-east-1"
    assert zone("us-east-1a", group="us-east-1").shock_group == "us-east-1"


def test_an_offer_that_is_down_is_not_listed_and_cannot_be_rented_until_it_comes_back() -> None:
    sim = world(zone("a", available=500_000))
    [place] = sim.market.offers
    for at, _, comes_back in _first_turns(sim, 6):
        assert sim.now_ms == at
        assert place.is_listed == comes_back
        if comes_back:
            assert rent(sim, spec=place.spec).status == "provisioning"
        else:
            with pytest.raises(OfferUnavailable, match="no capacity for the offer now") as refusal:
                rent(sim, spec=place.spec)
            assert refusal.value.retry_helps


def _first_turns(sim: Simulation, number: int) -> Iterator[tuple[int, str, bool]]:
    """Go from one turn to the next."""
    for index in range(number):
        while len(turns(sim)) <= index:
            sim.step(sim.now_ms + DAY)
        yield turns(sim)[index]


def test_each_way_down_hits_what_runs_and_so_may_others_while_it_is_down() -> None:
    sim = world(zone("a", available=500_000))
    sim.advance(30 * DAY)
    shocks = [event.at for event in seen(sim, ShockStruck)]
    downs = [at for at, _, comes_back in turns(sim) if not comes_back]
    assert set(downs) < set(shocks)
    assert [event.shock for event in seen(sim, ShockStruck)] == list(range(len(shocks)))


def test_a_rental_that_the_shock_spares_goes_on_while_its_offer_is_down() -> None:
    sim = world(zone("a", available=500_000), seed=3)
    [place] = sim.market.offers
    while not place.is_listed:
        sim.step(sim.now_ms + DAY)
    rentals = [rent(sim, spec=place.spec) for _ in range(40)]
    sim.advance(sim.now_ms + MINUTE)
    while place.is_listed:
        sim.step(sim.now_ms + DAY)
    statuses = Counter(rental.status for rental in rentals)
    assert 0 < statuses["running"] < 40


def test_nobody_who_rents_changes_what_the_market_does() -> None:
    alone, crowded = (world(zone("a"), zone("b"), seed=5) for _ in range(2))
    for _ in range(20):
        for place in crowded.market.offers:
            if place.is_listed:
                rent(crowded, spec=place.spec)
        crowded.advance(crowded.now_ms + 7 * HOUR)
    alone.advance(crowded.now_ms)
    assert turns(alone) == turns(crowded)
    assert seen(alone, ShockStruck) == seen(crowded, ShockStruck)


def test_one_offer_more_changes_nothing_for_the_others() -> None:
    few, more = world(zone("a"), zone("b")), world(zone("b"), zone("c"), zone("a"))
    for sim in (few, more):
        sim.advance(20 * DAY)
    assert turns(few) == [turn for turn in turns(more) if turn[1] != "c"]


def test_always_and_a_probability_of_nothing_keep_an_offer_there() -> None:
    sim = world(zone("always", available=1_000_000), zone("never lost", probability_ppm=0, available=None))
    sim.advance(30 * DAY)
    assert turns(sim) == []
    assert {event.region for event in seen(sim, ShockStruck)} == {"always"}, "its hazard is as in mode poisson"


def test_a_class_says_how_much_of_the_time_its_offers_can_be_had() -> None:
    settings = market(
        zone("a", available=None),
        interruptions=InterruptionSettings(mode="realistic"),
        availability=AvailabilitySettings(marketplace=Availability(300_000), all=Availability(990_000)),
    )
    of = settings.availability
    assert of is not None
    assert (of.of("marketplace"), of.of("exchange")) == (300_000, 990_000)
    assert AvailabilitySettings().of("hyperscaler") == 650_000
    rates = MarketRates(settings)
    assert rates.of(settings.offers[0]) == rates.of(zone("a", available=300_000))


def test_no_other_offer_moves_an_offers_changes_whatever_notice_it_gives() -> None:
    """Also not one of a class that says so long before."""
    host, cloud = zone("a"), replace(zone("b", group="another", gpu_model="B200"), provider_class="hyperscaler")
    alone, beside = world(host), world(cloud, host)
    for sim in (alone, beside):
        sim.advance(20 * DAY)
    assert len(turns(alone)) > 50
    assert turns(alone) == [turn for turn in turns(beside) if turn[1] == "a"]
    assert len(turns(beside)) > len(turns(alone))


def test_what_is_shown_is_the_long_run_or_the_stress_of_the_moment() -> None:
    steady, moody = world(zone("a")), world(zone("a"), show="current")
    [usual], [current] = steady.market.offers, moody.market.offers
    shown: dict[int, int] = {}
    for day in range(200):
        for sim in (steady, moody):
            sim.advance(day * DAY)
        assert usual.interruption_ppm == 250_000
        shown[current.interruption_ppm] = shown.get(current.interruption_ppm, 0) + 1
    assert len(shown) == 3
    assert min(shown) < 250_000 < max(shown)
    assert turns(steady) == turns(moody)
    again = Simulation.restored(moody.scenario, moody.snapshot(), seed=moody.seed, start_epoch_ms=moody.start_epoch_ms)
    assert again.market.offers[0].interruption_ppm == current.interruption_ppm


@pytest.mark.parametrize("probability_ppm", [990_000, 999_999])
@pytest.mark.parametrize("days", [20, pytest.param(60, marks=pytest.mark.slow)])
def test_what_is_shown_under_stress_stays_below_1(probability_ppm: int, days: int) -> None:
    """However often an offer is interrupted, the contract wants a probability below 1 (A1)."""
    sim = world(zone("a", probability_ppm=probability_ppm), show="current")
    [always_lost], most = sim.market.offers, 0
    for day in range(days):
        sim.advance(day * DAY)
        most = max(most, always_lost.interruption_ppm)
    assert most == 999_999


def test_what_is_shown_under_stress_averages_to_the_long_run() -> None:
    """Weighted by how much of the time an offer can be had under each stress."""
    settings = market(zone("a"), interruptions=InterruptionSettings(mode="realistic"))
    rates = MarketRates(settings).of(settings.offers[0])
    assert rates is not None
    ups = [
        weight * (level[0] + level[1])
        for weight, level in zip((0.64**2, 2 * 0.64 * 0.36, 0.36**2), rates.phases, strict=True)
    ]
    mean = sum(up * lost for up, lost in zip(ups, rates.lost_at, strict=True)) / sum(ups)
    assert mean == pytest.approx(rates.lost, rel=1e-4)


def test_what_nobody_asked_about_is_in_a_snapshot_as_what_nothing_happened_to() -> None:
    """Offers that went down are known since, the others are not; the run goes on as if there had been no snapshot."""
    sim = world(*(zone(f"r{number}", group=f"g{number}", probability_ppm=9_000) for number in range(9)))
    sim.advance(2 * DAY)
    hit = {event.region for event in seen(sim, ShockStruck)}
    assert 0 < len(hit) < 9
    again = Simulation.restored(sim.scenario, sim.snapshot(), seed=sim.seed, start_epoch_ms=sim.start_epoch_ms)
    assert again.rentals.interruptions.state() == sim.rentals.interruptions.state()
    for run in (sim, again):
        run.advance(20 * DAY)
    assert again.rentals.interruptions.state() == sim.rentals.interruptions.state()


@pytest.mark.parametrize(
    ("days", "off", "turns_off"), [(20, 0.1, 0.25), pytest.param(60, 0.06, 0.15, marks=pytest.mark.slow)]
)
def test_a_shape_without_stress_or_flapping_makes_times_exponential(days: int, off: float, turns_off: float) -> None:
    """Mean and spread of the times up are then the same."""
    steady = Shape(stress=Factor(0), fragile=Share(0), shock_share=Share(0))
    sim = world(*(zone(f"r{number}", gpu_model=f"M{number}") for number in range(20)), shape=steady)
    sim.advance(days * DAY)
    came: dict[str, int] = {}
    ups = []
    for at, region, comes_back in turns(sim):
        if comes_back:
            came[region] = at
        elif region in came:
            ups.append(at - came[region])
    mean = sum(ups) / len(ups)
    spread = (sum((up - mean) ** 2 for up in ups) / len(ups)) ** 0.5
    assert spread / mean == pytest.approx(1.0, abs=off)
    flapping = world(*(zone(f"r{number}", gpu_model=f"M{number}") for number in range(20)))
    flapping.advance(days * DAY)
    assert len(turns(flapping)) == pytest.approx(len(turns(sim)), rel=turns_off), "the same rate in bursts"


def test_a_snapshot_carries_stress_phases_and_what_is_to_come() -> None:
    whole = world(zone("a", group="g"), zone("b", group="g"), zone("c"), spread=Duration(2 * MINUTE))
    for day in range(6):
        whole.advance(day * DAY + 5 * HOUR)
        for place in whole.market.offers:
            if place.is_listed:
                rent(whole, spec=place.spec)
        again = Simulation.restored(
            whole.scenario, whole.snapshot(), seed=whole.seed, start_epoch_ms=whole.start_epoch_ms
        )
        here = whole.journal_end
        whole.advance((day + 1) * DAY)
        again.advance((day + 1) * DAY)
        assert b"".join(again.journal_lines(again.journal_began)) == b"".join(whole.journal_lines(here))


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    def bytes_of(seed: int) -> bytes:
        sim = world(zone("a"), zone("b"), seed=seed)
        sim.advance(10 * DAY)
        return journal(sim)

    assert bytes_of(1) == bytes_of(1)
    assert bytes_of(1).split(b"\n", 1)[1] != bytes_of(2).split(b"\n", 1)[1]
