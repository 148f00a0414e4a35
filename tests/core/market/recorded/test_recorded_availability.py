"""Offers that follow a trace: there and gone as it says, to the millisecond, and what that takes along."""

from typing import Any

import pytest
from gpu_sim.core.commands import MoveRental
from gpu_sim.core.events import CapacityChanged, OfferCameBack, OfferLeft, OfferWentDown, RentalTerminated, ShockStruck
from gpu_sim.core.kernel.errors import OfferUnavailable, SnapshotInvalid
from gpu_sim.core.kernel.quantities import Duration, Share
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.acts import CapacityAct, InterruptAct
from gpu_sim.core.scenario.catalog import OfferSpec
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.market_settings import ChurnSettings, ChurnTerms, InterruptionSettings, MarketSettings
from gpu_sim.core.simulation import Simulation
from msgspec.structs import replace

from ....support.builders import DAY, FOR, HOUR, MINUTE, READY, at, journal, offer, rent, seen
from ..recordings import generated, nodes, replaying, said, trace, turns, world

HOW: list[dict[str, Any]] = [
    {},
    {"loop": False},
    {"offset": 90_500},
    {"offset": 7, "scale": 333_333},
    {"scale": 2_500_000, "loop": False, "offset": 10},
]


@pytest.mark.parametrize("notice", [0, 30_000, HOUR])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("most", [1, 16])
def test_a_generated_recording_is_reproduced_tick_by_tick(most: int, how: dict[str, Any], notice: int) -> None:
    """At the last and the first ms of each tick, for three times its length."""
    values = generated(5, 60, most)
    sim = world(replaying(trace(values, **how), notice=notice))
    [place] = sim.market.offers
    offset, scale = how.get("offset", 0), how.get("scale", 1_000_000)
    expected, before = [], values[0]
    for tick in range(180):
        boundary = offset + tick * MINUTE * scale // 1_000_000
        for now in (boundary - 1, boundary):
            if now < 0:
                continue
            sim.advance(now)
            value = said(values, now, **how)
            assert place.is_listed == (value > 0), now
            assert place.free == (100 if most == 1 else value), now
            if (value > 0) != (before > 0):
                expected.append((now, value > 0))
            before = value
    assert turns(sim) == expected
    assert len(expected) > 2


def test_ticks_that_change_nothing_do_nothing() -> None:
    sim = world(replaying(trace([1, 1, 1, 1])))
    before = sim.scheduled
    sim.advance(30 * DAY)
    assert (sim.scheduled, turns(sim), seen(sim, ShockStruck)) == (before, [], [])


def test_an_offer_that_begins_down_is_not_there_until_it_comes_back() -> None:
    sim = world(replaying(trace([0, 1], loop=False)))
    with pytest.raises(OfferUnavailable, match="no capacity for the offer now"):
        rent(sim)
    sim.advance(MINUTE)
    assert rent(sim).status == "provisioning"
    assert turns(sim) == [(MINUTE, True)]


def test_going_down_takes_all_that_runs_and_the_gpus_are_there_when_the_trace_says_so() -> None:
    sim = world(replaying(trace([1, 1, 1, 0, 1, 1], loop=False), interruptions=slow_to_return()))
    rentals = [rent(sim, gpu_count=25) for _ in range(4)]
    sim.advance(3 * MINUTE - 1)
    assert {rental.status for rental in rentals} == {"running"}
    sim.advance(3 * MINUTE)
    ends = seen(sim, RentalTerminated)
    assert [(end.at, end.reason, end.cause) for end in ends] == [(3 * MINUTE, "interrupted", "shock")] * 4
    [shock] = seen(sim, ShockStruck)
    assert (shock.at, shock.shock, shock.severity_ppm) == (3 * MINUTE, 0, 1_000_000)
    sim.advance(4 * MINUTE)
    assert sim.market.offers[0].free == 100


def slow_to_return() -> InterruptionSettings:
    return InterruptionSettings(mode="replay", reclaim=fixed(HOUR), spread=Duration(HOUR))


def test_what_an_operator_takes_comes_back_after_its_time() -> None:
    acts = (at(2 * MINUTE, interrupt=InterruptAct(share=Share(1_000_000))),)
    sim = world(replaying(trace([1, 1]), interruptions=slow_to_return()), timeline=acts)
    rent(sim)
    sim.advance(2 * MINUTE)
    assert sim.market.offers[0].free == 99
    sim.advance(2 * MINUTE + HOUR)
    assert sim.market.offers[0].free == 100


def test_with_a_severity_each_falls_by_its_own_chance() -> None:
    sim = world(replaying(trace([1, 1, 0, 1], severity=300_000, loop=False)))
    rentals = [rent(sim) for _ in range(100)]
    sim.advance(2 * MINUTE)
    assert 15 < sum(rental.status == "terminated" for rental in rentals) < 45
    assert [shock.severity_ppm for shock in seen(sim, ShockStruck)] == [300_000]


def test_nothing_else_interrupts_an_offer_with_a_trace_whatever_it_shows() -> None:
    sim = world(replaying(trace([1]), offers=(offer(probability_ppm=999_000),)))
    rental = rent(sim)
    sim.advance(30 * DAY)
    assert (rental.status, seen(sim, ShockStruck)) == ("running", [])
    assert sim.market.offers[0].interruption_ppm == 999_000


def test_offers_without_a_trace_are_interrupted_as_in_mode_poisson() -> None:
    there, here = offer("There", probability_ppm=200_000), offer("Here")
    one = replaying(trace([1, 0], region="Here"), offers=(here, there))
    other = replaying(
        offers=(here, there), interruptions=InterruptionSettings(), recordings=MarketSettings().recordings
    )
    ends = []
    for settings in (one, other):
        sim = world(settings)
        rental = rent(sim, spec=there)
        sim.advance(3 * DAY)
        ends.append((rental.reason, rental.terminated_ms))
    assert ends[0] == ends[1]
    assert ends[0][0] == "interrupted"


def test_the_availability_that_is_shown_is_that_of_the_trace() -> None:
    settings = replaying(trace([1, 0, 0, 1, 3], region="Here"), offers=(offer("Here"), offer("There")))
    assert [settings.availability_shown(spec) for spec in settings.offers] == [600_000, 1_000_000]


# Node counts


def test_where_nodes_are_counted_so_many_gpus_there_are_whatever_the_catalogue_says() -> None:
    sim = nodes(2, 200, 3, offers=(offer(capacity=4),))
    with pytest.raises(OfferUnavailable, match="2 free GPUs now") as refusal:
        rent(sim, gpu_count=200)
    assert refusal.value.retry_helps
    with pytest.raises(OfferUnavailable, match="has 200 GPUs, fewer than asked for"):
        rent(sim, gpu_count=201)
    sim.advance(MINUTE)
    assert rent(sim, gpu_count=200).offer.free == 0


def test_with_fewer_nodes_than_running_gpus_the_excess_falls() -> None:
    sim = nodes(8, 8, 5, 5, 0)
    rentals = [rent(sim) for _ in range(6)]
    sim.advance(2 * MINUTE)
    assert sum(rental.status == "running" for rental in rentals) == 5
    assert sim.market.offers[0].free == 0
    assert turns(sim) == []
    sim.advance(4 * MINUTE)
    assert {rental.reason for rental in rentals} == {"interrupted"}
    assert [(each.at, each.severity_ppm) for each in seen(sim, ShockStruck)] == [
        (2 * MINUTE, 375_000),
        (4 * MINUTE, 1_000_000),
    ]


def changes(sim: Simulation) -> list[tuple[int, int]]:
    return [(event.at, event.capacity) for event in seen(sim, CapacityChanged)]


def test_each_change_of_the_nodes_is_told() -> None:
    sim = nodes(3, 5, 5, 2, 0, 4)
    sim.advance(HOUR)
    assert changes(sim) == [(MINUTE, 5), (3 * MINUTE, 2), (4 * MINUTE, 0), (5 * MINUTE, 4)]
    assert {event.region for event in seen(sim, CapacityChanged)} == {sim.market.offers[0].spec.region}
    compact = Simulation(replace(sim.scenario, journal="compact"))
    compact.advance(HOUR)
    assert changes(compact) == []


def test_a_snapshot_tells_no_change_again() -> None:
    sim = nodes(3, 5)
    sim.advance(2 * MINUTE)
    again = Simulation.restored(sim.scenario, sim.snapshot(), seed=sim.seed, start_epoch_ms=sim.start_epoch_ms)
    again.advance(HOUR)
    assert changes(again) == []
    assert again.market.offers[0].capacity == 5


def test_offers_with_a_trace_never_leave_the_market_and_others_of_their_class_do() -> None:
    here, there = offer("Here"), offer("There")
    churn = ChurnSettings(marketplace=ChurnTerms(stays=Duration(HOUR), away=Duration(HOUR)))
    sim = world(replaying(trace([1, 0], region="Here"), offers=(here, there), churn=churn))
    sim.advance(3 * DAY)
    assert {event.region for event in seen(sim, OfferLeft)} == {"There"}


def test_a_rental_of_several_gpus_falls_as_a_whole() -> None:
    sim = nodes(8, 8, 7)
    rentals = [rent(sim, gpu_count=4) for _ in range(2)]
    sim.advance(2 * MINUTE)
    assert sorted(rental.status for rental in rentals) == ["running", "terminated"]
    assert sim.market.offers[0].free == 3


def test_nobody_falls_while_there_are_nodes_enough() -> None:
    sim = nodes(8, 8, 5, 6)
    rentals = [rent(sim) for _ in range(5)]
    sim.advance(HOUR)
    assert {rental.status for rental in rentals} == {"running"}
    assert sim.market.offers[0].free == 1


def test_who_falls_is_the_luck_of_each_rental_not_its_age() -> None:
    ended = set()
    for seed in range(8):
        sim = world(replaying(trace([8, 8, 7], loop=False)), seed=seed)
        rentals = [rent(sim) for _ in range(8)]
        sim.advance(2 * MINUTE)
        ended |= {rental.ordinal for rental in rentals if rental.status == "terminated"}
    assert len(ended) > 2


def test_an_act_on_the_capacity_wins_while_it_lasts() -> None:
    acts = (at(MINUTE // 2, capacity=CapacityAct(set=1, for_=FOR)),)
    sim = world(replaying(trace([8, 6, 7], loop=False)), timeline=acts)
    sim.advance(2 * MINUTE)
    assert sim.market.offers[0].free == 1
    sim.advance(HOUR)
    assert sim.market.offers[0].free == 7
    assert changes(sim) == [(MINUTE // 2, 1), (MINUTE // 2 + FOR, 7)]


# What is being set up


@pytest.mark.parametrize(("values", "reason"), [((1, 0, 0, 1), "provisioning_failed"), ((2, 1, 1, 2), None)])
def test_what_is_being_set_up_fails_where_its_gpus_are_gone(values: tuple[int, ...], reason: str | None) -> None:
    sim = world(replaying(trace(values, MINUTE * 3 // 4, loop=False)))
    rental = rent(sim)
    sim.advance(READY)
    assert rental.reason == reason


def test_what_runs_already_has_the_nodes_first() -> None:
    sim = nodes(2, 2, 1, 1)
    first = rent(sim)
    sim.advance(2 * MINUTE - 1)
    second = rent(sim)
    sim.advance(3 * MINUTE)
    assert (first.status, second.reason) == ("running", "provisioning_failed")


def test_an_operator_can_let_it_run_all_the_same_until_the_next_loss() -> None:
    sim = nodes(2, 2, 1, 1, 0)
    rent(sim)
    sim.advance(2 * MINUTE - 1)
    second = rent(sim)
    sim.advance(2 * MINUTE + 1)
    sim.execute(MoveRental(rental_id=second.rental_id, to="running"))
    assert second.status == "running"
    sim.advance(4 * MINUTE)
    assert second.reason == "interrupted"


# Replays and snapshots


def test_a_journal_replays_without_any_file() -> None:
    sim = world(replaying(trace(generated(3, 50, 4)), notice=30_000))
    for _ in range(4):
        rent(sim)
    sim.advance(HOUR)
    again, difference = replay(journal(sim))
    assert difference is None
    assert journal(again) == journal(sim)


@pytest.mark.parametrize("most", [1, 4])
@pytest.mark.parametrize("notice", [0, 150_000])
def test_a_snapshot_carries_where_each_trace_stands(most: int, notice: int) -> None:
    sim = world(replaying(trace(generated(3, 50, most)), notice=notice))
    for number in range(1, 60):
        sim.advance(number * 50_000)
        if number % 4 == 0 and sim.market.offers[0].is_listed:
            rent(sim)
        again = Simulation.restored(sim.scenario, sim.snapshot(), seed=sim.seed, start_epoch_ms=sim.start_epoch_ms)
        assert again.market.offers[0].free == sim.market.offers[0].free
        assert again.market.offers[0].is_listed == sim.market.offers[0].is_listed
        assert state_of(again) == state_of(sim)
    here = sim.journal_end
    for each in (sim, again):
        each.advance(each.now_ms + 2 * HOUR)
    assert list(again.journal_lines(again.journal_began)) == list(sim.journal_lines(here))


def state_of(sim: Simulation) -> bytes:
    """A snapshot up to the journal's digest, which says where a run came from."""
    return sim.snapshot().partition(b'"journal":')[0]


@pytest.mark.parametrize(
    ("forgery", "problem"),
    [
        (b"", "does not fit its scenario: .*shorter"),
        (b"[0,1]", "does not fit its scenario: .*shows 1 of 0 changes"),
        (b"[1,0]", "does not fit its scenario: .*shows 0 of 1 changes"),
        (b"[3,-1]", "does not fit: Expected `int` >= 0"),
        (b"[0,0],[0,0]", "does not fit its scenario: .*longer"),
    ],
)
def test_a_snapshot_that_does_not_fit_the_traces_is_refused(forgery: bytes, problem: str) -> None:
    sim = world(replaying(trace([1, 0])))
    forged = sim.snapshot().replace(b'"recorded":[[0,0]]', b'"recorded":[%s]' % forgery)
    assert forged != sim.snapshot()
    with pytest.raises(SnapshotInvalid, match=problem):
        Simulation.restored(sim.scenario, forged, seed=1, start_epoch_ms=0)


def test_only_what_comes_next_of_each_offer_is_pending() -> None:
    offers: tuple[OfferSpec, ...] = tuple(offer(f"r{number}") for number in range(30))
    sim = world(replaying(trace(generated(1, 500)), offers=offers))
    for _ in range(20):
        sim.advance(sim.now_ms + HOUR)
        assert len(sim._schedule) == 30


def test_after_the_end_nobody_is_told() -> None:
    sim = world(replaying(trace([1, 0])))
    recorded = sim.rentals.interruptions._recorded
    sim.close()
    sim.advance(HOUR)
    assert seen(sim, OfferWentDown, OfferCameBack) == []
    with pytest.raises(AssertionError, match="after the end"):
        recorded._lose(sim.market.offers[0], next(iter(recorded._recorded.values())).loss())  # type: ignore[arg-type]  # it is one
