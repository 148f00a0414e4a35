"""Runs in a state file at their edges: what was dropped, damage inside, clocks over a restart, a file that fails."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from gpu_sim.core.commands import (
    AddCredit,
    EndAct,
    HideRental,
    InterruptRental,
    MoveRental,
    PlayAct,
    ResetMarket,
    TerminateRental,
)
from gpu_sim.core.kernel.clock import HOUR_MS, MINUTE_MS
from gpu_sim.core.kernel.errors import RentalNotFound
from gpu_sim.core.kernel.quantities import Duration, Factor, Price
from gpu_sim.core.scenario.acts import CapacityAct, OutageAct, PriceAct
from gpu_sim.core.scenario.scenario import ClockSettings
from gpu_sim.worlds import reset_and_restore
from gpu_sim.worlds.state_files.refusals import StateUnavailable, StateUnusable
from gpu_sim.worlds.state_files.state_file import StateFile
from gpu_sim.worlds.world import World
from gpu_sim.worlds.worlds import Worlds

from ...support.state_files import MANUAL, conditions, files_of, journal, kept, killed, rent, store_of, world


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The state file."""
    return tmp_path / "state.db"


def cycle(of: World, times: int) -> list[str]:
    """Rent and end so often; the ids."""
    ids = []
    for _ in range(times):
        ids.append(rent(of))
        of.execute(TerminateRental("alice", ids[-1]))
    return ids


def restore(of: World, document: bytes) -> None:
    """Let the world become that of the document."""
    asyncio.run(reset_and_restore.restore(of, document, lambda _: {"alice": "si_alice"}))


def test_a_restored_snapshot_of_which_rentals_were_let_go_is_kept_and_found_again(path: Path) -> None:
    memory = world(keep=1)
    cycle(memory, 30)
    assert memory.simulation.rentals.ended_held < 5
    running = kept(path, keep=1)
    restore(running, memory.snapshot())
    for each in (running, memory):
        cycle(each, 30)
        each.execute(AddCredit("alice", 1))
    killed(running)
    again = kept(path, keep=1)
    assert again.simulation.ledger.state() == memory.simulation.ledger.state()
    assert list(again.simulation.rentals.by_id)[-1] == list(memory.simulation.rentals.by_id)[-1]
    again.close()


def test_whatever_could_be_found_when_an_input_came_can_be_found_when_it_comes_again(path: Path) -> None:
    """More is held than `keep`; all of that is held again after a restart."""
    running = kept(path, keep=1, inputs_per_part=8)
    ids = cycle(running, 23)
    oldest = next(iter(running.simulation.rentals.by_id))
    assert oldest != ids[-1]
    running.execute(HideRental(oldest, hidden=True))
    killed(running)
    again = kept(path, keep=1, inputs_per_part=8)
    before = journal(again)
    killed(again)  # a kill of a run that was just recovered loses nothing either
    third = kept(path, keep=1, inputs_per_part=8)
    assert journal(third) == before
    third.close()


def test_acts_that_began_ended_or_are_in_force_are_found_again(path: Path) -> None:
    running = kept(path, inputs_per_part=3)
    for command in (
        PlayAct(price=PriceAct(set=Price(400_000), name="low")),
        PlayAct(price=PriceAct(set=Price(900_000), name="high", for_=Duration(HOUR_MS))),
        PlayAct(capacity=CapacityAct(set=1)),
        PlayAct(outage=OutageAct(name="low")),
        EndAct("high"),
        ResetMarket(),
        PlayAct(price=PriceAct(set=Price(500_000), name="low")),
        PlayAct(price=PriceAct(multiply=Factor(2_000_000))),
    ):
        running.execute(command)
    before = journal(running)
    killed(running)
    again = kept(path, inputs_per_part=3)
    assert journal(again) == before
    again.execute(EndAct("low"))
    offers = again.simulation.market.offers
    assert [each.name for each in again.simulation.timeline.in_force] == ["price-5"]
    assert all(each.price_micros_per_hour == 2 * each.path.price_micros for each in offers)
    again.close()


def test_a_run_that_was_let_go_stays_let_go(path: Path) -> None:
    running = kept(path, keep=2)
    ids = cycle(running, 40)
    held = list(running.simulation.rentals.by_id)
    running.close()
    again = kept(path, keep=2)
    assert list(again.simulation.rentals.by_id) == held
    with pytest.raises(RentalNotFound):
        again.execute(TerminateRental("alice", ids[0]))
    assert len(again.simulation.events) < again.simulation.events_total
    again.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE snapshot SET state = replace(state, '1000000000', '9000000000')",
        "UPDATE snapshot SET inputs_seal = x'00'",
        "UPDATE snapshot SET held_rentals = 'x'",
        "DELETE FROM snapshot",
        "UPDATE inputs SET input = x'7b7d'",
        "UPDATE inputs SET at_ms = at_ms - 1",
        "DELETE FROM inputs WHERE number = (SELECT min(number) FROM inputs)",
        "DELETE FROM inputs WHERE number = (SELECT max(number) FROM inputs)",
        "UPDATE inputs SET number = number + 1 WHERE number = (SELECT max(number) FROM inputs)",
        "INSERT INTO inputs SELECT number + 1, at_ms, input, seal FROM inputs ORDER BY number DESC LIMIT 1",
        "UPDATE parts SET content = replace(content, 'alice', 'carol') WHERE number = 1",
        "UPDATE parts SET content = x'' WHERE number = 1",
        "UPDATE parts SET at_ms = at_ms + 1 WHERE number = (SELECT max(number) FROM parts)",
        "DELETE FROM parts WHERE number = 2",
        "DELETE FROM parts WHERE number = (SELECT max(number) FROM parts)",
        "DELETE FROM ended WHERE number = 1",
        "DELETE FROM ended WHERE number = (SELECT max(number) FROM ended)",
        "UPDATE ended SET number = number + 1 WHERE number = (SELECT max(number) FROM ended)",
        "UPDATE ended SET rental = (SELECT rental FROM ended WHERE number = 1) WHERE number = 2",
        "UPDATE tokens SET token = 'si_other'",
        "UPDATE tokens SET token = ''",
        "UPDATE tokens SET account = 'bob'",
        "DELETE FROM tokens",
        "INSERT INTO tokens VALUES (2, 'si_mallory', 'alice', x'00')",
        "DELETE FROM run",
        "UPDATE run SET identity = x'00'",
        "UPDATE run SET base = x'00'",
        "UPDATE run SET ended_before = 1",
        "DELETE FROM head",
        "UPDATE head SET content = x'00'",
        "UPDATE head SET seal = 'x'",
        "DROP TABLE inputs",
        "CREATE TABLE more (x)",
        "CREATE INDEX more ON tokens (token)",
        "PRAGMA application_id=1",
    ],
)
def test_damage_inside_the_file_is_noticed_and_the_file_left_as_it_was(path: Path, change: str) -> None:
    running = kept(path)
    ids = [rent(running) for _ in range(3)]
    for id_ in ids:
        running.execute(TerminateRental("alice", id_))
    for _ in range(17):
        running.execute(AddCredit("alice", 1))
    store_of(running)._db.execute(change)
    killed(running)
    before = files_of(path)
    worlds = Worlds()
    with pytest.raises(StateUnusable) as refused:
        worlds.open(path, conditions())
    assert "\n" not in str(refused.value)
    assert (worlds.by_name, list(worlds.keyring.tokens)) == ({}, [])
    assert files_of(path) == before
    with pytest.raises(StateUnusable):  # for the damage again: the file was closed
        worlds.open(path, conditions())


# Clocks


def real_for(
    path: Path, monkeypatch: pytest.MonkeyPatch, before: ClockSettings, down_ms: int, after: ClockSettings | None
) -> World:
    """A world that was kept under one clock, was down for so long, and goes on under another."""
    monkeypatch.setattr("gpu_sim.worlds.state_files.state_file.wall_epoch_ms", lambda: 1_000_000)
    running = kept(path, conditions(clock=before))
    running.simulation.advance(5_000)
    running._commit_clock(5_000)
    killed(running)
    monkeypatch.setattr("gpu_sim.worlds.state_files.state_file.wall_epoch_ms", lambda: 1_000_000 + down_ms)
    return kept(path, conditions(clock=before), clock=after)


FAST = ClockSettings(mode="scaled", speed=Factor(1_000_000_000))
REAL = ClockSettings(mode="real")


@pytest.mark.parametrize(
    ("before", "after", "least", "most"),
    [
        (REAL, FAST, 9_000, None),
        (MANUAL, FAST, 5_000, None),
        (FAST, MANUAL, 4_005_000, 4_005_000 + MINUTE_MS * 1_000),
        (REAL, MANUAL, 9_000, 9_000 + MINUTE_MS),
        (MANUAL, None, 5_000, 5_000),
    ],
)
def test_what_goes_by_while_a_server_is_down_goes_by_the_clock_it_had(
    path: Path, monkeypatch: pytest.MonkeyPatch, before: ClockSettings, after: Any, least: int, most: int | None
) -> None:
    again = real_for(path, monkeypatch, before, 4_000, after)
    now = again.simulation.now_ms
    assert least <= now <= (least + MINUTE_MS if most is None else most)
    again.close()


def test_a_clock_that_was_asked_for_is_the_one_in_the_file_from_then_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = real_for(path, monkeypatch, FAST, 4_000, MANUAL)
    now = again.simulation.now_ms
    killed(again)
    monkeypatch.setattr("gpu_sim.worlds.state_files.state_file.wall_epoch_ms", lambda: 10_000_000)
    third = kept(path, conditions(clock=FAST))
    assert third.pacer.settings.mode == "manual"
    assert third.simulation.now_ms == now
    third.close()


# A file that fails


def test_an_advance_until_something_that_the_file_does_not_take_afterwards_is_offered_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = kept(path)
    rent(running)
    taken = StateFile.commit_clock
    calls = []

    def once(self: StateFile, now_ms: int, clock: ClockSettings) -> None:
        calls.append(now_ms)
        if len(calls) == 2:
            raise StateUnavailable("full")
        taken(self, now_ms, clock)

    monkeypatch.setattr(StateFile, "commit_clock", once)
    events = asyncio.run(running.advance(lambda: HOUR_MS, lambda: running.simulation.now_ms >= MINUTE_MS))
    assert events.total > 0
    assert calls == [0, MINUTE_MS]
    running.execute(AddCredit("alice", 1))
    assert calls[-1] == MINUTE_MS
    killed(running)
    again = kept(path)
    assert again.simulation.now_ms == MINUTE_MS
    again.close()


def test_a_snapshot_from_before_a_reset_may_be_taken_again(path: Path) -> None:
    """Under a running clock a reset starts at another instant of the wall."""
    running = kept(path, conditions(clock=REAL))
    rent(running)
    document = running.snapshot()
    running.at_start()[0].simulation.advance(1)
    asyncio.run(reset_and_restore.reset(running, lambda _: {"alice": "si_alice"}))
    running.simulation.start_epoch_ms += 1
    restore(running, document)
    assert running.simulation.rentals.created == 1
    killed(running)
    again = kept(path, conditions(clock=REAL))
    assert again.simulation.rentals.created == 1
    again.close()


def test_a_notice_a_withdrawal_and_a_delete_that_ended_nothing_are_found_again(path: Path) -> None:
    running, memory = kept(path), world()
    for each in (running, memory):
        warned, spared, held = (rent(each) for _ in range(3))
        each.execute(MoveRental(rental_id=held, to="terminated", hold=True))
        for id_ in (warned, spared):
            each.execute(InterruptRental(id_, notice=Duration(5 * MINUTE_MS)))
        each.simulation.advance(2 * MINUTE_MS)
        each.execute(InterruptRental(spared, withdraw=True))
        each.execute(TerminateRental("alice", held))
    killed(running)
    again = kept(path)
    assert again.simulation.snapshot() == memory.simulation.snapshot()
    for each in (again, memory):
        each.simulation.advance(10 * MINUTE_MS)
        each.execute(MoveRental(rental_id=held, to="terminated", hold=False))
    assert journal(again) == journal(memory)
    assert [again.simulation.rentals.find(id_).reason for id_ in (warned, spared, held)] == [
        *("interrupted", None, "deleted")
    ]
    again.close()
