"""Snapshots: the full state of a simulation at an instant, luck included, as canonical JSON.

Streams have no state but their counters, so what is to come follows from what a snapshot holds. It names offers
and rentals, and holds the journal's length and digest instead of its lines.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Struct

from .clock import YEAR_MS
from .errors import SnapshotInvalid
from .idempotency import StoredKey
from .journal import JournalState, Recorded, plain_quantity
from .ledger import LedgerState
from .money import PRICE_STEP_MICROS
from .names import is_name
from .offer import Offer, OfferState
from .price_levels import LevelState
from .rental import Rental, RentalsState
from .schedule import Priority, ScheduleState
from .takebacks import TakeBacksState
from .timeline import TimelineState

NOW_MS_MAX = 10_000 * YEAR_MS
"""No clock is further from its start."""

_T = TypeVar("_T")


class SimulationState(Struct, frozen=True):
    """What a simulation is, besides its scenario, seed and start."""

    schedule: ScheduleState
    accounts: tuple[str, ...]
    ledger: LedgerState
    offers: tuple[OfferState, ...]
    levels: tuple[LevelState, ...]
    churn: tuple[int, ...]
    rentals: RentalsState
    takebacks: TakeBacksState
    keys: tuple[StoredKey, ...]
    timeline: TimelineState
    journal: JournalState


class History(Struct, frozen=True):
    """What is known of a run from before its snapshot: the latest events, and the latest ended rentals, encoded, in
    the order in which they ended."""

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
    except (msgspec.MsgspecError, KeyError) as error:
        raise SnapshotInvalid(f"the snapshot does not fit: {error}") from None


def _plain(value: object) -> object:
    if isinstance(value, Offer):
        return value.name
    assert isinstance(value, int), value
    return int(value)


def check_state(state: SimulationState) -> None:
    """Raises SnapshotInvalid for a state that no run could be in: it was made by hand."""
    for problem, holds in (
        ("an event that is pending lies in the past, or is of no kind", _is_possible(state.schedule)),
        ("the balances do not sum to zero", sum(state.ledger.balances.values()) == 0),
        ("an offer has GPUs less than none in use", all(offer.used >= 0 for offer in state.offers)),
        ("an account's name is none", all(map(is_name, state.accounts))),
        ("a rental is impossible", _are_possible(state)),
    ):
        if not holds:
            raise SnapshotInvalid(f"the snapshot makes no sense: {problem}")


def _is_possible(schedule: ScheduleState) -> bool:
    tickets = {ticket for _, _, ticket, _ in schedule.pending}
    return (
        0 <= schedule.now_ms <= NOW_MS_MAX
        and len(tickets) == len(schedule.pending)
        and all(0 <= ticket < schedule.sequence for ticket in tickets)
        and all(due >= schedule.now_ms and 0 <= kind < len(Priority) for due, kind, _, _ in schedule.pending)
    )


def _are_possible(state: SimulationState) -> bool:
    now_ms, accounts = state.schedule.now_ms, frozenset(state.accounts)
    live, ended = state.rentals.live, state.rentals.ended
    return (
        all(rental.terminated_ms is None for rental in live)
        and all(rental.terminated_ms is not None and 0 <= rental.terminated_ms <= now_ms for rental in ended)
        and all(
            0 <= rental.created_ms <= now_ms
            and 0 <= (rental.running_ms or 0) <= now_ms
            and rental.price_micros_per_hour > 0
            and rental.price_micros_per_hour % PRICE_STEP_MICROS == 0
            and rental.command.gpu_count > 0
            and rental.account in accounts
            for rental in (*live, *ended)
        )
    )
