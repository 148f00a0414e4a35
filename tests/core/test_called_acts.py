"""Acts that are called: numbered on after the timeline's, with the same ends; and outages that take what runs."""

from typing import Any

import pytest
from gpu_sim.core import acts_in_force
from gpu_sim.core.commands import Command, EndAct, HideRental, MoveRental, PlayAct
from gpu_sim.core.events import ActEnded, ActRefused, ActStarted, RentalTerminated
from gpu_sim.core.kernel.errors import ActExists, ActNotFound, InvalidValue, JournalInvalid
from gpu_sim.core.kernel.quantities import Duration, Factor, Price, Share
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.acts import (
    CapacityAct,
    InterruptAct,
    OutageAct,
    PriceAct,
    ProvisioningAct,
    RentAct,
    VanishAct,
)
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.market_settings import InterruptionSettings
from gpu_sim.core.simulation import Simulation

from ..support.builders import FOR, HOUR, MINUTE, READY, at, journal, market, offer, rent, scenario, seen, stuck


def test_an_outage_that_interrupts_takes_all_that_is_there_once_and_nothing_elsewhere() -> None:
    interruptions = InterruptionSettings(mode="none", reclaim=fixed(30 * MINUTE))
    settings = market(offer(capacity=2), offer("elsewhere"), interruptions=interruptions)
    act = at(5 * MINUTE, outage=OutageAct(region="Quebec, CA", interrupt=True, for_=FOR))
    sim = Simulation(scenario(settings, timeline=(act,)))
    running, spared = rent(sim), rent(sim, spec=settings.offers[1])
    sim.advance(5 * MINUTE - 1)
    waiting = rent(sim)
    sim.advance(5 * MINUTE)
    ends = [(rental.reason, rental.billed_micros) for rental in (running, waiting, spared)]
    assert ends == [("interrupted", 19_133), ("interrupted", 0), (None, None)]
    assert [event.cause for event in seen(sim, RentalTerminated)] == ["forced", "forced"]
    lost = sim.market.offers[0]
    for ms, free, listed in ((15 * MINUTE, 0, False), (35 * MINUTE - 1, 0, False), (35 * MINUTE, 2, True)):
        sim.advance(ms)
        assert (lost.free, lost.is_listed) == (free, listed)


def test_an_outage_spends_no_draw_of_the_rentals_that_it_takes() -> None:
    sim = Simulation(scenario())
    rental = rent(sim)
    sim.execute(PlayAct(outage=OutageAct(interrupt=True, for_=FOR)))
    assert (rental.reason, rental.mass_interrupts_met) == ("interrupted", 0)


def test_an_outage_that_does_not_interrupt_takes_nothing() -> None:
    for outage in (OutageAct(for_=FOR), OutageAct(for_=FOR, interrupt=False)):
        sim = Simulation(scenario(timeline=(at(READY, outage=outage),)))
        rental = rent(sim)
        sim.advance(2 * READY)
        assert rental.status == "running"


def test_of_acts_that_no_longer_show_a_hundred_are_remembered() -> None:
    """A server whose prices are set for a year remembers the last hundred acts, and the passing ones that show."""
    sim = Simulation(scenario())
    (shown,) = sim.market.offers
    sim.execute(PlayAct(vanish=VanishAct(for_=FOR)))
    for number in range(100):
        sim.execute(PlayAct(price=PriceAct(set=Price(1_000 * (number + 1)))))
        sim.execute(PlayAct(provisioning=stuck(None)))
        sim.execute(PlayAct(outage=OutageAct()))
    assert [kind for _, kind, _ in shown.showing] == ["vanish", "price_set", "stuck", "outage"]
    assert (shown.price_micros_per_hour, shown.provisioning) == (100_000, "stuck")
    assert [number for number, _, _ in shown.overlays] == [0, *range(202, 301)]
    assert {event.ended_by for event in seen(sim, ActEnded)} == {"superseded"}
    assert [event.act for event in seen(sim, ActEnded)] == list(range(1, 202))
    sim.advance(10 * MINUTE)
    assert [kind for _, kind, _ in shown.showing] == ["price_set", "stuck", "outage"]
    assert replay(journal(sim))[1] is None


def test_only_acts_over_an_offer_that_is_full_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acts_in_force, "ACTS_OVER_OFFER_MAX", 2)
    sim = Simulation(scenario(market(offer("north"), offer("south"))))
    for region in ("south", "south", "north", "north"):  # the first of each two is covered for good
        sim.execute(PlayAct(price=PriceAct(set=Price(400_000), region=region)))
    sim.execute(PlayAct(outage=OutageAct(region="north")))
    assert [(event.name, event.ended_by) for event in seen(sim, ActEnded)] == [("price-2", "superseded")]


def crowded() -> Simulation:
    """Two offers of which the first has as many acts over it as it bears."""
    sim = Simulation(scenario(market(offer(), offer("elsewhere"))))
    sim.execute(PlayAct(outage=OutageAct(region="Quebec, CA", for_=FOR)))
    for _ in range(99):
        sim.execute(PlayAct(price=PriceAct(multiply=Factor(1_000_001), region="Quebec, CA")))
    return sim


@pytest.mark.parametrize(
    "act",
    [
        PlayAct(outage=OutageAct(for_=FOR)),
        PlayAct(vanish=VanishAct()),
        PlayAct(provisioning=stuck(None)),
        PlayAct(capacity=CapacityAct(set=1, region="quebec, ca")),
        PlayAct(price=PriceAct(multiply=Factor(1))),
        PlayAct(price=PriceAct(set=Price(600_000), for_=FOR)),
    ],
)
def test_a_hundred_acts_lie_over_an_offer_and_one_more_is_refused_until_some_are_over(act: PlayAct) -> None:
    sim = crowded()
    before = journal(sim)
    with pytest.raises(InvalidValue, match='100 acts lie over "vast-ai'):
        sim.execute(act)
    assert journal(sim) == before
    sim.advance(10 * MINUTE)
    sim.execute(act)


@pytest.mark.parametrize(
    "act",
    [
        PlayAct(outage=OutageAct()),
        PlayAct(price=PriceAct(set=Price(600_000))),
        PlayAct(interrupt=InterruptAct()),
        PlayAct(vanish=VanishAct(region="elsewhere")),
    ],
)
def test_where_no_more_acts_fit_those_that_take_the_place_of_others_or_do_not_last_still_do(act: PlayAct) -> None:
    sim = crowded()
    sim.execute(act)
    assert replay(journal(sim))[1] is None


def test_the_acts_of_a_timeline_count_but_are_never_refused() -> None:
    acts = tuple(at(0, price=PriceAct(multiply=Factor(1_000_000))) for _ in range(101))
    sim = Simulation(scenario(timeline=acts))
    assert not seen(sim, ActRefused)
    assert len(sim.market.offers[0].overlays) == 101
    with pytest.raises(InvalidValue, match="wait until some are over"):
        sim.execute(PlayAct(vanish=VanishAct()))
    sim.execute(PlayAct(price=PriceAct(set=Price(600_000))))
    assert [event.name for event in seen(sim, ActEnded)] == ["price-0", "price-1"]
    assert len(sim.market.offers[0].overlays) == 100


def test_a_called_act_is_numbered_on_after_the_timelines_and_begins_at_once() -> None:
    sim = Simulation(scenario(timeline=(at(HOUR, outage=OutageAct()),)))
    sim.advance(5)
    price, capacity = PriceAct(set=Price(900_000), for_=FOR), CapacityAct(set=1)
    sim.execute(PlayAct(price=price))
    sim.execute(PlayAct(interrupt=InterruptAct()))
    sim.execute(PlayAct(capacity=capacity))
    assert seen(sim, ActStarted) == [
        ActStarted(5, 1, "price", "price-1", 5 + 10 * MINUTE, price=price),
        ActStarted(5, 2, "interrupt", "interrupt-2", interrupt=InterruptAct()),
        ActStarted(5, 3, "capacity", "capacity-3", capacity=capacity),
    ]
    assert (sim.market.offers[0].price_micros_per_hour, sim.market.offers[0].free) == (900_000, 1)
    sim.advance(5 + 10 * MINUTE)
    assert seen(sim, ActEnded) == [ActEnded(5 + 10 * MINUTE, 1, "price", "price-1", 5 + 10 * MINUTE, price=price)]
    assert sim.timeline.acts_total == 4


@pytest.mark.parametrize(("ms", "price"), [(-1, 861_000), (0, 287_000), (1, 287_000)])
def test_a_called_act_is_over_at_its_end(ms: int, price: int) -> None:
    sim = Simulation(scenario())
    sim.advance(5)
    sim.execute(PlayAct(price=PriceAct(multiply=Factor(3_000_000), for_=FOR)))
    sim.advance(5 + 10 * MINUTE + ms)
    assert sim.market.offers[0].price_micros_per_hour == price


def test_a_called_outage_of_ten_minutes_is_over_when_ten_minutes_are_also_for_a_rent_of_the_timeline() -> None:
    rented = RentAct(as_="r1", account="alice", provider_id="vast-ai", gpu_model="RTX 4090", region="Quebec, CA")
    sim = Simulation(scenario(timeline=(at(10 * MINUTE, rent=rented),)))
    sim.execute(PlayAct(outage=OutageAct(for_=FOR)))
    sim.advance(10 * MINUTE)
    assert not seen(sim, ActRefused)
    assert len(sim.rentals.by_id) == 1


@pytest.mark.parametrize(("kind", "lasting"), [("price", (600_000, 700_000, 700_000)), ("capacity", (1, 2, 2))])
def test_of_two_called_acts_of_one_kind_the_one_that_began_last_decides(kind: str, lasting: tuple[int, ...]) -> None:
    acts: list[PlayAct] = [
        PlayAct(price=PriceAct(set=Price(600_000), for_=FOR)),
        PlayAct(price=PriceAct(set=Price(700_000), for_=FOR)),
    ]
    if kind == "capacity":
        acts = [PlayAct(capacity=CapacityAct(set=gpus, for_=FOR)) for gpus in (1, 2)]
    sim = Simulation(scenario())
    shown = sim.market.offers[0]
    found = []
    for act in acts:
        sim.execute(act)
        found.append(shown.price_micros_per_hour if kind == "price" else shown.capacity)
        sim.advance(sim.now_ms + MINUTE)
    sim.advance(10 * MINUTE)
    found.append(shown.price_micros_per_hour if kind == "price" else shown.capacity)
    assert tuple(found) == lasting
    sim.advance(11 * MINUTE)
    assert (shown.price_micros_per_hour, shown.capacity) == (287_000, 4)


def test_a_called_act_does_what_the_same_act_of_a_timeline_does() -> None:
    """At an instant at which nothing else happens the rest of the journal is the same."""
    outage = OutageAct(interrupt=True, for_=FOR)
    planned, called = Simulation(scenario(timeline=(at(READY + 5, outage=outage),))), Simulation(scenario())
    for sim in (planned, called):
        rent(sim)
        sim.advance(READY + 5)
        if sim is called:
            sim.execute(PlayAct(outage=outage))
        sim.advance(HOUR)
    assert planned.events == called.events


@pytest.mark.parametrize(
    ("selector", "param", "says"),
    [
        ({"provider": "vast"}, "provider", 'no offer has provider "vast"; did you mean "vast-ai"?'),
        ({"gpu_model": "RTX 4099"}, "gpu_model", 'no offer has gpu_model "RTX 4099"; did you mean "RTX 4090"?'),
        ({"region": ""}, "region", 'no offer has region ""'),
        ({"provider": "runpod", "region": "Quebec, CA"}, None, "no offer matches all of these"),
    ],
)
def test_a_called_act_that_means_no_offer_is_refused_with_the_nearest_name(
    selector: dict[str, Any], param: str | None, says: str
) -> None:
    sim = Simulation(scenario(market(offer(), offer("Texas, US", provider_id="runpod"))))
    before = journal(sim)
    for act in (PlayAct(interrupt=InterruptAct(**selector)), PlayAct(vanish=VanishAct(**selector))):
        with pytest.raises(InvalidValue) as refusal:
            sim.execute(act)
        assert (refusal.value.param, refusal.value.message) == (param, says)
    assert journal(sim) == before


def test_called_acts_moves_and_hidings_are_replayed_to_the_byte() -> None:
    sim = Simulation(scenario(market(offer(), offer("elsewhere")), timeline=(at(2 * HOUR, outage=OutageAct()),)))
    held, stuck_, hidden = rent(sim), rent(sim), rent(sim)
    acts: list[Command] = [
        PlayAct(provisioning=ProvisioningAct(outcome="stuck", for_=FOR)),
        MoveRental(rental_id=held.rental_id, to="running", hold=True),
        HideRental(hidden.rental_id, hidden=True),
        PlayAct(vanish=VanishAct(region="elsewhere", for_=FOR)),
        PlayAct(price=PriceAct(multiply=Factor(1_500_000))),
        PlayAct(capacity=CapacityAct(set=9, region="elsewhere", for_=FOR)),
        MoveRental(rental_id=held.rental_id, to="running", hold=False),
        MoveRental(rental_id=stuck_.rental_id, to="running"),
        MoveRental(rental_id=stuck_.rental_id, to="terminated"),
        HideRental(hidden.rental_id, hidden=False),
        PlayAct(interrupt=InterruptAct(share=Share(500_000))),
        PlayAct(outage=OutageAct(interrupt=True)),
    ]
    for act in acts:
        sim.advance(sim.now_ms + 10_000)
        sim.execute(act)
    sim.advance(3 * HOUR)
    exported = journal(sim)
    assert exported.count(b'"command":"play_act"') == 6
    again, difference = replay(exported)
    assert difference is None
    assert journal(again) == exported
    assert [(o.overlays, o.outages) for o in again.market.offers] == [
        (o.overlays, o.outages) for o in sim.market.offers
    ]


def test_a_journal_line_without_exactly_one_act_is_refused() -> None:
    sim = Simulation(scenario())
    sim.execute(PlayAct(interrupt=InterruptAct()))
    with pytest.raises(JournalInvalid, match="give exactly one of outage, price"):
        replay(journal(sim).replace(b'"interrupt":{', b'"interrupted":{'))


@pytest.mark.parametrize("name", ["", "two words", "a/b", "x" * 65, "line\n"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    sim = Simulation(scenario())
    for call in (PlayAct(outage=OutageAct(name=name)), PlayAct(interrupt=InterruptAct(name=name))):
        with pytest.raises(InvalidValue, match="a name is 1 to 64") as refusal:
            sim.execute(call)
        assert refusal.value.param == "name"


def test_the_name_of_an_act_to_come_is_taken_until_that_is_over() -> None:
    planned = at(MINUTE, outage=OutageAct(name="dark", for_=Duration(MINUTE)))
    sim = Simulation(scenario(timeline=(planned,)))
    with pytest.raises(ActExists, match='yet to begin is named "dark"'):
        sim.execute(PlayAct(vanish=VanishAct(name="dark")))
    with pytest.raises(ActNotFound, match='no act "dark" is in force; it has yet to begin'):
        sim.execute(EndAct("dark"))
    sim.advance(2 * MINUTE)
    sim.execute(PlayAct(vanish=VanishAct(name="dark")))
    assert [(event.name, event.ended_by) for event in seen(sim, ActEnded)] == [("dark", "time")]


def test_an_act_without_a_name_gets_one_that_nobody_has() -> None:
    planned = at(HOUR, vanish=VanishAct(name="vanish-2"))
    sim = Simulation(scenario(market(), timeline=(planned, at(HOUR, outage=OutageAct()))))
    sim.execute(PlayAct(vanish=VanishAct()))
    sim.execute(PlayAct(vanish=VanishAct(name="vanish-4")))
    sim.execute(PlayAct(vanish=VanishAct()))
    assert [each.name for each in sim.timeline.in_force] == ["vanish-3", "vanish-4", "vanish-5"]
    assert [(number, name) for number, name, _ in sim.timeline.to_come()] == [(0, "vanish-2"), (1, "outage-1")]
    sim.advance(HOUR)
    assert [each.name for each in sim.timeline.in_force][3:] == ["vanish-2", "outage-1"]
    assert not list(sim.timeline.to_come())


def test_what_is_covered_by_a_passing_act_or_by_the_one_that_leaves_makes_no_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acts_in_force, "ACTS_OVER_OFFER_MAX", 2)
    sim = Simulation(scenario())
    sim.execute(PlayAct(price=PriceAct(set=Price(600_000))))
    sim.execute(PlayAct(price=PriceAct(set=Price(700_000), name="x", for_=FOR)))
    with pytest.raises(InvalidValue, match="2 acts lie over"):
        sim.execute(PlayAct(vanish=VanishAct()))
    sim.execute(PlayAct(price=PriceAct(set=Price(800_000), name="x")))
    monkeypatch.setattr(acts_in_force, "ACTS_OVER_OFFER_MAX", 3)
    sim.execute(PlayAct(vanish=VanishAct(name="y")))
    monkeypatch.setattr(acts_in_force, "ACTS_OVER_OFFER_MAX", 2)
    with pytest.raises(InvalidValue, match="2 acts lie over"):
        sim.execute(PlayAct(capacity=CapacityAct(set=1, name="x")))
    monkeypatch.setattr(acts_in_force, "ACTS_OVER_OFFER_MAX", 3)
    sim.execute(PlayAct(capacity=CapacityAct(set=1, name="z")))
    assert [act.name for act in sim.timeline.in_force] == ["x", "y", "z"]
