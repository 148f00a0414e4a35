"""A state file: a world's run on disk, from which it goes on after a kill as if nothing had been.

Every input is committed before it is applied. Every thousand inputs the journal's lines since then are written
down with their digest, every five thousand a snapshot is, and both sooner where the clock alone did much.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from ...core.journal import chain_digest, end_line, plain_quantity
from ...core.run import Run
from ...core.scenario.scenario import ClockSettings, Scenario
from ...core.simulation import Simulation
from ...core.snapshot import encode_state
from ...wall_clock import wall_epoch_ms
from .file_position import FilePosition
from .input import Input
from .persistence import Unsaved
from .recovery import Identity, recover
from .refusals import StateUnavailable, damaged
from .resumption import OnResume, Resumption, resumption
from .rows import ClockRow, Part, SnapshotRow
from .sqlite_store import SqliteStore, Sync
from .state_reader import Report, inspected, unheard

INPUTS_PER_PART = 1_000
"""Inputs after which the journal's lines are written down. Until then they are held in memory, so there should not be
many; but each part costs a transaction, and the request that it falls on waits until all its lines are encoded."""

INPUTS_PER_SNAPSHOT = 5_000
"""Inputs after which a snapshot is written, with a part. A start repeats at most so many. A snapshot costs in
proportion to all that is there, not to what is new: with each part it would be most of a large world's work."""

EVENTS_PER_PART = 50_000
"""Events after which a part is due, however few inputs there were: a long advance must not fill the memory."""

WORK_PER_SNAPSHOT = 500_000
"""Scheduled events after which a snapshot is due, however few inputs there were: a start would have to go through all
the time that was advanced again."""


class FileOptions(Struct, frozen=True):
    """The settings of a state file. Only tests set the last two."""

    sync: Sync = "normal"
    on_resume: OnResume = "catch-up"
    accept_loss: bool = False
    """True goes on with a file although commits are missing from it."""
    report: Report = unheard
    inputs_per_part: int = INPUTS_PER_PART
    pages_max: int | None = None


DEFAULT_OPTIONS = FileOptions()


class SavedWorld(Struct, frozen=True):
    """A world as its state file knows it: the run, the way on of its clock, tokens by account."""

    state_file: "StateFile"
    run: Run
    resumption: Resumption
    tokens: Mapping[str, str]
    report: Report


class StateFile:
    """One run and the file that it is in."""

    takes_own_snapshots_only = True

    def __init__(self, store: SqliteStore, position: FilePosition, inputs_per_part: int) -> None:
        self._store = store
        self._position = position
        self._inputs_per_part = inputs_per_part
        self._inputs_per_snapshot = INPUTS_PER_SNAPSHOT // INPUTS_PER_PART * inputs_per_part
        self._owed_clock: ClockSettings | None = None

    # Opening

    @classmethod
    def create(
        cls,
        path: Path,
        run: Run,
        clock: ClockSettings,
        tokens: Mapping[str, str],
        options: FileOptions = DEFAULT_OPTIONS,
    ) -> "StateFile":
        """A new file that begins with this run. Raises StateUnusable, and then there is none, or that of another."""
        start = _Start.of(run, clock, tokens)
        store = SqliteStore.create(path, start.write, sync=options.sync, pages_max=options.pages_max)
        return cls(store, FilePosition(run.simulation), options.inputs_per_part)

    @classmethod
    def open(cls, path: Path, scenario: Scenario, seed: int, options: FileOptions = DEFAULT_OPTIONS) -> SavedWorld:
        """The world in the file, of which the run is built once. Raises StateUnusable for another scenario, seed or
        version, for a damaged file, and for one whose clock cannot go on; then the file is as it was."""
        with inspected(path, accept_loss=options.accept_loss, report=options.report) as reader:
            run, position = recover(reader, scenario, seed)
            head, tokens = reader.head(), reader.tokens()
            _check_tokens(path, tokens, run)
            try:
                clock = msgspec.json.decode(head.clock.settings, type=ClockSettings, dec_hook=plain_quantity)
            except msgspec.MsgspecError as error:
                raise damaged(path, error) from None
            way_on = resumption(path, run.simulation, clock, head.clock, wall_epoch_ms(), options.on_resume)
        store = SqliteStore.open(path, head, sync=options.sync, pages_max=options.pages_max)
        return SavedWorld(cls(store, position, options.inputs_per_part), run, way_on, tokens, options.report)

    # Writing

    def begin(self, run: Run, clock: ClockSettings, tokens: Mapping[str, str], base: bytes = b"") -> None:
        """Begin the file anew with this run. Raises StateUnavailable, and then the file is as it was."""
        # First the file, then the position in it: where the file refuses, both still belong to the run before.
        _Start.of(run, clock, tokens, base).write(self._store)
        self._position = FilePosition(run.simulation)
        self._owed_clock = None

    def commit(self, now_ms: int, input_: Input, clock: ClockSettings, *, token: tuple[str, str] | None) -> None:
        """Write an input down, and with it where a running clock is and the token and account that it opens. Raises
        StateUnavailable: then it must not be applied."""
        with self._store.transaction():
            self._store.write_input(now_ms, encode_state(input_))
            if clock.mode != "manual":  # that of a manual clock is written down whenever it moves
                self._store.write_clock(_row(now_ms, clock))
            if token is not None:
                self._store.write_token(*token)
        self._position.inputs += 1

    def commit_clock(self, now_ms: int, clock: ClockSettings) -> None:
        """Write down where the clock is about to be. Raises StateUnavailable: then it must not go there."""
        with self._store.transaction():
            self._store.write_clock(_row(now_ms, clock))
        self._owed_clock = None

    def follow_clock(self, now_ms: int, clock: ClockSettings) -> None:
        """Save the clock's position; on failure it is retried at the next `follow`."""
        self._owed_clock = clock
        with suppress(StateUnavailable):
            self.commit_clock(now_ms, clock)

    def follow(self, run: Run) -> None:
        """Write down what is due of the journal, and a snapshot if one is. What the file does not take now it is
        offered again: until then the inputs are there."""
        simulation, position = run.simulation, self._position
        snapshot_due = (
            position.inputs - position.snapshot_inputs >= self._inputs_per_snapshot
            or simulation.scheduled - position.work >= WORK_PER_SNAPSHOT
        )
        part_due = (
            position.inputs - position.part_inputs >= self._inputs_per_part
            or simulation.events_total - position.journal.events >= EVENTS_PER_PART
        )
        if snapshot_due or part_due:
            with suppress(StateUnavailable):
                self._write_part(run, with_snapshot=snapshot_due)
        if self._owed_clock is not None:
            self.follow_clock(simulation.now_ms, self._owed_clock)

    def unsaved(self, simulation: Simulation) -> Unsaved:
        """Counts what is not in the file yet. Rentals are written with snapshots only, so they wait for the next."""
        end, saved = simulation.journal_end, self._position.journal
        rentals = simulation.rentals.ended_total - self._position.ended_rentals
        return Unsaved(rentals, end.events - saved.events, end.lines - saved.lines)

    def _write_part(self, run: Run, *, with_snapshot: bool) -> None:
        """Write the journal's lines since the last time, and a snapshot if that is wanted. Raises StateUnavailable."""
        simulation, position = run.simulation, self._position
        lines = list(simulation.journal_lines(position.journal))
        end, digest = simulation.journal_end, chain_digest(position.digest, lines)
        part = Part(
            position.parts + 1, position.inputs, simulation.now_ms, end.events, end.lines, digest, b"".join(lines)
        )
        with self._store.transaction():
            self._store.write_part(part)
            if with_snapshot:
                held = simulation.rentals.ended_held, len(simulation.events)
                row = SnapshotRow(position.inputs, part.number, *held, run.state(with_ended=False))
                self._store.write_snapshot(row, self._ended_since_snapshot(simulation))
        # Only now, with all of it in the file: what the position counts may be dropped from memory.
        position.take_part(part)
        if with_snapshot:
            position.take_snapshot(simulation)

    def _ended_since_snapshot(self, simulation: Simulation) -> Iterator[tuple[int, bytes]]:
        for number, rental in simulation.rentals.ended_since(self._position.ended_rentals):
            yield number, encode_state(rental)

    def close(self, run: Run, clock: ClockSettings) -> None:
        """Write down where the run is, as far as the file takes it, and close."""
        with suppress(StateUnavailable):
            self.commit_clock(run.simulation.now_ms, clock)
            self._write_part(run, with_snapshot=True)
        self.release()

    def release(self) -> None:
        """Close the file as it is."""
        self._store.close()

    # Reading

    def journal(self, simulation: Simulation) -> Iterator[bytes]:
        """The whole journal, in stretches of lines, up to where it stands when its latest lines are asked for."""
        yield simulation.journal_header()
        number = 0
        while number < self._position.parts:  # more may come meanwhile
            number += 1
            yield self._store.reader.part(number).content
        yield b"".join(simulation.journal_lines(self._position.journal)) + end_line(simulation.now_ms)


class _Start(Struct, frozen=True):
    """All that is in a file when a run begins."""

    identity: bytes
    base: bytes
    ended_before: int
    clock: ClockRow
    tokens: Mapping[str, str]

    @classmethod
    def of(cls, run: Run, clock: ClockSettings, tokens: Mapping[str, str], base: bytes = b"") -> "_Start":
        simulation = run.simulation
        identity = Identity.of(simulation.scenario, seed=simulation.seed, start_epoch_ms=simulation.start_epoch_ms)
        ended_before = FilePosition(simulation).ended_rentals
        return cls(encode_state(identity), base, ended_before, _row(simulation.now_ms, clock), dict(tokens))

    def write(self, store: SqliteStore) -> None:
        """Begin a file, or begin it anew, in one transaction. Raises StateUnavailable."""
        with store.transaction():
            store.begin_run(self.identity, self.base, self.ended_before)
            store.write_clock(self.clock)
            for account, token in self.tokens.items():
                store.write_token(token, account)


def _row(now_ms: int, clock: ClockSettings) -> ClockRow:
    return ClockRow(now_ms, wall_epoch_ms(), encode_state(clock))


def _check_tokens(path: Path, tokens: Mapping[str, str], run: Run) -> None:
    """Check that each account has one token. Raises StateUnusable."""
    if tokens.keys() != run.simulation.accounts.keys() or len({*tokens.values()} - {""}) != len(tokens):
        raise damaged(path, "its tokens are not those of its accounts")
