"""The pytest plugin: a simulated GPU market for each test, in the fixture `gpu_sim`, or for several in wider ones.

pytest loads it wherever this package is installed, so it imports nothing of the package: the fixtures do.
"""

import os
import re
import shlex
from collections.abc import Generator, Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from .testing import GpuSim, GpuSimServer
    from .testing.world_request import WorldRequest

_SIMS: "pytest.StashKey[dict[str, GpuSim]]" = pytest.StashKey()
"""The worlds of a test, a class, a module or the session, by the fixtures that gave them."""

_WIDER_FIXTURES = ("gpu_sim_class", "gpu_sim_module", "gpu_sim_session")

_MARKER = (
    "gpu_sim(scenario, seed, profile, step): the world of the fixture `gpu_sim`, and on a class or a module that of "
    "`gpu_sim_class` or `gpu_sim_module`: scenario a shipped name, a YAML file "
    'or a document ("calm"), seed of all luck, profile "extended" or "documented", step by which the clock moves '
    "before each request to the API"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options that name a running server and a folder for journals."""
    group = parser.getgroup("gpu-sim", "a simulated GPU market (gpu-market-simulator)")
    group.addoption(
        "--gpu-sim-url",
        default=None,
        metavar="URL",
        help="make the worlds of the tests on this server, not on one of the plugin's own; also GPU_SIM_URL "
        "(and GPU_SIM_ADMIN_TOKEN where its control plane needs one)",
    )
    group.addoption(
        "--gpu-sim-journal",
        default=None,
        metavar="DIR",
        help="write the journal of the world of each test that fails to a file in this folder, for gpu-sim replay",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker `gpu_sim`."""
    config.addinivalue_line("markers", _MARKER)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a wrong marker, also where the test does not use the fixture, and one that no world of the test heeds."""
    if item.get_closest_marker("gpu_sim") is None:
        return
    _world_request(item)
    used = _fixture_names(item)
    wider = next((name for name in _WIDER_FIXTURES if name in used), None)
    is_its_own = any(marker.name == "gpu_sim" for marker in item.own_markers)
    if is_its_own and wider is not None and "gpu_sim" not in used:
        _refuse(f"the marker of a test is not heeded by {wider}: put it where that is shared, or take gpu_sim")


def _fixture_names(item: pytest.Item) -> Sequence[str]:
    """The fixtures that a test uses, itself or by way of others."""
    names: Sequence[str] = getattr(item, "fixturenames", ())  # items of other plugins, such as files, may have none
    return names


def _world_request(node: pytest.Item | pytest.Collector) -> "WorldRequest":
    """The world that the markers of a test ask for, or those of a class or a module."""
    from .testing.world_request import WorldImpossible, request_from_markers

    try:
        return request_from_markers((marker.args, marker.kwargs) for marker in node.iter_markers("gpu_sim"))
    except WorldImpossible as error:
        _refuse(error)


def _refuse(error: object) -> NoReturn:
    raise pytest.fail.Exception(f"the world of this test cannot be made: {error}", pytrace=False) from None


@pytest.fixture(scope="session")
def gpu_sim_server(pytestconfig: pytest.Config) -> "Iterator[GpuSimServer]":
    """The server of the session's worlds: one of the plugin's own, or that of --gpu-sim-url. Its `world(…)` makes more
    worlds, for fixtures of any scope. Fails the test where it does not answer."""
    from .testing.server import ServerRefused, ServerUnreachable, server_by_environment

    option = pytestconfig.getoption("--gpu-sim-url")
    source = "--gpu-sim-url: " if option else "GPU_SIM_URL: " if os.environ.get("GPU_SIM_URL") else ""
    try:
        with server_by_environment(option) as server:
            yield server
    except (ServerRefused, ServerUnreachable) as error:
        raise pytest.fail.Exception(f"{source}{error}", pytrace=False) from None


@pytest.fixture
def gpu_sim(request: pytest.FixtureRequest, gpu_sim_server: "GpuSimServer") -> "Iterator[GpuSim]":
    """A world of this test alone: as its marker `gpu_sim` says, by default `calm` under a manual clock. Fails the test
    where such a world cannot be made."""
    yield from _world_of(request, gpu_sim_server)


@pytest.fixture(scope="class")
def gpu_sim_class(request: pytest.FixtureRequest, gpu_sim_server: "GpuSimServer") -> "Iterator[GpuSim]":
    """A world that the tests of a class share: as the marker `gpu_sim` of the class says, or that of its module."""
    yield from _world_of(request, gpu_sim_server)


@pytest.fixture(scope="module")
def gpu_sim_module(request: pytest.FixtureRequest, gpu_sim_server: "GpuSimServer") -> "Iterator[GpuSim]":
    """A world that the tests of a module share: as the module's `pytestmark` says."""
    yield from _world_of(request, gpu_sim_server)


@pytest.fixture(scope="session")
def gpu_sim_session(request: pytest.FixtureRequest, gpu_sim_server: "GpuSimServer") -> "Iterator[GpuSim]":
    """A world that all tests of the session share, of the scenario `calm`: no marker is about it."""
    yield from _world_of(request, gpu_sim_server)


def _world_of(request: pytest.FixtureRequest, server: "GpuSimServer") -> "Iterator[GpuSim]":
    """The world of a fixture, as the markers of its scope say."""
    from .testing.server import ScenarioError, ServerRefused, ServerUnreachable

    world = _world_request(request.node)
    beside = () if request.scope == "session" else (request.path.parent,)
    try:
        sim = server.new_world(world.found_in(*beside, request.config.rootpath))
    except (ServerRefused, ServerUnreachable, ScenarioError) as error:
        _refuse(error)
    assert request.fixturename is not None
    request.node.stash.setdefault(_SIMS, {})[request.fixturename] = sim
    yield sim
    server.retire(sim)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the stories of its worlds to the report of a failed test."""
    report = yield
    if report.failed:
        for name, sim in _worlds_used(item).items():
            title = "gpu-sim" if name == "gpu_sim" else f"gpu-sim, {name}"
            report.sections.append((title, f"{sim.story()}\nthis test: {_line_of(item)}{_journal(item, name, sim)}"))
    if report.when == "teardown" and _SIMS in item.stash:
        del item.stash[_SIMS]
    return report


def _worlds_used(item: pytest.Item) -> "dict[str, GpuSim]":
    """The worlds of a test and those that it shares with others, by their fixtures."""
    shared = {name: sim for node in item.listchain() for name, sim in node.stash.get(_SIMS, {}).items()}
    return {name: sim for name, sim in shared.items() if name == "gpu_sim" or name in _fixture_names(item)}


def _line_of(item: pytest.Item) -> str:
    """The command that runs this test alone, from where pytest was started."""
    file, separator, name = item.nodeid.partition("::")
    try:
        file = os.path.relpath(item.config.rootpath / file, item.config.invocation_params.dir)
    except ValueError:  # on another drive
        file = str(item.config.rootpath / file)
    arguments = ["pytest", file + separator + name]
    url = item.config.getoption("--gpu-sim-url")
    return shlex.join([*arguments, "--gpu-sim-url", url] if url else arguments)


def _journal(item: pytest.Item, fixture: str, sim: "GpuSim") -> str:
    """Write the journal of a world of the test where the option asks for it; answers with a line for the report."""
    folder = item.config.getoption("--gpu-sim-journal")
    if folder is None:
        return ""
    # Tests in several files, or with several parameters, may share a name: the digest keeps their files apart.
    known_as = item.nodeid if fixture == "gpu_sim" else f"{item.nodeid} {fixture}"
    digest = blake2b(known_as.encode(errors="replace"), digest_size=4).hexdigest()
    name = re.sub(r"[^A-Za-z0-9]+", "-", item.nodeid.rpartition("::")[2])[:80]
    try:
        content = sim.call("GET", "journal")
        file = item.config.invocation_params.dir / folder / f"{name}-{digest}.ndjson"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except Exception as error:  # noqa: BLE001  # whatever it is, it must not hide the failure that is being reported
        return f"\nno journal: {error}"
    return f"\nthis run of it: {shlex.join(['gpu-sim', 'replay', str(file)])}"
