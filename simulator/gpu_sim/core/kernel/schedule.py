"""The schedule: pending events in the order (due, priority, insertion)."""

from collections.abc import Callable
from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import Annotated, Any

from msgspec import Meta, Struct

from .quantities import NOW_MS_MAX, Natural

Ticket = int
"""Identifies a scheduled event, to cancel it."""

# No event has it, so that `cancel` passes it over and nobody need ask first.
NO_TICKET: Ticket = -1


class Priority(IntEnum):
    """The order of events due at one instant, first to last; also what kind of event it is."""

    # Snapshots hold these numbers, and journals the order that they decide: another one is another format.
    ACT_END = 0
    TIMELINE = 1
    HOLD_EXPIRY = 2
    PROVISIONING = 3
    STRESS = 4
    GROUP_SHOCK = 5
    AVAILABILITY = 6
    AVAILABILITY_SHOWN = 7
    SHOCK = 8
    OWN_INTERRUPTION = 9
    SPREAD_INTERRUPTION = 10
    FORCED_INTERRUPTION = 11
    NOTICE = 12
    CREDIT_EXHAUSTION = 13
    IDLE_TIMEOUT = 14
    PRICE = 15
    GPUS_RETURN = 16
    CHURN = 17


Handler = Callable[[Any], None]

Subject = str | tuple[str | int, int]
"""The name by which a snapshot refers to the subject of an event."""


class ScheduleState(Struct, frozen=True):
    """Where the schedule stands, and its pending events as (due, priority, ticket, subject), next first."""

    now_ms: Annotated[int, Meta(ge=0, le=NOW_MS_MAX)]
    sequence: Natural
    pending: tuple[tuple[int, Annotated[int, Meta(ge=0, lt=len(Priority))], Ticket, Subject], ...]


class Schedule:
    """A heap of pending events; cancelled ones are dropped when they surface, or swept when they are the most."""

    __slots__ = ("_handlers", "_heap", "_pending", "_sequence", "now_ms")

    def __init__(self) -> None:
        self.now_ms = 0
        self._heap: list[tuple[int, int, Ticket, object]] = []
        self._pending: dict[Ticket, None] = {}
        self._sequence = 0
        self._handlers: list[Handler] = [_unhandled] * len(Priority)

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def scheduled(self) -> int:
        """The number of events that have been scheduled so far."""
        return self._sequence

    def on(self, priority: Priority, handler: Handler) -> None:
        """Register the handler of a kind of events. Each has one: a second would silence the first."""
        assert self._handlers[priority] is _unhandled, f"events of kind {priority.name} have a handler already"
        self._handlers[priority] = handler

    def at(self, due_ms: int, priority: int, subject: object) -> Ticket:
        """Schedule an event on `subject`. `due_ms` is never in the past; only the set-up schedules for now."""
        assert due_ms >= self.now_ms, (due_ms, self.now_ms)
        ticket = self._sequence
        self._sequence = ticket + 1
        self._pending[ticket] = None
        heappush(self._heap, (due_ms, priority, ticket, subject))
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Cancel an event; one that has run or was cancelled before is passed over."""
        self._pending.pop(ticket, None)
        # A sweep costs as much as the heap is long: waiting until most of it is cancelled makes it cheap per event.
        if len(self._heap) > 64 + 4 * len(self._pending):
            self._heap = [event for event in self._heap if event[2] in self._pending]
            heapify(self._heap)

    def run(self, until_ms: int) -> None:
        """Run everything due at or before `until_ms`, and move there: `step` until it says no."""
        assert until_ms >= self.now_ms, (until_ms, self.now_ms)
        # Not by `step`: this is the innermost loop of a run. The heap is looked up anew, as a sweep replaces it.
        pending, handlers = self._pending, self._handlers
        while (heap := self._heap) and heap[0][0] <= until_ms:
            due_ms, priority, ticket, subject = heappop(heap)
            if ticket in pending:
                del pending[ticket]
                self.now_ms = due_ms
                handlers[priority](subject)
        self.now_ms = until_ms

    def step(self, until_ms: int) -> bool:
        """Run all events of the next instant at or before `until_ms` and say so; with none left, move there and say
        no. It never stops within an instant: a command comes after all that is due by then."""
        assert until_ms >= self.now_ms, (until_ms, self.now_ms)
        while self._heap and self._heap[0][0] <= until_ms:
            if self._heap[0][2] in self._pending:
                self.run(self._heap[0][0])
                return True
            heappop(self._heap)
        self.now_ms = until_ms
        return False

    def next_due_ms(self) -> int | None:
        """The time of the next event, or None if nothing is pending. Drops cancelled events on the way."""
        while self._heap and self._heap[0][2] not in self._pending:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def close(self) -> None:
        """Drop all pending events and the handlers, which refer to the whole simulation: nothing happens any more."""
        self._heap = []
        self._pending = {}
        self._handlers = [_unhandled] * len(Priority)

    def state(self, name: Callable[[int, Any], Subject]) -> ScheduleState:
        """Its part of a snapshot; `name` maps a priority and a subject to the name of the subject."""
        pending = [(due, priority, ticket, name(priority, subject)) for due, priority, ticket, subject in self._live()]
        return ScheduleState(self.now_ms, self._sequence, tuple(pending))

    def restore(self, state: ScheduleState, find: Callable[[int, Subject], object]) -> None:
        """Restore from `state`, whatever was scheduled before; `find` is the inverse of `name`."""
        self.now_ms, self._sequence = state.now_ms, state.sequence
        self._heap = [(due, priority, ticket, find(priority, name)) for due, priority, ticket, name in state.pending]
        heapify(self._heap)
        self._pending = dict.fromkeys(ticket for _, _, ticket, _ in state.pending)

    def _live(self) -> list[tuple[int, int, Ticket, object]]:
        """The pending events, next first."""
        live = (event for event in self._heap if event[2] in self._pending)
        return sorted(live, key=lambda event: event[:3])  # subjects cannot be compared, and no two tickets are equal


def _unhandled(subject: object) -> None:
    raise AssertionError(f"no handler for an event on {subject!r}")
