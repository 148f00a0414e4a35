"""The pending events of a snapshot, by their subjects. Each part claims those that it awaits; an event that is left
at the end belongs to no run of this scenario."""

from collections.abc import Iterable, Sequence

from .schedule import NO_TICKET, Priority, ScheduleState, Subject, Ticket

Awaited = list[tuple[int, Ticket]]
"""Events as (due, ticket), next first."""


class AwaitedEvents:
    """The events that no part has claimed yet, as of `now_ms`. Raises ValueError for events that no schedule has."""

    __slots__ = ("_events", "_sequence", "_tickets", "now_ms")

    def __init__(self, state: ScheduleState) -> None:
        self.now_ms = state.now_ms
        self._sequence = state.sequence
        self._tickets = {ticket for _, _, ticket, _ in state.pending}
        self._events: tuple[dict[Subject, Awaited], ...] = tuple({} for _ in Priority)
        least, most = min(self._tickets, default=0), max(self._tickets, default=-1)
        if len(self._tickets) < len(state.pending) or least < 0 or most >= state.sequence:
            raise ValueError("two pending events have one ticket, or one has a ticket that nobody was given")
        for due_ms, kind, ticket, subject in sorted(state.pending):  # no two tickets are the same
            if due_ms < state.now_ms:
                raise ValueError("a pending event lies in the past")
            self._events[kind].setdefault(subject, []).append((due_ms, ticket))

    def has(self, ticket: Ticket) -> bool:
        """True if an event with this ticket is pending, claimed or not."""
        return ticket in self._tickets

    def were_given(self, tickets: Iterable[Ticket]) -> bool:
        """True if each is the ticket of an event that was scheduled, pending or not, or NO_TICKET."""
        return all(NO_TICKET <= ticket < self._sequence for ticket in tickets)

    def claim(self, kind: Priority, subject: Subject) -> Awaited:
        """Claim the events of a kind about a subject."""
        return self._events[kind].pop(subject, [])

    def claim_all(self, kind: Priority) -> dict[Subject, Awaited]:
        """Claim all events of a kind, by their subjects."""
        claimed = dict(self._events[kind])
        self._events[kind].clear()
        return claimed

    def claim_one(self, kind: Priority, subject: Subject) -> Ticket:
        """Claim the one event of a kind about a subject; returns its ticket. Raises ValueError unless there is one."""
        claimed = self.claim(kind, subject)
        if len(claimed) != 1:
            raise ValueError(f"{len(claimed)} events of kind {kind.name} are pending for {subject!r}, not one")
        return claimed[0][1]

    def claim_due(self, kind: Priority, subject: Subject, dues_ms: Sequence[int | None]) -> None:
        """Claim the events of a kind about a subject. Raises ValueError unless they are due at just these instants."""
        claimed = [due_ms for due_ms, _ in self.claim(kind, subject)]
        if claimed != list(dues_ms):
            raise ValueError(f"events of kind {kind.name} are pending for {subject!r} at {claimed}, not at {dues_ms}")

    def check_empty(self) -> None:
        """Raises ValueError where an event is left."""
        for kind in Priority:
            for subject in self._events[kind]:
                raise ValueError(f"nothing awaits the event of kind {kind.name} that is pending for {subject!r}")
