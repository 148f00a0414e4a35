"""Starts that are broken off, at any place and by anything: the next one goes on."""

import gc
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gpu_sim.core.kernel.clock import DEFAULT_START, HOUR_MS, epoch_ms
from gpu_sim.core.kernel.quantities import Factor
from gpu_sim.core.scenario.scenario import ClockSettings
from gpu_sim.worlds import catch_up, worlds
from gpu_sim.worlds.state_files import sqlite_store, state_file
from gpu_sim.worlds.state_files.commit_count import CommitCount
from gpu_sim.worlds.state_files.refusals import StateUnusable
from gpu_sim.worlds.state_files.sqlite_store import SqliteStore
from gpu_sim.worlds.state_files.state_file import StateFile
from gpu_sim.worlds.state_files.state_reader import StateReader
from gpu_sim.worlds.tokens import Keyring
from gpu_sim.worlds.world import World

from ...support.busy_world import busy_scenario
from ...support.state_files import MANUAL, conditions, files_of, journal, kept, killed, rent, store_of

PLACES: list[tuple[Any, str]] = [
    (worlds, "is_there"),
    (StateFile, "open"),
    (StateReader, "check_tables"),
    (StateReader, "check_rows"),
    (state_file, "recover"),
    (state_file, "resumption"),
    (sqlite_store, "connect"),
    (SqliteStore, "open"),
    (SqliteStore, "_begin"),
    (SqliteStore, "transaction"),
    (CommitCount, "__init__"),
    (CommitCount, "begin"),
    (CommitCount, "write"),
    (World, "__init__"),
    (World, "_resume"),
    (World, "_take_up"),
    (World, "tidy"),
    (StateFile, "follow"),
    (Keyring, "replace"),
]
BREAKS = [
    KeyboardInterrupt,
    pytest.param(TypeError, marks=pytest.mark.slow),
    pytest.param(MemoryError, marks=pytest.mark.slow),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The state file."""
    return tmp_path / "state.db"


def breaking(place: Any, *, early: bool, error: type[BaseException]) -> Callable[..., Any]:
    """A function that does not come to its end, or not back from it."""

    def broken(*given: Any, **named: Any) -> Any:
        if not early:
            place(*given, **named)
        raise error

    return broken


@pytest.mark.parametrize("error", BREAKS)
@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize(("owner", "name"), PLACES, ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.parametrize("left_by", [pytest.param("stop", marks=pytest.mark.slow), "kill"])
def test_a_start_that_is_broken_off_leaves_a_file_that_opens(
    path: Path, monkeypatch: pytest.MonkeyPatch, left_by: str, owner: Any, name: str, early: bool, error: Any
) -> None:
    running = kept(path)
    rental_id = rent(running)
    before = journal(running)
    running.close() if left_by == "stop" else killed(running)
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, breaking(getattr(owner, name), early=early, error=error))
        with pytest.raises(error):
            kept(path)
    gc.collect()  # what is left at the end of a process is closed as SQLite does it
    again = kept(path)
    assert journal(again) == before
    assert again.simulation.rentals.find(rental_id).status == "provisioning"
    again.close()
    assert list(files_of(path)) == [path]


@pytest.mark.parametrize("error", BREAKS)
@pytest.mark.parametrize(
    ("owner", "name"),
    [(StateFile, "create"), (SqliteStore, "create"), (SqliteStore, "open"), (World, "keep_in"), (Keyring, "replace")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_first_start_that_is_broken_off_leaves_no_file_or_one_that_opens(
    path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: Any
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, breaking(getattr(owner, name), early=False, error=error))
        with pytest.raises(error):
            kept(path)
    gc.collect()
    again = kept(path)
    rent(again)
    again.close()
    assert list(files_of(path)) == [path]


def test_a_process_that_ends_without_closing_its_file_leaves_one_that_opens(path: Path) -> None:
    """SQLite writes the log into the file and deletes it, and nobody says that the file was closed."""
    running = kept(path)
    rent(running)
    before = journal(running)
    store_of(running)._db.close()
    again = kept(path)
    assert journal(again) == before
    again.close()


# Catching up

FAST = ClockSettings(mode="scaled", speed=Factor(1_000_000_000))


def kept_at(path: Path, monkeypatch: pytest.MonkeyPatch, after_ms: int, **options: Any) -> World:
    """The busy world under a clock a thousand times as fast, started so long after the new year."""
    wall_ms = epoch_ms(DEFAULT_START) + after_ms
    monkeypatch.setattr("gpu_sim.worlds.state_files.state_file.wall_epoch_ms", lambda: wall_ms)
    monkeypatch.setattr("gpu_sim.worlds.world.wall_epoch_ms", lambda: wall_ms)
    return kept(path, busy_scenario(), clock=options.pop("clock", None), **options)


@pytest.fixture
def saved(path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world in the file, which is closed again."""
    running = kept_at(path, monkeypatch, 0, clock=FAST)
    running.close()
    return running


@pytest.mark.usefixtures("saved")
def test_a_catch_up_that_is_broken_off_is_gone_on_with_and_no_time_counts_twice(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_file, "EVENTS_PER_PART", 20)
    monkeypatch.setattr(state_file, "WORK_PER_SNAPSHOT", 100)
    steps: list[int] = []
    step = World.tidy

    def stop_later(of: World) -> None:
        step(of)
        steps.append(of.simulation.now_ms)
        if len(steps) == 150:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(World, "tidy", stop_later)
        with pytest.raises(KeyboardInterrupt):
            kept_at(path, monkeypatch, HOUR_MS)
    reached = steps[-1]
    assert 0 < reached < HOUR_MS * 1_000
    again = kept_at(path, monkeypatch, HOUR_MS)
    assert again.simulation.now_ms == HOUR_MS * 1_000
    whole = journal(again)
    again.close()
    other = kept_at(path.with_name("other.db"), monkeypatch, 0, clock=MANUAL)
    other.simulation.advance(HOUR_MS * 1_000)
    assert journal(other) == whole
    other.close()


@pytest.mark.usefixtures("saved")
def test_a_long_catch_up_says_how_far_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    seconds = iter(range(10**9))
    monkeypatch.setattr(catch_up, "stopwatch_ns", lambda: next(seconds) * 10**9)
    kept_at(path, monkeypatch, HOUR_MS, report=told.append).close()
    assert len(told) > 3
    assert told[0].startswith("catching up with the time that went by: at 2026-01-")
    assert told[0].endswith("of 2026-02-11T16:00:00.000Z (^C is safe: the next start goes on)")


@pytest.mark.usefixtures("saved")
def test_a_quick_catch_up_says_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(catch_up, "stopwatch_ns", lambda: 0)
    kept_at(path, monkeypatch, HOUR_MS, report=told.append).close()
    assert told == []


@pytest.mark.usefixtures("saved")
def test_a_clock_that_stood_while_no_server_ran_goes_on_from_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stood = kept_at(path, monkeypatch, HOUR_MS, on_resume="stand")
    assert stood.simulation.now_ms == 0
    assert stood.pacer.settings.mode == "scaled"
    killed(stood)
    again = kept_at(path, monkeypatch, HOUR_MS + 1_000)  # the hour does not come back
    assert again.simulation.now_ms == 1_000_000
    again.close()


@pytest.mark.usefixtures("saved")
def test_a_catch_up_past_the_end_of_the_calendar_is_refused_and_the_file_left_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(path)
    late = 8_500 * 366 * 24 * HOUR_MS // 1_000
    with pytest.raises(StateUnusable, match="past the end of the calendar; --on-resume stand goes on from there"):
        kept_at(path, monkeypatch, late)
    assert files_of(path) == before
    stood = kept_at(path, monkeypatch, late, on_resume="stand")
    assert stood.simulation.now_ms == 0
    stood.close()


def test_a_connection_that_fails_is_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(path).close()
    closed: list[object] = []

    class Connection(sqlite3.Connection):
        def close(self) -> None:
            closed.append(self)
            super().close()

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **named: connect(*given, factory=Connection, **named))
    monkeypatch.setattr(SqliteStore, "_begin", breaking(None, early=True, error=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        kept(path, conditions())
    assert len(closed) == 3  # twice to look, once to write
