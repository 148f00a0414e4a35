"""Those who wait for something to happen."""

import asyncio
import threading

from gpu_sim.core.commands import AddCredit
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.scenario import ClockSettings
from gpu_sim.worlds.reset_and_restore import reset
from gpu_sim.worlds.watchers import Watcher
from gpu_sim.worlds.world import World
from gpu_sim.worlds.worlds import Worlds

from ..support.builders import READY, rent_command, scenario


def test_who_was_told_before_does_not_wait() -> None:
    async def run() -> list[bool]:
        watcher, now = Watcher(), asyncio.get_running_loop().time()
        watcher.notify()
        watcher.notify()
        return [await watcher.wait(now + 60), await watcher.wait(now)]

    assert asyncio.run(run()) == [True, False]


def test_who_waits_is_told_from_another_thread() -> None:
    async def run() -> bool:
        watcher = Watcher()
        threading.Thread(target=watcher.notify_threadsafe).start()
        return await watcher.wait(asyncio.get_running_loop().time() + 60)

    assert asyncio.run(run())


def test_all_that_happens_in_a_world_is_told() -> None:
    async def run() -> list[str]:
        clock = ClockSettings(mode="manual", step=Duration(1_000))
        world = World("default", scenario(), clock=clock)
        worlds = Worlds()
        worlds.add(world)
        watcher, now = Watcher(), asyncio.get_running_loop().time()
        world.watchers.append(watcher)
        woken: list[str] = []

        async def look(name: str) -> None:
            if await watcher.wait(now):
                woken.append(name)

        world.execute(AddCredit("alice", 1))
        await look("command")
        await world.catch_up()
        await look("nothing to catch up with")
        await world.catch_up(api_request=True)
        await look("step")
        await world.advance(lambda: world.simulation.now_ms + 5_000)
        await look("advance")
        await reset(world, lambda _: {})
        await look("reset")
        world.execute(rent_command())
        await look("rent")
        world.pacer.change(ClockSettings(mode="real"), 0)
        world.pacer.skip(READY - 1_000)
        assert world.caught_up()
        await look("nothing due by then")
        world.pacer.skip(1_000)
        assert world.caught_up()
        await look("running clock")
        worlds.stop()
        await asyncio.sleep(0)
        await look("stop")
        return woken

    assert asyncio.run(run()) == ["command", "step", "advance", "reset", "rent", "running clock", "stop"]
