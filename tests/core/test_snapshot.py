"""Snapshots: what they hold is all that there is, luck included, and what does not fit is refused."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from gpu_sim.core.commands import AddCredit, TerminateRental
from gpu_sim.core.faults.lines import FaultDecision
from gpu_sim.core.journal import decode_event
from gpu_sim.core.kernel.clock import DAY_MS, HOUR_MS, MINUTE_MS
from gpu_sim.core.kernel.errors import IdempotencyKeyReused, JournalDropped, RentalNotFound, SnapshotInvalid
from gpu_sim.core.rentals.idempotency import Key
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.core.simulation import Simulation
from gpu_sim.core.snapshot import History, encode_state
from hypothesis import given, settings
from hypothesis import strategies as st

from ..support.builders import DAY, DOLLAR, HOUR, accounts, journal, market, offer, rent, rent_command, scenario
from ..support.busy_world import ACTS, NAMES, REGIONS, Step, busy_scenario, live, run

SEED = 5


def restored(sim: Simulation, conditions: Scenario | None = None, history: History | None = None) -> Simulation:
    """The simulation restored from the snapshot of this one."""
    conditions = sim.scenario if conditions is None else conditions
    return Simulation.restored(
        conditions, sim.snapshot(), seed=sim.seed, start_epoch_ms=sim.start_epoch_ms, history=history
    )


def later(sim: Simulation, steps: list[Step], to_ms: int) -> bytes:
    """The journal's lines of what the simulation does from here on."""
    here = sim.journal_end
    for step in steps:
        run(sim, step)
    sim.advance(to_ms)
    return b"".join(sim.journal_lines(here))


steps_of_a_run = st.lists(
    st.builds(
        Step,
        at_ms=st.integers(0, 40).map(lambda n: n * 10 * MINUTE_MS),
        account=st.sampled_from(NAMES),
        region=st.integers(0, REGIONS - 1),
        do=st.sampled_from([*["rent"] * 3, "terminate", "touch", "interrupt", "credit", *ACTS]),
        back=st.integers(1, 3),
        gpu_count=st.integers(1, 3),
    ),
    min_size=1,
    max_size=10,
).map(lambda steps: sorted(steps, key=lambda step: step.at_ms))


@pytest.mark.parametrize("examples", [8, pytest.param(25, marks=pytest.mark.slow)])
def test_57_restore_then_advance_is_advance_at_every_command_boundary(examples: int) -> None:
    settings(max_examples=examples)(given(steps=steps_of_a_run, seed=st.integers(0, 1_000))(go_on_from_every_command))()


def go_on_from_every_command(steps: list[Step], seed: int) -> None:
    """A run, and each of its rests after a restore: the same lines and the same end."""
    whole = Simulation(busy_scenario(), seed=seed)
    snapshots: list[tuple[int, bytes, int]] = []
    for number, step in enumerate(steps):
        run(whole, step)
        snapshots.append((number + 1, whole.snapshot(), len(list(whole.journal_lines(whole.journal_began)))))
    whole.advance(10 * HOUR_MS)
    lines = list(whole.journal_lines(whole.journal_began))
    final = msgspec.json.decode(whole.snapshot())
    for number, snapshot, before in snapshots:
        again = Simulation.restored(whole.scenario, snapshot, seed=seed, start_epoch_ms=whole.start_epoch_ms)
        assert later(again, steps[number:], 10 * HOUR_MS) == b"".join(lines[before:])
        assert state_of(again) == {**final, "journal": None}


def state_of(sim: Simulation) -> dict[str, object]:
    """All that a snapshot holds but the journal's digest, which says where the run came from."""
    return {**msgspec.json.decode(sim.snapshot()), "journal": None}


def test_a_snapshot_holds_everything_that_decides() -> None:
    sim = Simulation(busy_scenario(), seed=SEED)
    live(sim, until=6 * HOUR_MS)
    again = restored(sim)
    assert state_of(again) == state_of(sim)
    assert (again.now_ms, again.accounts, list(again.rentals.by_id)) == (
        sim.now_ms,
        sim.accounts,
        list(sim.rentals.by_id),
    )
    for ours, theirs in zip(sim.market.offers, again.market.offers, strict=True):
        assert (ours.price_micros_per_hour, ours.capacity, ours.free) == (
            theirs.price_micros_per_hour,
            theirs.capacity,
            theirs.free,
        )
    again.ledger.audit()


def test_taking_a_snapshot_changes_nothing() -> None:
    asked, quiet = Simulation(busy_scenario(), seed=SEED), Simulation(busy_scenario(), seed=SEED)
    live(asked, until=3 * HOUR_MS, between=Simulation.snapshot)
    live(quiet, until=3 * HOUR_MS)
    assert journal(asked) == journal(quiet)
    assert asked.snapshot() == quiet.snapshot()


def test_a_restored_journal_begins_with_where_it_came_from() -> None:
    sim = Simulation(busy_scenario(), seed=SEED)
    live(sim, until=HOUR_MS)
    digest = msgspec.json.decode(sim.snapshot())["journal"]["digest"]
    again = restored(sim)
    again.advance(2 * HOUR_MS)
    first, second, *_ = journal(again).splitlines()
    assert msgspec.json.decode(first)["restored_from"] == {
        "at": HOUR_MS,
        "events": sim.events_total,
        "digest": digest,
    }
    assert msgspec.json.decode(second)["seq"] == sim.events_total + 1
    assert "restored_from" not in msgspec.json.decode(journal(sim).splitlines()[0])


def test_a_snapshot_of_a_restored_run_says_where_that_came_from() -> None:
    sim = Simulation(busy_scenario(), seed=SEED)
    live(sim, until=HOUR_MS)
    again = restored(restored(sim))
    assert again.events_total == sim.events_total
    assert next(again.journal()) != next(restored(sim).journal())  # its digest is that of the journal in between


def test_a17_idempotency_keys_are_in_it() -> None:
    sim = Simulation(scenario())
    rental = rent(sim, key=Key("k", b"body"))
    again = restored(sim)
    assert rent(again, key=Key("k", b"body")).rental_id == rental.rental_id
    with pytest.raises(IdempotencyKeyReused):
        rent(again, key=Key("k", b"other"))
    assert again.rentals.created == 1


def test_gpus_that_the_market_took_come_back_to_a_restored_world() -> None:
    spec = offer(capacity=1)
    sim = Simulation(scenario(market(spec)))
    rental = rent(sim)
    sim.rentals.end(rental, "interrupted", "forced")
    again = restored(sim)
    assert again.market.offers[0].free == 0
    again.advance(DAY)
    assert again.market.offers[0].free == 1


def test_the_same_run_goes_on_with_its_history() -> None:
    sim = Simulation(busy_scenario(), seed=SEED)
    live(sim, until=6 * HOUR_MS)
    lines = [line for line in journal(sim).splitlines() if line.startswith(b'{"seq":')]
    ended = tuple(map(encode_state, sim.rentals.ended()))
    history = History([decode_event(line) for line in lines[-40:]], ended[-3:])
    again = restored(sim, history=history)
    assert again.events == sim.events[-40:]
    assert again.events_dropped == sim.events_total - 40
    assert [rental.rental_id for rental in again.rentals.ended()] == [
        rental.rental_id for rental in list(sim.rentals.ended())[-3:]
    ]
    assert again.ledger.entries == sim.ledger.entries[-len(again.ledger.entries) :]
    again.ledger.audit()
    with pytest.raises(JournalDropped):
        again.journal()
    here = sim.journal_end
    assert again.journal_end == here
    for simulation in (sim, again):
        simulation.advance(DAY_MS)
    assert list(sim.journal_lines(here)) == list(again.journal_lines(here))
    assert sim.snapshot(with_ended=False) == again.snapshot(with_ended=False)


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state[:0] + b"{}",
        lambda state: state[:-1],
        lambda state: state.replace(b'"offers":[', b'"offers":[[[1,2,3,4],0,[],[]],'),
        lambda state: state.replace(b'"vast-ai|RTX 4090|Quebec, CA"', b'"nobody|x|y"'),
        lambda state: state.replace(b'"vast-ai|RTX 4090|Quebec, CA"', b'"nobody"'),
        lambda state: state.replace(b'"vast-ai|RTX 4090|Quebec, CA"', b"7"),
        lambda state: state.replace(b'"pending":[[', b'"pending":[[70000,1,99,"rent_none"],['),
    ],
)
def test_what_does_not_fit_is_refused(damage: object) -> None:
    assert callable(damage)
    sim = Simulation(scenario())
    rent(sim)
    snapshot = sim.snapshot()
    damaged = damage(snapshot)
    assert damaged != snapshot
    with pytest.raises(SnapshotInvalid):
        Simulation.restored(sim.scenario, damaged, seed=1, start_epoch_ms=0)


FORGERIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "a clock before the start": lambda state: state["schedule"].update(now_ms=-1),
    "a clock past all calendars": lambda state: state["schedule"].update(now_ms=10**18),
    "an event in the past": lambda state: state["schedule"]["pending"][0].__setitem__(0, -5),
    "an event of no kind": lambda state: state["schedule"]["pending"][0].__setitem__(1, 99),
    "a ticket twice": lambda state: state["schedule"]["pending"].append(state["schedule"]["pending"][0]),
    "a ticket to come": lambda state: state["schedule"].update(sequence=0),
    "money from nowhere": lambda state: state["ledger"]["balances"].update({"alice/available": 1}),
    "GPUs less than none": lambda state: state["offers"][0].__setitem__(1, -1),
    "a name that is none": lambda state: state["accounts"].append("no name"),
    "a live rental that is over": lambda state: state["rentals"]["live"][0].update(terminated_ms=0),
    "a rental of nobody": lambda state: state["accounts"].clear(),
    "a rental to come": lambda state: state["rentals"]["live"][0].update(created_ms=10**9),
    "a rental that runs before the start": lambda state: state["rentals"]["live"][0].update(running_ms=-1),
    "a price below zero": lambda state: state["rentals"]["live"][0].update(price_micros_per_hour=-1_000),
    "a price too fine": lambda state: state["rentals"]["live"][0].update(price_micros_per_hour=1),
    "no GPU": lambda state: state["rentals"]["live"][0]["command"].update(gpu_count=0),
    "an ended rental that is not over": lambda state: state["rentals"].update(ended=state["rentals"]["live"]),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_state_that_no_run_could_be_in_is_refused(forgery: str) -> None:
    sim = Simulation(scenario())
    rent(sim)
    state = msgspec.json.decode(sim.snapshot())
    FORGERIES[forgery](state)
    with pytest.raises(SnapshotInvalid):
        Simulation.restored(sim.scenario, msgspec.json.encode(state), seed=1, start_epoch_ms=0)


def test_a_snapshot_of_one_market_does_not_fit_another() -> None:
    sim = Simulation(scenario())
    rent(sim)
    with pytest.raises(SnapshotInvalid):
        restored(sim, scenario(market(offer("Texas, US"))))


# What is held of what is over


def ended_thrice() -> Simulation:
    sim = Simulation(scenario(accounts=accounts(alice=100 * DOLLAR)))
    for _ in range(3):
        sim.execute(TerminateRental("alice", rent(sim).rental_id))
    return sim


def test_what_is_dropped_is_unknown_and_nothing_else_changes() -> None:
    sim, whole = ended_thrice(), ended_thrice()
    first, _, last = list(whole.rentals.by_id)
    sim.drop(rentals=1, events=4, lines=100)
    assert list(sim.rentals.by_id) == [last]
    with pytest.raises(RentalNotFound):
        sim.rentals.find(first)
    assert (sim.rentals.ended_held, sim.rentals.ended_total) == (1, 3)
    assert sim.events == whole.events[-4:]
    assert (sim.events_total, sim.events_dropped) == (whole.events_total, whole.events_total - 4)
    for simulation in (sim, whole):
        simulation.execute(AddCredit("alice", 1))
        rent(simulation)
        simulation.advance(HOUR)
    assert sim.events[4:] == whole.events[-len(sim.events) + 4 :]
    assert sim.snapshot(with_ended=False) == whole.snapshot(with_ended=False)


def test_the_ledger_then_opens_with_balances() -> None:
    sim, whole = ended_thrice(), ended_thrice()
    sim.drop(rentals=3, events=4, lines=100)
    assert sim.ledger.entries == whole.ledger.entries[-len(sim.ledger.entries) :]
    assert sim.ledger.dropped == len(whole.ledger.entries) - len(sim.ledger.entries) > 0
    assert sim.ledger.opening["alice/available"] + sim.ledger.opening["alice/held"] == whole.ledger.balance("alice")
    sim.ledger.audit()
    assert sim.ledger.state() == whole.ledger.state()


def test_the_journal_then_says_that_its_first_lines_are_gone() -> None:
    sim, whole = ended_thrice(), ended_thrice()
    here = sim.journal_end
    sim.drop(rentals=3, events=4, lines=100)
    with pytest.raises(JournalDropped):
        sim.journal()
    for simulation in (sim, whole):
        rent(simulation)
    assert list(sim.journal_lines(here)) == list(whole.journal_lines(here))


def test_dropping_less_than_there_is_drops_nothing() -> None:
    sim, whole = ended_thrice(), ended_thrice()
    sim.drop(rentals=3, events=sim.events_total, lines=100)
    assert journal(sim) == journal(whole)
    assert sim.snapshot() == whole.snapshot()


def test_the_rentals_that_ended_since_are_numbered() -> None:
    sim = ended_thrice()
    ids = [rental.rental_id for rental in sim.rentals.ended()]
    sim.drop(rentals=2, events=100, lines=100)
    assert [(n, rental.rental_id) for n, rental in sim.rentals.ended_since(1)] == [(2, ids[1]), (3, ids[2])]
    assert list(sim.rentals.ended_since(3)) == []


def test_a_key_whose_rental_was_dropped_makes_no_second_one() -> None:
    sim = Simulation(scenario())
    rental = rent(sim, key=Key("k", b"body"))
    sim.execute(TerminateRental("alice", rental.rental_id))
    sim.drop(rentals=0, events=100, lines=100)
    with pytest.raises(RentalNotFound):
        sim.check(rent_command(), Key("k", b"body"))


def test_lines_that_are_no_events_are_bounded_too() -> None:
    sim = Simulation(scenario())
    for _ in range(10):
        sim.write_down(FaultDecision("alice", "list_offers", ("rule",), None))
    here, digest = sim.journal_end, msgspec.json.decode(sim.snapshot())["journal"]["digest"]
    sim.drop(rentals=9, events=9, lines=3)
    assert sim.lines_held == 3
    assert sim.journal_end == here
    assert msgspec.json.decode(sim.snapshot())["journal"]["digest"] == digest
    with pytest.raises(JournalDropped):
        sim.journal()


def test_the_work_of_a_snapshot_can_be_done_in_parts() -> None:
    sim, whole = Simulation(busy_scenario(), seed=SEED), Simulation(busy_scenario(), seed=SEED)
    for simulation in (sim, whole):
        live(simulation, until=6 * HOUR_MS)
    parts = 0
    while sim.digest_some(10):
        parts += 1
    assert parts == (sim.events_total - 1) // 10
    assert sim.snapshot() == whole.snapshot()
