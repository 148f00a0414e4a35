"""A run in a state file: whatever was committed is there again, and what cannot be repeated is refused."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from gpu_sim.core.commands import AddCredit, RentGpu, TerminateRental
from gpu_sim.core.kernel.clock import DAY_MS, HOUR_MS, MINUTE_MS
from gpu_sim.core.kernel.errors import Refusal
from gpu_sim.core.kernel.quantities import Duration, Factor, Share
from gpu_sim.core.rentals.idempotency import Key
from gpu_sim.core.scenario.acts import Act, PriceAct
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.fault_effects import FaultEffect, RateLimit
from gpu_sim.core.scenario.fault_rules import FaultRule, FaultWhen
from gpu_sim.core.scenario.scenario import ClockSettings
from gpu_sim.core.simulation import Simulation
from gpu_sim.worlds.faults import decide_fault
from gpu_sim.worlds.state_files import state_file as state_file_module
from gpu_sim.worlds.state_files.input import Input
from gpu_sim.worlds.state_files.refusals import StateUnavailable, StateUnusable
from gpu_sim.worlds.state_files.state_reader import inspected
from gpu_sim.worlds.world import World

from ...support.busy_world import ACTORS, NAMES, busy_scenario
from ...support.state_files import MANUAL, conditions, journal, kept, killed, rent, store_of, world


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The state file."""
    return tmp_path / "state.db"


def play(of: World, steps: int) -> None:
    """The first steps of the busy world's accounts."""
    ordered = sorted((step for name in NAMES for step in ACTORS[name]), key=lambda step: step.at_ms)
    for step in ordered[:steps]:
        of.simulation.advance(max(of.simulation.now_ms, step.at_ms))
        try:
            of.execute(step.command(of.simulation))
        except Refusal:
            continue


def test_decisions_by_rental_and_for_the_world_are_found_again(path: Path) -> None:
    half = Share(500_000)
    faults = (
        FaultRule(name="looks", effect=FaultEffect(respond=404), when=FaultWhen(probability=half, per="rental")),
        FaultRule(name="slow", effect=FaultEffect(delay=fixed(1)), when=FaultWhen(every=3, per="world")),
        FaultRule(name="limit", effect=FaultEffect(rate_limit=RateLimit(3, Duration(MINUTE_MS), shared=True))),
    )

    def decide(of: World, count: int) -> list[str | None]:
        met = [
            decide_fault(of, "get_rental", account, None, f"r{number % 3}")
            for number in range(count)
            for account in ("alice", "bob")
        ]
        return [None if injection is None else injection.named for injection in met]

    scenario = conditions(faults=faults)
    running, memory = kept(path, scenario), world(scenario)
    assert decide(running, 10) == decide(memory, 10)
    killed(running)
    again = kept(path, scenario)
    assert again.faults.state() == memory.faults.state()
    assert decide(again, 10) == decide(memory, 10)
    assert journal(again) == journal(memory)
    again.close()


@pytest.mark.parametrize("steps", [0, 1, 3, 4, 5, 19, 20, 21, 97])
def test_a_killed_run_is_found_again_to_the_byte(path: Path, steps: int) -> None:
    """Steps such that the kill comes before, at or after a part of the journal or a snapshot."""
    running, memory = kept(path, busy_scenario(), clock=MANUAL), world(busy_scenario(), clock=MANUAL)
    for each in (running, memory):
        play(each, steps)
    killed(running)
    again = kept(path, busy_scenario(), clock=MANUAL)
    now = memory.simulation.now_ms
    for each in (again, memory):
        each.simulation.advance(now + DAY_MS)
    assert journal(again) == journal(memory)
    assert again.simulation.snapshot(with_ended=False) == memory.simulation.snapshot(with_ended=False)
    assert list(again.simulation.rentals.by_id) == list(memory.simulation.rentals.by_id)
    again.simulation.ledger.audit()
    again.close()


def test_killed_again_and_again(path: Path) -> None:
    memory = world()
    for _ in range(12):
        running = kept(path)
        for each in (running, memory):
            rental_id = rent(each)
            each.simulation.advance(each.simulation.now_ms + 10 * MINUTE_MS)
            each.execute(TerminateRental("alice", rental_id))
        assert journal(running) == journal(memory)
        killed(running)


def test_a_run_that_ended_well_needs_no_replay(path: Path) -> None:
    running = kept(path)
    rental_id = rent(running)
    before = journal(running)
    running.close()
    with inspected(path) as reader:
        assert list(reader.inputs()) == []
        assert reader.snapshot() is not None
    again = kept(path)
    assert journal(again) == before
    assert again.simulation.rentals.find(rental_id).status == "provisioning"
    again.close()


def test_a17_a_key_is_found_again(path: Path) -> None:
    running = kept(path)
    rental_id = rent(running, "k")
    killed(running)
    again = kept(path)
    assert rent(again, "k") == rental_id
    assert again.simulation.rentals.created == 1
    again.close()


def test_an_input_is_written_before_it_happens_and_refusals_and_repetitions_are_not(path: Path) -> None:
    running = kept(path)
    rental_id = rent(running, "k")
    rent(running, "k")
    running.execute(TerminateRental("alice", rental_id))
    running.execute(TerminateRental("alice", rental_id))
    with pytest.raises(Refusal):
        running.execute(AddCredit("nobody", 1))
    killed(running)
    with inspected(path) as reader:
        assert len(list(reader.inputs())) == 2


def fill(running: World) -> int:
    """Credit until the file takes no more; how often it did."""
    for taken in range(10_000):
        try:
            running.execute(AddCredit("alice", 1))
        except StateUnavailable:
            return taken
    raise AssertionError("the file is never full")


def test_what_the_file_does_not_take_does_not_happen(path: Path) -> None:
    running = kept(path, pages_max=40, inputs_per_part=10**6)
    taken = fill(running)
    assert taken > 10
    assert running.simulation.ledger.balance("alice") == 10**9 + taken
    before = journal(running)
    with pytest.raises(StateUnavailable):
        rent(running)
    assert journal(running) == before
    store_of(running)._db.execute("PRAGMA max_page_count=100000")
    rent(running)
    before = journal(running)
    killed(running)
    again = kept(path, inputs_per_part=10**6)
    assert journal(again) == before
    again.close()


def test_a_batch_that_the_file_does_not_take_is_offered_again(path: Path) -> None:
    running = kept(path, pages_max=16, inputs_per_part=2)
    for _ in range(3):
        try:
            running.execute(AddCredit("alice", 1))
        except StateUnavailable:
            break
    store_of(running)._db.execute("PRAGMA max_page_count=100000")
    for _ in range(4):
        running.execute(AddCredit("alice", 1))
    before = journal(running)
    running.close()
    again = kept(path, inputs_per_part=2)
    assert journal(again) == before
    again.close()


@pytest.mark.parametrize(
    ("other", "says"),
    [({"scenario": conditions(name="other")}, "another scenario"), ({"seed": 77}, "seed 1, not of 77")],
)
def test_a_file_of_another_scenario_or_seed_is_refused(path: Path, other: dict[str, Any], says: str) -> None:
    kept(path).close()
    with pytest.raises(StateUnusable, match=says):
        kept(path, **other)
    kept(path).close()  # nobody holds it


def test_a_file_of_another_version_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(path).close()
    monkeypatch.setattr("gpu_sim.worlds.state_files.recovery.__version__", "9.9.9")
    with pytest.raises(StateUnusable, match=r"version 0\.\d+\.\d+ of the simulator, not of 9\.9\.9"):
        kept(path)


def test_a_replay_that_goes_another_way_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest every few inputs shows it."""
    running = kept(path, inputs_per_part=4)
    for _ in range(6):
        rent(running) if running.simulation.market.offers[0].free else running.execute(AddCredit("alice", 1))
    killed(running)
    monkeypatch.setattr("gpu_sim.core.rentals.rentals.hold_micros", lambda *_: 1)
    with pytest.raises(StateUnusable, match="gives other events than it had"):
        kept(path)


def test_a_replay_in_which_an_input_is_refused_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = kept(path)
    rent(running)
    killed(running)
    monkeypatch.setattr("gpu_sim.core.rentals.rentals.hold_micros", lambda *_: 10**12)
    with pytest.raises(StateUnusable, match="cannot be repeated"):
        kept(path)


def test_manual_time_resumes_where_it_was(path: Path) -> None:
    running = kept(path)
    running._commit_clock(3 * HOUR_MS)
    killed(running)
    again = kept(path)
    assert again.simulation.now_ms == 3 * HOUR_MS
    again.close()


@pytest.mark.parametrize(("speed", "factor"), [(None, 1), (Factor(60_000_000), 60)])
def test_running_time_catches_up(
    path: Path, speed: Factor | None, factor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ClockSettings(mode="real" if speed is None else "scaled", speed=speed)
    monkeypatch.setattr("gpu_sim.worlds.state_files.state_file.wall_epoch_ms", lambda: 1_000_000)
    running = kept(path, conditions(clock=clock))
    running.simulation.advance(5_000)
    running._commit_clock(5_000)
    killed(running)
    monkeypatch.setattr("gpu_sim.worlds.state_files.state_file.wall_epoch_ms", lambda: 1_000_000 + 7_000)
    again = kept(path, conditions(clock=clock))
    assert 5_000 + 7_000 * factor <= again.pacer.target_ms(0) < 5_000 + 7_000 * factor + 60_000 * factor
    again.close()


def test_a_clock_that_is_asked_for_wins_over_the_one_in_the_file(path: Path) -> None:
    running = kept(path)
    running._commit_clock(HOUR_MS)
    killed(running)
    again = kept(path, clock=ClockSettings(mode="real"))
    assert again.pacer.settings.mode == "real"
    assert again.pacer.target_ms(0) >= HOUR_MS
    again.close()


def test_the_clock_alone_has_a_batch_and_a_snapshot_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_file_module, "EVENTS_PER_PART", 20)
    monkeypatch.setattr(state_file_module, "WORK_PER_SNAPSHOT", 100)
    running, memory = kept(path, busy_scenario(), clock=MANUAL), world(busy_scenario(), clock=MANUAL)
    for each in (running, memory):
        for hours in range(1, 30):
            each.simulation.advance(hours * HOUR_MS)
            each.tidy()
    running._commit_clock(running.simulation.now_ms)
    killed(running)
    with inspected(path) as reader:
        assert reader.snapshot() is not None
        assert len(list(reader.parts())) > 3
    again = kept(path, busy_scenario(), clock=MANUAL)
    assert journal(again) == journal(memory)
    again.close()


def test_nothing_is_let_go_that_is_not_in_the_file(path: Path) -> None:
    """`keep` is far below what was rented, and still the whole journal is there, and the ledger's balances."""
    running = kept(path, keep=1, inputs_per_part=10)
    memory = world()
    for each in (running, memory):
        for _ in range(101):
            each.execute(TerminateRental("alice", rent(each)))
    held = running.simulation
    assert held.rentals.ended_held <= 60
    assert held.events_dropped > 0
    assert journal(running) == journal(memory)
    killed(running)
    again = kept(path, keep=1, inputs_per_part=10)
    assert journal(again) == journal(memory)
    assert again.simulation.ledger.state() == memory.simulation.ledger.state()
    again.simulation.ledger.audit()
    again.close()


def test_the_file_has_no_lines_of_the_timeline_twice(path: Path) -> None:
    act = Act(at=Duration(MINUTE_MS), price=PriceAct(multiply=Factor(2_000_000)))
    running, memory = kept(path, conditions(timeline=(act,))), world(conditions(timeline=(act,)))
    for each in (running, memory):
        rent(each)
        each.simulation.advance(HOUR_MS)
        each.execute(AddCredit("alice", 5))
    killed(running)
    again = kept(path, conditions(timeline=(act,)))
    assert journal(again) == journal(memory)
    again.close()


def test_an_input_is_what_a_command_and_its_key_are() -> None:
    command = RentGpu("alice", "p", "g", "r", 1, "m", "i")
    given = Input(command, Key("k", b"\x00\xff"))
    decoded = msgspec.json.decode(msgspec.json.encode(given), type=Input)
    assert decoded == given


def test_the_simulation_in_the_file_is_the_one_that_was_asked_for(path: Path) -> None:
    running = kept(path)
    assert isinstance(running.simulation, Simulation)
    assert running.scenario.name == "test"
    running.close()


def test_a_journal_that_is_read_while_more_is_written_down_is_whole(path: Path) -> None:
    running = kept(path, inputs_per_part=4)
    for _ in range(9):
        running.execute(AddCredit("alice", 1))
    reading = running.journal()
    read = [next(reading), next(reading)]
    for _ in range(9):
        running.execute(AddCredit("alice", 1))
    read += reading
    assert b"".join(read) == journal(running)
    running.close()
