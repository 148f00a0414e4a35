"""The server that makes the worlds of a test session: one of its own, in a thread or a process, or one that runs
already."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ..client.connection import ControlConnection, ServerRefused, ServerUnreachable
from ..client.control_client import ControlClient
from ..scenario_files.problems import ScenarioError
from .gpu_sim import GpuSim
from .heartbeat import WORLD_TTL, Heartbeat
from .server_process import server_process
from .unknown_token_requests import UnknownTokenRequests
from .world_request import DEFAULT_SCENARIO, Profile, WorldRequest, checked_request, clock_of, with_profile

READY_SECONDS_MAX = 5.0
"""The time that a server which runs already may take to say that it is ready."""

__all__ = ["GpuSimServer", "ScenarioError", "ServerRefused", "ServerUnreachable", "own_server", "running_server"]


class _Made(Struct):
    """A world as the server answers when it has made it."""

    world: str
    seed: int
    tokens: dict[str, str]


class GpuSimServer:
    """A server, and the worlds that are made on it."""

    def __init__(self, control: ControlClient, heartbeat: Heartbeat | None = None) -> None:
        """Without a `heartbeat` it is a server that nobody else uses, and ends with the session."""
        self._control = control
        self._heartbeat = heartbeat
        self._made = 0
        self._retired: list[tuple[int, GpuSim]] = []
        """Worlds of tests that are over, each with the number of worlds that had been made by then."""
        self._documents: dict[tuple[Path, int], dict[str, Any]] = {}

    @property
    def url(self) -> str:
        """Its address; the API is under `/v1`, the control plane under `/_sim`."""
        return self._control.url

    @contextmanager
    def world(
        self,
        scenario: str | Path | Mapping[str, Any] = DEFAULT_SCENARIO,
        *,
        seed: int | None = None,
        profile: Profile | None = None,
        step: str | timedelta | None = None,
    ) -> Iterator[GpuSim]:
        """A world as the marker `gpu_sim` would ask for it, until the block ends: for fixtures of any scope, and for
        several worlds in one test.

        An exception that leaves the block gets a note with the story of the world. Raises ValueError, which names the
        argument, ServerRefused, ServerUnreachable, and ScenarioError for a file that cannot be used.
        """
        with self.given_world(checked_request(scenario, seed, profile, step)) as sim:
            yield sim

    @contextmanager
    def given_world(self, request: WorldRequest) -> Iterator[GpuSim]:
        """A world as requested, until the block ends; see `world`."""
        sim = self.new_world(request)
        try:
            yield sim
        except Exception as error:
            error.add_note(f"gpu-sim: {sim.story()}")
            raise
        finally:
            sim.leave()
            self._end(sim)

    def new_world(self, request: WorldRequest) -> GpuSim:
        """Make a world as requested, under a manual clock; the caller ends it. Raises ServerRefused, ServerUnreachable,
        and ScenarioError for a file that cannot be used."""
        self._made += 1
        scenario = request.scenario if request.file is None else self._document(request.file)
        document = scenario if isinstance(scenario, Mapping) else None
        body = {
            "scenario": scenario if request.profile is None else with_profile(scenario, request.profile),
            "clock": clock_of(request, document),
            "seed": request.seed,
            "ttl": None if self._heartbeat is None else WORLD_TTL,
        }
        unknown_token_requests = UnknownTokenRequests(self._control, is_own_server=self._heartbeat is None)
        made = msgspec.json.decode(self._control.call("POST", "worlds", body), type=_Made)
        if self._heartbeat is not None:
            self._heartbeat.add(made.world)
        return GpuSim(self._control, made.world, made.seed, made.tokens, request, unknown_token_requests)

    def retire(self, sim: GpuSim) -> None:
        """Return the world of a test, a module or a session that is over. It is deleted when that of a later test is
        returned, so that a failure in a later fixture can still show it. Later requests with an unknown token are not
        its."""
        # First, while the log has no requests of the next test yet.
        sim.leave()
        # Those of the same teardown stay: a test may have several, and is reported on once all are returned.
        for made, earlier in self._retired:
            if made < self._made:
                self._end(earlier)
        self._retired = [(made, earlier) for made, earlier in self._retired if made == self._made]
        self._retired.append((self._made, sim))

    def close(self) -> None:
        """End the last worlds, and remember their stories."""
        for _, sim in self._retired:
            # The last test's report is written after the fixtures of the session have ended, and the server with them.
            sim.remember()
        for _, sim in self._retired:
            self._end(sim)
        self._retired.clear()
        if self._heartbeat is not None:
            self._heartbeat.close()
        self._control.close()

    def _end(self, sim: GpuSim) -> None:
        if self._heartbeat is not None:
            self._heartbeat.remove(sim.world)
        # Its test is over: a server that fails now must not fail the test that happens to run.
        with suppress(ServerRefused, ServerUnreachable):
            sim.end()

    def _document(self, file: Path) -> dict[str, Any]:
        from ..scenario_files.document import scenario_document  # noqa: PLC0415  # few tests bring a file of their own

        # Tests may rewrite a file, so the time of its last change is part of the key.
        key = (file, file.stat().st_mtime_ns if file.exists() else 0)
        if key not in self._documents:
            self._documents[key] = scenario_document(file)
        return self._documents[key]


@contextmanager
def own_server() -> Iterator[GpuSimServer]:
    """A server on a free loopback port until the block ends: in a thread of this process, and in a process of its own
    where threads are replaced, or may be. Raises ServerUnreachable where it does not start."""
    from ..server.patched_threads import threads_patchable_by, threads_patched_by  # noqa: PLC0415  # see below

    with ExitStack() as served:
        if by := threads_patched_by():
            url = served.enter_context(server_process(f"{by} has replaced the threads of this one"))
        elif by := threads_patchable_by():
            url = served.enter_context(server_process(f"{by} is installed and may replace the threads of this one"))
        else:
            from ..scenario_files.load import load_scenario  # noqa: PLC0415  # with --gpu-sim-url no server is loaded
            from ..server.serving import serve_in_thread  # noqa: PLC0415  # with --gpu-sim-url no server is loaded

            url = served.enter_context(serve_in_thread(load_scenario("calm"))).url
        control = ControlClient(ControlConnection(url))
        yield served.enter_context(closing(GpuSimServer(control)))


@contextmanager
def running_server(url: str, *, admin_token: str | None) -> Iterator[GpuSimServer]:
    """The server at that address. Raises ServerUnreachable where it does not answer soon, as a simulator does."""
    # A connection of its own: the short limit is for a wrong address, and a long advance takes longer.
    with closing(ControlConnection(url, admin_token=admin_token, seconds_max=READY_SECONDS_MAX)) as hasty:
        if b'"ready"' not in ControlClient(hasty).call("GET", "ready"):
            raise ServerUnreachable(f"{url} is no simulator that is ready")
    control, beats = (ControlClient(ControlConnection(url, admin_token=admin_token)) for _ in range(2))
    with closing(GpuSimServer(control, Heartbeat(beats))) as server:
        yield server


def server_by_environment(url: str | None, admin_token: str | None = None) -> AbstractContextManager[GpuSimServer]:
    """The server at that address, else that of GPU_SIM_URL, else one of this process's own. Without an admin token that
    of GPU_SIM_ADMIN_TOKEN is used."""
    url = url or os.environ.get("GPU_SIM_URL")
    if not url:
        return own_server()
    return running_server(url, admin_token=admin_token or os.environ.get("GPU_SIM_ADMIN_TOKEN"))


@contextmanager
def world(
    scenario: str | Path | Mapping[str, Any] = DEFAULT_SCENARIO,
    *,
    seed: int | None = None,
    profile: Profile | None = None,
    step: str | timedelta | None = None,
    url: str | None = None,
    admin_token: str | None = None,
) -> Iterator[GpuSim]:
    """A world until the block ends, as the fixture `gpu_sim` gives one, for any test framework and for none.

    It is on a server of its own, which ends with the block, or on the one that runs at `url`, or at GPU_SIM_URL where
    that is set; `admin_token`, else GPU_SIM_ADMIN_TOKEN, is what its control plane wants off loopback. The other
    arguments are those of the marker `gpu_sim`; a `scenario` file is looked up from the current folder. In a coroutine
    it is a plain `with` as well.

    An exception that leaves the block gets a note with the story of the world. Raises ValueError, which names the
    argument, ServerRefused, ServerUnreachable, and ScenarioError for a file that cannot be used.
    """
    request = checked_request(scenario, seed, profile, step)
    with server_by_environment(url, admin_token) as server, server.given_world(request) as sim:
        yield sim
