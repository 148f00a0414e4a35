"""Those who wait for something to happen in a world. They are told that it did, and look for themselves what."""

import asyncio


class Watcher:
    """One who waits, on the running event loop. It keeps nothing but whether it has been told."""

    __slots__ = ("_loop", "_told")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()

    def tell(self) -> None:
        """Something happened."""
        self._told.set()

    def tell_from_outside(self) -> None:
        """`tell` from a signal handler or another thread."""
        self._loop.call_soon_threadsafe(self._told.set)

    async def told(self, until: float) -> bool:
        """Wait until told, or until the loop's time `until`, and say which."""
        try:
            async with asyncio.timeout_at(until):
                await self._told.wait()
        except TimeoutError:
            return False
        self._told.clear()
        return True
