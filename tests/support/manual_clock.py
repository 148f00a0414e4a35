"""A wall clock that tests move, worlds that follow it, and a slice of work that waits for none."""

from gpu_sim.wall_clock import Pacer
from gpu_sim.worlds.time_to_live import TimeToLive
from gpu_sim.worlds.world import World

SECOND_NS = 10**9


class ManualClock:
    """A wall clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.ns = 123_456_789

    def __call__(self) -> int:
        return self.ns

    def goes(self, seconds: float) -> None:
        """Move on by so many seconds."""
        self.ns += round(seconds * SECOND_NS)


def live_by(wall: ManualClock, *worlds: World) -> None:
    """Count the time that these worlds live without a call by this wall clock, from now on."""
    for world in worlds:
        assert world.time_to_live is not None
        world.time_to_live = TimeToLive(world.time_to_live.ms, wall=wall)


def follow(wall: ManualClock, *worlds: World) -> None:
    """Make the clocks of these worlds follow this wall clock from now on."""
    for world in worlds:
        world.pacer = Pacer(world.pacer.settings, now_ms=world.simulation.now_ms, wall=wall)


class ShortSlice:
    """A slice of simulated work that is over at each look: other requests get their turn as often as possible."""

    def is_over(self) -> bool:
        return True
