"""Snapshots: the full state of a simulation at an instant, luck included, as canonical JSON.

Streams have no state but their counters, so that the future follows from a snapshot. It refers to offers and rentals by
their names, and has the journal's length and digest instead of its lines.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Struct

from .billing.ledger import FUNDING, REVENUE, LedgerState, available, held
from .journal import JournalState, Recorded, plain_quantity
from .kernel.errors import SnapshotInvalid
from .kernel.quantities import Natural
from .kernel.schedule import ScheduleState
from .market.offer import Offer, OfferState
from .market.price_levels import LevelState
from .rentals.idempotency import StoredKey
from .rentals.interruptions import InterruptionsState
from .rentals.rental import Rental, RentalsState
from .timeline import TimelineState

_T = TypeVar("_T")


class SimulationState(Struct, frozen=True):
    """The state of a simulation, besides its scenario, seed and start: the part of each of its parts."""

    schedule: ScheduleState
    accounts: tuple[str, ...]
    ledger: LedgerState
    offers: tuple[OfferState, ...]
    levels: tuple[LevelState, ...]
    churn: tuple[Natural, ...]
    rentals: RentalsState
    interruptions: InterruptionsState
    keys: tuple[StoredKey, ...]
    timeline: TimelineState
    journal: JournalState


class History(Struct, frozen=True):
    """The known past of a run before its snapshot: the latest events, and the latest ended rentals, encoded, in the
    order in which they ended."""

    events: list[Recorded]
    ended: tuple[bytes, ...]

    def rentals(self, offer: Callable[[str], Offer]) -> tuple[Rental, ...]:
        """The ended rentals. Raises SnapshotInvalid."""
        return tuple(decode_state(rental, Rental, offer) for rental in self.ended)


def encode_state(state: Struct) -> bytes:
    """The state as JSON, the same bytes for the same state."""
    return msgspec.json.encode(state, enc_hook=_plain)


def decode_state(encoded: bytes, type_: type[_T], offer: Callable[[str], Offer]) -> _T:
    """The inverse of `encode_state`; `offer` finds an offer by its name. Raises SnapshotInvalid."""

    def find(wanted: type[object], value: object) -> object:
        if wanted is not Offer:
            return plain_quantity(wanted, value)
        if not isinstance(value, str):
            raise ValueError("expected the name of an offer")
        return offer(value)

    try:
        return msgspec.json.decode(encoded, type=type_, dec_hook=find)
    except (msgspec.MsgspecError, KeyError, RecursionError) as error:
        raise SnapshotInvalid(f"the snapshot does not fit: {error}") from None


def _plain(value: object) -> object:
    if isinstance(value, Offer):
        return value.name
    assert isinstance(value, int), value
    return int(value)


def check_state(state: SimulationState) -> None:
    """Raises ValueError for contradictions between parts, which no single part can see: the state was made by hand."""
    if sum(state.ledger.balances.values()) != 0:
        raise ValueError("the balances do not sum to zero")
    known = {REVENUE, FUNDING, *map(available, state.accounts), *map(held, state.accounts)}
    if not known.issuperset(state.ledger.balances):
        raise ValueError("there is a balance of nobody")
    if state.ledger.entries > state.journal.end.events:
        raise ValueError("the ledger has more entries than there were events")
