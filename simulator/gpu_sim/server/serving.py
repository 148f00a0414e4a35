"""Starting uvicorn: the listening socket, the ready line, signals, and a server in a thread for tests."""

import asyncio
import gc
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import FrameType

import uvicorn
from msgspec import Struct
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from ..api.app import build_app
from ..api.auth import ControlAccess, is_loopback
from ..api.cors import with_cors
from ..api.guarded_protocol import KEEP_ALIVE_GRACE_SECONDS, KEEP_ALIVE_SECONDS, GuardedProtocol, guarded
from ..api.transport import Connections
from ..core.scenario.scenario import ClockSettings, Scenario
from ..exit_signals import BrokenOff, ExitSignals
from ..scenario_files.library import ScenarioLibrary
from ..worlds.request_log import REQUESTS_KEPT
from ..worlds.retention import KEEP_DEFAULT
from ..worlds.state_files.refusals import StateUnusable
from ..worlds.state_files.resumption import OnResume
from ..worlds.state_files.sqlite_store import Sync
from ..worlds.state_files.state_file import FileOptions
from ..worlds.state_files.state_reader import Report, unheard
from ..worlds.world import Profile, World
from ..worlds.worlds import DEFAULT_WORLD, Worlds
from .expiry import delete_expired_worlds
from .line_writer import LineWriter
from .listener import Listener
from .listening_socket import BACKLOG, ListeningSocket, PortUnavailable, listen
from .pacemaker import Pacemaker
from .patched_threads import threads_patched_by

__all__ = ["Options", "PortUnavailable", "Ready", "StateUnusable", "serve", "serve_in_thread"]

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 4780
SHUTDOWN_SECONDS_MAX = 1


class Options(Struct, frozen=True, kw_only=True):
    """The options of a server. None leaves a thing to the scenario."""

    scenario: Scenario
    seed: int | None = None
    clock: ClockSettings | None = None
    profile: Profile | None = None
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    allow_hosts: tuple[str, ...] = ()
    admin_token: str | None = None
    keep_alive: int = KEEP_ALIVE_SECONDS
    """For how many seconds an idle connection is kept."""
    cors_origins: tuple[str, ...] = ()
    """The origins of web pages that may use the API; `*` stands for all."""
    scenario_dir: Path | None = None
    """A folder of more scenarios that worlds may be made of."""
    request_log: int = REQUESTS_KEPT
    """The number of API requests that each world keeps."""
    log_requests: bool = False
    """True writes a line of JSON to stderr for each API request."""
    keep: int = KEEP_DEFAULT
    state: Path | None = None
    sync: Sync = "normal"
    on_resume: OnResume = "catch-up"
    accept_loss: bool = False
    report: Report = unheard
    """Hears what a start from a state file has to say."""


class Ready(Struct, frozen=True):
    """A server that serves, as a client needs to know it."""

    url: str
    world: str
    seed: int
    token: str
    pid: int
    control: bool = True
    """False where nobody may use the control plane."""
    state: Path | None = None
    """The file that the world `default` is kept in, and no other world."""


class Server(uvicorn.Server):
    """uvicorn that says when it serves, and ends on a signal without raising it again."""

    def __init__(
        self, config: uvicorn.Config, worlds: Worlds, listening: ListeningSocket, on_ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self.listener = Listener(listening, self._accept, self._stop_accepting, self._connections)
        self.is_announced = False
        """True from when it says that it serves."""
        self._worlds = worlds
        self._listening = listening
        self._on_ready = on_ready
        self._caretakers: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self._accept()
        for care in (Pacemaker(self._worlds).run(), delete_expired_worlds(self._worlds)):
            self._caretakers.append(asyncio.create_task(care))
        if not self.should_exit:
            self.is_announced = True
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for task in self._caretakers:
            task.cancel()
        await self.listener.end()
        await super().shutdown(sockets)
        self._listening.close()

    async def _accept(self) -> None:
        await super().startup([self._listening.copy()])

    def _connections(self) -> list[GuardedProtocol]:
        return [each for each in self.server_state.connections if isinstance(each, GuardedProtocol)]

    def _stop_accepting(self) -> None:
        for server in self.servers:
            server.close()
        self.servers = []

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to `serve`, which hears them before this server runs and after."""
        yield

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Stop the server because of a signal, also one that comes before it runs."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what is cut off from here on is no error
        self._worlds.stop()
        self.handle_exit(number, frame)


class _Serving:
    """A server over one world, ready to run."""

    def __init__(self, options: Options, worlds: Worlds, on_ready: Callable[[Ready], None]) -> None:
        listening = ListeningSocket(listen(options.host, options.port))
        with ExitStack() as unless_served:
            unless_served.callback(listening.close)
            world = _default_world(worlds, options)
            unless_served.pop_all()
        access = ControlAccess(is_loopback(options.host), options.allow_hosts, options.admin_token)
        host = f"[{options.host}]" if ":" in options.host else options.host
        url = f"http://{host}:{listening.port}"
        token = next(iter(worlds.keyring.tokens_of(world).values()), "")
        self.ready = Ready(url, world.name, world.seed, token, os.getpid(), access.is_open, options.state)
        connections = Connections()
        self._log = LineWriter(sys.stderr.fileno()) if options.log_requests else None
        config = uvicorn.Config(
            with_cors(
                build_app(worlds, access, connections, log=None if self._log is None else self._log.write),
                options.cors_origins,
            ),
            http=guarded(AutoHTTPProtocol, connections, keep_alive_seconds=options.keep_alive),
            timeout_keep_alive=options.keep_alive + KEEP_ALIVE_GRACE_SECONDS,
            backlog=BACKLOG,
            lifespan="off",
            ws="none",
            log_level="error",
            use_colors=False,  # to find out it would ask stdout, which may be closed
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS_MAX,
        )
        self.server = Server(config, worlds, listening, lambda: on_ready(self.ready))
        connections.listener = self.server.listener

    def run(self) -> None:
        with self._log or nullcontext():
            self.server.run()


def _no_worlds(options: Options) -> Worlds:
    return Worlds(
        ScenarioLibrary(options.scenario_dir),
        profile=options.profile,
        keep=options.keep,
        requests_kept=options.request_log,
    )


def _default_world(worlds: Worlds, options: Options) -> World:
    scenario, seed, clock = options.scenario, options.seed, options.clock
    if options.state is not None:
        file = FileOptions(options.sync, options.on_resume, options.accept_loss, options.report)
        return worlds.open(options.state, scenario, seed=seed, clock=clock, options=file)
    world = World(DEFAULT_WORLD, scenario, seed=seed, clock=clock, profile=options.profile, keep=options.keep)
    worlds.add(world)
    return world


def serve(options: Options, on_ready: Callable[[Ready], None], signals: ExitSignals | None = None) -> None:
    """Serve until a signal comes. Raises PortUnavailable or StateUnusable, and BrokenOff where the start is
    broken off."""
    if signals is None:
        signals = ExitSignals()
        signals.listen()
    heard = signals

    def announce(ready: Ready) -> None:
        heard.expect()
        on_ready(ready)

    worlds = _no_worlds(options)
    try:
        serving = _Serving(options, worlds, announce)
        # From here to the end a signal only stops the server: nothing that it closes is left half closed.
        signals.hand_over(serving.server.stop)
        # What is loaded by now stays to the end, and requests leave no cycles behind: look for garbage rarely.
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        serving.run()
    finally:
        worlds.close()
    if not serving.server.is_announced:
        raise BrokenOff


@contextmanager
def serve_in_thread(
    scenario: Scenario, *, seed: int | None = None, clock: ClockSettings | None = None, profile: Profile | None = None
) -> Iterator[Ready]:
    """A server on a free loopback port in a thread of this process, for tests; it ends with the block. Raises
    RuntimeError where a library such as gevent has replaced threads: the server would stop all others."""
    _refuse_patched_threads("cannot serve in a thread")
    started = threading.Event()
    options = Options(scenario=scenario, seed=seed, clock=clock, profile=profile, port=0)
    worlds = _no_worlds(options)
    serving = _Serving(options, worlds, lambda _: started.set())
    thread = threading.Thread(target=serving.run, name="gpu-sim", daemon=True)
    thread.start()
    started.wait()
    try:
        yield serving.ready
    finally:
        worlds.stop()
        serving.server.should_exit = True
        _refuse_patched_threads("cannot end the server that runs in a thread")  # nor wait for it: it might never end
        thread.join()
        worlds.close()


def _refuse_patched_threads(complaint: str) -> None:
    library = threads_patched_by()
    if library is not None:
        raise RuntimeError(
            f"{complaint}, as {library} has replaced the threads of this process: use gpu_sim.testing.world(), or run "
            "`gpu-sim serve` in a process of its own"
        )
