"""The parameters of calls that list something."""

from typing import TYPE_CHECKING, Annotated, Literal, get_args

from msgspec import Meta

from ...core.billing.ledger import Entry
from ...core.events import Event, Reason
from ...core.kernel.quantities import Duration
from ...core.rentals.transitions import Status
from ...core.scenario.acts import ActKind
from ...core.scenario.fault_rules import Operation
from .parameters import WorldQuery
from .since import Since

PAGE_DEFAULT = 100
OPENING_BALANCE = "opening_balance"
"""The kind of the entry that stands for those no longer in memory."""

Order = Literal["asc", "desc"]
Number = Annotated[int, Meta(ge=0)]
AccountNames = Annotated[tuple[str, ...], Meta(examples=[["alice"]])]

ENTRY_TYPES: tuple[str, ...] = tuple(type_.__struct_config__.tag for type_ in get_args(Entry))
EVENT_TYPES: tuple[str, ...] = (*(type_.__struct_config__.tag for type_ in get_args(Event)), *ENTRY_TYPES)

if TYPE_CHECKING:
    EventType = str
    EntryType = str
else:  # made from the closed lists themselves, which a type checker cannot follow
    EventType = Literal[EVENT_TYPES]
    EntryType = Literal[(*ENTRY_TYPES, OPENING_BALANCE)]


class ListQuery(WorldQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of a list."""

    limit: Number = PAGE_DEFAULT
    """The most items to answer with; 0 for none, to see `total` alone."""
    order: Order = "asc"
    """The order of the items: `asc` has the oldest first, `desc` the newest."""


class NumberedListQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of a list of numbered items."""

    after: Number | None = None
    """Go on after the item of this `seq`: with later ones, or with earlier ones where the order is `desc`."""


class NamedListQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of a list of items that have names."""

    after: str | None = None
    """Go on after the item of this name, or after that which `next` tells, even if it is no longer there."""


class OfferFilters(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A query that chooses by the names of offers."""

    provider: Annotated[str | None, Meta(examples=["vast-ai"])] = None
    """Only what is of this provider, whatever the case."""
    gpu_model: Annotated[str | None, Meta(examples=["RTX 4090"])] = None
    """Only what is of this GPU model, whatever the case."""
    region: Annotated[str | None, Meta(examples=["Quebec, CA"])] = None
    """Only what is in this region, whatever the case."""


class MarketQuery(OfferFilters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of the list of offers."""

    after: str | None = None
    """Go on after the offer of this name."""


class ActsQuery(OfferFilters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of the list of acts; those are meant that concern an offer of these names."""

    after: str | None = None
    """Go on after the act of this name, or after that which `next` tells, even if it is no longer there."""
    state: Literal["in_force", "scheduled"] = "in_force"
    """Acts that are in force, or those that the timeline has yet to begin."""
    kind: ActKind | None = None
    """Only acts of this kind."""


class AccountsQuery(NamedListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of the list of accounts."""

    account: AccountNames = ()
    """Only these accounts."""


class RentalsQuery(OfferFilters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of the list of rentals."""

    after: str | None = None
    """Go on after the rental of this id, or after the rental that was the world's n-th, which is what `next` says."""
    status: tuple[Status, ...] = ()
    """Only rentals in one of these states."""
    account: AccountNames = ()
    """Only rentals of these accounts."""
    rental_id: tuple[str, ...] = ()
    """Only these rentals."""
    termination_reason: tuple[Reason, ...] = ()
    """Only rentals that ended for one of these reasons."""
    since: Since | None = None
    """Only rentals that were created then or later: an instant, or so long before now in virtual time."""


class EventFilters(WorldQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A query that chooses among events."""

    type: tuple[EventType, ...] = ()
    """Only events of these types."""
    account: AccountNames = ()
    """Only events that concern these accounts."""
    rental_id: tuple[str, ...] = ()
    """Only events of these rentals."""
    since: Since | None = None
    """Only events from then on: an instant, or so long before now in virtual time."""


class EventsQuery(EventFilters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of the list of events, which is one of numbered items."""

    limit: Number = PAGE_DEFAULT
    """The most items to answer with; 0 for none, to see `total` alone."""
    order: Order = "asc"
    """The order of the items: `asc` has the oldest first, `desc` the newest."""
    after: Number | None = None
    """Go on after the item of this `seq`: with later ones, or with earlier ones where the order is `desc`."""


class EventStreamQuery(EventFilters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of a stream of events."""

    after: Number | None = None
    """Begin after the event of this `seq`; without it, `since` and `Last-Event-ID`, with what happens from now on."""


class LedgerQuery(NumberedListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of the ledger."""

    type: tuple[EntryType, ...] = ()
    """Only entries of these kinds."""
    account: AccountNames = ()
    """Only entries of these accounts."""
    rental_id: tuple[str, ...] = ()
    """Only entries of these rentals."""
    since: Since | None = None
    """Only entries from then on: an instant, or so long before now in virtual time."""


class RequestsQuery(NumberedListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of the request log."""

    operation: Operation | None = None
    """Only requests for this operation."""
    account: Annotated[str | None, Meta(examples=["alice"])] = None
    """Only requests of this account."""
    token: str | None = None
    """Only requests of the account with this bearer token."""
    status: Annotated[str | None, Meta(examples=["409"])] = None
    """Only answers of this status, or of a class such as `4xx`; 0 for requests without an answer."""
    error: Annotated[str | None, Meta(examples=["offer_unavailable"])] = None
    """Only answers whose error has this code."""
    fault: str | None = None
    """Only requests that this fault rule was injected into, `header` for those that asked for a fault themselves."""
    rental_id: str | None = None
    """Only requests about the rental of this id."""
    rental: str | None = None
    """The same as `rental_id`, as a match of `requests/verify` calls it."""
    since: Since | None = None
    """Only requests that were answered then or later: an instant, or so long before now in virtual time."""
    provider: Annotated[str | None, Meta(examples=["vast-ai"])] = None
    """Only rents that name an offer of this provider, as the client wrote it."""
    gpu_model: Annotated[str | None, Meta(examples=["RTX 4090"])] = None
    """Only rents that name an offer of this GPU model, as the client wrote it."""
    region: Annotated[str | None, Meta(examples=["Quebec, CA"])] = None
    """Only rents that name an offer in this region, as the client wrote it."""
    wait: Duration = Duration(0)
    """Wait so long at most, up to 30 s of wall time, for requests in flight that may pass the filters."""
