"""How the suite tells what came of a clause: not applicable, and the requests that led to a failure."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from ..clauses.one_rental import OneRental
from ..target.request_trace import RequestTrace, Secrets, redacted
from ..target.server import Unanswered
from ..target.target import NotApplicable, Target

CATEGORY = "not applicable"
DIFFERS = "differs"
LEFT_OPEN = frozenset({"A10", "A14"})
"""Assumptions about which a fact leaves a live service free: one that does it otherwise differs, it does not fail."""
MESSAGE = "message"
"""The user property of a failed clause that says what was wrong, in a line."""
REQUESTS = "requests"
"""The user property of a failed clause: its requests as lines for a shell."""
SERVER: pytest.StashKey[Target] = pytest.StashKey()
SIMULATED: pytest.StashKey[bool] = pytest.StashKey()
"""Whether the target has a control plane that is used."""
ONE_RENTAL: pytest.StashKey[OneRental] = pytest.StashKey()
TRACE: pytest.StashKey[RequestTrace] = pytest.StashKey()


_clause_blamed = re.compile(r"([FA][0-9]+)[ :,]").match
_clause_in_name = re.compile(r"::test_([fa][0-9]+)_").search


class ClauseReports:
    """The hooks of one run."""

    def __init__(self, config: pytest.Config) -> None:
        self._stash = config.stash
        self._trace = config.stash[TRACE]
        given = {"ADMIN_TOKEN": config.getoption("--admin-token", None), "TOKEN": config.getoption("--token", None)}
        self._secrets: Secrets = {secret: name for name, secret in given.items() if secret}
        self._url: str | None = config.getoption("--base-url", None)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """What other tests sent has nothing to do with this one."""
        self._trace.begin()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: "pytest.CallInfo[None]") -> Any:
        """A clause that raised NotApplicable neither held nor failed; one that failed tells how; one that a fact leaves
        open does not fail on a service that does it otherwise."""
        report: pytest.TestReport = yield
        if call.excinfo is not None and isinstance(call.excinfo.value, NotApplicable):
            reason = str(call.excinfo.value)
            report.outcome = "skipped"
            report.longrepr = (str(item.path), item.location[1] or 0, f"{CATEGORY}: {reason}")
            report.user_properties.append((CATEGORY, reason))
            return report
        if call.excinfo is not None and isinstance(call.excinfo.value, Unanswered):
            self._look_whether_it_lives()
        if report.failed:
            message = redacted(_first_line(report), self._secrets)
            report.user_properties.append((MESSAGE, message))
            if self._secrets:
                report.longrepr = redacted(str(report.longrepr), self._secrets)
            if lines := self._trace.curls(self._secrets):
                report.user_properties.append((REQUESTS, lines))
                report.sections.append((f"{REQUESTS} (URL={self._url or 'of the server'})", "\n".join(lines)))
            if not self._stash.get(SIMULATED, False) and clause_blamed(report.nodeid, message) in LEFT_OPEN:
                report.outcome = "skipped"
                report.longrepr = (str(item.path), item.location[1] or 0, f"{DIFFERS}: {message}")
                report.user_properties.append((DIFFERS, message))
        return report

    def _look_whether_it_lives(self) -> None:
        """A server that has gone keeps no clause from holding: nothing more can be tried."""
        server = self._stash.get(SERVER, None)
        unfit = None if server is None else server.why_unfit()
        if unfit is not None:
            pytest.exit(f"the contract cannot be tried to its end: {redacted(unfit, self._secrets)}", returncode=2)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Count those clauses by themselves."""
        names = {CATEGORY: "n", DIFFERS: "d"}
        found = next((name for name in names if property_of(report, name) is not None), None)
        return None if found is None else (found, names[found], found.upper())

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say of each such clause why."""
        told = {CATEGORY: "clauses that are not applicable to this server", DIFFERS: "clauses that it may do otherwise"}
        for category, title in told.items():
            reports = terminalreporter.stats.get(category, [])
            if reports:
                terminalreporter.section(title)
            for report in reports:
                terminalreporter.line(f"{report.nodeid}: {property_of(report, category)}")


def reason_of(report: pytest.TestReport) -> str | None:
    """Why a clause is not applicable, if it is not."""
    found = property_of(report, CATEGORY)
    return None if found is None else str(found)


def clause_of(test: str) -> str | None:
    """The clause that a test is about, by its name."""
    found = _clause_in_name(test)
    return None if found is None else found[1].upper()


def clause_blamed(test: str, message: str) -> str | None:
    """The clause that a failure counts for: the one that it names, otherwise that of the test."""
    found = _clause_blamed(message)
    return clause_of(test) if found is None else found[1]


def message_of(report: pytest.TestReport) -> str:
    """What was wrong, in a line."""
    return str(property_of(report, MESSAGE) or _first_line(report))


def _first_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(report.longrepr) if crash is None else str(crash.message)
    lines = [line.removeprefix("AssertionError: ") for line in text.splitlines() if line.strip()]
    if not lines:
        return "it failed"
    compared = next((line for line in lines[1:] if line.startswith("assert ")), None)
    return lines[0] if compared is None else f"{lines[0]} ({compared})"


def requests_of(report: pytest.TestReport) -> Sequence[str]:
    """The requests that led to a failure."""
    found: Sequence[str] = property_of(report, REQUESTS) or []
    return found


def property_of(report: pytest.TestReport, wanted: str) -> Any:
    """A user property of a report, or None."""
    return next((value for name, value in getattr(report, "user_properties", []) if name == wanted), None)
