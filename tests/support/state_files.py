"""Worlds kept in a state file, with the batches of a small run."""

from pathlib import Path
from typing import Any

from gpu_sim.core.kernel.quantities import Money
from gpu_sim.core.rentals.idempotency import Key
from gpu_sim.core.scenario.scenario import AccountSpec, ClockSettings, Scenario
from gpu_sim.worlds.retention import KEEP_DEFAULT
from gpu_sim.worlds.state_files.refusals import StateUnavailable
from gpu_sim.worlds.state_files.resumption import OnResume
from gpu_sim.worlds.state_files.rows import ClockRow
from gpu_sim.worlds.state_files.sqlite_store import SqliteStore
from gpu_sim.worlds.state_files.state_file import FileOptions, StateFile
from gpu_sim.worlds.state_files.state_reader import Report, inspected, unheard
from gpu_sim.worlds.world import World
from gpu_sim.worlds.worlds import Worlds

from .builders import QUIET, rent_command

MANUAL = ClockSettings(mode="manual")
CLOCK_ROW = ClockRow(0, 1, b"{}")


def begin(store: SqliteStore) -> None:
    """The start of a run that no scenario has."""
    with store.transaction():
        store.begin_run(b"identity", b"", 0)
        store.write_clock(CLOCK_ROW)
        store.write_token("si_b", "bob")
        store.write_token("si_a", "alice")


def write(store: SqliteStore) -> None:
    """One more input, of some size."""
    with store.transaction():
        store.write_input(0, b"x" * 1_000)


def fill(store: SqliteStore) -> int:
    """Write until the file is full; how often it took something."""
    for written in range(1_000):
        try:
            write(store)
        except StateUnavailable:
            return written
    raise AssertionError("the file is never full")


def opened(path: Path, *, accept_loss: bool = False) -> SqliteStore:
    """The file that is there, to be written."""
    with inspected(path, accept_loss=accept_loss) as reader:
        head = reader.head()
    return SqliteStore.open(path, head)


def conditions(**fields: Any) -> Scenario:
    """Alice with plenty on the quiet market under a manual clock."""
    given: dict[str, Any] = {"name": "test", "market": QUIET, "clock": MANUAL}
    given["accounts"] = (AccountSpec("alice", "si_alice", Money(10**9)),)
    return Scenario(**(given | fields))


def world(scenario: Scenario | None = None, **options: Any) -> World:
    """A world in memory."""
    made = World("default", conditions() if scenario is None else scenario, **options)
    Worlds().add(made)
    return made


def kept(
    path: Path,
    scenario: Scenario | None = None,
    *,
    inputs_per_part: int = 4,
    pages_max: int | None = None,
    keep: int = KEEP_DEFAULT,
    on_resume: OnResume = "catch-up",
    report: Report = unheard,
    **options: Any,
) -> World:
    """A world kept in that file."""
    return Worlds(keep=keep).open(
        path,
        conditions() if scenario is None else scenario,
        options=FileOptions(on_resume=on_resume, report=report, inputs_per_part=inputs_per_part, pages_max=pages_max),
        **options,
    )


def store_of(running: World) -> SqliteStore:
    """The database of a world in a state file."""
    assert isinstance(running.state_file, StateFile)
    return running.state_file._store


def files_of(path: Path) -> dict[Path, bytes]:
    """A state file and all that is beside it, with their contents."""
    return {file: file.read_bytes() for file in sorted(path.parent.glob(f"*{path.name}*"))}


def put_back(path: Path, files: dict[Path, bytes]) -> None:
    """Let these files be there again, and no others."""
    for file in files_of(path):
        file.unlink()
    for file, content in files.items():
        file.write_bytes(content)


def killed(running: World) -> None:
    """Leave the files as a kill does: as they are at that instant, without what closing them tidies up."""
    leave(store_of(running))


def leave(store: SqliteStore) -> None:
    """`killed` for the file alone."""
    left = files_of(store.path)
    store.close()
    put_back(store.path, left)


def journal(of: World) -> bytes:
    """The journal in one piece."""
    return b"".join(of.journal())


def rent(of: World, key: str | None = None) -> str:
    """Rent now; the rental's id."""
    rental = of.execute(rent_command(), None if key is None else Key(key, b"body"))
    assert rental is not None
    return rental.rental_id
