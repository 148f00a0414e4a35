"""The only reader of the wall clock, and the pacer that turns wall time into virtual time."""

import time
from collections.abc import Callable
from functools import partial

from .core.kernel.randomness import PPM
from .core.scenario.scenario import ClockSettings

NS_PER_MS = 1_000_000
SLICE_NS = 15 * NS_PER_MS
"""The simulation runs so long before other requests get their turn."""

stopwatch_ns = time.perf_counter_ns
"""Nanoseconds from nowhere in particular, for how long something takes."""

_NEVER_NS = 1 << 80
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)


wall_ns: Callable[[], int] = time.monotonic_ns if _BOOT_CLOCK is None else partial(time.clock_gettime_ns, _BOOT_CLOCK)
"""Nanoseconds that never go back and, where the system counts them, go on while the machine sleeps."""


def wall_epoch_ms() -> int:
    """The wall time in ms since 1970."""
    return time.time_ns() // NS_PER_MS


class Pacer:
    """Turns wall time into virtual time by the clock's mode. Virtual times are ms since the scenario's start."""

    __slots__ = ("_anchor_ms", "_anchor_ns", "_rests_until_ns", "_speed", "_wall_ns", "settings")

    def __init__(self, settings: ClockSettings, *, now_ms: int = 0, wall: Callable[[], int] = wall_ns) -> None:
        self._wall_ns = wall
        self.change(settings, now_ms)

    def target_ms(self, now_ms: int) -> int:
        """The virtual time at which a clock that stands at `now_ms` should stand by now; never before that."""
        if not self._speed:
            return now_ms
        elapsed_ns = self._wall_ns() - self._anchor_ns
        return max(now_ms, self._anchor_ms + elapsed_ns * self._speed // (PPM * NS_PER_MS))

    def rest(self, now_ms: int) -> None:
        """The clock has come to `now_ms`, where it should be by now: it stands there until the next millisecond."""
        self._rests_until_ns = self._due_ns(now_ms + 1) if self._speed else _NEVER_NS

    def rests(self) -> bool:
        """True while the clock should stand where it last came to: quicker than `target_ms`."""
        return self._wall_ns() < self._rests_until_ns

    def in_virtual_ms(self, wall_ms: int) -> int:
        """The virtual ms that go by in so many ms of wall time."""
        return wall_ms * self._speed // PPM

    def wait_ns(self, due_ms: int) -> int | None:
        """Nanoseconds of wall time until the clock will stand at `due_ms`: 0 where it should by now, None where it
        does not move by itself."""
        if not self._speed:
            return None
        return max(0, self._due_ns(due_ms) - self._wall_ns())

    def _due_ns(self, due_ms: int) -> int:
        """When the wall will show that the clock stands at `due_ms`."""
        return self._anchor_ns - (-(due_ms - self._anchor_ms) * PPM * NS_PER_MS // self._speed)

    def skip(self, span_ms: int) -> None:
        """The clock was moved by hand: be so much ahead from now on."""
        self._anchor_ms += span_ms
        self._rests_until_ns = 0

    def change(self, settings: ClockSettings, now_ms: int) -> None:
        """Go on from `now_ms` by other settings: time does not jump."""
        self.settings = settings
        self._speed = 0 if settings.mode == "manual" else int(settings.speed or PPM)
        """Virtual ms in a million wall ms; kept, since each request asks."""
        self._anchor_ms = now_ms
        self._anchor_ns = self._wall_ns()
        self._rests_until_ns = 0

    def in_wall_ms(self, span_ms: int) -> int:
        """The wall time in ms that a virtual span takes while the clock runs."""
        return span_ms * PPM // (self._speed or PPM)

    def in_wall_seconds(self, span_ms: int) -> int:
        """A virtual wait as a client should keep it (A24), in whole seconds, at least 1."""
        if self.settings.mode == "manual" and self.settings.step is not None:
            return 1
        return max(1, -(-span_ms * PPM // ((self._speed or PPM) * 1000)))


class Slice:
    """One turn of a long run: says when it is over."""

    __slots__ = ("_until_ns",)

    def __init__(self) -> None:
        self._until_ns = time.perf_counter_ns() + SLICE_NS

    def is_over(self) -> bool:
        return time.perf_counter_ns() >= self._until_ns
