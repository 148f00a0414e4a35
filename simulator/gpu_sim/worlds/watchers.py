"""Waiting for a world to change. A watcher learns that it may have changed, and looks for itself what has."""

import asyncio


class Watcher:
    """A waiting client on the running event loop. It keeps one bit: many changes wake it once."""

    __slots__ = ("_loop", "_notified")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._notified = asyncio.Event()

    def notify(self) -> None:
        """Wake it: something may have changed."""
        self._notified.set()

    def notify_threadsafe(self) -> None:
        """`notify` from a signal handler or another thread."""
        self._loop.call_soon_threadsafe(self._notified.set)

    async def wait(self, until: float) -> bool:
        """Wait until notified (True), or until the loop's time `until` (False)."""
        try:
            async with asyncio.timeout_at(until):
                await self._notified.wait()
        except TimeoutError:
            return False
        self._notified.clear()
        return True
