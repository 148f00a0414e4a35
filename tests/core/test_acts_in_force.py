"""The acts in force: what lies over an offer is what a naive list says, whatever began and ended, and in what order."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from gpu_sim.core import acts_in_force
from gpu_sim.core.commands import Command, EndAct, PlayAct, ResetMarket
from gpu_sim.core.events import ActEnded
from gpu_sim.core.kernel.errors import ActNotFound, InvalidValue
from gpu_sim.core.kernel.money import quantize_price
from gpu_sim.core.kernel.quantities import Duration, Factor, Price
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.acts import (
    CapacityAct,
    LastingAct,
    OutageAct,
    PriceAct,
    ProvisioningAct,
    VanishAct,
)
from gpu_sim.core.simulation import Simulation
from hypothesis import given, settings
from hypothesis import strategies as st

from ..support.builders import HOUR, MINUTE, READY, at, journal, market, offer, rent, scenario, seen

REGIONS = ("north", "south", "east")
OFFERS = tuple(offer(region, spot=300_000, on_demand=700_000, capacity=4) for region in REGIONS)
ROOM = 4
"""So many acts lie over an offer here, so that a few are too many."""


class Laid(NamedTuple):
    """An act that the model has in force."""

    number: int
    name: str
    act: LastingAct
    until_ms: int | None

    @property
    def does(self) -> str:
        """What of an offer it decides."""
        return self.act.KIND

    def covers(self, other: "Laid") -> bool:
        """True where the other one, an earlier one, has no effect while this one lasts."""
        if isinstance(self.act, PriceAct) and self.act.set is None:
            return False
        return self.does == other.does

    def is_over(self, region: str) -> bool:
        """True where it is about the offer of that region."""
        return self.act.region in (None, region)


class Model:
    """A list of acts in the order in which they began, and nothing else."""

    def __init__(self) -> None:
        self.laid: list[Laid] = []
        self.total = 0
        self.ended: list[tuple[str, str]] = []

    def wait(self, now_ms: int) -> None:
        """Drop what is over by then."""
        for each in sorted(self.laid, key=lambda each: each.until_ms or 0):
            if each.until_ms is not None and each.until_ms <= now_ms:
                self.end(each, "time")

    def end(self, act: Laid, ended_by: str) -> None:
        """An act is over."""
        self.laid.remove(act)
        self.ended.append((act.name, ended_by))

    def named(self, name: str) -> Laid | None:
        """The act of that name."""
        return next((each for each in self.laid if each.name == name), None)

    def play(self, act: LastingAct, now_ms: int) -> bool:
        """One more; False where there is no room."""
        until_ms = None if act.for_ is None else now_ms + act.for_
        new = Laid(self.total, act.name or f"{act.KIND}-{self.total}", act, until_ms)
        replaced = self.named(new.name)
        going = [] if replaced is None else [replaced]
        full = self.full(new, going)
        if full:
            for old in self.laid:
                if old not in going and any(old.is_over(region) for region in full) and self.is_bare(old, new, going):
                    going.append(old)
                    full = self.full(new, going)
                if not full:
                    break
        if full:
            return False
        for each in going:
            self.end(each, "name" if each is replaced else "superseded")
        self.laid.append(new)
        self.total += 1
        return True

    def full(self, new: Laid, going: list[Laid]) -> list[str]:
        """The regions where there is no room for it once those are gone."""
        return [
            region
            for region in REGIONS
            if new.is_over(region) and sum(each.is_over(region) for each in self.laid if each not in going) >= ROOM
        ]

    def is_bare(self, old: Laid, new: Laid, going: list[Laid]) -> bool:
        """True where everywhere an act without an end covers it."""
        later = [*self.laid[self.laid.index(old) + 1 :], new]
        lasting = [each for each in later if each.until_ms is None and each not in going]
        return all(
            any(each.is_over(region) and each.covers(old) for each in lasting)
            for region in REGIONS
            if old.is_over(region)
        )

    def shown(self, region: str) -> tuple[object, ...]:
        """The offer of that region: price, capacity, out of service, provisioning, vanished, and the acts over it."""
        over = [each for each in self.laid if each.is_over(region)]
        price, capacity, provisioning = 300_000, 4, None
        for each in over:
            act = each.act
            if isinstance(act, PriceAct):
                price = price * (act.multiply or 0) // 10**6 if act.set is None else act.set
                price = min(price, 700_000) if act.capped else price
            elif isinstance(act, CapacityAct):
                capacity = act.set
            elif isinstance(act, ProvisioningAct):
                provisioning = act.outcome
        is_out = any(each.does == "outage" for each in over)
        vanished = any(each.does == "vanish" for each in over)
        return quantize_price(price), capacity, is_out, provisioning, vanished, [each.name for each in over]


def shown(sim: Simulation) -> list[tuple[object, ...]]:
    """The same of the simulation."""
    return [
        (
            each.price_micros_per_hour,
            each.capacity,
            bool(each.outages),
            each.provisioning,
            each.hides_rentals,
            [act.name for act in sim.timeline.in_force.over(each)],
        )
        for each in sim.market.offers
    ]


def made(kind: int, region: str | None, minutes: int | None, name: str | None) -> PlayAct:
    """A call of an act."""
    for_ = None if minutes is None else Duration(minutes * MINUTE)
    kinds: tuple[Callable[[], PlayAct], ...] = (
        lambda: PlayAct(outage=OutageAct(region=region, for_=for_, name=name)),
        lambda: PlayAct(price=PriceAct(set=Price(500_000), region=region, for_=for_, name=name)),
        lambda: PlayAct(price=PriceAct(multiply=Factor(2_000_000), region=region, for_=for_, name=name)),
        lambda: PlayAct(price=PriceAct(multiply=Factor(3_000_000), capped=True, region=region, for_=for_, name=name)),
        lambda: PlayAct(capacity=CapacityAct(set=1, region=region, for_=for_, name=name)),
        lambda: PlayAct(capacity=CapacityAct(set=2, region=region, for_=for_, name=name)),
        lambda: PlayAct(provisioning=ProvisioningAct(outcome="stuck", region=region, for_=for_, name=name)),
        lambda: PlayAct(provisioning=ProvisioningAct(outcome="fails", region=region, for_=for_, name=name)),
        lambda: PlayAct(vanish=VanishAct(region=region, for_=for_, name=name)),
    )
    return kinds[kind]()


plays = st.builds(
    made,
    st.integers(0, 8),
    st.sampled_from([None, *REGIONS]),
    st.sampled_from([None, None, 1, 5, 10]),
    st.sampled_from([None, None, None, "x", "y"]),
)
ends = st.builds(EndAct, st.sampled_from(["x", "y", "outage-0", "price-1", "price-2", "capacity-3", "vanish-4"]))
steps = st.one_of(plays, plays, plays, ends, st.just(ResetMarket()), st.integers(0, 6 * MINUTE), st.just("restore"))


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """An offer bears few acts."""
    monkeypatch.setattr(acts_in_force, "ACTS_OVER_OFFER_MAX", ROOM)


@pytest.mark.usefixtures("little_room")
@pytest.mark.parametrize("examples", [150, pytest.param(2_000, marks=pytest.mark.slow)])
def test_whatever_begins_and_ends_an_offer_is_as_the_acts_in_force_say(examples: int) -> None:
    settings(max_examples=examples)(given(st.lists(steps, max_size=30))(follow))()


def follow(done: list[Command | int | str]) -> None:
    """Simulation and model side by side; a restored simulation goes on as the same."""
    sim, model = Simulation(scenario(market(*OFFERS))), Model()
    told: list[tuple[str, str]] = []
    was_restored = False
    for step in done:
        if isinstance(step, int):
            sim.advance(sim.now_ms + step)
            model.wait(sim.now_ms)
        elif isinstance(step, str):
            told += endings(sim)
            sim = Simulation.restored(sim.scenario, sim.snapshot(), seed=1, start_epoch_ms=sim.start_epoch_ms)
            was_restored = True
        else:
            command(sim, model, step)
        assert shown(sim) == [model.shown(region) for region in REGIONS]
        assert [each.name for each in sim.timeline.in_force] == [each.name for each in model.laid]
        assert sim.timeline.acts_total == model.total
    assert sorted(told + endings(sim)) == sorted(model.ended)
    if not was_restored:
        assert replay(journal(sim))[1] is None


def endings(sim: Simulation) -> list[tuple[str, str]]:
    """The names of the acts that ended, and by what."""
    return [(event.name, event.ended_by) for event in seen(sim, ActEnded)]


def command(sim: Simulation, model: Model, step: Command) -> None:
    """Do it on both sides; both refuse it, or neither."""
    try:
        sim.execute(step)
    except ActNotFound:
        assert isinstance(step, EndAct)
        assert model.named(step.name) is None
        return
    except InvalidValue:
        assert isinstance(step, PlayAct)
        assert not model.play(lasting(step), sim.now_ms)
        return
    if isinstance(step, PlayAct):
        assert model.play(lasting(step), sim.now_ms)
    elif isinstance(step, EndAct):
        ended = model.named(step.name)
        assert ended is not None
        model.end(ended, "operator")
    else:
        for each in tuple(model.laid):
            model.end(each, "reset")


def lasting(command: PlayAct) -> LastingAct:
    """The act of a call of one that lasts."""
    assert isinstance(command.act, LastingAct)
    return command.act


@pytest.mark.usefixtures("little_room")
def test_of_what_is_covered_for_good_the_oldest_makes_room_and_what_still_shows_elsewhere_does_not() -> None:
    sim = Simulation(scenario(market(*OFFERS)))
    for act in (
        PriceAct(set=Price(400_000)),  # shows in the east when all is over that ends by itself
        PriceAct(set=Price(500_000), region="north"),
        PriceAct(set=Price(600_000), region="north", for_=Duration(MINUTE)),
        PriceAct(set=Price(700_000), region="north", name="mine"),
    ):
        sim.execute(PlayAct(price=act))
    sim.execute(PlayAct(outage=OutageAct()))
    assert endings(sim) == [("price-1", "superseded")]
    sim.execute(PlayAct(vanish=VanishAct(region="north")))
    assert endings(sim)[1:] == [("price-2", "superseded")]
    with pytest.raises(InvalidValue, match=r"4 acts lie over .* already, and each shows or will"):
        sim.execute(PlayAct(capacity=CapacityAct(set=1)))
    sim.execute(PlayAct(price=PriceAct(set=Price(800_000))))
    assert endings(sim)[2:] == [("price-0", "superseded")]
    sim.execute(EndAct("price-6"))
    assert [each.price_micros_per_hour for each in sim.market.offers] == [700_000, 300_000, 300_000]


def test_an_act_that_is_ended_uncovers_what_lies_beneath_unless_that_is_over_too() -> None:
    sim = Simulation(scenario(market(*OFFERS)))
    first = sim.market.offers[0]
    sim.execute(PlayAct(price=PriceAct(set=Price(400_000), name="hour", for_=Duration(60 * MINUTE))))
    sim.execute(PlayAct(price=PriceAct(set=Price(500_000), name="minute", for_=Duration(MINUTE))))
    sim.execute(PlayAct(price=PriceAct(set=Price(600_000), name="endless")))
    sim.advance(5 * MINUTE)
    assert first.price_micros_per_hour == 600_000
    sim.execute(EndAct("endless"))
    assert first.price_micros_per_hour == 400_000
    sim.execute(EndAct("hour"))
    assert first.price_micros_per_hour == 300_000
    sim.advance(120 * MINUTE)
    assert endings(sim) == [("minute", "time"), ("endless", "operator"), ("hour", "operator")]


def test_an_act_takes_the_place_of_the_one_of_its_name_of_whatever_kind() -> None:
    sim = Simulation(scenario(market(*OFFERS)))
    sim.execute(PlayAct(outage=OutageAct(region="north", name="x", for_=Duration(MINUTE))))
    sim.execute(PlayAct(capacity=CapacityAct(set=1, name="x")))
    assert [(each.is_listed, each.capacity) for each in sim.market.offers] == [(True, 1)] * 3
    assert endings(sim) == [("x", "name")]
    sim.advance(HOUR)
    assert [each.name for each in sim.timeline.in_force] == ["x"]


def test_what_is_stuck_goes_on_waiting_where_an_act_is_replaced_by_its_like_and_runs_where_it_is_not() -> None:
    sim = Simulation(scenario(market(*OFFERS)))
    north, south = (rent(sim, spec=spec) for spec in OFFERS[:2])
    sim.execute(PlayAct(provisioning=ProvisioningAct(outcome="stuck", name="x")))
    sim.advance(2 * READY)
    sim.execute(PlayAct(provisioning=ProvisioningAct(outcome="stuck", name="x", region="north")))
    assert (north.status, south.status) == ("provisioning", "running")


def test_an_act_that_is_not_in_force_cannot_be_ended_and_the_nearest_is_named() -> None:
    sim = Simulation(scenario())
    sim.execute(PlayAct(outage=OutageAct(name="gcp-down")))
    before = journal(sim)
    with pytest.raises(ActNotFound, match='no act "gcp_down" is in force; did you mean "gcp-down"'):
        sim.execute(EndAct("gcp_down"))
    assert journal(sim) == before


def test_a_reset_of_the_market_ends_what_is_in_force_and_leaves_what_is_to_come_and_all_else() -> None:
    acts = (at(0, capacity=CapacityAct(set=1)), at(HOUR, outage=OutageAct(for_=Duration(MINUTE))))
    sim = Simulation(scenario(market(*OFFERS), timeline=acts))
    rental = rent(sim, spec=OFFERS[0])
    sim.execute(PlayAct(price=PriceAct(multiply=Factor(2_000_000), for_=Duration(MINUTE))))
    sim.execute(PlayAct(provisioning=ProvisioningAct(outcome="fails")))
    sim.execute(PlayAct(provisioning=ProvisioningAct(outcome="stuck")))
    sim.advance(READY)
    sim.execute(ResetMarket())
    assert (rental.status, sim.now_ms) == ("running", READY)
    assert shown(sim) == [(300_000, 4, False, None, False, [])] * 3
    assert [ended_by for _, ended_by in endings(sim)] == ["time", "reset", "reset", "reset"]
    lines = journal(sim).count(b"reset_market")
    sim.execute(ResetMarket())
    assert journal(sim).count(b"reset_market") == lines == 1
    sim.advance(HOUR)
    assert not sim.market.offers[0].is_listed
    assert replay(journal(sim))[1] is None


def test_acts_that_are_in_force_are_restored_with_their_names_and_their_order() -> None:
    sim = Simulation(scenario(market(*OFFERS), timeline=(at(MINUTE, price=PriceAct(set=Price(400_000))),)))
    sim.execute(PlayAct(price=PriceAct(set=Price(500_000), region="north")))
    sim.advance(MINUTE)
    sim.execute(PlayAct(price=PriceAct(multiply=Factor(2_000_000), name="double", for_=Duration(HOUR))))
    again = Simulation.restored(sim.scenario, sim.snapshot(), seed=1, start_epoch_ms=sim.start_epoch_ms)
    assert [(each.name, each.since_ms, each.until_ms) for each in again.timeline.in_force] == [
        ("price-1", 0, None),
        ("price-0", MINUTE, None),
        ("double", MINUTE, MINUTE + HOUR),
    ]
    assert shown(again) == shown(sim)
    again.execute(EndAct("price-0"))
    assert [each.price_micros_per_hour for each in again.market.offers] == [1_000_000, 600_000, 600_000]
