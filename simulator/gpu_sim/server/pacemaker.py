"""Keeps running clocks going while no request comes: what is due happens on time in every world.

It decides nothing: it only asks a world to catch up, as a request would. So a world is the same with and without it.
"""

import asyncio
import logging

from ..wall_clock import NS_PER_MS
from ..worlds.world import World, WorldNotFound
from ..worlds.worlds import Worlds

PAUSE_NS_MIN = 5 * NS_PER_MS
"""Between two looks there is room for requests, however fast the clocks go."""

PAUSE_NS_MAX = 50 * NS_PER_MS
"""A request may make something due, or set a clock going, just after a look: it is noticed no later than this."""

_log = logging.getLogger("gpu_sim")


class Pacemaker:
    """Looks after the clocks of all worlds of a server."""

    def __init__(self, worlds: Worlds) -> None:
        self._worlds = worlds
        self._behind: dict[World, asyncio.Task[None]] = {}
        """Worlds that take longer to catch up: each does so beside the others, in slices."""

    async def run(self) -> None:
        """Look after the clocks until cancelled."""
        try:
            while True:
                await asyncio.sleep(self.beat() / 1e9)
        except Exception:  # noqa: BLE001  # an outermost handler: a failure of ours is logged, and requests go on
            _log.exception("running clocks go on with requests only")
        finally:
            for task in self._behind.values():
                task.cancel()

    def beat(self) -> int:
        """Let every world in which something is due catch up, and say after how many nanoseconds to look again."""
        pause_ns = PAUSE_NS_MAX
        for world in tuple(self._worlds.by_name.values()):
            try:
                wait_ns = self._look_after(world)
            except Exception:  # noqa: BLE001  # an outermost handler: a failure of ours is logged, and the others go on
                _log.exception("the world %s failed to keep its time", world.name)
                continue
            if wait_ns is not None:
                pause_ns = min(pause_ns, wait_ns)
        return max(pause_ns, PAUSE_NS_MIN)

    def _look_after(self, world: World) -> int | None:
        wait_ns = world.wait_ns()
        if wait_ns == 0 and world not in self._behind and not world.caught_up():
            self._behind[world] = asyncio.create_task(self._catch_up(world))
            return None
        return wait_ns

    async def _catch_up(self, world: World) -> None:
        try:
            await world.catch_up()
        except WorldNotFound:
            pass  # it was deleted meanwhile
        except Exception:  # noqa: BLE001  # an outermost handler: a failure of ours is logged, and the others go on
            _log.exception("the world %s failed to keep its time", world.name)
        finally:
            del self._behind[world]
