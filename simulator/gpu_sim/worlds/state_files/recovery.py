"""Recovering a run from its state file: from the latest snapshot, and by repeating the inputs after it."""

import msgspec
from msgspec import Struct

from ... import __version__
from ...core.journal import Recorded, chain_digest, decode_event
from ...core.kernel.clock import CALENDAR_END, epoch_ms
from ...core.kernel.errors import Refusal
from ...core.run import Run, new_run, restored_run
from ...core.scenario.scenario import Scenario, canonical
from ...core.simulation import Simulation
from ...core.snapshot import History, encode_state
from .file_position import FilePosition
from .input import decode_input
from .refusals import StateUnusable, damaged
from .rows import Part, SnapshotRow
from .state_reader import StateReader


class Identity(Struct, frozen=True):
    """Which run a state file holds: only the same version, scenario and seed can go on with it."""

    version: str
    seed: int
    start_epoch_ms: int
    scenario: bytes

    @classmethod
    def of(cls, scenario: Scenario, *, seed: int, start_epoch_ms: int) -> "Identity":
        """The identity of a run of this version. Tokens are no part of it."""
        return cls(__version__, seed, start_epoch_ms, encode_state(canonical(scenario)))


def recover(reader: StateReader, scenario: Scenario, seed: int) -> tuple[Run, FilePosition]:
    """The run in the file, as it was when the last input was committed. Raises StateUnusable for another scenario, seed
    or version, for a damaged file, or where repeating the inputs gives other events than there were."""
    begun = reader.run()
    try:
        identity = msgspec.json.decode(begun.identity, type=Identity)
        # Before anything is built, as that takes long with very many offers.
        _check_identity(reader, identity, Identity.of(scenario, seed=seed, start_epoch_ms=identity.start_epoch_ms))
        row = reader.snapshot()
        run = _at_snapshot(reader, scenario, identity, row, begun.base)
        position = FilePosition(run.simulation)
        if row is not None:
            position.inputs = row.n
            position.take_part(reader.part(row.part))
            position.take_snapshot(run.simulation)
        _repeat(reader, run, position)
    except Refusal as refusal:
        raise StateUnusable(f"{reader.path}: the run cannot be repeated: {refusal.message}") from None
    except msgspec.MsgspecError as error:
        raise damaged(reader.path, error) from None
    return run, position


def _check_identity(reader: StateReader, found: Identity, asked: Identity) -> None:
    holds = ""
    if found.version != asked.version:
        holds = f"version {found.version} of the simulator, not of {asked.version}"
    elif found.scenario != asked.scenario:
        holds = "another scenario"
    elif found.seed != asked.seed:
        holds = f"seed {found.seed}, not of {asked.seed}"
    if holds:
        raise StateUnusable(f"{reader.path} holds a run of {holds}: serve what it was made with, or give another file")


def _at_snapshot(
    reader: StateReader, scenario: Scenario, identity: Identity, row: SnapshotRow | None, base: bytes
) -> Run:
    """The run as of its latest snapshot, or at its start."""
    seed, start = identity.seed, identity.start_epoch_ms
    if row is not None:
        latest = _latest_events(reader, row.part, row.held_events)
        history = History(latest, tuple(reader.latest_ended(row.held_rentals)))
        return restored_run(scenario, row.state, seed=seed, start_epoch_ms=start, history=history)
    if base:
        return restored_run(scenario, base, seed=seed, start_epoch_ms=start)
    return new_run(scenario, seed=seed, start_epoch_ms=start)


def _repeat(reader: StateReader, run: Run, position: FilePosition) -> None:
    simulation = run.simulation
    parts = list(reader.parts(after=position.parts))
    for n, at_ms, encoded in reader.inputs():
        # A part ends after its input, but before the next one: between them the clock may have moved.
        while parts and parts[0].n < n:
            _check_part(reader, simulation, position, parts.pop(0))
        input_ = decode_input(encoded)
        _advance(reader, simulation, at_ms)
        run.repeat(input_.line, input_.key)
        position.inputs = n
    for part in parts:
        _check_part(reader, simulation, position, part)


def _check_part(reader: StateReader, simulation: Simulation, position: FilePosition, part: Part) -> None:
    _advance(reader, simulation, part.at_ms)
    if chain_digest(position.digest, simulation.journal_lines(position.journal)) != part.digest:
        raise StateUnusable(
            f"{reader.path}: repeating the run up to input {part.n} gives other events than it had; "
            "another version of the simulator wrote it"
        )
    position.take_part(part)


def _advance(reader: StateReader, simulation: Simulation, to_ms: int) -> None:
    if not simulation.now_ms <= to_ms <= epoch_ms(CALENDAR_END) - simulation.start_epoch_ms:
        raise damaged(reader.path, f"the run in it goes from {simulation.now_ms:,} ms to {to_ms:,} ms")
    simulation.advance(to_ms)


def _latest_events(reader: StateReader, part: int, count: int) -> list[Recorded]:
    """The latest so many events up to a part of the journal."""
    stretches: list[list[Recorded]] = []
    missing = count
    for number in range(part if count else 0, 0, -1):
        lines = [line for line in reader.part(number).content.splitlines(keepends=True) if line.startswith(b'{"seq":')]
        latest = lines[max(0, len(lines) - missing) :]
        stretches.append([decode_event(line) for line in latest])
        missing -= len(latest)
        if not missing:
            break
    return [event for stretch in reversed(stretches) for event in stretch]
