"""Interruptions and their notices: the draw fixes the end, the notice comes so long before it."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from gpu_sim.core.commands import TerminateRental
from gpu_sim.core.events import InterruptionNotified, RentalRunning, RentalTerminated
from gpu_sim.core.kernel.quantities import Availability, Duration, Share
from gpu_sim.core.rentals import interruptions
from gpu_sim.core.rentals.hazard import is_hit
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.market_settings import (
    InterruptionSettings,
    NoticeSettings,
    ProvisioningSettings,
    ProvisioningTerms,
)
from gpu_sim.core.scenario.scenario import BillingSettings
from gpu_sim.core.simulation import Simulation
from msgspec.structs import replace
from scipy.stats import binomtest

from ...support.builders import DAY, HOUR, MINUTE, market, offer, rent, scenario, seen

NOTICE = 2 * MINUTE
few_or_many = pytest.mark.parametrize("rentals", [800, pytest.param(3_000, marks=pytest.mark.slow)])
CROWDED = replace(offer(capacity=100_000, probability_ppm=300_000), availability=Availability(700_000))


def world(*, mode: Any = "poisson", notice: int = NOTICE, provisioning_ms: int = 1_000, **how: Any) -> Simulation:
    """A crowded offer that is interrupted often, with a notice; nothing else ends a rental."""
    settings = market(
        CROWDED,
        interruptions=InterruptionSettings(mode=mode, **how),
        notices=NoticeSettings(all=Duration(notice)),
        provisioning=ProvisioningSettings(all=ProvisioningTerms(delay=fixed(provisioning_ms), failure=Share(0))),
    )
    billing = BillingSettings(idle_timeout=None, hold_expiry=None)
    return Simulation(scenario(settings, balance=10**15, billing=billing))


def crowd(sim: Simulation, rentals: int = 200, every_ms: int = MINUTE // 2) -> None:
    """Rent again and again wherever that can be, and let all of them end."""
    for _ in range(rentals):
        if sim.market.offers[0].is_listed:
            rent(sim)
        sim.advance(sim.now_ms + every_ms)
    sim.advance(sim.now_ms + 60 * DAY)


def notices(sim: Simulation) -> dict[str, list[InterruptionNotified]]:
    """The notices of each rental."""
    found: dict[str, list[InterruptionNotified]] = {}
    for event in seen(sim, InterruptionNotified):
        found.setdefault(event.rental_id, []).append(event)
    return found


def began(sim: Simulation) -> dict[str, int]:
    return {event.rental_id: event.at for event in seen(sim, RentalRunning)}


@pytest.mark.parametrize("spread", [0, NOTICE // 2, HOUR])
@pytest.mark.parametrize(
    ("mode", "rentals"),
    [
        ("poisson", 800),
        pytest.param("poisson", 3_000, marks=pytest.mark.slow),
        ("realistic", 3_000),  # of fewer none is lost to a shock
    ],
)
def test_each_interruption_is_notified_once_so_long_before_or_when_the_rental_began(
    mode: str, spread: int, rentals: int
) -> None:
    """However late after its shock a rental is interrupted: the notice is about its own end, not the shock."""
    sim = world(mode=mode, spread=Duration(spread), shared=Share(500_000))
    crowd(sim, rentals, every_ms=20_000)
    given, running = notices(sim), began(sim)
    ends = [event for event in seen(sim, RentalTerminated) if event.reason == "interrupted"]
    assert {event.cause for event in ends} == {"shock", "own"}
    late = 0
    for end in ends:
        [notice] = given.pop(end.rental_id)
        assert notice.interrupts_ms == end.at
        assert notice.at == max(running[end.rental_id], end.at - NOTICE)
        late += notice.at > end.at - NOTICE
    assert late > 0, "some began to run within the notice of their end"
    assert given == {}


def test_a_shock_that_follows_within_the_notice_of_another_is_announced_in_time_too() -> None:
    """With an hour's notice and a shock every two hours many do; a survivor of the first has a notice of the second."""
    sim = world(notice=HOUR, shared=Share(1_000_000))
    crowd(sim, rentals=1_000)
    given, running = notices(sim), began(sim)
    ends = [event for event in seen(sim, RentalTerminated) if event.cause == "shock"]
    assert len(ends) > 900
    assert [given[end.rental_id][0].at for end in ends] == [max(running[end.rental_id], end.at - HOUR) for end in ends]
    at = sorted({end.at for end in ends})
    assert any(after - before < HOUR for before, after in pairwise(at))


def test_a_short_notice_is_given_in_its_own_time_where_others_give_long_ones() -> None:
    """Shocks are drawn an hour ahead for the others' sake, so that several are upcoming at once."""
    short = 30_000
    flapping = replace(CROWDED, interruption_probability=Share(900_000))
    settings = market(
        flapping,
        offer("elsewhere", provider_class="exchange"),
        interruptions=InterruptionSettings(mode="realistic"),
        notices=NoticeSettings(marketplace=Duration(short), exchange=Duration(HOUR)),
    )
    sim = Simulation(scenario(settings, balance=10**15, billing=BillingSettings(idle_timeout=None, hold_expiry=None)))
    crowd(sim, rentals=2_000)
    given, running = notices(sim), began(sim)
    ends = [
        event for event in seen(sim, RentalTerminated) if event.reason == "interrupted" and event.rental_id in running
    ]
    assert len(ends) > 500
    for end in ends:
        last, rental = given[end.rental_id][-1], sim.rentals.by_id[end.rental_id]
        assert (last.at, last.interrupts_ms) == (max(running[end.rental_id], end.at - short), end.at)
        assert (rental.noticed_ms, rental.interrupts_ms) == (last.at, last.interrupts_ms)


def test_each_rental_is_held_against_a_shock_at_most_twice_however_many_are_upcoming(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once when the shock is announced or the rental begins to run, and once when it hits; and a rental that begins to
    run among a thousand announced shocks is held against no more than it takes to find its end."""
    drawn: Counter[tuple[bytes, int]] = Counter()

    def count(key: bytes, shock: int, severity_ppm: int) -> bool:
        drawn[key, shock] += 1
        return is_hit(key, shock, severity_ppm)

    monkeypatch.setattr(interruptions, "is_hit", count)
    sim = world(notice=HOUR // 2, horizon=Duration(1_000))
    for number in range(200):
        sim.advance(number * 1_000)
        rent(sim)
    sim.advance(5 * MINUTE)
    assert len(sim.rentals.interruptions.state().offers[0].announced) > 500
    assert max(drawn.values()) == 2
    assert sum(drawn.values()) < 200 * 20


@pytest.mark.parametrize("spread", [0, HOUR])
def test_a_notice_changes_nobodys_end(spread: int) -> None:
    ends = []
    for notice in (0, NOTICE):
        sim = world(notice=notice, spread=Duration(spread))
        crowd(sim)
        ends.append(list(seen(sim, RentalTerminated)))
    assert ends[0] == ends[1]


def test_without_notice_nothing_is_announced() -> None:
    sim = world(notice=0)
    crowd(sim)
    assert notices(sim) == {}
    assert all(rental.interrupts_ms is None for rental in sim.rentals.by_id.values())


def test_hyperscalers_give_half_a_minute_unless_told_otherwise() -> None:
    assert NoticeSettings().of("gcp", "hyperscaler") == 30_000
    assert NoticeSettings().of("vast-ai", "marketplace") == 0
    assert NoticeSettings(all=Duration(5_000), hyperscaler=Duration(0)).of("gcp", "hyperscaler") == 0
    assert NoticeSettings(all=Duration(5_000)).of("sfcompute", "exchange") == 5_000
    with pytest.raises(ValueError, match="all must be at most 1h"):
        NoticeSettings(all=Duration(HOUR + 1))


def test_a_provider_has_its_own_notice_before_that_of_its_class() -> None:
    settings = NoticeSettings(hyperscaler=Duration(5_000), all=Duration(7_000), providers={"AWS": Duration(NOTICE)})
    assert settings.of("aws", "hyperscaler") == NOTICE
    assert settings.of("gcp", "hyperscaler") == 5_000
    assert NoticeSettings(providers={"quiet": Duration(0)}).of("quiet", "hyperscaler") == 0
    with pytest.raises(ValueError, match="aws must be at most 1h"):
        NoticeSettings(providers={"aws": Duration(HOUR + 1)})
    with pytest.raises(ValueError, match="providers names one twice"):
        NoticeSettings(providers={"aws": Duration(1), "AWS": Duration(2)})


def test_two_hyperscalers_of_one_market_tell_each_in_its_own_time() -> None:
    aws, gcp = (replace(CROWDED, provider_id=name, provider_class="hyperscaler") for name in ("aws", "gcp"))
    settings = market(
        aws,
        gcp,
        interruptions=InterruptionSettings(mode="realistic"),
        notices=NoticeSettings(providers={"aws": Duration(NOTICE)}),
    )
    sim = Simulation(scenario(settings, balance=10**15, billing=BillingSettings(idle_timeout=None, hold_expiry=None)))
    for number in range(40):
        sim.advance(number * HOUR)
        for place in sim.market.offers:
            if place.is_listed:
                rent(sim, spec=place.spec)
    leads: dict[str, set[int]] = {"aws": set(), "gcp": set()}
    for rental_id, [notice, *_] in notices(sim).items():
        leads[sim.rentals.by_id[rental_id].offer.spec.provider_id].add(notice.interrupts_ms - notice.at)
    assert (max(leads["aws"]), max(leads["gcp"])) == (NOTICE, 30_000)


def test_one_after_the_other_is_interrupted_where_shocks_are_spread() -> None:
    spread = 2 * MINUTE
    at_once, by_and_by = (world(shared=Share(1_000_000), notice=0, **how) for how in ({}, {"spread": Duration(spread)}))
    for sim in (at_once, by_and_by):
        for _ in range(50):
            rent(sim)
        sim.advance(20 * DAY)
    ends = [
        {event.rental_id: event.at for event in seen(sim, RentalTerminated) if event.cause == "shock"}
        for sim in (at_once, by_and_by)
    ]
    assert len(ends[0]) == 50
    assert 40 < len(ends[1]) < 51, "some are interrupted soon for what they are spared"
    delays = [at_ms - ends[0][rental_id] for rental_id, at_ms in ends[1].items()]
    assert 0 <= min(delays) < spread / 4
    assert spread * 3 / 4 < max(delays) <= spread
    assert len(set(ends[0].values())) < len(set(ends[1].values()))


@few_or_many
@pytest.mark.parametrize("spread", [2 * MINUTE, HOUR])
@pytest.mark.parametrize("shared", [500_000, 1_000_000])
def test_the_advertised_probability_is_exact_where_shocks_are_spread_too(
    shared: int, spread: int, rentals: int
) -> None:
    """Of rentals of an hour, one after the other."""
    sim = world(notice=0, spread=Duration(spread), shared=Share(shared), provisioning_ms=1)
    interruptions = 0
    for _ in range(rentals):
        rental = rent(sim)
        sim.advance(sim.now_ms + 1 + HOUR)
        interruptions += rental.reason == "interrupted"
        sim.execute(TerminateRental("alice", rental.rental_id))
    interval = binomtest(interruptions, rentals, 0.3).proportion_ci(confidence_level=0.999)
    assert interval.low <= 0.3 <= interval.high, interruptions / rentals


@few_or_many
@pytest.mark.parametrize("spread", [2 * MINUTE, HOUR])
def test_it_is_exact_also_for_who_rents_again_as_soon_as_a_gpu_is_lost(spread: int, rentals: int) -> None:
    """A rental that begins after the shock that interrupted the one before is not hit by it."""
    sim = world(notice=0, spread=Duration(spread), shared=Share(1_000_000), provisioning_ms=1)
    for _ in range(rentals):
        rental = rent(sim)
        while rental.status != "terminated":
            sim.step(sim.now_ms + DAY)
    due = sim.now_ms / sim.scenario.market.interruptions.mean_life_ms(300_000)
    assert abs(rentals - due) < 3.5 * due**0.5, rentals / due


def test_a_rental_that_is_to_be_interrupted_is_not_hit_twice() -> None:
    """Between a shock and the end that it brings, the client may still end the rental itself."""
    sim = world(shared=Share(1_000_000), notice=0, spread=Duration(HOUR))
    for _ in range(50):
        rent(sim)
    sim.advance(20 * DAY)
    ended = [event.rental_id for event in seen(sim, RentalTerminated)]
    assert len(ended) == len(set(ended)) == 50


def test_spread_is_an_hour_at_most() -> None:
    with pytest.raises(ValueError, match="spread must be at most 1h"):
        InterruptionSettings(spread=Duration(HOUR + 1))


def test_a_snapshot_between_a_notice_and_its_end_carries_both() -> None:
    for mode in ("poisson", "realistic"):
        sim = world(mode=mode, spread=Duration(MINUTE), shared=Share(600_000))
        while not sim.market.offers[0].is_listed:
            sim.step(sim.now_ms + DAY)
        for _ in range(30):
            rent(sim)
        while not notices(sim):
            sim.step(sim.now_ms + DAY)
        again = Simulation.restored(sim.scenario, sim.snapshot(), seed=sim.seed, start_epoch_ms=sim.start_epoch_ms)
        here = sim.journal_end
        for each in (sim, again):
            each.advance(each.now_ms + 30 * DAY)
        lines = b"".join(sim.journal_lines(here))
        assert b"interruption_notified" in lines
        assert b"".join(again.journal_lines(again.journal_began)) == lines
