"""Judging an expectation of a world's request log, once nothing that may change the outcome is on its way."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from ...request_record import still_being_answered
from ...wall_clock import Slice
from ...worlds.request_log import KeptRequest, RequestLog
from ...worlds.watchers import Watcher
from ...worlds.world import World, WorldNotFound
from ..exchange import Exchange
from ..problems import NotHeld, StillInFlight
from .expectation import SEQS_SHOWN_MAX, NearestRequests, Verify
from .in_flight import FittingRequests, RequestsInFlight, let_arrive
from .logged_request import LoggedRequest, logged_request
from .redaction import Redactor

_REQUESTS_PER_TURN = 100
_NumberedRequests = tuple[tuple[int, KeptRequest], ...]
"""Requests of a log with their sequence numbers."""


class Verification:
    """Judges an expectation by a log, taking in what comes to it while requests in flight are waited for."""

    def __init__(self, wanted: Verify, caller: Exchange, in_flight: RequestsInFlight, redactor: Redactor) -> None:
        self._wanted = wanted
        self._world: World = caller.world
        self._caller = caller.connection
        self._log: RequestLog = caller.world.requests
        self._in_flight = in_flight
        self._redactor = redactor
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._judge = self._wanted.judge()
        self._judged: _NumberedRequests = ()
        self._beginnings = self._log.beginnings

    async def verdict(self) -> dict[str, Any]:
        """The fields of an answer for an expectation that holds.

        Requests are waited for that were in flight when this was called, but not past a reset: then the log begins
        anew. Raises NotHeld where the expectation does not hold, StillInFlight where such requests may still change
        that when the wait is over, WorldNotFound where the world is deleted meanwhile.
        """
        wanted = self._wanted
        if wanted.wait or wanted.within:
            await let_arrive()
        began = asyncio.get_running_loop().time()
        held_until = began + wanted.within / 1000
        settled_until = max(held_until, began + wanted.wait / 1000)
        with self._in_flight.watched(self._world) as watcher:
            pending = await self._wait(watcher, held_until, settled_until)
        if self._world.is_dropped:
            raise WorldNotFound(f'the world "{self._world.name}" was deleted', param="world")
        judge = self._judge
        dropped = self._judged[0][0] - 1 if self._judged else self._log.dropped
        findings = {"matched": len(judge.seqs), "seqs": judge.seqs[:SEQS_SHOWN_MAX], "dropped": dropped}
        if judge.holds and not pending:
            return findings
        findings["in_flight"] = self._in_flight.overview(pending)
        findings["nearest"] = (await self._nearest()).shown()
        if pending:
            says = still_being_answered(exchange.operation for exchange in pending)
            raise StillInFlight(f"{judge.outcome}; {says}", findings=findings)
        raise NotHeld(judge.outcome, findings=findings)

    async def _wait(self, watcher: Watcher, held_until: float, settled_until: float) -> list[Exchange]:
        """Wait until the outcome is certain, or for as long as is allowed. Returns the requests that may change it."""
        came, beginnings, has_time = FittingRequests(self._in_flight, self._world, self._caller), self._beginnings, True
        while True:
            pending = await self._look(came)
            if self._judge.is_final or (self._judge.holds and not pending):
                return []
            if not has_time or self._world.stopping or self._beginnings != beginnings:
                return pending
            has_time = await watcher.wait(settled_until if pending else held_until)

    async def _look(self, came: FittingRequests) -> list[Exchange]:
        """Judge the log as it is at this moment. Returns the requests in flight at the same moment that may change the
        outcome."""
        if self._log.beginnings != self._beginnings:
            self._begin_anew()
        # Copies: log and requests go on while others get their turns, and all that follows must see the same.
        seen = self._judged[-1][0] if self._judged else 0
        self._judged, remaining = tuple(self._log.numbered()), came.remaining()
        async for request in _shown((kept for kept in self._judged if kept[0] > seen), self._redactor):
            self._judge.take(request)
        return [] if self._judge.is_final else await came.fitting(remaining, self._judge.awaited)

    async def _nearest(self) -> NearestRequests:
        nearest = NearestRequests()
        await asyncio.sleep(0)  # a turn that is full already gets no longer
        async for request in _shown(self._judged, self._redactor):
            mismatches = self._judge.misses(request)
            if mismatches:
                nearest.add(mismatches, request)
        return nearest


async def _shown(kept: Iterable[tuple[int, KeptRequest]], redactor: Redactor) -> AsyncIterator[LoggedRequest]:
    """Turn logged requests into the form in which they are shown, with turns for other requests in between."""
    slice_ = Slice()
    for count, (seq, request) in enumerate(kept, 1):
        yield logged_request(seq, request, redactor)
        if count % _REQUESTS_PER_TURN == 0 or slice_.is_over():
            await asyncio.sleep(0)
            slice_ = Slice()
