"""Which server the suite checks, and how clauses that it cannot show are reported."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import settings

from .document import load_document
from .launch import running_server
from .profiles import PROFILES, register_profiles
from .stage import ALICE, BOB, fresh_world
from .target import NotApplicable, Target

CATEGORY = "not applicable"

register_profiles()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the suite."""
    group = parser.getgroup("contract", "the contract suite")
    group.addoption("--base-url", default=None, metavar="URL", help="check this server, not one of our own")
    group.addoption("--token", default=None, metavar="TOKEN", help="token of an account there")
    group.addoption("--contract-profile", default=None, choices=sorted(PROFILES), help="how many examples: ci")


@pytest.fixture(scope="session")
def profile(pytestconfig: pytest.Config) -> settings:
    """How many examples to try: as --contract-profile or --hypothesis-profile says, otherwise `ci`."""
    names = [pytestconfig.getoption(option, None) for option in ("--contract-profile", "--hypothesis-profile")]
    return next((PROFILES[name] for name in names if name in PROFILES), PROFILES["ci"])


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Iterator[Target]:
    """The server under test: the one given, or a simulator of our own."""
    base_url = pytestconfig.getoption("--base-url", None)
    token = pytestconfig.getoption("--token", None)
    if base_url is not None and token is None:
        raise pytest.UsageError("--base-url needs --token")
    with ExitStack() as stack:
        if base_url is None:
            ready = stack.enter_context(running_server("scenario.yaml"))
            base_url, token = ready.url, ready.token
        connected = _connected(stack, base_url, token)
        unfit = connected.why_unfit()
        if unfit is not None:
            pytest.exit(f"the contract cannot be tried: {unfit}", returncode=2)
        yield connected


@pytest.fixture
def world(target: Target) -> Target:
    """The server with its world fresh, for Alice: both accounts, nothing rented. Needs a market that stands still."""
    target.require_still_market()
    return target.acting_as(fresh_world(target)[ALICE].token)


@pytest.fixture
def tokens(world: Target) -> dict[str, str]:
    """The tokens of the two accounts."""
    accounts = world.accounts()
    return {name: accounts[name].token for name in (ALICE, BOB)}


@pytest.fixture(scope="session")
def documented(pytestconfig: pytest.Config) -> Iterator[Target]:
    """A simulator of our own in the `documented` profile."""
    yield from _own_server(pytestconfig, "scenario.yaml", "--profile", "documented")


@pytest.fixture(scope="session")
def eventful(pytestconfig: pytest.Config) -> Iterator[Target]:
    """A simulator of our own in which prices rise, a provider is out and provisioning fails."""
    yield from _own_server(pytestconfig, "eventful.yaml")


def _own_server(config: pytest.Config, scenario: str, *options: str) -> Iterator[Target]:
    if config.getoption("--base-url", None) is not None:
        raise NotApplicable(f"needs a server started on {scenario} {' '.join(options)}".rstrip())
    with ExitStack() as stack:
        ready = stack.enter_context(running_server(scenario, *options))
        yield _connected(stack, ready.url, ready.token)


def _connected(stack: ExitStack, url: str, token: str) -> Target:
    target = Target(url, token, load_document())
    stack.callback(target.close)
    return target


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[None]") -> Any:
    """A clause that raised NotApplicable neither held nor failed."""
    report: pytest.TestReport = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, NotApplicable):
        reason = str(call.excinfo.value)
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.location[1] or 0, f"{CATEGORY}: {reason}")
        report.user_properties.append((CATEGORY, reason))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count those clauses by themselves."""
    return (CATEGORY, "n", CATEGORY.upper()) if _reason(report) is not None else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say of each such clause why."""
    reports = terminalreporter.stats.get(CATEGORY, [])
    if reports:
        terminalreporter.section("clauses that are not applicable to this server")
    for report in reports:
        terminalreporter.line(f"{report.nodeid}: {_reason(report)}")


def _reason(report: pytest.TestReport) -> str | None:
    found = [value for name, value in getattr(report, "user_properties", []) if name == CATEGORY]
    return str(found[0]) if found else None
