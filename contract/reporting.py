"""How the suite tells what came of a clause: not applicable, and the requests that led to a failure."""

from collections.abc import Sequence
from typing import Any

import pytest

from .target import NotApplicable
from .trace import Trace

CATEGORY = "not applicable"
REQUESTS = "requests"
"""The user property of a failed clause: its requests as lines for a shell."""
SIMULATED: pytest.StashKey[bool] = pytest.StashKey()
"""Whether the target has a control plane that is used."""
TRACE: pytest.StashKey[Trace] = pytest.StashKey()


class Reporting:
    """The hooks of one run."""

    def __init__(self, config: pytest.Config) -> None:
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
        elif report.failed and (lines := self._trace.curls(self._token)):
            report.user_properties.append((REQUESTS, lines))
            report.sections.append((f"{REQUESTS} (URL={self._url or 'of the server'})", "\n".join(lines)))
        return report

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


def requests_of(report: pytest.TestReport) -> Sequence[str]:
    """The requests that led to a failure."""
    found: Sequence[str] = property_of(report, REQUESTS) or []
    return found


def property_of(report: pytest.TestReport, wanted: str) -> Any:
    """A user property of a report, or None."""
    return next((value for name, value in getattr(report, "user_properties", []) if name == wanted), None)
