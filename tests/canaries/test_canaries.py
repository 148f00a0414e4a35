"""The contract suite catches planted defects: a server with one of them fails it, by the clause expected, and for that
defect's sake."""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from ..support.processes import ROOT, environment
from .catalogue import CANARIES, UNFIT, Canary
from .verdict import BY_MACHINE, Verdict

PROCESSES = 2
FEW = 16
"""Canaries that one process tries sooner than a second one has started."""
SECONDS_MAX = 300

Verdicts = Mapping[str, Verdict]


@pytest.fixture(scope="module")
def verdicts(request: pytest.FixtureRequest) -> Verdicts:
    """The verdicts on the canaries that the selected tests are about; several processes share them out."""
    asking = [item for item in request.session.items if isinstance(item, pytest.Function)]
    wanted = [str(item.callspec.params["watched"]) for item in asking if "verdicts" in item.fixturenames]
    processes = PROCESSES if len(wanted) > FEW else 1
    shares = [wanted[first::processes] for first in range(processes)]
    with ThreadPoolExecutor(processes) as pool:
        found = [verdict for verdicts in pool.map(_watch, shares) for verdict in verdicts]
    names = (name for share in shares for name in share)
    return dict(zip(names, found, strict=True))


def _watch(names: Sequence[str]) -> list[Verdict]:
    if not names:
        return []
    command = [sys.executable, "-m", "tests.canaries.watch", *names]
    told = subprocess.run(
        command, cwd=ROOT, env=environment(), check=False, capture_output=True, text=True, timeout=SECONDS_MAX
    )
    assert told.returncode == 0, told.stderr
    return [msgspec.json.decode(line, type=Verdict) for line in told.stdout.splitlines()]


def tiers(birds: Iterable[Canary]) -> Iterator[object]:
    """The names of canaries as parameters: all are slow but the first of each kind of defect."""
    kinds = set[str]()
    for bird in birds:
        kind = bird.defect.__module__
        yield bird.name if kind not in kinds else pytest.param(bird.name, marks=pytest.mark.slow)
        kinds.add(kind)


@pytest.mark.parametrize("watched", [*tiers(CANARIES)])
def test_the_clause_catches(watched: str, verdicts: Verdicts) -> None:
    [bird] = [bird for bird in CANARIES if bird.name == watched]
    found = verdicts[watched]
    assert found.why_not_caught(bird.shows, crashes=bird.crashes) is None, found


@pytest.mark.slow
@pytest.mark.parametrize("watched", [bird.name + BY_MACHINE for bird in CANARIES if bird.machine])
def test_the_state_machine_finds_it_too(watched: str, verdicts: Verdicts) -> None:
    """By generated requests alone."""
    [bird] = [bird for bird in CANARIES if bird.name + BY_MACHINE == watched]
    assert bird.machine is not None
    found = verdicts[watched]
    assert found.why_not_caught(bird.machine) is None, found


WHY_UNFIT = {
    "nobody_comes_by": "nobody came by the planted piece",
    "nothing_is_wrong": "the clause holds",
    "everything_fails": "the clause failed because the server did",
    "something_else_is_wrong": "the clause failed for another reason",
}


@pytest.mark.parametrize("watched", sorted(WHY_UNFIT))
def test_a_canary_that_proves_nothing_is_told(watched: str, verdicts: Verdicts) -> None:
    [bird] = [bird for bird in UNFIT if bird.name == watched]
    assert verdicts[watched].why_not_caught(bird.shows) == WHY_UNFIT[watched]


def test_a_failure_that_is_no_assertion_is_no_catch() -> None:
    lost = Verdict("bird", exit_code=1, reached=3, ran=1, error="ConnectError", failure="assert 1 == 2")
    assert lost.why_not_caught("1 == 2") == "not the clause failed, but something else: ConnectError"


def test_a_run_without_a_test_is_no_catch() -> None:
    empty = Verdict("bird", exit_code=4, reached=0, ran=0, error="", failure="")
    assert empty.why_not_caught("") == "no test ran"


@pytest.mark.parametrize("bird", CANARIES, ids=lambda bird: bird.name)
def test_a_canary_names_a_clause_and_a_test_that_are_there(bird: Canary) -> None:
    file, _, name = bird.caught_by.partition("::")
    assert re.match(r"[FA]\d+: .+\.$", bird.says), bird.says
    assert re.search(
        rf"^def {name}\(", (ROOT / "contract" / "clauses" / file).read_text(encoding="utf-8"), re.MULTILINE
    )


def test_there_are_as_many_as_promised() -> None:
    assert len(CANARIES) >= 36
    assert sum(bird.machine is not None for bird in CANARIES) >= 3
