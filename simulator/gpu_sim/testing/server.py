"""The server that makes the worlds of a test session: in a thread of this process, or one that runs already."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ..client.connection import ControlConnection, ServerRefused, ServerUnreachable
from ..client.control_client import ControlClient
from ..scenario_files.problems import ScenarioError
from .gpu_sim import GpuSim
from .unknown_token_requests import UnknownTokenRequests
from .world_request import WorldRequest, clock_of, with_profile

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

    def __init__(self, control: ControlClient, *, is_own: bool) -> None:
        self._control = control
        self._is_own = is_own
        self._retired: GpuSim | None = None
        self._documents: dict[tuple[Path, int], dict[str, Any]] = {}

    @property
    def url(self) -> str:
        """Its address; the API is under `/v1`, the control plane under `/_sim`."""
        return self._control.url

    def new_world(self, request: WorldRequest) -> GpuSim:
        """Make a world as requested, under a manual clock; the caller ends it. Raises ServerRefused, ServerUnreachable,
        and ScenarioError for a file that cannot be used."""
        scenario = request.scenario if request.file is None else self._document(request.file)
        document = scenario if isinstance(scenario, Mapping) else None
        body = {
            "scenario": scenario if request.profile is None else with_profile(scenario, request.profile),
            "clock": clock_of(request, document),
            "seed": request.seed,
        }
        unknown_token_requests = UnknownTokenRequests(self._control, is_own_server=self._is_own)
        made = msgspec.json.decode(self._control.call("POST", "worlds", body), type=_Made)
        return GpuSim(self._control, made.world, made.seed, made.tokens, request, unknown_token_requests)

    def retire(self, sim: GpuSim) -> None:
        """Return a finished test's world to the server. It is deleted with the next one, so that a failure in a later
        fixture can still show it. Later requests with an unknown token are not this test's."""
        # First, while the log has no requests of the next test yet.
        sim.leave()
        self._end_retired()
        self._retired = sim

    def close(self) -> None:
        """End the last world, and remember its story."""
        if self._retired is not None:
            # The last test's report is written after the fixtures of the session have ended, and the server with them.
            self._retired.remember()
        self._end_retired()
        self._control.close()

    def _end_retired(self) -> None:
        if self._retired is not None:
            ended, self._retired = self._retired, None
            # That test is over: a server that fails now must not fail the test that happens to run.
            with suppress(ServerRefused, ServerUnreachable):
                ended.end()

    def _document(self, file: Path) -> dict[str, Any]:
        from ..scenario_files.document import scenario_document  # noqa: PLC0415  # few tests bring a file of their own

        # Tests may rewrite a file, so the time of its last change is part of the key.
        key = (file, file.stat().st_mtime_ns if file.exists() else 0)
        if key not in self._documents:
            self._documents[key] = scenario_document(file)
        return self._documents[key]


@contextmanager
def own_server() -> Iterator[GpuSimServer]:
    """A server on a free loopback port in a thread of this process, until the block ends."""
    from ..scenario_files.load import load_scenario  # noqa: PLC0415  # with --gpu-sim-url no server is loaded
    from ..server.serving import serve_in_thread  # noqa: PLC0415  # likewise

    with serve_in_thread(load_scenario("calm")) as ready:
        control = ControlClient(ControlConnection(ready.url))
        with closing(GpuSimServer(control, is_own=True)) as server:
            yield server


@contextmanager
def running_server(url: str, *, admin_token: str | None) -> Iterator[GpuSimServer]:
    """The server at that address. Raises ServerUnreachable where it does not answer soon, as a simulator does."""
    # A connection of its own: the short limit is for a wrong address, and a long advance takes longer.
    with closing(ControlConnection(url, admin_token=admin_token, seconds_max=READY_SECONDS_MAX)) as hasty:
        if b'"ready"' not in ControlClient(hasty).call("GET", "ready"):
            raise ServerUnreachable(f"{url} is no simulator that is ready")
    control = ControlClient(ControlConnection(url, admin_token=admin_token))
    with closing(GpuSimServer(control, is_own=False)) as server:
        yield server
