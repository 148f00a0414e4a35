"""The wall time that a world lives without a call, for those whose maker may be killed before it deletes them."""

from collections.abc import Callable

from ..wall_clock import NS_PER_MS, stopwatch_ns


class TimeToLive:
    """Counts the calls about a world that are under way, and the wall time since the last one ended.

    The time that the machine sleeps does not count where the system leaves it out: clients on it sleep too.
    """

    __slots__ = ("_calls", "_idle_since_ns", "_wall_ns", "ms")

    def __init__(self, ms: int, *, wall: Callable[[], int] = stopwatch_ns) -> None:
        """Begin with no call, `ms` of wall time before the end."""
        self.ms = ms
        self._wall_ns = wall
        self._calls = 0
        self._idle_since_ns = wall()

    @property
    def is_over(self) -> bool:
        """True where no call is under way, and none was for as long as this."""
        return not self._calls and self._wall_ns() - self._idle_since_ns >= self.ms * NS_PER_MS

    def begin_call(self) -> None:
        """A request about the world has come, or an event stream was opened."""
        self._calls += 1

    def end_call(self) -> None:
        """That request is answered, or that stream has ended: the time begins anew."""
        self._calls -= 1
        self._idle_since_ns = self._wall_ns()
