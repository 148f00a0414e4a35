"""What came of each clause: held, failed, differs or not applicable, gathered from the tests that show it."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pytest

from .. import FOLDER
from .clause_reports import clause_blamed, clause_of, message_of, reason_of, requests_of

Verdict = Literal["held", "failed", "differs", "not applicable"]

NOTHING_SHOWS_IT = "nothing here shows it: see the end of contract/README.md"

_is_clause = re.compile(r"\| ([FA][0-9]+) \| (.*?) \|").match
_RANK: tuple[Verdict, ...] = ("failed", "differs", "held", "not applicable")


@dataclass(frozen=True, slots=True)
class ClauseTest:
    """One test of a clause. `requests` are lines for a shell that lead to the failure."""

    test: str
    verdict: Verdict
    reason: str = ""
    requests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause with what its tests say. It failed if one of them failed, and held if one held and none failed."""

    id: str
    meaning: str
    checks: tuple[ClauseTest, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst that a test says, or that there is nothing to say."""
        found = {check.verdict for check in self.checks}
        return next((verdict for verdict in _RANK if verdict in found), "not applicable")

    @property
    def tried(self) -> tuple[int, int]:
        """How many of its tests could be tried, and how many there are."""
        return sum(check.verdict != "not applicable" for check in self.checks), len(self.checks)

    @property
    def reason(self) -> str:
        """Why it is not applicable."""
        return next((check.reason for check in self.checks), NOTHING_SHOWS_IT)


class VerdictCollector:
    """A pytest plugin that gathers them. `on_test` is told how many tests there are, how many are over, and the name
    of the latest."""

    def __init__(self, on_test: Callable[[int, int, str], None] | None = None) -> None:
        self._on_test = on_test
        self._reports: list[pytest.TestReport] = []
        self._total = self._over = 0
        self.ended_early: str | None = None
        """Why the run came to nothing, if it did."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """All tests are known."""
        self._total = len(session.items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what counts: the test itself, and a set-up or tear-down that did not go well."""
        if report.when == "call" or not report.passed:
            self._reports.append(report)
        if report.when == "teardown" and self._on_test is not None:
            self._over += 1
            self._on_test(self._total, self._over, report.nodeid.rpartition("::")[2])

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """It was broken off, by hand or since there is nothing to try."""
        self.ended_early = str(excinfo.value) or "interrupted"

    def clauses(self, only: Collection[str] = ()) -> list[Clause]:
        """Every clause of the README in its order, or those asked for and those that failed on the way. A failure
        counts for the clause that it names: what got in the way of a test says nothing about the clause that the test
        is about."""
        checks: dict[str, list[ClauseTest]] = defaultdict(list)
        for report in self._reports:
            own, check = clause_of(report.nodeid), _checked(report)
            if own is None:
                continue
            went_wrong = check.verdict in ("failed", "differs")
            name = (clause_blamed(report.nodeid, check.reason) or own) if went_wrong else own
            if name != own:
                checks[own].append(ClauseTest(check.test, "not applicable", f"{name} got in the way: {check.reason}"))
            checks[name].append(check)
        return [
            Clause(name, meaning, tuple(checks[name]))
            for name, meaning in meanings().items()
            if not only or name in only or any(check.verdict == "failed" for check in checks[name])
        ]


def meanings() -> Mapping[str, str]:
    """The numbered clauses of the contract's README, in its order."""
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    found = (_is_clause(line) for line in lines)
    return {match[1]: match[2] for match in found if match is not None}


def as_json(clauses: Iterable[Clause], **about: Any) -> dict[str, Any]:
    """The verdicts as plain values: `about` the run, and each clause with its tests."""
    rows = [{**asdict(clause), "verdict": clause.verdict} for clause in clauses]
    return {**about, "clauses": rows}


def _checked(report: pytest.TestReport) -> ClauseTest:
    test = report.nodeid.rpartition("::")[2]
    reason = reason_of(report)
    if reason is not None:
        return ClauseTest(test, "not applicable", reason)
    if report.passed:
        return ClauseTest(test, "held")
    verdict: Verdict = "failed" if report.failed else "differs"
    return ClauseTest(test, verdict, message_of(report), tuple(requests_of(report)))
