"""Deletes the worlds for which no call came for as long as their `ttl`. One look a second serves all of them: a request
sets no timer."""

import asyncio
import logging

from ..worlds.worlds import Worlds

PAUSE_SECONDS = 1.0
"""Between two looks: a world may live so much longer than it was to."""

_log = logging.getLogger("gpu_sim")


async def delete_expired_worlds(worlds: Worlds) -> None:
    """Look after the worlds of a server until cancelled."""
    while True:
        await asyncio.sleep(PAUSE_SECONDS)
        try:
            await worlds.drop_expired()
        except Exception:  # noqa: BLE001  # an outermost handler: a failure of ours is logged, and the next look tries again
            _log.exception("worlds that have expired were not all deleted")
