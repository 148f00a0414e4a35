"""Worlds kept in a state file, with the batches of a small run."""

from pathlib import Path
from typing import Any

from gpu_sim.core.kernel.quantities import Money
from gpu_sim.core.rentals.idempotency import Key
from gpu_sim.core.scenario.scenario import AccountSpec, ClockSettings, Scenario
from gpu_sim.worlds.retention import KEEP_DEFAULT
from gpu_sim.worlds.state_files.sqlite_store import SqliteStore
from gpu_sim.worlds.state_files.state_file import FileOptions, StateFile
from gpu_sim.worlds.world import World
from gpu_sim.worlds.worlds import Worlds

from .builders import QUIET, rent_command

MANUAL = ClockSettings(mode="manual")


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
    **options: Any,
) -> World:
    """A world kept in that file."""
    return Worlds(keep=keep).open(
        path,
        conditions() if scenario is None else scenario,
        options=FileOptions(inputs_per_part=inputs_per_part, pages_max=pages_max),
        **options,
    )


def store_of(running: World) -> SqliteStore:
    """The database of a world in a state file."""
    assert isinstance(running.state_file, StateFile)
    return running.state_file._store


def killed(running: World) -> None:
    """Leave the files as a kill does: as they are at that instant, without what closing them tidies up."""
    store = store_of(running)
    files = [store.path, store.path.with_name(store.path.name + "-wal")]
    left = {file: file.read_bytes() for file in files if file.exists()}
    store._db.close()
    for file, content in left.items():
        file.write_bytes(content)


def journal(of: World) -> bytes:
    """The journal in one piece."""
    return b"".join(of.journal())


def rent(of: World, key: str | None = None) -> str:
    """Rent now; the rental's id."""
    rental = of.execute(rent_command(), None if key is None else Key(key, b"body"))
    assert rental is not None
    return rental.rental_id
