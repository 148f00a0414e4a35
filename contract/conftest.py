"""Options and fixtures of the suite: the server under test, and the worlds on it."""

from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import settings

from .clauses.one_rental import OneRental, spend_limit
from .document.document import load_document
from .model.examples import Examples
from .model.fresh_world import ALICE, BOB, own_world, reset_world
from .model.profiles import LIVE, PROFILES, register_profiles
from .target.exit_signals import UnheardSignals
from .target.request_trace import RequestTrace
from .target.simulator_process import running_server
from .target.target import NotApplicable, Target
from .verdicts.clause_reports import ONE_RENTAL, SERVER, SIGNALS, SIMULATED, TRACE, ClauseReports

register_profiles()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the suite."""
    group = parser.getgroup("contract", "the contract suite")
    group.addoption("--base-url", default=None, metavar="URL", help="check this server, not one of our own")
    group.addoption("--token", default=None, metavar="TOKEN", help="token of an account there")
    group.addoption("--admin-token", default=None, metavar="SECRET", help="what its control plane asks for")
    group.addoption("--contract-profile", default=None, choices=sorted(PROFILES), help="how many examples: dev")
    group.addoption("--allow-spend", default=None, type=spend_limit, metavar="USD", help="what a live rental may cost")
    group.addoption("--model-id", default=None, metavar="MODEL", help="the model that the live rental names")
    group.addoption("--docker-image", default=None, metavar="IMAGE", help="the image that the live rental names")


def pytest_configure(config: pytest.Config) -> None:
    """Install the request trace, and the hooks that report on clauses."""
    config.stash[TRACE] = RequestTrace()
    config.pluginmanager.register(ClauseReports(config), "contract-reporting")


@pytest.fixture(scope="session")
def profile(pytestconfig: pytest.Config) -> settings:
    """The profile that --contract-profile or --hypothesis-profile names, otherwise `dev`.

    That is for pytest in a checkout, where `.ci/run` asks for `ci` as well: `gpu-sim verify` always names a profile.
    """
    return PROFILES[_profile(pytestconfig)]


@pytest.fixture(scope="session")
def examples(pytestconfig: pytest.Config, profile: settings) -> Examples:
    """The decorator above `given` that tries as many examples as the profile says."""
    return Examples(profile, pytestconfig.stash[TRACE])


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> Iterator[Target]:
    """The server under test, in the world of its token: the one given, or a simulator started here."""
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
def still_world(server: Target) -> Iterator[Target]:
    """A world in which nothing changes by itself: one made here if the server makes worlds, otherwise that of the
    token, if its market stands still."""
    if server.can("worlds"):
        with own_world(server, "scenario.yaml") as world:
            yield world
    else:
        server.require_still_market()
        yield server


@pytest.fixture
def world(still_world: Target) -> Target:
    """The still world, reset, with Alice's token: both accounts, nothing rented."""
    return still_world.acting_as(reset_world(still_world)[ALICE].token)


@pytest.fixture
def target(server: Target, request: pytest.FixtureRequest) -> Target:
    """The target of tests that need no control plane: a world made here, so that no other is touched, or the server
    itself."""
    found: Target = request.getfixturevalue("world") if server.can("worlds") else server
    return found


@pytest.fixture
def tokens(world: Target) -> dict[str, str]:
    """The tokens of the two accounts."""
    accounts = world.accounts()
    return {name: accounts[name].token for name in (ALICE, BOB)}


@pytest.fixture(scope="session")
def other_world(server: Target) -> Iterator[Target | None]:
    """A second still world, if the server makes worlds."""
    if not server.can("worlds"):
        yield None
        return
    with own_world(server, "scenario.yaml") as world:
        yield world


@pytest.fixture(scope="session")
def documented_world(server: Target) -> Iterator[Target]:
    """A world in the `documented` profile."""
    with own_world(server, "scenario.yaml", profile="documented") as world:
        yield world


@pytest.fixture(scope="session")
def eventful_world(server: Target) -> Iterator[Target]:
    """A world in which prices rise, a provider is out and provisioning fails."""
    with own_world(server, "eventful.yaml") as world:
        yield world


@pytest.fixture(scope="session")
def one_rental(server: Target, pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Iterator[OneRental]:
    """The one rental of `test_live.py`: on the server itself where it may cost money, otherwise in a world where money
    is not real. It is deleted at the end."""
    limit: Fraction | None = pytestconfig.getoption("--allow-spend", None)
    if limit is None and not server.has_control:
        raise NotApplicable("renting costs money here: --allow-spend USD says how much")
    where: Target = server if limit is not None else request.getfixturevalue("still_world")
    chosen = {
        name: pytestconfig.getoption(f"--{name.replace('_', '-')}", None) for name in ("model_id", "docker_image")
    }
    with OneRental(where, limit, {name: value for name, value in chosen.items() if value is not None}) as allowed:
        pytestconfig.stash[ONE_RENTAL] = allowed
        yield allowed


def _profile(config: pytest.Config) -> str:
    names = [config.getoption(option, None) for option in ("--contract-profile", "--hypothesis-profile")]
    return next((name for name in names if name in PROFILES), "dev")


def _connected(config: pytest.Config, url: str, token: str) -> Iterator[Target]:
    is_live = _profile(config) == LIVE
    admin_token = config.getoption("--admin-token", None)
    signals = config.stash.get(SIGNALS, UnheardSignals())
    target = Target(
        url,
        token,
        load_document(),
        trace=config.stash[TRACE],
        admin_token=admin_token,
        is_live=is_live,
        signals=signals,
    )
    try:
        unfit = target.why_unfit() or target.why_closed()
        if unfit is not None:
            pytest.exit(f"the contract cannot be tried: {unfit}", returncode=2)
        config.stash[SIMULATED] = target.has_control
        config.stash[SERVER] = target  # before anything is made there
        yield target
    finally:
        target.close()
