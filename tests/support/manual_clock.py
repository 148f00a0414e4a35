"""A wall clock that tests hold, and worlds that go by it."""

from gpu_sim.wall_clock import Pacer
from gpu_sim.worlds.world import World

SECOND_NS = 10**9


class Wall:
    """A wall clock that goes only when it is told to."""

    def __init__(self) -> None:
        self.ns = 123_456_789

    def __call__(self) -> int:
        return self.ns

    def goes(self, seconds: float) -> None:
        self.ns += round(seconds * SECOND_NS)


def hang_up(wall: Wall, *worlds: World) -> None:
    """Let the clocks of these worlds go by this wall clock from now on."""
    for world in worlds:
        world.pacer = Pacer(world.pacer.settings, now_ms=world.simulation.now_ms, wall=wall)
