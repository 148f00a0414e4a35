"""The transitions of a rental's status, and the events that a rental of each status awaits.

The API has three statuses (F10, F11). A rental is made as `provisioning` and never leaves `terminated`.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from ..events import Cause, Reason
from ..kernel.errors import RentalNotInState
from ..kernel.schedule import Priority

Status = Literal["provisioning", "running", "terminated"]
"""The API's statuses; there is no other (F11)."""

Trigger = Literal["ready"] | Reason
"""`ready` is the end of provisioning; the others are the reasons for which a rental ends, or is moved."""


class StatusTransition(NamedTuple):
    """A row of the table: from one status to another, by a trigger, and for an interruption by its cause."""

    source: Status
    target: Status
    trigger: Trigger
    cause: Cause | None = None


TRANSITIONS: tuple[StatusTransition, ...] = (
    StatusTransition("provisioning", "running", "ready"),
    StatusTransition("provisioning", "running", "operator"),
    StatusTransition("provisioning", "terminated", "provisioning_failed"),
    StatusTransition("provisioning", "terminated", "deleted"),
    StatusTransition("provisioning", "terminated", "operator"),
    # The market interrupts what runs; only an act also reaches what is still provisioning.
    StatusTransition("provisioning", "terminated", "interrupted", "forced"),
    StatusTransition("running", "terminated", "interrupted", "forced"),
    StatusTransition("running", "terminated", "interrupted", "shock"),
    StatusTransition("running", "terminated", "interrupted", "own"),
    StatusTransition("running", "terminated", "deleted"),
    StatusTransition("running", "terminated", "operator"),
    StatusTransition("running", "terminated", "idle_timeout"),
    StatusTransition("running", "terminated", "credit_exhausted"),
)
"""All transitions that there are."""

AWAITED: Mapping[Status, tuple[Priority, ...]] = {
    "provisioning": (Priority.HOLD_EXPIRY, Priority.PROVISIONING, Priority.FORCED_INTERRUPTION),
    "running": (
        Priority.HOLD_EXPIRY,
        Priority.IDLE_TIMEOUT,
        Priority.OWN_INTERRUPTION,
        Priority.SPREAD_INTERRUPTION,
        Priority.FORCED_INTERRUPTION,
        Priority.NOTICE,
    ),
    "terminated": (),
}
"""The kinds of events about a single rental that may be pending while it has a status."""

_SOURCES: dict[tuple[Status, Trigger], tuple[Status, ...]] = {
    (target, trigger): tuple(
        dict.fromkeys(row.source for row in TRANSITIONS if (row.target, row.trigger) == (target, trigger))
    )
    for _, target, trigger, _ in TRANSITIONS
}
_TRANSITIONS = frozenset(TRANSITIONS)


def is_transition(source: Status, target: Status, trigger: Trigger, cause: Cause | None) -> bool:
    """True for a row of the table."""
    return (source, target, trigger, cause) in _TRANSITIONS


def leads_to(source: Status, target: Status, trigger: Trigger) -> bool:
    """True where a trigger leads from one status to another, whatever its cause."""
    return source in _SOURCES.get((target, trigger), ())


def check_transition(source: Status, target: Status, trigger: Trigger) -> None:
    """Raises RentalNotInState unless the trigger leads from one status to the other."""
    sources = _SOURCES[target, trigger]
    if source not in sources:
        wanted = f", not {sources[0]}" if len(sources) == 1 else ""
        raise RentalNotInState(f"the rental is {source}{wanted}")
