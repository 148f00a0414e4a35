"""Pytest hooks that turn a test's outcome into a report on its clause: not applicable, differs, or failed with the
requests that led there."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from ..clauses.one_rental import OneRental
from ..target.exit_signals import ExitSignals
from ..target.request_trace import RequestTrace, Secrets, redacted
from ..target.server import Unanswered
from ..target.target import NotApplicable, Target

CATEGORY = "not applicable"
DIFFERS = "differs"
LEFT_OPEN = frozenset({"A10", "A14"})
"""Assumptions that only fill in what a fact leaves open: a service that does otherwise differs, and does not fail."""
MESSAGE = "message"
"""The user property of a failed test that says in one line what was wrong."""
REQUESTS = "requests"
"""The user property of a failed test with its requests as `curl` lines."""
SERVER: pytest.StashKey[Target] = pytest.StashKey()
SIMULATED: pytest.StashKey[bool] = pytest.StashKey()
"""True if the target has a control plane and it is used."""
ONE_RENTAL: pytest.StashKey[OneRental] = pytest.StashKey()
SIGNALS: pytest.StashKey[ExitSignals] = pytest.StashKey()
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
        """Begin a trace: requests of other tests do not belong to this one."""
        self._trace.begin()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: "pytest.CallInfo[None]") -> Any:
        """Report a test that raised NotApplicable as such, give a failed one its requests, and turn a failure into
        `differs` where a fact leaves the clause open to a real service."""
        report: pytest.TestReport = yield
        if call.excinfo is not None and isinstance(call.excinfo.value, NotApplicable):
            reason = str(call.excinfo.value)
            report.outcome = "skipped"
            report.longrepr = (str(item.path), item.location[1] or 0, f"{CATEGORY}: {reason}")
            report.user_properties.append((CATEGORY, reason))
            return report
        if call.excinfo is not None and isinstance(call.excinfo.value, Unanswered):
            self._end_if_the_server_is_gone()
        if report.failed:
            # Redacted before anything is kept: properties and sections go to the terminal and into JUnit files.
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

    def _end_if_the_server_is_gone(self) -> None:
        """End the run if the server no longer answers: that is no failure of the clauses still to come."""
        server = self._stash.get(SERVER, None)
        unfit = None if server is None else server.why_unfit()
        if unfit is not None:
            pytest.exit(f"the contract cannot be tried to its end: {redacted(unfit, self._secrets)}", returncode=2)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Count tests that are not applicable or differ apart from skipped ones."""
        names = {CATEGORY: "n", DIFFERS: "d"}
        found = next((name for name in names if property_of(report, name) is not None), None)
        return None if found is None else (found, names[found], found.upper())

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List the tests that are not applicable or differ, each with its reason."""
        told = {CATEGORY: "clauses that are not applicable to this server", DIFFERS: "clauses that it may do otherwise"}
        for category, title in told.items():
            reports = terminalreporter.stats.get(category, [])
            if reports:
                terminalreporter.section(title)
            for report in reports:
                terminalreporter.line(f"{report.nodeid}: {property_of(report, category)}")


def reason_of(report: pytest.TestReport) -> str | None:
    """The reason why a test is not applicable, or None."""
    found = property_of(report, CATEGORY)
    return None if found is None else str(found)


def clause_of(test: str) -> str | None:
    """The clause that a test shows, from the test's name."""
    found = _clause_in_name(test)
    return None if found is None else found[1].upper()


def clause_blamed(test: str, message: str) -> str | None:
    """The clause that a failure counts for: the one that its message names, otherwise that of the test."""
    found = _clause_blamed(message)
    return clause_of(test) if found is None else found[1]


def message_of(report: pytest.TestReport) -> str:
    """The failure in one line."""
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
    """The requests that led to a failure, as `curl` lines."""
    found: Sequence[str] = property_of(report, REQUESTS) or []
    return found


def property_of(report: pytest.TestReport, wanted: str) -> Any:
    """A user property of a report, or None."""
    return next((value for name, value in getattr(report, "user_properties", []) if name == wanted), None)
