"""Running a journal again: the same scenario, seed and commands must give the same bytes."""

from datetime import datetime
from itertools import zip_longest

from msgspec import Struct

from .clock import epoch_ms
from .errors import JournalInvalid, Refusal
from .faults import FaultDecision, FaultLine, FaultRuleAdded, FaultRuleRemoved, FaultState
from .journal import parse
from .scenario import Scenario, find_problems, opening_offers
from .simulation import Simulation


class Difference(Struct, frozen=True):
    """The first line, counted from 1, in which the journal and its replay differ; None where one has ended."""

    line: int
    recorded: bytes | None
    replayed: bytes | None


def _check(scenario: Scenario) -> None:
    if isinstance(scenario.market.catalog, str):
        raise JournalInvalid("a journal lists its offers, it names no catalogue", param="line 1")
    for path, problem in find_problems(scenario, opening_offers(scenario.market)):
        field = ".".join(str(part) for part in path)
        raise JournalInvalid(f"{field}: {problem}", param="line 1")


def _repeat(line: FaultLine, faults: FaultState, now_ms: int) -> None:
    """Decide once more about a request that the same rules matched, or change the rules. Raises FaultNotFound."""
    if isinstance(line, FaultDecision):
        faults.decide_among(line.matched, line.operation, line.account, now_ms)
    elif isinstance(line, FaultRuleAdded):
        faults.add(line.rule, now_ms)
    elif isinstance(line, FaultRuleRemoved):
        faults.remove(line.name)
    else:
        faults.reset(now_ms)


def replay(journal: bytes) -> tuple[Simulation, Difference | None]:
    """Run an exported journal again and compare. Raises JournalInvalid where it cannot be run."""
    header, decided, end_ms = parse(journal)
    try:
        start = epoch_ms(datetime.fromisoformat(header.start))
    except (ValueError, TypeError):
        raise JournalInvalid(f'start "{header.start}" is no instant in UTC', param="line 1") from None
    _check(header.scenario)
    simulation = Simulation(header.scenario, seed=header.seed, start_epoch_ms=start)
    faults = FaultState(header.scenario.faults, header.seed, simulation.write_down)
    for line in decided:
        if line.at < simulation.now_ms:
            raise JournalInvalid("commands are out of order", param=f"at {line.at}")
        simulation.advance(line.at)
        try:
            if isinstance(line.command, FaultLine):
                _repeat(line.command, faults, simulation.now_ms)
            else:
                simulation.execute(line.command)
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
