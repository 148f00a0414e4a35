"""Whatever is done, in whatever order: the money adds up, GPUs are counted once, and the journal replays.

Times are drawn from {boundary − 1, boundary, boundary + 1} of every pending deadline.
"""

from collections import Counter
from collections.abc import Callable

import pytest
from gpu_sim.core.billing.ledger import HoldExpired, HoldPlaced, RentalSettled
from gpu_sim.core.commands import (
    AddCredit,
    Command,
    EndAct,
    HideRental,
    InterruptRental,
    MoveRental,
    PlayAct,
    ResetMarket,
    TerminateRental,
    TouchRental,
)
from gpu_sim.core.events import ActStarted, InterruptionNotified, RentalTerminated
from gpu_sim.core.kernel.clock import MINUTE_MS
from gpu_sim.core.kernel.errors import InsufficientCredit, Refusal
from gpu_sim.core.kernel.quantities import Duration, Factor, Share
from gpu_sim.core.rentals.idempotency import Key
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.acts import Act, CapacityAct, InterruptAct, OutageAct, PriceAct, ProvisioningAct, VanishAct
from gpu_sim.core.scenario.distributions import Distribution, Uniform, fixed
from gpu_sim.core.scenario.market_settings import (
    InterruptionSettings,
    NoticeSettings,
    PriceSettings,
    ProvisioningSettings,
    ProvisioningTerms,
)
from gpu_sim.core.scenario.scenario import BillingSettings, Scenario
from gpu_sim.core.simulation import Simulation
from hypothesis import given, note, settings
from hypothesis import strategies as st

from ..support.builders import DAY, HOUR, accounts, journal, market, offer, rent_command, scenario

OFFERS = (offer(capacity=3, probability_ppm=700_000), offer("elsewhere", spot=400_000, capacity=2))
NAMES = ("alice", "bob")
FOR = Duration(10 * MINUTE_MS)
CALLS: tuple[Command, ...] = (
    PlayAct(outage=OutageAct(interrupt=True, region="elsewhere", for_=FOR)),
    PlayAct(capacity=CapacityAct(set=1, for_=FOR)),
    PlayAct(interrupt=InterruptAct(share=Share(500_000))),
    PlayAct(interrupt=InterruptAct(count=2, notice=FOR)),
    PlayAct(interrupt=InterruptAct(share=Share(500_000), withdraw=True)),
    PlayAct(interrupt=InterruptAct(notice=Duration(MINUTE_MS), false_alarm=True)),
    PlayAct(outage=OutageAct(interrupt=True, notice=Duration(2 * MINUTE_MS), region="elsewhere", for_=FOR)),
    PlayAct(provisioning=ProvisioningAct(outcome="stuck", for_=FOR)),
    PlayAct(provisioning=ProvisioningAct(outcome="fails", for_=FOR)),
    PlayAct(vanish=VanishAct(region="Quebec, CA", for_=FOR)),
    PlayAct(capacity=CapacityAct(set=2, name="cut")),
    PlayAct(provisioning=ProvisioningAct(outcome="stuck", region="elsewhere", name="cut")),
    PlayAct(price=PriceAct(multiply=Factor(500_000), for_=FOR, name="sale")),
    EndAct("cut"),
    EndAct("outage-0"),
    EndAct("capacity-1"),
    ResetMarket(),
)

WARNINGS: tuple[Callable[[str], InterruptRental], ...] = (
    lambda id_: InterruptRental(id_, notice=FOR),
    lambda id_: InterruptRental(id_, notice=Duration(MINUTE_MS)),
    lambda id_: InterruptRental(id_, notice=Duration(MINUTE_MS), false_alarm=True),
    lambda id_: InterruptRental(id_, withdraw=True),
)

scenarios = st.builds(
    lambda billing, delay, failure, reclaim, notice, seed: scenario(
        market(
            *OFFERS,
            prices=PriceSettings(all="host_set", activity=Factor(300_000_000)),
            interruptions=InterruptionSettings(reclaim=reclaim),
            notices=NoticeSettings(all=Duration(notice)),
            provisioning=ProvisioningSettings(all=ProvisioningTerms(delay=delay, failure=Share(failure))),
        ),
        accounts=accounts(alice=500_000, bob=90_000),
        billing=billing,
        seed=seed,
        timeline=(
            Act(at=Duration(20 * MINUTE_MS), outage=OutageAct(region="elsewhere", for_=Duration(5 * MINUTE_MS))),
            Act(at=Duration(40 * MINUTE_MS), capacity=CapacityAct(set=1, for_=Duration(30 * MINUTE_MS))),
            Act(at=Duration(60 * MINUTE_MS), interrupt=InterruptAct(share=Share(500_000))),
        ),
    ),
    st.builds(
        BillingSettings,
        minimum=st.sampled_from([Duration(900_000), Duration(60_000)]),
        idle_timeout=st.sampled_from([Duration(900_000), None]),
        hold_expiry=st.sampled_from([Duration(2 * HOUR), Duration(10 * MINUTE_MS), None]),
        interrupted=st.sampled_from(["actual", "minimum"]),
        cancelled_provisioning=st.sampled_from(["free", "minimum"]),
        on_exhaustion=st.sampled_from(["overdraft", "terminate"]),
    ),
    st.sampled_from([fixed(0), fixed(90_000), Distribution(uniform=Uniform(Duration(0), Duration(20 * MINUTE_MS)))]),
    st.sampled_from([0, 300_000]),
    st.sampled_from([fixed(0), fixed(30 * MINUTE_MS)]),
    st.sampled_from([0, 2 * MINUTE_MS]),
    st.integers(0, 2**64),
)

rents = st.tuples(st.just("rent"), st.sampled_from(NAMES), st.integers(0, 1), st.integers(1, 4))
keyed = st.tuples(st.just("keyed"), st.sampled_from(NAMES), st.integers(0, 1), st.integers(1, 2))
acts = st.tuples(
    st.sampled_from(["terminate", "touch", "interrupt"]), st.sampled_from(NAMES), st.integers(0, 9), st.just(0)
)
moves = st.tuples(st.sampled_from(["move", "hide"]), st.just("alice"), st.integers(0, 9), st.integers(0, 5))
warnings = st.tuples(st.just("warn"), st.just("alice"), st.integers(0, 9), st.integers(0, 3))
calls = st.tuples(st.just("play"), st.just("alice"), st.integers(0, len(CALLS) - 1), st.just(0))
credits_ = st.tuples(st.just("credit"), st.sampled_from(NAMES), st.just(0), st.sampled_from([0, 1, 100_000]))
waits = st.tuples(st.just("wait"), st.just(""), st.integers(0, 30), st.integers(-1, 1))
doings = st.lists(rents | keyed | acts | moves | warnings | calls | credits_ | waits | waits, max_size=25)


def deadlines(sim: Simulation) -> list[int]:
    """Every instant at which a boundary of a live rental lies, and those of the market's next hour."""
    billing = sim.scenario.billing
    found = {sim.now_ms + 1, sim.now_ms + MINUTE_MS, 20 * MINUTE_MS, 25 * MINUTE_MS, 40 * MINUTE_MS, HOUR}
    for rental in sim.rentals.live():
        since = rental.created_ms if rental.running_ms is None else rental.running_ms
        found |= {since + 90_000, since + billing.minimum, since + billing.minimum + 1_000, since + 900_000}
        found.add(rental.created_ms + (billing.hold_expiry or HOUR))
    found |= {event.at + FOR for event in sim.events if isinstance(event, ActStarted)}
    found |= {event.interrupts_ms for event in sim.events if isinstance(event, InterruptionNotified)}
    return sorted(at for at in found if at > sim.now_ms + 1)


def command(sim: Simulation, do: str, account: str, number: int, amount: int) -> Command:
    """A request of the account."""
    if do in {"rent", "keyed"}:
        return rent_command(account, OFFERS[number], amount)
    if do == "credit":
        return AddCredit(account, amount)
    if do == "play":
        return CALLS[number]
    known = list(sim.rentals.by_id)
    return command_on(known[number % len(known)] if known else "rent_none", do, account, amount)


def command_on(id_: str, do: str, account: str, amount: int) -> Command:
    """A request about a rental."""
    if do == "terminate":
        return TerminateRental(account, id_)
    if do == "move":
        return MoveRental(
            rental_id=id_,
            to="running" if amount in (1, 2, 3) else "terminated",
            hold=(None, None, True, False, True, False)[amount],
        )
    if do == "warn":
        return WARNINGS[amount](id_)
    if do == "hide":
        return HideRental(id_, hidden=amount % 2 == 0)
    return TouchRental(id_) if do == "touch" else InterruptRental(id_)


def state(sim: Simulation) -> tuple[object, ...]:
    """All that a refusal must leave alone."""
    return (
        journal(sim),
        [(o.used, o.capacity, o.outages, o.overlays, o.price_micros_per_hour) for o in sim.market.offers],
        [(act.number, act.name, act.since_ms, act.until_ms) for act in sim.timeline.in_force],
        [
            (
                *(r.status, r.hold.status, r.billed_micros, r.held_back, r.is_due, r.hidden),
                *(r.end_held, r.held_delete_ms, r.held_delete_ran, r.forced_end_ms, r.noticed_ms, r.interrupts_ms),
            )
            for r in sim.rentals.by_id.values()
        ],
        sim.market.version,
    )


def try_(sim: Simulation, asked: Command, key: Key | None) -> None:
    """Do it, or see that its refusal changed nothing; a rent moves credit, never the balance."""
    before = state(sim)
    balance = {name: sim.ledger.balance(name) for name in NAMES}
    known = len(sim.rentals.by_id)
    try:
        rental = sim.execute(asked, key)
    except Refusal:
        assert state(sim) == before
        return
    if len(sim.rentals.by_id) > known:
        assert rental is not None
        assert sim.ledger.available(rental.account) >= 0
        assert {name: sim.ledger.balance(name) for name in NAMES} == balance


def check_invariants(sim: Simulation) -> None:
    """The properties of money, capacity and time that hold at every instant."""
    sim.ledger.audit()
    for name in NAMES:
        active = [
            rental.hold.amount_micros
            for rental in sim.rentals.by_id.values()
            if rental.account == name and rental.hold.status == "active"
        ]
        assert sim.ledger.held(name) == sum(active)
        assert sim.ledger.available(name) == sim.ledger.balance(name) - sum(active)
    for rental in sim.rentals.by_id.values():
        assert rental.status == "provisioning" or not (rental.held_back or rental.is_due)
        assert not rental.is_due or rental.held_back or rental.offer.provisioning == "stuck"
        assert rental.status != "terminated" or not (rental.end_held or rental.forced_end_ms)
        assert rental.status == "terminated" or rental.held_delete_ms is None or rental.end_held
        assert rental.forced_end_ms is None or rental.forced_end_ms > sim.now_ms
        assert rental.forced_end_ms is None or rental.interrupts_ms is not None
    for shown in sim.market.offers:
        rented = sum(rental.command.gpu_count for rental in sim.rentals.live() if rental.offer is shown)
        assert rented <= shown.used <= shown.spec.capacity
        assert 1_000 <= shown.price_micros_per_hour <= shown.spec.on_demand_price
    assert [event.at for event in sim.events] == sorted(event.at for event in sim.events)


def check_end(sim: Simulation) -> None:
    """Each rental ended at most once, for its exact charge; each hold too; all GPUs are back."""
    entries = sim.ledger.entries
    placed = Counter(entry.rental_id for entry in entries if isinstance(entry, HoldPlaced))
    settled = {entry.rental_id: entry for entry in entries if isinstance(entry, RentalSettled)}
    expired = {entry.rental_id for entry in entries if isinstance(entry, HoldExpired)}
    ended = {event.rental_id: event for event in sim.events if isinstance(event, RentalTerminated)}
    assert placed == Counter(sim.rentals.by_id.keys())
    assert len(settled) == sum(isinstance(entry, RentalSettled) for entry in entries)
    for id_, rental in sim.rentals.by_id.items():
        assert (id_ in settled) == (id_ in ended) == (rental.terminated_ms is not None)
        if rental.terminated_ms is None:
            continue
        assert settled[id_].hold_micros == (0 if id_ in expired else rental.hold.amount_micros)
        seconds = ended[id_].billed_seconds
        exact = rental.price_micros_per_hour * rental.command.gpu_count * seconds
        assert abs(3600 * settled[id_].charge_micros - exact) <= 1800
        used = 0 if rental.running_ms is None else -((rental.running_ms - rental.terminated_ms) // 1_000)
        assert seconds in {0 if rental.running_ms is None else used, max(used, sim.scenario.billing.minimum // 1_000)}


@pytest.mark.parametrize("examples", [50, pytest.param(150, marks=pytest.mark.slow)])
def test_whatever_is_done_the_invariants_hold_and_the_journal_replays(examples: int) -> None:
    settings(max_examples=examples)(given(scenarios, doings)(do_and_replay))()


def do_and_replay(conditions: Scenario, done: list[tuple[str, str, int, int]]) -> None:
    """A life with its invariants after each step, run again from its journal, and both brought to an end."""
    sim = Simulation(conditions)
    sim.advance(0)
    check_invariants(sim)
    for do, account, number, amount in done:
        if do == "wait":
            due = deadlines(sim)
            sim.advance(max(sim.now_ms, due[number % len(due)] + amount))
        else:
            key = Key(f"{account}{number}", bytes([amount])) if do == "keyed" else None
            try_(sim, command(sim, do, account, number, amount), key)
        check_invariants(sim)
    exported = journal(sim)
    note(exported.decode())
    again, difference = replay(exported)
    assert difference is None
    assert state(again) == state(sim)
    for each in (sim, again):
        each.advance(each.now_ms + DAY)
        each.execute(ResetMarket())
        for id_ in [rental.rental_id for rental in each.rentals.live()]:
            each.execute(HideRental(id_, hidden=False))
            each.execute(MoveRental(rental_id=id_, to="terminated", hold=False))
            if each.rentals.find(id_).status == "terminated":
                continue  # it had been deleted
            each.execute(TerminateRental(each.rentals.find(id_).account, id_))
        each.advance(each.now_ms + HOUR)
        check_invariants(each)
        check_end(each)
        assert [o.used for o in each.market.offers] == [0, 0]
        assert sum(each.ledger.held(name) for name in NAMES) == 0
    assert journal(sim) == journal(again)


@settings(max_examples=60)
@given(scenarios, doings, st.integers(1, HOUR), st.integers(1, HOUR))
def test_advancing_by_x_and_then_y_is_advancing_by_both(
    conditions: Scenario, done: list[tuple[str, str, int, int]], x: int, y: int
) -> None:
    once, twice = Simulation(conditions), Simulation(conditions)
    for sim in (once, twice):
        sim.advance(0)
        for do, account, number, amount in done:
            if do != "wait":
                try_(sim, command(sim, do, account, number, amount), None)
    once.advance(x + y)
    twice.advance(x)
    twice.advance(x + y)
    assert journal(once) == journal(twice)


@settings(max_examples=60)
@given(scenarios, doings)
def test_topping_up_by_the_amount_needed_is_enough_and_a_micro_dollar_less_is_not(
    conditions: Scenario, done: list[tuple[str, str, int, int]]
) -> None:
    sim = Simulation(conditions)
    sim.advance(0)
    for do, account, number, amount in done:
        if do == "wait":
            sim.advance(sim.now_ms + number * MINUTE_MS)
            continue
        asked = command(sim, do, account, number, amount)
        try:
            sim.execute(asked)
        except InsufficientCredit as refusal:
            check_top_up(sim, account, asked, refusal.amount_needed_micros)
        except Refusal:
            continue


def check_top_up(sim: Simulation, account: str, asked: Command, needed: int) -> None:
    assert needed > 0
    if needed > 1:
        sim.execute(AddCredit(account, needed - 1))
        with pytest.raises(InsufficientCredit) as refusal:
            sim.check(asked)
        assert refusal.value.amount_needed_micros == 1
    sim.execute(AddCredit(account, 1))
    sim.execute(asked)
    assert sim.ledger.available(account) == 0
