"""Which server the suite checks, and the worlds on it."""

from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import settings

from .document import load_document
from .examples import Examples
from .launch import running_server
from .profiles import LIVE, PROFILES, register_profiles
from .reporting import SIMULATED, TRACE, Reporting
from .spending import Spending, spend_limit
from .stage import ALICE, BOB, fresh_world, staged
from .target import NotApplicable, Target
from .trace import Trace

register_profiles()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the suite."""
    group = parser.getgroup("contract", "the contract suite")
    group.addoption("--base-url", default=None, metavar="URL", help="check this server, not one of our own")
    group.addoption("--token", default=None, metavar="TOKEN", help="token of an account there")
    group.addoption("--contract-profile", default=None, choices=sorted(PROFILES), help="how many examples: ci")
    group.addoption("--allow-spend", default=None, type=spend_limit, metavar="USD", help="what a live rental may cost")


def pytest_configure(config: pytest.Config) -> None:
    """Trace what is sent, and tell it where a clause fails."""
    config.stash[TRACE] = Trace()
    config.pluginmanager.register(Reporting(config), "contract-reporting")


@pytest.fixture(scope="session")
def profile(pytestconfig: pytest.Config) -> settings:
    """How many examples to try: as --contract-profile or --hypothesis-profile says, otherwise `ci`."""
    return PROFILES[_profile(pytestconfig)]


@pytest.fixture(scope="session")
def examples(pytestconfig: pytest.Config, profile: settings) -> Examples:
    """Goes above `given`: tries as many examples as the profile says."""
    return Examples(profile, pytestconfig.stash[TRACE])


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Iterator[Target]:
    """The server under test: the one given, or a simulator of our own."""
    base_url = pytestconfig.getoption("--base-url", None)
    token = pytestconfig.getoption("--token", None)
    if base_url is None:
        with running_server("scenario.yaml") as ready:
            yield from _connected(pytestconfig, ready.url, ready.token)
        return
    if token is None:
        raise pytest.UsageError("--base-url needs --token")
    yield from _connected(pytestconfig, base_url, token)


@pytest.fixture(scope="session")
def still(target: Target) -> Iterator[Target]:
    """A world on it in which nothing moves by itself: one of the suite's own where the server makes worlds, else that
    of the token, if its market stands still."""
    if target.can("worlds"):
        with staged(target, "scenario.yaml") as world:
            yield world
    else:
        target.require_still_market()
        yield target


@pytest.fixture
def world(still: Target) -> Target:
    """That world afresh, for Alice: both accounts, nothing rented."""
    return still.acting_as(fresh_world(still)[ALICE].token)


@pytest.fixture
def tokens(world: Target) -> dict[str, str]:
    """The tokens of the two accounts."""
    accounts = world.accounts()
    return {name: accounts[name].token for name in (ALICE, BOB)}


@pytest.fixture(scope="session")
def elsewhere(target: Target) -> Iterator[Target | None]:
    """Another world like it, if the server makes worlds."""
    if not target.can("worlds"):
        yield None
        return
    with staged(target, "scenario.yaml") as world:
        yield world


@pytest.fixture(scope="session")
def documented(target: Target) -> Iterator[Target]:
    """A world in the `documented` profile."""
    with staged(target, "scenario.yaml", profile="documented") as world:
        yield world


@pytest.fixture(scope="session")
def eventful(target: Target) -> Iterator[Target]:
    """A world in which prices rise, a provider is out and provisioning fails."""
    with staged(target, "eventful.yaml") as world:
        yield world


@pytest.fixture(scope="session")
def spending(target: Target, pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Iterator[Spending]:
    """Rents on the target itself as far as that may cost money, or in a world where money is play; whatever it rented
    is deleted at the end."""
    limit: Fraction | None = pytestconfig.getoption("--allow-spend", None)
    if limit is None and not target.has_control:
        raise NotApplicable("renting costs money here: --allow-spend USD says how much")
    stage: Target = target if limit is not None else request.getfixturevalue("still")
    with Spending(stage, limit) as allowed:
        yield allowed


def _profile(config: pytest.Config) -> str:
    names = [config.getoption(option, None) for option in ("--contract-profile", "--hypothesis-profile")]
    return next((name for name in names if name in PROFILES), "ci")


def _connected(config: pytest.Config, url: str, token: str) -> Iterator[Target]:
    is_live = _profile(config) == LIVE
    target = Target(url, token, load_document(), trace=config.stash[TRACE], hands_off=is_live)
    try:
        unfit = target.why_unfit()
        if unfit is not None:
            pytest.exit(f"the contract cannot be tried: {unfit}", returncode=2)
        config.stash[SIMULATED] = target.has_control
        yield target
    finally:
        target.close()
