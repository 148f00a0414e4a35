"""Those who wait for something to happen in a world. They are told that it did, and look for themselves what."""

import asyncio


class Watcher:
    """One who waits, on the running event loop. It keeps nothing but whether it has been told."""

    __slots__ = ("_loop", "_notified")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._notified = asyncio.Event()

    def notify(self) -> None:
        """Something happened."""
        self._notified.set()

    def notify_threadsafe(self) -> None:
        """`tell` from a signal handler or another thread."""
        self._loop.call_soon_threadsafe(self._notified.set)

    async def wait(self, until: float) -> bool:
        """Wait until told, or until the loop's time `until`, and say which."""
        try:
            async with asyncio.timeout_at(until):
                await self._notified.wait()
        except TimeoutError:
            return False
        self._notified.clear()
        return True
