"""The verdict on each clause: held, failed, differs or not applicable, gathered from the tests that show it."""

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
    """One test of a clause and its verdict. `requests` are the `curl` lines that lead to the failure."""

    test: str
    verdict: Verdict
    reason: str = ""
    requests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause with its tests. It failed if one of them failed, and held if one held and none failed or differs."""

    id: str
    meaning: str
    checks: tuple[ClauseTest, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of its tests; `not applicable` if it has none."""
        found = {check.verdict for check in self.checks}
        return next((verdict for verdict in _RANK if verdict in found), "not applicable")

    @property
    def tried(self) -> tuple[int, int]:
        """The number of its tests that could be tried, and the number of its tests."""
        return sum(check.verdict != "not applicable" for check in self.checks), len(self.checks)

    @property
    def reason(self) -> str:
        """The reason why it is not applicable."""
        return next((check.reason for check in self.checks), NOTHING_SHOWS_IT)


class VerdictCollector:
    """A pytest plugin that gathers the reports of a run. After each test it calls `on_test` with the number of all
    tests, the number of those that are over, and the name of the latest."""

    def __init__(self, on_test: Callable[[int, int, str], None] | None = None) -> None:
        self._on_test = on_test
        self._reports: list[pytest.TestReport] = []
        self._total = self._over = 0
        self.ended_early: str | None = None
        """The reason why the run was broken off, if it was."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note the number of tests."""
        self._total = len(session.items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the reports that count: each test's own, and those of a set-up or tear-down that failed or skipped."""
        if report.when == "call" or not report.passed:
            self._reports.append(report)
        if report.when == "teardown" and self._on_test is not None:
            self._over += 1
            self._on_test(self._total, self._over, report.nodeid.rpartition("::")[2])

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note that the run was broken off, by hand or because nothing can be tried."""
        self.ended_early = str(excinfo.value) or "interrupted"

    def clauses(self, only: Collection[str] = ()) -> list[Clause]:
        """The clauses of the README in its order: all, or `only` these and those that failed on the way. A failure
        counts for the clause that it names; the test's own clause is then not applicable, since nothing was shown of
        it."""
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
    """The clauses of the contract's README, each with its meaning, in its order."""
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    found = (_is_clause(line) for line in lines)
    return {match[1]: match[2] for match in found if match is not None}


def as_json(clauses: Iterable[Clause], **about: Any) -> dict[str, Any]:
    """The verdicts as JSON values: the facts `about` the run, and each clause with its tests."""
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
