"""Signs of life for the worlds of a test run on a server that others use. Without them it deletes the worlds, so that a
run which is killed leaves none behind."""

from contextlib import suppress
from threading import Event, Thread

from ..client.connection import ServerRefused, ServerUnreachable
from ..client.control_client import ControlClient

WORLD_TTL = "15m"
"""A world is deleted when there was no sign of life for so long: a debugger may stop all threads meanwhile."""
BEAT_SECONDS = 60.0
"""Between two signs of life, which come however long a test takes or stands at a prompt."""


class Heartbeat:
    """Calls the server about each of its worlds now and then, from a thread that begins with the first of them."""

    def __init__(self, control: ControlClient) -> None:
        """`control` is a connection that nobody else uses: no other call waits for one of these, nor a fork for its
        lock."""
        self._control = control
        self._worlds: dict[str, None] = {}
        self._over = Event()
        self._thread: Thread | None = None

    def add(self, world: str) -> None:
        """Call for this world too from now on."""
        self._worlds[world] = None
        if self._thread is None:
            self._thread = Thread(target=self._run, name="gpu-sim-heartbeat", daemon=True)
            self._thread.start()

    def remove(self, world: str) -> None:
        """Call for this world no more, if it was called for."""
        self._worlds.pop(world, None)

    def close(self) -> None:
        """Call for none any more."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self._control.close()

    def _run(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            for world in tuple(self._worlds):
                with suppress(ServerRefused, ServerUnreachable):  # the test's own calls will tell
                    self._control.of_world(world).call("GET", "clock")
