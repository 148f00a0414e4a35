"""Keeping a world's run in a state file, and finding it again: what is written when, and how a run is recovered.

Every input is committed before it is applied. Every thousand inputs the journal's lines since then are written
down with their digest, every five thousand a snapshot is, and both sooner where the clock alone did much.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress

import msgspec
from msgspec import Struct

from .. import __version__
from ..core.journal import Mark, Recorded, chain_digest, decode_event, end_line, plain_quantity
from ..core.kernel.errors import Refusal
from ..core.run import Run, new_run, restored_run
from ..core.scenario.scenario import ClockSettings, Scenario, without_tokens
from ..core.simulation import Simulation
from ..core.snapshot import History, encode_state
from ..wall_clock import wall_epoch_ms
from .input import Input, decode_input
from .persistence import Unsaved
from .sqlite_store import ClockRow, Part, SnapshotRow, SqliteStore, StateUnavailable, StateUnusable

INPUTS_PER_PART = 1_000
INPUTS_PER_SNAPSHOT = 5_000
EVENTS_PER_PART = 50_000
WORK_PER_SNAPSHOT = 500_000
"""Scheduled events after which a snapshot is due, however few inputs there were."""


class Identity(Struct, frozen=True):
    """Which run a state file holds: only the same version, scenario and seed can go on with it."""

    version: str
    seed: int
    start_epoch_ms: int
    scenario: bytes


class StateFile:
    """One run and the file that holds it. `ended_written` rentals are in the file; the later ones must be held."""

    takes_own_snapshots_only = True

    def __init__(self, store: SqliteStore, *, inputs_per_part: int = INPUTS_PER_PART) -> None:
        self._store = store
        self._inputs_per_part = inputs_per_part
        self._inputs_per_snapshot = INPUTS_PER_SNAPSHOT // INPUTS_PER_PART * inputs_per_part
        self._forget()

    def _forget(self) -> None:
        self._inputs = self._part_inputs = self._snapshot_inputs = 0
        self._snapshot_work = 0
        self._parts = 0
        self.written = Mark()
        self._digest = b""
        self.ended_written = 0
        self._owed_clock: ClockSettings | None = None

    # Writing

    def begin(self, run: Run, clock: ClockSettings, tokens: Mapping[str, str], base: bytes = b"") -> None:
        """Begin the file anew with this run. Raises StateUnavailable, and then the file is as it was."""
        simulation = run.simulation
        identity = encode_state(_identity(simulation))
        with self._store.transaction():
            self._store.begin_run(identity, base)
            self._store.write_clock(_row(simulation.now_ms, clock))
            for account, token in tokens.items():
                self._store.write_token(token, account)
        self._begin_journal(simulation)

    def commit(self, now_ms: int, input_: Input, clock: ClockSettings, *, token: tuple[str, str] | None) -> None:
        """Write an input down, and with it where a running clock is and the token and account that it opens. Raises
        StateUnavailable: then it must not be applied."""
        with self._store.transaction():
            self._store.write_input(self._inputs + 1, now_ms, encode_state(input_))
            if clock.mode != "manual":  # that of a manual clock is written down whenever it moves
                self._store.write_clock(_row(now_ms, clock))
            if token is not None:
                self._store.write_token(*token)
        self._inputs += 1

    def commit_clock(self, now_ms: int, clock: ClockSettings) -> None:
        """Write down where the clock is about to be. Raises StateUnavailable: then it must not go there."""
        with self._store.transaction():
            self._store.write_clock(_row(now_ms, clock))
        self._owed_clock = None

    def follow_clock(self, now_ms: int, clock: ClockSettings) -> None:
        """Write down where the clock has come to; what the file does not take now it is offered again."""
        self._owed_clock = clock
        with suppress(StateUnavailable):
            self.commit_clock(now_ms, clock)

    def follow(self, run: Run) -> None:
        """Write down what is due of the journal, and a snapshot if one is. What the file does not take now it is
        offered again: until then the inputs are there."""
        simulation = run.simulation
        snapshot_due = (
            self._inputs - self._snapshot_inputs >= self._inputs_per_snapshot
            or simulation.scheduled - self._snapshot_work >= WORK_PER_SNAPSHOT
        )
        part_due = (
            self._inputs - self._part_inputs >= self._inputs_per_part
            or simulation.events_total - self.written.events >= EVENTS_PER_PART
        )
        if snapshot_due or part_due:
            with suppress(StateUnavailable):
                self.write_down(run, snapshot=snapshot_due)
        if self._owed_clock is not None:
            self.follow_clock(simulation.now_ms, self._owed_clock)

    def unsaved(self, simulation: Simulation) -> Unsaved:
        """What is not in the file yet."""
        end, written = simulation.journal_end, self.written
        rentals = simulation.rentals.ended_total - self.ended_written
        return Unsaved(rentals, end.events - written.events, end.lines - written.lines)

    def write_down(self, run: Run, *, snapshot: bool) -> None:
        """Write the journal's lines since the last time, and a snapshot if that is wanted. Raises StateUnavailable."""
        simulation = run.simulation
        lines = list(simulation.journal_lines(self.written))
        end, digest = simulation.journal_end, chain_digest(self._digest, lines)
        part = Part(self._parts + 1, self._inputs, simulation.now_ms, end.events, end.lines, digest, b"".join(lines))
        with self._store.transaction():
            self._store.write_part(part)
            if snapshot:
                held = simulation.rentals.ended_held, len(simulation.events)
                row = SnapshotRow(self._inputs, part.number, *held, run.state(with_ended=False))
                self._store.write_snapshot(row, self._ended_since(simulation))
        self._follow_part(part)
        if snapshot:
            self._note_snapshot(simulation)

    def close(self, run: Run, clock: ClockSettings) -> None:
        """Write down where the run is, as far as the file takes it, and let the file go."""
        with suppress(StateUnavailable):
            self.commit_clock(run.simulation.now_ms, clock)
            self.write_down(run, snapshot=True)
        self.release()

    def release(self) -> None:
        """Let the file go as it is."""
        self._store.close()

    def _ended_since(self, simulation: Simulation) -> Iterator[tuple[int, bytes]]:
        rentals = simulation.rentals
        for number, rental in rentals.ended_since(self.ended_written):
            yield number, encode_state(rental)

    def _follow_part(self, part: Part) -> None:
        self._parts, self._part_inputs = part.number, part.n
        self.written, self._digest = Mark(part.events, part.lines), part.digest

    def _note_snapshot(self, simulation: Simulation) -> None:
        self._snapshot_inputs, self._snapshot_work = self._inputs, simulation.scheduled
        self.ended_written = simulation.rentals.ended_total

    def _begin_journal(self, simulation: Simulation) -> None:
        self._forget()
        self.ended_written = simulation.rentals.ended_total - simulation.rentals.ended_held
        self.written = simulation.journal_began
        self._digest = chain_digest(b"", (simulation.journal_header(),))

    # Reading

    def journal(self, simulation: Simulation) -> Iterator[bytes]:
        """The whole journal, in stretches of lines, up to where it stands when its latest lines are asked for."""
        yield simulation.journal_header()
        number = 0
        while number < self._parts:  # more may come meanwhile
            number += 1
            yield self._store.part(number).content
        yield b"".join(simulation.journal_lines(self.written)) + end_line(simulation.now_ms)

    def tokens(self) -> dict[str, str]:
        """Tokens by account."""
        return {account: token for token, account in self._store.tokens().items()}

    def clock(self) -> tuple[int, int, ClockSettings]:
        """Where the clock was when it was last written down, in virtual ms, at which wall ms, and how it ran."""
        row = self._store.clock()
        try:
            settings = msgspec.json.decode(row.settings, type=ClockSettings, dec_hook=plain_quantity)
        except msgspec.MsgspecError as error:
            raise StateUnusable(f"{self._store.path} is damaged: {error}") from None
        return row.now_ms, row.wall_ms, settings

    def recover(self, expected: Simulation) -> Run:
        """The run in the file, as it was when the last input was committed. `expected` is a new run of what was asked
        for. Raises StateUnusable for another scenario, seed or version, for a damaged file, or where the replay goes
        another way than the run went."""
        encoded, base = self._store.run()
        try:
            identity = msgspec.json.decode(encoded, type=Identity)
            self._check_identity(identity, _identity(expected))
            row = self._store.snapshot()
            run = self._resumed(expected.scenario, identity, row, base)
            self._begin_journal(run.simulation)
            if row is not None:
                self._inputs = row.n
                self._follow_part(self._store.part(row.part))
                self._note_snapshot(run.simulation)
            self._replay(run, list(self._store.parts(after=self._parts)))
        except Refusal as refusal:
            raise StateUnusable(f"{self._store.path}: the run cannot be repeated: {refusal.message}") from None
        except msgspec.MsgspecError as error:
            raise StateUnusable(f"{self._store.path} is damaged: {error}") from None
        return run

    def _resumed(self, scenario: Scenario, identity: Identity, row: SnapshotRow | None, base: bytes) -> Run:
        """The run as of its last snapshot, or at its start."""
        seed, start = identity.seed, identity.start_epoch_ms
        if row is not None:
            latest = self._latest_events(row.part, row.held_events)
            history = History(latest, tuple(self._store.latest_ended(row.held_rentals)))
            return restored_run(scenario, row.state, seed=seed, start_epoch_ms=start, history=history)
        if base:
            return restored_run(scenario, base, seed=seed, start_epoch_ms=start)
        return new_run(scenario, seed=seed, start_epoch_ms=start)

    def _replay(self, run: Run, parts: list[Part]) -> None:
        simulation = run.simulation
        for n, at_ms, encoded in self._store.inputs(self._inputs):
            while parts and parts[0].n < n:
                self._check_part(simulation, parts.pop(0))
            input_ = decode_input(encoded)
            simulation.advance(at_ms)
            run.repeat(input_.line, input_.key)
            self._inputs = n
        for part in parts:
            self._check_part(simulation, part)

    def _check_part(self, simulation: Simulation, part: Part) -> None:
        simulation.advance(part.at_ms)
        if chain_digest(self._digest, simulation.journal_lines(self.written)) != part.digest:
            raise StateUnusable(
                f"{self._store.path}: repeating the run up to input {part.n} gives other events than it had; "
                "another version of the simulator wrote it"
            )
        self._follow_part(part)

    def _check_identity(self, found: Identity, asked: Identity) -> None:
        holds = ""
        if found.version != asked.version:
            holds = f"version {found.version} of the simulator, not of {asked.version}"
        elif found.scenario != asked.scenario:
            holds = "another scenario"
        elif found.seed != asked.seed:
            holds = f"seed {found.seed}, not of {asked.seed}"
        if holds:
            raise StateUnusable(
                f"{self._store.path} holds a run of {holds}: serve what it was made with, or give another file"
            )

    def _latest_events(self, part: int, count: int) -> list[Recorded]:
        """The latest so many events up to a part of the journal."""
        stretches: list[list[Recorded]] = []
        missing = count
        for number in range(part if count else 0, 0, -1):
            stretch = self._store.part(number)
            if number > 1 and chain_digest(self._store.part(number - 1).digest, _lines(stretch)) != stretch.digest:
                raise StateUnusable(f"{self._store.path} is damaged: the journal in it has been changed")
            lines = [line for line in _lines(stretch) if line.startswith(b'{"seq":')]
            latest = lines[max(0, len(lines) - missing) :]
            stretches.append([decode_event(line) for line in latest])
            missing -= len(latest)
            if not missing:
                break
        return [event for stretch in reversed(stretches) for event in stretch]


def _identity(simulation: Simulation) -> Identity:
    scenario: Scenario = without_tokens(simulation.scenario)
    return Identity(__version__, simulation.seed, simulation.start_epoch_ms, encode_state(scenario))


def _lines(part: Part) -> list[bytes]:
    return part.content.splitlines(keepends=True)


def _row(now_ms: int, clock: ClockSettings) -> ClockRow:
    return ClockRow(now_ms, wall_epoch_ms(), encode_state(clock))
