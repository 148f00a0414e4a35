"""Events as they happen, as `text/event-stream`.

A stream has no queue: it keeps the number of the last event that it sent, and reads on from there in the world's own
list whenever its watcher is notified. A slow reader is waited for, and cut off when it is too far behind.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec
from starlette.types import Scope

from ...core.journal import Recorded
from ...core.kernel.errors import InvalidValue
from ...core.simulation import Simulation
from ...wall_clock import Slice
from ...worlds.watchers import Watcher
from ...worlds.world import World
from ...worlds.worlds import Worlds
from ..auth import header_values
from ..exchange import Exchange
from ..queries.list_queries import EventStreamQuery
from ..queries.query_decoding import whole_number
from ..queries.since import Since
from ..replies import Headers, Reply, Stream
from .call_decoding import select_world
from .events import list_events
from .lists import all_of, first_since, record_filter
from .views import event_view

HEARTBEAT_SECONDS = 15.0  # below the idle timeouts of proxies, of which many are 30 or 60 seconds
EVENTS_BEHIND_MAX = 10_000
_EVENTS_PER_PART = 100  # encoded in one go, while other requests wait
_MEDIA = "text/event-stream"
_HEADERS: Headers = (
    (b"content-type", _MEDIA.encode()),
    (b"cache-control", b"no-store"),
    (b"connection", b"close"),
)


class EventStreams:
    """The event streams of a server, and their counters."""

    def __init__(self, *, heartbeat_seconds: float = HEARTBEAT_SECONDS, behind_max: int = EVENTS_BEHIND_MAX) -> None:
        self.open = 0
        """Streams that are open now."""
        self.dropped_total = 0
        """Streams that were cut off because their reader fell behind, or took nothing for too long."""
        self._heartbeat_seconds = heartbeat_seconds
        self._behind_max = behind_max

    async def events(self, exchange: Exchange) -> Reply | Stream:
        """List events, or stream them to a client that accepts `text/event-stream`.

        A stream begins after the event `Last-Event-ID`, else after `?after=`, else now, and ends when the world is
        reset or the server stops. A reader is cut off when more than 10,000 events come while it is waited for and
        before it is up to date again, or when its next event is no longer in memory: it gets a last event `dropped`
        with the number that it missed. Raises InvalidValue for an id that is no number, or that this run has not
        reached.
        """
        if not _wants_stream(exchange.scope):
            return await list_events(exchange)
        query = select_world(exchange, EventStreamQuery)
        simulation = exchange.world.simulation
        cursor = _last_seen(exchange.scope, query, simulation)
        passes = all_of(record_filter(simulation, query), _from_then_on(query.since, simulation))
        return Stream(self._parts(exchange, simulation, cursor, passes), _HEADERS)

    async def _parts(
        self, exchange: Exchange, simulation: Simulation, cursor: int, passes: Callable[[Recorded], bool] | None
    ) -> AsyncGenerator[bytes, None]:
        worlds, world, connection = exchange.worlds, exchange.world, exchange.connection
        clock, slice_ = asyncio.get_running_loop(), Slice()
        waited_for = 0  # events that came while a part was being sent, since the reader was last up to date
        watcher = Watcher()
        world.watchers.append(watcher)
        self.open += 1
        quiet_until = clock.time() + self._heartbeat_seconds
        try:
            while _goes_on(worlds, world, simulation):
                total = simulation.events_total  # before the part is sent: what comes meanwhile is the reader's delay
                if total == cursor:
                    waited_for = 0
                    if await watcher.wait(quiet_until):
                        slice_ = Slice()
                        continue
                    part = _heartbeat(world, cursor, passes)
                else:
                    first = cursor - simulation.events_dropped
                    if waited_for > self._behind_max or first < 0:
                        self.dropped_total += 1
                        yield b'event: dropped\ndata: {"missed":%d}\n\n' % (total - cursor)
                        return
                    events = simulation.events[first : first + _EVENTS_PER_PART]
                    part = b"".join(
                        _message(event_view(world, seq, event))
                        for seq, event in enumerate(events, cursor + 1)
                        if passes is None or passes(event)
                    )
                    cursor += len(events)
                    if not part and clock.time() >= quiet_until:  # all that happens is for others
                        part = _heartbeat(world, cursor, passes)
                if part:
                    yield part
                    waited_for += simulation.events_total - total
                    quiet_until = clock.time() + self._heartbeat_seconds
                if slice_.is_over():
                    await asyncio.sleep(0)  # a long history holds nobody up
                    slice_ = Slice()
        finally:
            if connection is not None and connection.is_stalled:
                self.dropped_total += 1
            self.open -= 1
            world.watchers.remove(watcher)


def _goes_on(worlds: Worlds, world: World, simulation: Simulation) -> bool:
    """True while the world is there and still in the run whose events the stream began with."""
    return not world.stopping and world.simulation is simulation and worlds.by_name.get(world.name) is world


def _wants_stream(scope: Scope) -> bool:
    accepted = b",".join(header_values(scope, b"accept")).decode("latin-1").split(",")
    return any(media.partition(";")[0].strip().lower() == _MEDIA for media in accepted)


def _last_seen(scope: Scope, query: EventStreamQuery, simulation: Simulation) -> int:
    """The number of the last event that the client has seen, or wants to skip. Raises InvalidValue."""
    latest, after = simulation.events_total, query.after
    values = header_values(scope, b"last-event-id")
    name = "Last-Event-ID" if values else "after"
    if values:
        after = whole_number(name, values[-1].decode("latin-1"))
    if query.since is not None:
        events, dropped = simulation.events, simulation.events_dropped
        earlier = dropped + first_since(query.since, simulation, events, lambda event: event.at)
        after = earlier if after is None else max(after, earlier)
    seen = latest if after is None else after
    if seen > latest:
        raise InvalidValue(f"{name} is {seen}, but the latest event is {latest}: it is not from this run", param=name)
    return seen


def _from_then_on(since: Since | None, simulation: Simulation) -> Callable[[Recorded], bool] | None:
    """The condition that an event comes at `since` or later, where that is still to come; None where it need not be
    asked of each."""
    if since is None:
        return None
    earliest_ms = since.in_ms(now_ms=simulation.now_ms, start_epoch_ms=simulation.start_epoch_ms)
    return (lambda event: event.at >= earliest_ms) if earliest_ms > simulation.now_ms else None


def _heartbeat(world: World, cursor: int, passes: Callable[[Recorded], bool] | None) -> bytes:
    """A comment; to a reader of some events only it also says how far the others are, to go on from after a while."""
    seen = "" if passes is None else f"id: {cursor}\n"
    return f": now {world.now}\n{seen}\n".encode()


def _message(event: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event["seq"], event["type"].encode(), msgspec.json.encode(event))
