"""Interruptions by acts and outages, with the notices of the providers or others."""

import pytest
from gpu_sim.core.commands import PlayAct
from gpu_sim.core.events import InterruptionNotified, InterruptionWithdrawn, RentalTerminated
from gpu_sim.core.kernel.quantities import Duration, Share
from gpu_sim.core.scenario.acts import InterruptAct, OutageAct
from gpu_sim.core.scenario.market_settings import NoticeSettings

from ....support.builders import FOR, HOUR, MINUTE, at, market, offer, rent, seen
from .noticed_world import CROWDED, NOTICE, end, interrupt, running, told, world


def test_an_act_of_the_timeline_heeds_the_notice_of_the_class() -> None:
    sim = world(None, at(10 * MINUTE, interrupt=InterruptAct(provider="vast-ai")))
    rental = running(sim)
    sim.advance(10 * MINUTE)
    assert (rental.status, told(sim)) == ("running", [(10 * MINUTE, 12 * MINUTE)])
    sim.advance(HOUR)
    assert end(sim) == [(12 * MINUTE, "interrupted", "forced")]


def test_each_rental_of_an_act_has_the_notice_of_its_own_provider() -> None:
    slow, sudden = offer("slow", provider_id="slow"), offer("sudden", provider_id="sudden")
    sim = world(market(slow, sudden, notices=NoticeSettings(providers={"Slow": Duration(MINUTE)})))
    rentals = [rent(sim, spec=spec) for spec in (slow, sudden)]
    sim.execute(PlayAct(interrupt=InterruptAct()))
    assert [rental.status for rental in rentals] == ["provisioning", "terminated"]
    assert told(sim) == [(0, MINUTE)]


def test_an_act_takes_what_it_drew_as_it_was_called() -> None:
    sim = world(None, at(10 * MINUTE, interrupt=InterruptAct(share=Share(500_000))))
    rentals = [running(sim) for _ in range(5)]
    sim.advance(10 * MINUTE)
    notified = {event.rental_id for event in seen(sim, InterruptionNotified)}
    assert len(notified) == 3
    later = [rent(sim) for _ in range(5)]
    sim.advance(HOUR)
    assert {each.rental_id for each in (*rentals, *later) if each.status == "terminated"} == notified


@pytest.mark.parametrize(("count", "taken"), [(1, 1), (3, 3), (5, 5), (9, 5)])
def test_an_act_takes_so_many_rentals_or_all_where_they_are_fewer(count: int, taken: int) -> None:
    sim = world(market(CROWDED))
    for _ in range(5):
        running(sim)
    sim.execute(PlayAct(interrupt=InterruptAct(count=count)))
    assert len(end(sim)) == taken


def test_an_act_leaves_the_earlier_end_of_a_rental_as_it_is() -> None:
    sim = world()
    rental = running(sim)
    interrupt(sim, rental)
    sim.execute(PlayAct(interrupt=InterruptAct(notice=FOR)))
    assert (told(sim), rental.forced_end_ms) == ([(sim.now_ms, sim.now_ms + NOTICE)], sim.now_ms + NOTICE)


def test_a_count_takes_those_that_a_share_of_the_same_size_takes() -> None:
    ends = []
    for act in (InterruptAct(count=2), InterruptAct(share=Share(400_000))):
        sim = world(market(CROWDED))
        for _ in range(5):
            running(sim)
        sim.execute(PlayAct(interrupt=act))
        ends.append([event.rental_id for event in seen(sim, RentalTerminated)])
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("count", "share", "reason"),
    [(0, 1_000_000, "count must be between 1"), (10**10, 1_000_000, "count must"), (1, 1, "either share or count")],
)
def test_a_count_is_a_number_of_rentals_and_no_share_beside_it(count: int, share: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        InterruptAct(count=count, share=Share(share))


def test_an_act_withdraws_what_is_to_come_and_counts_only_that() -> None:
    sim = world()
    rentals = [running(sim) for _ in range(5)]
    interrupt(sim, rentals[3])
    sim.execute(PlayAct(interrupt=InterruptAct(withdraw=True, count=1)))
    sim.execute(PlayAct(interrupt=InterruptAct(withdraw=True)))  # nobody is left: nothing happens
    assert [event.rental_id for event in seen(sim, InterruptionWithdrawn)] == [rentals[3].rental_id]
    sim.advance(HOUR)
    assert end(sim) == []


def test_an_act_gives_false_alarms() -> None:
    sim = world(None, at(5 * MINUTE, interrupt=InterruptAct(notice=Duration(MINUTE), false_alarm=True)))
    running(sim)
    sim.advance(HOUR)
    assert (told(sim), end(sim)) == ([(5 * MINUTE, 6 * MINUTE)], [])


@pytest.mark.parametrize(("notice", "lost"), [(None, NOTICE), (Duration(0), 0), (Duration(HOUR), HOUR)])
def test_an_outage_that_interrupts_begins_now_and_takes_what_runs_at_the_end_of_its_notice(
    notice: Duration | None, lost: int
) -> None:
    outage = OutageAct(interrupt=True, notice=notice, for_=FOR)
    sim = world(None, at(5 * MINUTE, outage=outage))
    running(sim)
    sim.advance(5 * MINUTE)
    assert not sim.market.offers[0].is_listed
    sim.advance(2 * HOUR)
    assert end(sim) == [(5 * MINUTE + lost, "interrupted", "forced")]
    assert told(sim) == ([(5 * MINUTE, 5 * MINUTE + lost)] if lost else [])
