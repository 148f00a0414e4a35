"""The pytest plugin: a simulated GPU market for each test, in the fixture `gpu_sim`.

pytest loads it wherever this package is installed, so it imports nothing of the package: the fixtures do.
"""

import os
import re
import shlex
from collections.abc import Generator, Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from .testing import GpuSim, GpuSimServer
    from .testing.world_request import WorldRequest

_SIM: "pytest.StashKey[GpuSim]" = pytest.StashKey()
"""The world of a test until the test is over."""

_MARKER = (
    "gpu_sim(scenario, seed, profile, step): the world of the fixture `gpu_sim`: scenario a shipped name, a YAML file "
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
    """Refuse a wrong marker, also where the test does not use the fixture."""
    if item.get_closest_marker("gpu_sim") is not None:
        _world_request(item)


def _world_request(item: pytest.Item) -> "WorldRequest":
    """The world that the markers of a test ask for."""
    from .testing.world_request import WorldImpossible, request_from_markers

    try:
        return request_from_markers((marker.args, marker.kwargs) for marker in item.iter_markers("gpu_sim"))
    except WorldImpossible as error:
        _refuse(error)


def _refuse(error: Exception) -> NoReturn:
    raise pytest.fail.Exception(f"the world of this test cannot be made: {error}", pytrace=False) from None


@pytest.fixture(scope="session")
def gpu_sim_server(pytestconfig: pytest.Config) -> "Iterator[GpuSimServer]":
    """The server of the session's worlds: in a thread of this process, or that of --gpu-sim-url. Fails the test where
    that one does not answer."""
    from .testing.server import ServerRefused, ServerUnreachable, own_server, running_server

    given = {"--gpu-sim-url": pytestconfig.getoption("--gpu-sim-url"), "GPU_SIM_URL": os.environ.get("GPU_SIM_URL")}
    source, url = next(((source, url) for source, url in given.items() if url), ("", ""))
    if not url:
        with own_server() as server:
            yield server
        return
    try:
        with running_server(url, admin_token=os.environ.get("GPU_SIM_ADMIN_TOKEN")) as server:
            yield server
    except (ServerRefused, ServerUnreachable) as error:
        raise pytest.fail.Exception(f"{source}: {error}", pytrace=False) from None


@pytest.fixture
def gpu_sim(request: pytest.FixtureRequest, gpu_sim_server: "GpuSimServer") -> "Iterator[GpuSim]":
    """A world of this test alone: as its marker `gpu_sim` says, by default `calm` under a manual clock. Fails the test
    where such a world cannot be made."""
    from .testing.server import ScenarioError, ServerRefused, ServerUnreachable

    world = _world_request(request.node)
    try:
        sim = gpu_sim_server.new_world(world.found_in(request.path.parent, request.config.rootpath))
    except (ServerRefused, ServerUnreachable, ScenarioError) as error:
        _refuse(error)
    request.node.stash[_SIM] = sim
    yield sim
    gpu_sim_server.retire(sim)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the story of its world to the report of a failed test."""
    report = yield
    sim = item.stash.get(_SIM, None)
    if sim is None:
        return report
    if report.failed:
        report.sections.append(("gpu-sim", f"{sim.story()}\nthis test: {_line_of(item)}{_journal(item, sim)}"))
    if report.when == "teardown":
        del item.stash[_SIM]
    return report


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


def _journal(item: pytest.Item, sim: "GpuSim") -> str:
    """Write the journal of the test's world where the option asks for it; answers with a line for the report."""
    folder = item.config.getoption("--gpu-sim-journal")
    if folder is None:
        return ""
    # Tests in several files, or with several parameters, may share a name: the digest keeps their files apart.
    digest = blake2b(item.nodeid.encode(errors="replace"), digest_size=4).hexdigest()
    name = re.sub(r"[^A-Za-z0-9]+", "-", item.nodeid.rpartition("::")[2])[:80]
    try:
        content = sim.call("GET", "journal")
        file = item.config.invocation_params.dir / folder / f"{name}-{digest}.ndjson"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except Exception as error:  # noqa: BLE001  # whatever it is, it must not hide the failure that is being reported
        return f"\nno journal: {error}"
    return f"\nthis run of it: {shlex.join(['gpu-sim', 'replay', str(file)])}"
