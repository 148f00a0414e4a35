"""The root: what is checked, applied and advanced, and that reads and refusals change nothing."""

import gc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from weakref import ref

import pytest
from gpu_sim.core.billing.accounts import AMOUNT_MICROS_MAX
from gpu_sim.core.billing.ledger import CreditAdded
from gpu_sim.core.commands import (
    AddCredit,
    Command,
    CreateAccount,
    HideRental,
    InterruptRental,
    MoveRental,
    PlayAct,
    RentGpu,
    TerminateRental,
    TouchRental,
)
from gpu_sim.core.events import AccountCreated
from gpu_sim.core.kernel.clock import epoch_ms
from gpu_sim.core.kernel.errors import (
    AccountExists,
    AccountNotFound,
    IdempotencyKeyReused,
    InvalidValue,
    OfferNotFound,
    OfferUnavailable,
    Refusal,
    RentalNotFound,
    RentalNotInState,
)
from gpu_sim.core.kernel.quantities import Duration, Instant, Price, Share
from gpu_sim.core.rentals.idempotency import Key
from gpu_sim.core.scenario.acts import Act, InterruptAct, OutageAct, PriceAct
from gpu_sim.core.scenario.scenario import ClockSettings
from gpu_sim.core.simulation import Simulation

from ..support.builders import DAY, DOLLAR, READY, accounts, journal, market, offer, rent, rent_command, scenario
from ..support.busy_world import busy_scenario, live

KEY = Key("k", b"body")


def rented() -> tuple[Simulation, str]:
    """A simulation with one running rental of alice's."""
    sim = Simulation(
        scenario(market(offer(), offer("elsewhere", gpu_model="H100")), accounts=accounts(alice=DOLLAR, bob=0))
    )
    id_ = rent(sim).rental_id
    sim.advance(READY)
    return sim, id_


def test_accounts_are_opened_with_their_balances_at_the_start() -> None:
    sim = Simulation(scenario(accounts=accounts(alice=5, bob=0)))
    assert sim.events == [AccountCreated(0, "alice"), CreditAdded(0, "alice", 5), AccountCreated(0, "bob")]
    assert list(sim.accounts) == ["alice", "bob"]


def test_the_seed_and_the_start_are_the_scenarios_unless_given() -> None:
    start = epoch_ms(datetime(2030, 1, 1, tzinfo=UTC))
    clock = ClockSettings(mode="manual", start=Instant(start))
    assert (Simulation(scenario(seed=7)).seed, Simulation(scenario(seed=7), seed=8).seed) == (7, 8)
    assert Simulation(scenario()).start_epoch_ms == epoch_ms(datetime(2026, 1, 1, tzinfo=UTC))
    assert Simulation(scenario(clock=clock)).start_epoch_ms == start
    assert Simulation(scenario(clock=clock), start_epoch_ms=0).start_epoch_ms == 0


def test_a_new_account_can_rent_once_it_has_credit() -> None:
    sim = Simulation(scenario())
    sim.execute(CreateAccount("carol", 0))
    sim.execute(AddCredit("carol", 71_750))
    assert rent(sim, "carol").account == "carol"
    assert (sim.ledger.available("carol"), sim.ledger.held("carol")) == (0, 71_750)


@pytest.mark.parametrize(
    ("command", "refusal", "param"),
    [
        (RentGpu("zed", "vast-ai", "RTX 4090", "Quebec, CA", 1, "m", "i"), AccountNotFound, None),
        (RentGpu("alice", "vast-ai", "RTX 4090", "Quebec, CA", 0, "m", "i"), InvalidValue, "gpu_count"),
        (RentGpu("alice", "vast-ai", "RTX 4090", "Quebec, CA", -1, "m", "i"), InvalidValue, "gpu_count"),
        (RentGpu("alice", "vast-ai", "RTX 4090", "Quebec, CA", 5, "m", "i"), OfferUnavailable, "gpu_count"),
        (RentGpu("alice", "vast-ai", "RTX 4080", "Quebec, CA", 1, "m", "i"), InvalidValue, "gpu_model"),
        (RentGpu("alice", "vast-ai", "H100", "Quebec, CA", 1, "m", "i"), OfferNotFound, None),
        (TerminateRental("alice", "rent_x"), RentalNotFound, None),
        (TouchRental("rent_x"), RentalNotFound, None),
        (InterruptRental("rent_x"), RentalNotFound, None),
        (MoveRental(rental_id="rent_x", to="running"), RentalNotFound, None),
        (HideRental("rent_x", hidden=True), RentalNotFound, None),
        (PlayAct(interrupt=InterruptAct(gpu_model="RTX 4080")), InvalidValue, "gpu_model"),
        (CreateAccount("alice", 0), AccountExists, "name"),
        (CreateAccount("a b", 0), InvalidValue, "name"),
        (CreateAccount("carol", -1), InvalidValue, "balance"),
        (CreateAccount("carol", AMOUNT_MICROS_MAX + 1), InvalidValue, "balance"),
        (AddCredit("alice", 0), InvalidValue, "amount"),
        (AddCredit("alice", -1), InvalidValue, "amount"),
        (AddCredit("alice", AMOUNT_MICROS_MAX + 1), InvalidValue, "amount"),
        (AddCredit("zed", 1), AccountNotFound, None),
    ],
)
def test_what_is_refused_says_why_and_changes_nothing(
    command: Command, refusal: type[Refusal], param: str | None
) -> None:
    sim, _ = rented()
    before = journal(sim)
    with pytest.raises(refusal) as raised:
        sim.execute(command)
    assert raised.value.param == param
    assert type(raised.value) is refusal
    assert journal(sim) == before
    sim.ledger.audit()


@pytest.mark.parametrize("command", [CreateAccount("carol", AMOUNT_MICROS_MAX), AddCredit("alice", AMOUNT_MICROS_MAX)])
def test_the_largest_amount_is_accepted(command: Command) -> None:
    sim, _ = rented()
    sim.execute(command)
    sim.ledger.audit()


def test_a_rental_that_is_over_can_be_deleted_and_neither_touched_nor_interrupted() -> None:
    sim, id_ = rented()
    sim.execute(TerminateRental("alice", id_))
    before = journal(sim)
    again = sim.execute(TerminateRental("alice", id_))
    assert again is not None
    assert again.rental_id == id_
    for command in (TouchRental(id_), InterruptRental(id_)):
        with pytest.raises(RentalNotInState):
            sim.check(command)
    assert journal(sim) == before


def test_a_check_alone_changes_nothing() -> None:
    sim, id_ = rented()
    before = journal(sim)
    for command in (
        rent_command(),
        TerminateRental("alice", id_),
        TouchRental(id_),
        InterruptRental(id_),
        MoveRental(rental_id=id_, to="terminated"),
        HideRental(id_, hidden=True),
        PlayAct(outage=OutageAct(interrupt=True)),
        CreateAccount("carol", 1),
        AddCredit("alice", 1),
    ):
        sim.check(command)
    assert journal(sim) == before
    assert sim.market.offers[0].used == 1


@pytest.mark.parametrize(
    "happen",
    [
        lambda sim: sim.advance(sim.now_ms),
        lambda sim: sim.step(sim.now_ms),
        lambda sim: sim.execute(AddCredit("alice", 1)),
    ],
)
def test_what_was_accepted_is_good_only_until_something_happens(happen: Callable[[Simulation], object]) -> None:
    sim, _ = rented()
    accepted = sim.check(rent_command())
    happen(sim)
    with pytest.raises(AssertionError, match="between check and apply"):
        sim.apply(accepted)


def test_what_was_accepted_can_be_applied_once() -> None:
    sim, _ = rented()
    accepted = sim.check(rent_command())
    sim.apply(accepted)
    with pytest.raises(AssertionError, match="between check and apply"):
        sim.apply(accepted)


def test_each_command_answers_the_rental_that_it_concerns() -> None:
    sim, id_ = rented()
    rental = sim.rentals.find(id_)
    assert sim.execute(TouchRental(id_)) is rental
    assert sim.execute(HideRental(id_, hidden=True)) is rental
    assert sim.execute(HideRental(id_, hidden=False)) is rental
    assert sim.execute(PlayAct(interrupt=InterruptAct(share=Share(0)))) is None
    assert sim.execute(InterruptRental(id_)) is rental
    assert sim.execute(TerminateRental("alice", id_)) is rental
    assert sim.execute(AddCredit("alice", 1)) is None
    assert sim.execute(CreateAccount("carol", 1)) is None


def test_time_moves_to_the_next_event_or_to_an_instant() -> None:
    sim = Simulation(scenario())
    rent(sim)
    assert sim.step(READY + 5)
    assert sim.now_ms == READY
    assert not sim.step(READY + 5)
    assert sim.now_ms == READY + 5
    sim.advance(READY + 5)
    assert sim.now_ms == READY + 5
    for past in (READY + 4, -1):
        with pytest.raises(AssertionError):
            sim.advance(past)


def test_the_next_event_is_told_without_anything_happening() -> None:
    sim = Simulation(scenario())
    assert sim.next_due_ms is None
    id_ = rent(sim).rental_id
    before = journal(sim)
    assert sim.next_due_ms == READY
    assert journal(sim) == before
    sim.execute(TerminateRental("alice", id_))
    assert sim.next_due_ms is None


def test_what_a_closed_simulation_held_is_free_at_once() -> None:
    sim = Simulation(busy_scenario())
    live(sim, until=DAY // 2)
    exported = journal(sim)
    sim.close()
    assert (sim.next_due_ms, journal(sim)) == (None, exported)
    parts: list[ref[Any]] = [ref(sim), ref(sim.rentals)]
    gc.disable()
    try:
        del sim
        assert [part() for part in parts] == [None] * 2
    finally:
        gc.enable()


def test_a17_the_same_key_answers_the_same_rental_once() -> None:
    sim = Simulation(scenario())
    accepted = sim.check(rent_command(), KEY)
    assert not accepted.replayed
    rental = sim.apply(accepted)
    before = journal(sim)
    again = sim.check(rent_command(), KEY)
    assert again.replayed
    assert sim.apply(again) is rental
    assert journal(sim) == before
    assert len(sim.rentals.by_id) == 1
    with pytest.raises(IdempotencyKeyReused):
        sim.check(rent_command(gpu_count=2), Key("k", b"other"))


def test_a17_the_answer_stays_when_the_rental_is_over_or_another_could_not_be_had() -> None:
    sim = Simulation(scenario(balance=71_750))
    rental = rent(sim, key=KEY)
    assert rent(sim, key=KEY) is rental
    sim.execute(TerminateRental("alice", rental.rental_id))
    assert rent(sim, key=KEY) is rental


def test_a17_a_refused_rent_leaves_no_key_behind() -> None:
    sim = Simulation(scenario(balance=71_749))
    with pytest.raises(Refusal):
        rent(sim, key=KEY)
    sim.execute(AddCredit("alice", 1))
    assert rent(sim, key=Key("k", b"other")).status == "provisioning"


def test_a13_field_values_are_looked_at_before_the_key_and_the_key_before_state_and_money() -> None:
    sim = Simulation(scenario(balance=71_750))
    rental = rent(sim, key=KEY)
    with pytest.raises(InvalidValue):
        sim.check(rent_command(gpu_count=0), KEY)
    with pytest.raises(InvalidValue):
        sim.check(rent_command(spec=offer("nowhere")), KEY)
    with pytest.raises(IdempotencyKeyReused):
        sim.check(rent_command(gpu_count=99), Key("k", b"other"))
    assert sim.check(rent_command(gpu_count=99), KEY).rental is rental


def test_a17_keys_are_per_account() -> None:
    sim = Simulation(scenario(accounts=accounts(alice=DOLLAR, bob=DOLLAR)))
    assert rent(sim, "alice", key=KEY) is not rent(sim, "bob", key=KEY)


def test_a17_after_24_hours_the_key_rents_anew() -> None:
    sim = Simulation(scenario())
    first = rent(sim, key=KEY)
    sim.advance(DAY - 1)
    assert rent(sim, key=KEY) is first
    sim.advance(DAY)
    second = rent(sim, key=KEY)
    assert second is not first
    assert rent(sim, key=KEY) is second


def test_a_command_at_an_instant_comes_after_the_events_of_that_instant() -> None:
    act = Act(at=Duration(READY), price=PriceAct(set=Price(1_000)))
    sim = Simulation(scenario(timeline=(act,)))
    sim.advance(READY)
    assert rent(sim).price_micros_per_hour == 1_000


def test_a_command_at_the_start_comes_after_the_acts_of_the_start() -> None:
    act = Act(at=Duration(0), price=PriceAct(set=Price(1_000)))
    sim = Simulation(scenario(timeline=(act,)))
    assert rent(sim).price_micros_per_hour == 1_000


def test_the_core_says_what_happened_and_never_where_it_runs() -> None:
    sim, id_ = rented()
    exported = journal(sim)
    assert id_.encode() in exported
    assert b"token" not in exported
    assert b"si_" not in exported
