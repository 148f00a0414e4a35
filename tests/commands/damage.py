"""Damage state files at random and open them: `python -m tests.commands.damage --trials 1000`.

Files are made by real use, and closed or left as a kill leaves them. A copy gets one damage: flipped bits, a cut file,
edited, deleted, added or swapped rows, rows or files of another run, an older log or count beside a newer file. Then it
is refused in one line and left as it was, or all of it is there: the same journal, ledger and accounts. The one thing
that nobody can notice, all files as they were at an earlier time, is not tried.
"""

import argparse
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from gpu_sim.core.commands import AddCredit, CreateAccount, RentGpu, TerminateRental
from gpu_sim.core.kernel.clock import MINUTE_MS
from gpu_sim.core.kernel.errors import OfferUnavailable
from gpu_sim.core.scenario.scenario import ClockSettings
from gpu_sim.scenario_files.load import load_scenario
from gpu_sim.worlds.state_files.refusals import StateUnusable
from gpu_sim.worlds.state_files.state_file import FileOptions
from gpu_sim.worlds.world import World
from gpu_sim.worlds.worlds import Worlds

from ..support.processes import GPU_SIM, ROOT, environment
from ..support.state_files import files_of, journal, killed

Files = dict[str, bytes]
"""The contents of a state file and of what is beside it, by what their names have after its own."""
Facts = tuple[bytes, object, object]
"""All that must be there again: journal, ledger, and the tokens of the accounts."""

TABLES = ("head", "run", "tokens", "inputs", "parts", "ended", "snapshot")
RENT = RentGpu("alice", "gcp", "H100", "us-central1, US", 1, "m", "d")
MANUAL = ClockSettings(mode="manual")
SHAPES = ((1, 1_000, True), (60, 5, True), (60, 5, False), (400, 10, True), (1_500, 200, True), (1_500, 200, False))
"""Steps, inputs in a part of the journal, and true where the file is left as a kill leaves it. A snapshot comes with
every fifth part."""
SERVED_EVERY = 50
"""One in so many of the refused files is given to `gpu-sim serve` too."""


class Sample(NamedTuple):
    """The files that a use left, those from half way, and what must be found."""

    files: Files
    older: Files
    facts: Facts


class Wrong(Exception):
    """A damaged file was accepted, or refused in another way than in one line."""


def read(path: Path) -> Files:
    """The files at a path."""
    return {file.name.removeprefix(path.name): content for file, content in files_of(path).items()}


def place(path: Path, files: Files) -> None:
    """Let these files be at a path, and no others."""
    for file in files_of(path):
        file.unlink()
    for end, content in files.items():
        path.with_name(path.name + end).write_bytes(content)


def opened(path: Path, inputs_per_part: int = 1_000) -> tuple[Worlds, World]:
    """A server's worlds, with that of the file."""
    worlds = Worlds()
    options = FileOptions(inputs_per_part=inputs_per_part)
    return worlds, worlds.open(path, load_scenario("calm"), clock=MANUAL, options=options)


def facts(worlds: Worlds, world: World) -> Facts:
    """What is to be compared."""
    return journal(world), world.simulation.ledger.state(), dict(worlds.keyring.tokens_of(world))


def live(worlds: Worlds, world: World, steps: int, luck: random.Random) -> None:
    """Rent, end, give credit, open accounts, and let time pass."""
    rentals: list[str] = []
    for _ in range(steps):
        kind = luck.random()
        if kind < 0.35:
            with suppress(OfferUnavailable):
                rental = world.execute(RENT)
                assert rental is not None
                rentals.append(rental.rental_id)
        elif kind < 0.6 and rentals:
            world.execute(TerminateRental("alice", rentals.pop(luck.randrange(len(rentals)))))
        elif kind < 0.65:
            name = f"account-{len(world.simulation.accounts)}"
            world.apply(world.check(CreateAccount(name, 5)), token=(f"si_{name}", name))
            worlds.keyring.open_account(world, name, f"si_{name}")
        elif kind < 0.9:
            world.execute(AddCredit("alice", luck.randrange(1_000_000, 9_000_000)))
        else:
            now_ms = world.simulation.now_ms + luck.randrange(MINUTE_MS)
            world._commit_clock(now_ms)
            world.simulation.advance(now_ms)
            world.tidy()


def sample(path: Path, steps: int, inputs_per_part: int, *, kill: bool, luck: random.Random) -> Sample:
    """A file that was used for so many steps."""
    worlds, world = opened(path, inputs_per_part)
    world.execute(AddCredit("alice", 10**12))
    live(worlds, world, steps // 2, luck)
    older = read(path)
    live(worlds, world, steps - steps // 2, luck)
    known = facts(worlds, world)
    if kill:
        killed(world)
    else:
        world.close()
    return Sample(read(path), older, known)


# Damage to files


def flip_bits(of: Sample, _: Sample, luck: random.Random) -> Files:
    end = luck.choice(sorted(of.files))
    content = bytearray(of.files[end])
    for _number in range(luck.choice((1, 1, 1, 3))):
        content[luck.randrange(len(content))] ^= 1 << luck.randrange(8)
    return of.files | {end: bytes(content)}


def cut(of: Sample, _: Sample, luck: random.Random) -> Files:
    end = luck.choice(sorted(of.files))
    return of.files | {end: of.files[end][: luck.randrange(len(of.files[end]))]}


def cut_log(of: Sample, other: Sample, luck: random.Random) -> Files:
    log = of.files.get("-wal")
    return cut(of, other, luck) if log is None else of.files | {"-wal": log[: luck.randrange(len(log))]}


def write_noise(of: Sample, _: Sample, luck: random.Random) -> Files:
    end = luck.choice(sorted(of.files))
    content = bytearray(of.files[end])
    at, size = luck.randrange(len(content)), luck.choice((1, 16, 512, 4096))
    content[at : at + size] = luck.randbytes(len(content[at : at + size]))
    return of.files | {end: bytes(content)}


def lose_a_file(of: Sample, _: Sample, luck: random.Random) -> Files:
    if len(of.files) == 1:  # without any file a new run begins
        return cut(of, of, luck)
    gone = luck.choice(sorted(of.files))
    return {end: content for end, content in of.files.items() if end != gone}


def mixed(of: Files, with_: Files, luck: random.Random) -> Files:
    """Some files of one set beside the rest of the other, but not the whole of the other set."""
    while True:
        taken = {end: content for end, content in with_.items() if luck.random() < 0.5}
        if of | taken not in (of, with_):
            return of | taken


def mix_with_older(of: Sample, _: Sample, luck: random.Random) -> Files:
    return mixed(of.files, of.older, luck)


def mix_with_another_run(of: Sample, other: Sample, luck: random.Random) -> Files:
    # Of two files that were closed nothing can be mixed.
    sets = (other.older,) if len(of.files) == len(other.files) == 1 else (other.files, other.older)
    return mixed(of.files, luck.choice(sets), luck)


# Damage to rows


def edit(db: sqlite3.Connection, table: str, luck: random.Random) -> None:
    """Change one column of one row, to a value of its own type or of another."""
    names = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
    name, row = luck.choice(names), some_row(db, table, luck)
    value = luck.choice(
        (f"{name} + 1", f"{name} - 1", "'x'", "x'00'", "0", "1 << 62", f"{name} || 'x'", "''", "0.5", f"-{name}")
    )
    db.execute(f"UPDATE {table} SET {name} = {value} WHERE rowid = ?", (row,))


def delete(db: sqlite3.Connection, table: str, luck: random.Random) -> None:
    """Delete a row: any, the last one, or all."""
    which = luck.choice(("rowid = :row", f"rowid = (SELECT max(rowid) FROM {table})", "1"))
    db.execute(f"DELETE FROM {table} WHERE {which}", {"row": some_row(db, table, luck)})


def add(db: sqlite3.Connection, table: str, luck: random.Random) -> None:
    """Add a row like another, with the next number."""
    names = ", ".join([name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")][1:])
    last = f"(SELECT max(rowid) + 1 FROM {table})"
    db.execute(f"INSERT INTO {table} SELECT {last}, {names} FROM {table} WHERE rowid = ?", (some_row(db, table, luck),))


def swap(db: sqlite3.Connection, table: str, luck: random.Random) -> None:
    """Let two rows change places."""
    one, two = some_row(db, table, luck), some_row(db, table, luck)
    for before, after in ((one, -7), (two, one), (-7, two)):
        db.execute(f"UPDATE {table} SET rowid = ? WHERE rowid = ?", (after, before))


def renumber(db: sqlite3.Connection, table: str, luck: random.Random) -> None:
    """Move a row, or all from there on, by one."""
    row = some_row(db, table, luck)
    for (each,) in db.execute(f"SELECT rowid FROM {table} WHERE rowid >= ? ORDER BY rowid DESC", (row,)).fetchall():
        db.execute(f"UPDATE {table} SET rowid = rowid + 1 WHERE rowid = ?", (each,))


def take_from_another(db: sqlite3.Connection, table: str, luck: random.Random) -> None:
    """Put the row, or the rows, that another run has in the place of this one's."""
    which = luck.choice(("rowid = :row", "1"))
    db.execute(f"REPLACE INTO {table} SELECT * FROM other.{table} WHERE {which}", {"row": some_row(db, table, luck)})


def some_row(db: sqlite3.Connection, table: str, luck: random.Random) -> int:
    """The rowid of any row, or one that no row has."""
    rows = [row for (row,) in db.execute(f"SELECT rowid FROM {table}")]
    return luck.choice(rows) if rows else -1


def rows_by(change: Callable[[sqlite3.Connection, str, random.Random], None], folder: Path) -> "Damage":
    """The damage that a change of rows is, made by SQLite itself in a copy in that folder."""

    def damage(of: Sample, other: Sample, luck: random.Random) -> Files:
        path, beside = folder / "edited", folder / "beside"
        place(path, of.files)
        place(beside, other.files)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("ATTACH ? AS other", (str(beside),))
            db.execute("PRAGMA ignore_check_constraints = 1")
            while not db.total_changes:
                try:
                    change(db, luck.choice(TABLES), luck)
                except sqlite3.IntegrityError:  # not null, or a number that is taken
                    continue
        return read(path)

    return damage


Damage = Callable[[Sample, Sample, random.Random], Files]


def damages(folder: Path) -> dict[str, Damage]:
    """All kinds of damage by their names."""
    whole: tuple[Damage, ...] = (
        flip_bits,
        cut,
        cut_log,
        write_noise,
        lose_a_file,
        mix_with_older,
        mix_with_another_run,
    )
    rows = (edit, delete, add, swap, renumber, take_from_another)
    return {each.__name__: each for each in whole} | {each.__name__: rows_by(each, folder) for each in rows}


# Trials


def outcome(path: Path, of: Sample, files: Files) -> str:
    """`refused` or `recovered`. Raises Wrong."""
    place(path, files)
    try:
        worlds, world = opened(path)
    except StateUnusable as error:
        if read(path) != files:
            raise Wrong(f"refused, and the files were changed: {error}") from None
        if not str(error).isprintable():
            raise Wrong(f"not one line: {error}") from None
        return "refused"
    found = facts(worlds, world)
    world.close()
    if found != of.facts:
        raise Wrong("accepted with another journal, ledger or accounts")
    return "recovered"


def served(path: Path, files: Files) -> None:
    """Check that `gpu-sim serve` refuses the files in one line. Raises Wrong."""
    place(path, files)
    command = [*GPU_SIM, "serve", "--scenario", "calm", "--clock", "manual", "--port", "0", "--state", str(path)]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment(), check=False, capture_output=True, text=True, timeout=60
    )
    if (ended.returncode, ended.stdout, ended.stderr.count("\n")) != (2, "", 1) or read(path) != files:
        raise Wrong(f"serve ended with {ended.returncode}: {ended.stderr}")


def run(trials: int, seed: int, folder: Path, *, served_every: int = SERVED_EVERY) -> Counter[tuple[str, str]]:
    """So many trials; how often each damage had which outcome. Raises Wrong with the line that repeats it."""
    luck = random.Random(seed)
    samples = [
        sample(folder / f"sample-{number}.db", steps, size, kill=kill, luck=luck)
        for number, (steps, size, kill) in enumerate(SHAPES)
    ]
    kinds = damages(folder)
    counted: Counter[tuple[str, str]] = Counter()
    refused = 0
    for trial in range(1, trials + 1):
        of, other = luck.sample(samples, 2)
        name = luck.choice(sorted(kinds))
        own = random.Random(luck.getrandbits(64))
        try:
            files = kinds[name](of, other, own)
            found = outcome(folder / "damaged" / "state.db", of, files)
            if found == "refused":
                refused += 1
                if served_every and refused % served_every == 0:
                    served(folder / "damaged" / "state.db", files)
        except Exception as error:
            shape = SHAPES[next(number for number, each in enumerate(samples) if each is of)]
            raise Wrong(f"--seed {seed} --trials {trial}: {name} of {shape}: {error!r}") from error
        counted[name, found] += 1
    return counted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "damaged").mkdir()
        try:
            counted = run(arguments.trials, arguments.seed, Path(name))
        except Wrong as wrong:
            print(wrong, file=sys.stderr)
            return 1
    for kind in sorted({kind for kind, _ in counted}):
        print(f"{kind}: {counted[kind, 'refused']:,} refused, {counted[kind, 'recovered']:,} recovered")
    both = {found: sum(number for (_, each), number in counted.items() if each == found) for _, found in counted}
    print(f"{arguments.trials:,} trials with seed {arguments.seed}: {both}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
