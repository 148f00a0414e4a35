"""Replay of a journal: the same scenario, seed and commands must give the same bytes."""

from datetime import datetime
from itertools import zip_longest

from msgspec import Struct

from .journal import parse
from .kernel.clock import epoch_ms
from .kernel.errors import JournalInvalid, Refusal
from .run import new_run
from .scenario.market_settings import opening_offers
from .scenario.scenario import Scenario
from .scenario_problems import find_problems
from .simulation import Simulation


class Difference(Struct, frozen=True):
    """The first line, counted from 1, in which the journal and its replay differ; None where one has ended."""

    line: int
    recorded: bytes | None
    replayed: bytes | None


def _check(scenario: Scenario) -> None:
    if isinstance(scenario.market.catalog, str):
        raise JournalInvalid("a journal lists its offers, it names no catalogue", param="line 1")
    for each in (*scenario.market.recordings.availability, *scenario.market.recordings.prices):
        if isinstance(each.source, str):
            raise JournalInvalid("a journal has its recordings in it, it names no files", param="line 1")
    for path, problem in find_problems(scenario, opening_offers(scenario.market)):
        field = ".".join(str(part) for part in path)
        raise JournalInvalid(f"{field}: {problem}", param="line 1")


def replay(journal: bytes) -> tuple[Simulation, Difference | None]:
    """Run an exported journal again, and find the first difference. Raises JournalInvalid where it cannot be run."""
    header, decided, end_ms = parse(journal)
    try:
        start = epoch_ms(datetime.fromisoformat(header.start))
    except (ValueError, TypeError):
        raise JournalInvalid(f'start "{header.start}" is no instant in UTC', param="line 1") from None
    _check(header.scenario)
    if header.restored_from is not None:
        raise JournalInvalid("it goes on from a snapshot, without which it cannot be run", param="line 1")
    run = new_run(header.scenario, seed=header.seed, start_epoch_ms=start)
    simulation = run.simulation
    for line in decided:
        if line.at < simulation.now_ms:
            raise JournalInvalid("commands are out of order", param=f"at {line.at}")
        simulation.advance(line.at)
        try:
            run.repeat(line.command)
        except Refusal:
            break  # the line that is missing from the replay shows where
    else:
        if end_ms < simulation.now_ms:
            raise JournalInvalid("the journal ends before its last command", param=f"at {end_ms}")
        simulation.advance(end_ms)
    pairs = zip_longest(journal.splitlines(keepends=True), simulation.journal())
    for number, (recorded, replayed) in enumerate(pairs, 1):
        if recorded != replayed:
            return simulation, Difference(number, recorded, replayed)
    return simulation, None
