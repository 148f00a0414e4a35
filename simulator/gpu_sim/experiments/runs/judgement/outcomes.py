"""The outcomes of a run's expectations: each comparison, and the miss where it did not hold."""

from collections.abc import Iterator
from typing import NamedTuple

from ....core.scenario.experiment.expectation import comparisons
from ....core.scenario.scenario import Scenario
from ..run_result import Miss, RunResult


class Outcome(NamedTuple):
    """A comparison in words, with its place in the scenario and its miss, None where it held."""

    path: str
    words: str
    miss: Miss | None


def outcomes(scenario: Scenario, result: RunResult) -> Iterator[Outcome]:
    """Those of all comparisons of the scenario that was run, in order."""
    missed = {miss.path: miss for miss in result.misses}
    for index, expectation in comparisons(scenario.expect):
        path = f"expect.{index}"
        yield Outcome(path, expectation.in_words(), missed.get(path))
