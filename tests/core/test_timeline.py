"""Acts of a scenario take place at their instants, and passing ones leave nothing behind."""

from typing import Any

import pytest
from gpu_sim.core.commands import EndAct, PlayAct
from gpu_sim.core.events import ActEnded, ActRefused, ActStarted, PriceMoved
from gpu_sim.core.kernel.errors import OfferUnavailable
from gpu_sim.core.kernel.quantities import Duration, Factor, Money, Price
from gpu_sim.core.scenario.acts import Act, CapacityAct, CreditAct, InterruptAct, OutageAct, PriceAct, RentAct
from gpu_sim.core.scenario.market_settings import PriceSettings
from gpu_sim.core.simulation import Simulation

from ..support.builders import (
    DAY,
    DOLLAR,
    HOUR,
    MINUTE,
    READY,
    Bench,
    Row,
    check_table,
    journal,
    market,
    offer,
    rent,
    scenario,
)

HOLD = 71_750
FOR = Duration(10 * MINUTE)


def simulation(*acts: Act, **fields: Any) -> Simulation:
    return Simulation(scenario(market(offer(), offer("elsewhere")), timeline=acts, **fields))


def at(ms: int, **act: Any) -> Act:
    return Act(at=Duration(ms), **act)


def rent_act(as_: str = "r1", *, account: str = "alice", region: str = "Quebec, CA", gpu_count: int = 1) -> RentAct:
    return RentAct(
        as_=as_, account=account, provider_id="vast-ai", gpu_model="RTX 4090", region=region, gpu_count=gpu_count
    )


def test_an_outage_hides_offers_and_refuses_rents_for_its_time_while_rentals_go_on() -> None:
    sim = simulation(at(2 * MINUTE, outage=OutageAct(region="QUEBEC, ca", for_=FOR)))
    rental = rent(sim)
    for ms, listed in ((2 * MINUTE - 1, 2), (2 * MINUTE, 1), (12 * MINUTE - 1, 1), (12 * MINUTE, 2)):
        sim.advance(ms)
        assert len(list(sim.market.listed())) == listed
        assert rental.status == "running"
        if listed == 1:
            with pytest.raises(OfferUnavailable) as refusal:
                rent(sim)
            assert refusal.value.retry_helps
    rent(sim)


def test_a_price_act_is_over_at_its_end_and_an_endless_one_never() -> None:
    sim = simulation(
        at(MINUTE, price=PriceAct(set=Price(500_000), for_=FOR)),
        at(2 * MINUTE, price=PriceAct(multiply=Factor(3_000_000), region="elsewhere")),
    )
    seen = []
    for ms in (MINUTE - 1, MINUTE, 2 * MINUTE, 11 * MINUTE - 1, 11 * MINUTE, DAY):
        sim.advance(ms)
        seen.append([shown.price_micros_per_hour for shown in sim.market.offers])
    assert seen == [
        [287_000, 287_000],
        [500_000, 500_000],
        [500_000, 1_500_000],
        [500_000, 1_500_000],
        [287_000, 861_000],
        [287_000, 861_000],
    ]


def test_a_capacity_act_changes_how_many_gpus_there_are() -> None:
    sim = simulation(at(MINUTE, capacity=CapacityAct(set=1, for_=FOR)), at(DAY, capacity=CapacityAct(set=0)))
    seen = []
    for ms in (0, MINUTE, 11 * MINUTE - 1, 11 * MINUTE, DAY):
        sim.advance(ms)
        seen.append(sim.market.offers[0].free)
    assert seen == [4, 1, 1, 4, 0]


def test_acts_are_told_when_they_begin_and_when_they_end() -> None:
    outage, interrupt = OutageAct(for_=FOR, region="elsewhere"), InterruptAct(name="storm")
    sim = simulation(at(MINUTE, outage=outage), at(MINUTE, interrupt=interrupt))
    sim.advance(DAY)
    changes = [event for event in sim.events if isinstance(event, ActStarted | ActEnded)]
    assert changes == [
        ActStarted(MINUTE, 0, "outage", "outage-0", 11 * MINUTE, outage=outage),
        ActStarted(MINUTE, 1, "interrupt", "storm", interrupt=interrupt),
        ActEnded(11 * MINUTE, 0, "outage", "outage-0", 11 * MINUTE, outage=outage),
    ]
    assert [change.market_act for change in changes] == [outage, interrupt, outage]
    assert b"".join(sim.journal()).splitlines()[3] == (
        b'{"seq":3,"type":"act_started","at":60000,"act":0,"kind":"outage","name":"outage-0","until_ms":660000,'
        b'"outage":{"region":"elsewhere","for":600000}}'
    )


def test_commands_of_the_timeline_do_what_a_clients_would() -> None:
    sim = simulation(
        at(0, rent=rent_act(gpu_count=2)),
        at(READY + 900_000 - 1, touch="r1"),
        at(READY + 1_799_999, terminate="r1"),
        at(HOUR, credit=CreditAct("alice", Money(7))),
    )
    rows = [
        Row(0, Bench.look, "none", DOLLAR - 2 * HOLD, 2 * HOLD),
        Row(READY + 1_799_998, Bench.look, "none", DOLLAR - 2 * HOLD, 2 * HOLD),
        Row(READY + 1_799_999, Bench.look, "none", DOLLAR - 287_000, 0),
        Row(HOUR, Bench.look, "none", DOLLAR - 287_000 + 7, 0),
    ]
    check_table(sim, rows)
    assert [rental.reason for rental in sim.rentals.by_id.values()] == ["deleted"]


def test_an_act_that_is_refused_leaves_its_code_and_nothing_else() -> None:
    sim = simulation(
        at(0, rent=rent_act("big", gpu_count=5)),
        at(1, rent=rent_act("one")),
        at(2, touch="one"),
        at(3, terminate="big"),
        balance=100_000,
    )
    sim.advance(5)
    assert [event for event in sim.events if isinstance(event, ActRefused)] == [
        ActRefused(0, "alice", "rent", "offer_unavailable"),
        ActRefused(2, "alice", "touch", "rental_not_in_state"),
        ActRefused(3, "alice", "terminate", "rental_not_found"),
    ]
    assert len(sim.rentals.by_id) == 1


def test_credit_for_an_account_that_is_not_there_is_refused() -> None:
    sim = simulation(at(0, credit=CreditAct("nobody", Money(1))), at(0, rent=rent_act(account="nobody")))
    sim.advance(0)
    refused = [(event.account, event.code) for event in sim.events if isinstance(event, ActRefused)]
    assert refused == [("nobody", "account_not_found")] * 2


def test_terminating_twice_is_no_refusal() -> None:
    sim = simulation(at(0, rent=rent_act()), at(1, terminate="r1"), at(2, terminate="r1"))
    sim.advance(2)
    assert not [event for event in sim.events if isinstance(event, ActRefused)]
    assert sim.ledger.available("alice") == DOLLAR


def test_acts_come_first_in_their_instant_in_the_order_of_the_file() -> None:
    """At the instant at which its idle time would be over the rental is touched, so it goes on."""
    sim = simulation(at(0, rent=rent_act()), at(READY + 900_000, touch="r1"), at(READY + 900_000, touch="r1"))
    sim.advance(READY + 900_000)
    assert [rental.status for rental in sim.rentals.by_id.values()] == ["running"]
    sim.advance(READY + 1_800_000)
    assert [rental.reason for rental in sim.rentals.by_id.values()] == ["idle_timeout"]


def test_an_outage_of_ten_minutes_is_over_when_ten_minutes_are_also_for_a_rent_of_the_timeline() -> None:
    sim = simulation(at(MINUTE, outage=OutageAct(for_=FOR)), at(11 * MINUTE, rent=rent_act()))
    sim.advance(11 * MINUTE)
    assert not [event for event in sim.events if isinstance(event, ActRefused)]


def test_the_timeline_has_no_lines_of_its_own_in_the_journal_as_its_header_has_it() -> None:
    sim = simulation(at(0, rent=rent_act()), at(1, terminate="r1"))
    sim.advance(10)
    assert b'"command"' not in journal(sim)


def test_prices_are_what_they_would_have_been_without_the_act() -> None:
    """Events and price moves of the same world with and without an act agree before it and after it is over."""
    prices = PriceSettings(all="host_set", activity=Factor(200_000_000))
    settings = market(offer(), offer("elsewhere"), prices=prices)
    act = at(6 * HOUR, price=PriceAct(multiply=Factor(3_000_000), for_=Duration(6 * HOUR)))
    plain = Simulation(scenario(settings, journal="full"))
    acted = Simulation(scenario(settings, journal="full", timeline=(act,)))
    for sim in (plain, acted):
        sim.advance(DAY)
    moves = [[event for event in sim.events if isinstance(event, PriceMoved)] for sim in (plain, acted)]
    for least, most in ((0, 6 * HOUR - 1), (12 * HOUR + 1, DAY)):
        first, second = ([move for move in found if least <= move.at <= most] for found in moves)
        assert len(first) > 20
        assert first == second
    spiked = [move.price_micros_per_hour for move in moves[1] if 6 * HOUR < move.at < 12 * HOUR]
    usual = [move.price_micros_per_hour * 3 for move in moves[0] if 6 * HOUR < move.at < 12 * HOUR]
    assert spiked == usual


def test_an_act_that_begins_when_another_ends_finds_it_over() -> None:
    sim = simulation(
        at(0, price=PriceAct(multiply=Factor(2_000_000), for_=FOR)),
        at(10 * MINUTE, price=PriceAct(multiply=Factor(3_000_000), for_=FOR)),
        journal="full",
    )
    sim.advance(DAY)
    moves = [event for event in sim.events if isinstance(event, PriceMoved) and event.region == "elsewhere"]
    assert [(move.at, move.price_micros_per_hour) for move in moves] == [
        (0, 574_000),
        (10 * MINUTE, 287_000),
        (10 * MINUTE, 861_000),
        (20 * MINUTE, 287_000),
    ]


def endings_of(sim: Simulation) -> list[tuple[str, str]]:
    """The names of the acts that ended, and by what."""
    return [(event.name, event.ended_by) for event in sim.events if isinstance(event, ActEnded)]


def test_the_timeline_ends_its_own_acts_and_nobody_elses() -> None:
    acts = (
        at(0, outage=OutageAct(name="dark")),
        at(MINUTE, end="dark"),
        at(2 * MINUTE, outage=OutageAct(name="dim", for_=Duration(MINUTE))),
        at(5 * MINUTE, end="dim"),
    )
    sim = Simulation(scenario(timeline=acts))
    listed = []
    for ms in (0, MINUTE, 2 * MINUTE, 3 * MINUTE):
        sim.advance(ms)
        listed.append(sim.market.offers[0].is_listed)
    assert listed == [False, True, False, True]
    sim.execute(PlayAct(outage=OutageAct(name="dim")))
    sim.advance(6 * MINUTE)
    assert [each.name for each in sim.timeline.in_force] == ["dim"]
    assert endings_of(sim) == [("dark", "timeline"), ("dim", "time")]


def test_an_act_of_the_timeline_is_ended_before_its_time_also_in_a_restored_run() -> None:
    acts = (at(0, outage=OutageAct(name="dark", for_=Duration(HOUR))), at(MINUTE, price=PriceAct(set=Price(400_000))))
    sim = Simulation(scenario(timeline=acts))
    sim.advance(2 * MINUTE)
    sim.execute(EndAct("dark"))
    again = Simulation.restored(sim.scenario, sim.snapshot(), seed=1, start_epoch_ms=sim.start_epoch_ms)
    for each in (sim, again):
        each.execute(EndAct("price-1"))
        each.advance(2 * HOUR)
        assert (each.market.offers[0].is_listed, each.market.offers[0].price_micros_per_hour) == (True, 287_000)
        assert ("dark", "time") not in endings_of(each)
