"""Events as they happen, as `text/event-stream`.

A stream has no queue: it keeps the number of the last event that it sent, and reads on from there in the world's own
list whenever it is told that something happened. Who reads slowly is waited for, and cut off when too far behind.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from starlette.types import Scope

from ...core.kernel.errors import InvalidValue
from ...core.simulation import Simulation
from ...wall_clock import Slice
from ...worlds.watchers import Watcher
from ...worlds.world import World
from ...worlds.worlds import Worlds
from ..auth import header_values
from ..exchange import Exchange
from ..replies import Headers, Reply, Stream
from .call import select_world, whole_number
from .events import list_events
from .views import events_view

HEARTBEAT_SECONDS = 15.0
EVENTS_BEHIND_MAX = 10_000
_EVENTS_PER_PART = 100
_MEDIA = "text/event-stream"
_HEADERS: Headers = (
    (b"content-type", _MEDIA.encode()),
    (b"cache-control", b"no-store"),
    (b"connection", b"close"),
)


class EventStreams:
    """The event streams of a server."""

    def __init__(self, *, heartbeat_seconds: float = HEARTBEAT_SECONDS, behind_max: int = EVENTS_BEHIND_MAX) -> None:
        self.open = 0
        """How many there are."""
        self.dropped_total = 0
        """How many readers were cut off because they fell behind."""
        self._heartbeat_seconds = heartbeat_seconds
        self._behind_max = behind_max

    async def events(self, exchange: Exchange) -> Reply | Stream:
        """What happened, as a list; for a client that accepts `text/event-stream` what happens, from the event after
        `Last-Event-ID` or else `?after=` on, or else from now on, until the world is reset or the server stops.

        While it waits for a slow reader, at most 10,000 events may come before the reader is up to date again; after
        more, or where events that it has not got are no longer in memory, it gets a last event `dropped` with the
        number that it missed. Raises InvalidValue for an id that is no number, or not
        yet reached: it is not from this run.
        """
        if not _wants_stream(exchange.scope):
            return await list_events(exchange)
        query = select_world(exchange, "after")
        simulation = exchange.world.simulation
        cursor = _last_seen(exchange.scope, query, simulation.events_total)
        return Stream(self._parts(exchange.worlds, exchange.world, simulation, cursor), _HEADERS)

    async def _parts(
        self, worlds: Worlds, world: World, simulation: Simulation, cursor: int
    ) -> AsyncGenerator[bytes, None]:
        clock, slice_ = asyncio.get_running_loop(), Slice()
        waited_for = 0  # events that came while the reader was waited for, since it last was up to date
        watcher = Watcher()
        world.watchers.append(watcher)
        self.open += 1
        quiet_until = clock.time() + self._heartbeat_seconds
        try:
            while _goes_on(worlds, world, simulation):
                total = simulation.events_total
                if total == cursor:
                    waited_for = 0
                    if await watcher.wait(quiet_until):
                        slice_ = Slice()
                        continue
                    part = f": now {world.now}\n\n".encode()
                else:
                    events = events_view(world, cursor, _EVENTS_PER_PART)
                    if waited_for > self._behind_max or not events or events[0]["seq"] != cursor + 1:
                        self.dropped_total += 1
                        yield b'event: dropped\ndata: {"missed":%d}\n\n' % (total - cursor)
                        return
                    cursor += len(events)
                    part = b"".join(map(_message, events))
                yield part
                waited_for += simulation.events_total - total
                quiet_until = clock.time() + self._heartbeat_seconds
                if slice_.is_over():
                    await asyncio.sleep(0)  # a long history holds nobody up
                    slice_ = Slice()
        finally:
            self.open -= 1
            world.watchers.remove(watcher)


def _goes_on(worlds: Worlds, world: World, simulation: Simulation) -> bool:
    """Whether the world is still there and what happens in it still follows what happened."""
    return not world.stopping and world.simulation is simulation and worlds.by_name.get(world.name) is world


def _wants_stream(scope: Scope) -> bool:
    accepted = b",".join(header_values(scope, b"accept")).decode("latin-1").split(",")
    return any(media.partition(";")[0].strip().lower() == _MEDIA for media in accepted)


def _last_seen(scope: Scope, query: dict[str, str], latest: int) -> int:
    """The number of the last event that a reader has."""
    values = header_values(scope, b"last-event-id")
    name = "Last-Event-ID" if values else "after"
    given = {name: values[-1].decode("latin-1")} if values else query
    seen = whole_number(given, name, latest)
    if seen > latest:
        raise InvalidValue(f"{name} is {seen}, but the latest event is {latest}: it is not from this run", param=name)
    return seen


def _message(event: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event["seq"], event["type"].encode(), msgspec.json.encode(event))
