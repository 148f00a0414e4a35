"""The parameters of calls that list something."""

from typing import Annotated

from msgspec import Meta

from ...core.scenario.fault_rules import Operation
from .parameters import WorldQuery

PAGE_DEFAULT = 100

Number = Annotated[int, Meta(ge=0)]


class ListQuery(WorldQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of a list."""

    limit: Number = PAGE_DEFAULT
    """The most items to answer with."""


class NumberedListQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of a list of numbered items."""

    after: Number | None = None
    """Go on after the item of this number."""


class NamedListQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of a list of items that have names or ids."""

    after: str | None = None
    """Go on after the item of this name or id."""


class MarketQuery(NamedListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of the list of offers."""

    provider: Annotated[str | None, Meta(examples=["vast-ai"])] = None
    """Only offers of this provider, whatever its case."""
    gpu_model: Annotated[str | None, Meta(examples=["RTX 4090"])] = None
    """Only offers of this GPU model, whatever its case."""
    region: Annotated[str | None, Meta(examples=["Quebec, CA"])] = None
    """Only offers in this region, whatever its case."""


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
    fault: str | None = None
    """Only requests that this fault rule was injected into, `header` for those that asked for a fault themselves."""
    rental: str | None = None
    """Only requests about the rental of this id."""


class EventStreamQuery(WorldQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of a stream of events."""

    after: Number | None = None
    """Begin after the event of this number; without it, and without `Last-Event-ID`, with what happens from now on."""
