"""How the suite tells what came of a clause: not applicable, and the requests that led to a failure."""

from collections.abc import Sequence
from typing import Any

import pytest

from .spending import Spending
from .target import NotApplicable, Target
from .trace import Trace
from .wire import Unanswered

CATEGORY = "not applicable"
MESSAGE = "message"
"""The user property of a failed clause that says what was wrong, in a line."""
REQUESTS = "requests"
"""The user property of a failed clause: its requests as lines for a shell."""
SERVER: pytest.StashKey[Target] = pytest.StashKey()
SIMULATED: pytest.StashKey[bool] = pytest.StashKey()
"""Whether the target has a control plane that is used."""
SPENDING: pytest.StashKey[Spending] = pytest.StashKey()
TRACE: pytest.StashKey[Trace] = pytest.StashKey()


class Reporting:
    """The hooks of one run."""

    def __init__(self, config: pytest.Config) -> None:
        self._stash = config.stash
        self._trace = config.stash[TRACE]
        self._token: str = config.getoption("--token", None) or ""
        self._url: str | None = config.getoption("--base-url", None)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """What other tests sent has nothing to do with this one."""
        self._trace.begin()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: "pytest.CallInfo[None]") -> Any:
        """A clause that raised NotApplicable neither held nor failed; one that failed tells how."""
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
            report.user_properties.append((MESSAGE, self._redacted(_first_line(report))))
            if self._token:
                report.longrepr = self._redacted(str(report.longrepr))
            if lines := self._trace.curls(self._token):
                report.user_properties.append((REQUESTS, lines))
                report.sections.append((f"{REQUESTS} (URL={self._url or 'of the server'})", "\n".join(lines)))
        return report

    def _look_whether_it_lives(self) -> None:
        """A server that has gone keeps no clause from holding: nothing more can be tried."""
        server = self._stash.get(SERVER, None)
        unfit = None if server is None else server.why_unfit()
        if unfit is not None:
            pytest.exit(f"the contract cannot be tried to its end: {self._redacted(unfit)}", returncode=2)

    def _redacted(self, text: str) -> str:
        """Without the token, which may be worth something."""
        return text.replace(self._token, "$TOKEN") if self._token else text

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Count those clauses by themselves."""
        return (CATEGORY, "n", CATEGORY.upper()) if reason_of(report) is not None else None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say of each such clause why."""
        reports = terminalreporter.stats.get(CATEGORY, [])
        if reports:
            terminalreporter.section("clauses that are not applicable to this server")
        for report in reports:
            terminalreporter.line(f"{report.nodeid}: {reason_of(report)}")


def reason_of(report: pytest.TestReport) -> str | None:
    """Why a clause is not applicable, if it is not."""
    found = property_of(report, CATEGORY)
    return None if found is None else str(found)


def message_of(report: pytest.TestReport) -> str:
    """What was wrong, in a line."""
    return str(property_of(report, MESSAGE) or _first_line(report))


def _first_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(report.longrepr) if crash is None else str(crash.message)
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0].removeprefix("AssertionError: ") if lines else "it failed"


def requests_of(report: pytest.TestReport) -> Sequence[str]:
    """The requests that led to a failure."""
    found: Sequence[str] = property_of(report, REQUESTS) or []
    return found


def property_of(report: pytest.TestReport, wanted: str) -> Any:
    """A user property of a report, or None."""
    return next((value for name, value in getattr(report, "user_properties", []) if name == wanted), None)
