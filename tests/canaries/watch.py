"""Canaries under the contract suite, one after the other: `python -m tests.canaries.watch NAME...`.

One process tries them all: it plants the defect, serves, runs the clause that is to catch it as the
suite does for any server, and clears the defect away. What came of each is a line of JSON. `NAME:machine` runs the
state machine instead of the clause.
"""

import os
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gpu_sim import load_scenario, serve_in_thread
from gpu_sim.core.scenario.scenario import ClockSettings
from hypothesis import Phase, settings

from contract.model.profiles import PROFILES

from .catalogue import CANARIES, UNFIT, Canary, Soil
from .verdict import BY_MACHINE, MACHINE, Verdict

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "contract"
CLAUSES = SUITE / "clauses"
AS_FOUND = "as-found"
"""The profile `ci`, but that a failing history is not made smaller: nobody reads it here."""

PROFILES[AS_FOUND] = settings(PROFILES["ci"], phases=[Phase.explicit, Phase.generate])


class Witness:
    """A pytest plugin that keeps the first failure of a run, as the statement and what it said, and counts what ran."""

    def __init__(self) -> None:
        self.ran = 0
        self.failure = ""
        self.error = ""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: "pytest.CallInfo[None]") -> Any:
        """Look at each phase of each test."""
        report: pytest.TestReport = yield
        self.ran += call.when == "call"
        if report.failed and call.excinfo is not None and not self.error:
            self.error = call.excinfo.type.__name__
            self.failure = f"{call.excinfo.traceback[-1].statement}\n{call.excinfo.value}".strip()
        return report


def watch(bird: Canary, test: str, profile: str) -> Verdict:
    """Serve the canary, and run one test of the suite against it."""
    soil, witness = Soil(), Witness()
    bird.defect(soil)
    try:
        scenario = load_scenario(str(SUITE / "scenario.yaml"))
        with serve_in_thread(scenario, clock=ClockSettings(mode="manual")) as ready, redirect_stdout(StringIO()):
            arguments = [
                str(CLAUSES / test),
                "--exitfirst",
                "-vvv",
                "-p",
                "no:cacheprovider",
                "--contract-profile",
                profile,
            ]
            code = pytest.main([*arguments, "--base-url", ready.url, "--token", ready.token], plugins=[witness])
    finally:
        soil.clear()
    return Verdict(bird.name, int(code), soil.reached, witness.ran, witness.error, witness.failure)


def main(names: list[str]) -> None:
    """Watch the canaries of these names."""
    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    known = {bird.name: bird for bird in (*CANARIES, *UNFIT)}
    for name in names:
        bird = known[name.removesuffix(BY_MACHINE)]
        by_machine = name.endswith(BY_MACHINE)
        verdict = watch(bird, MACHINE if by_machine else bird.caught_by, AS_FOUND if by_machine else "ci")
        print(msgspec.json.encode(verdict).decode(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
