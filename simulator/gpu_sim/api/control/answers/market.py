"""Answers about offers and acts on them."""

from typing import Any, Literal

from msgspec import Struct

from ....core.scenario.acts import ActKind
from ....core.scenario.catalog import ProviderClass
from .texts import InstantText, PriceText


class OfferView(Struct, frozen=True):
    """An offer with fields that the API does not show: class, price process, capacity, its availability as a share of
    time, and what keeps it from being rented."""

    name: str
    provider_id: str
    gpu_model: str
    region: str
    vram_gb: int
    provider_class: ProviderClass
    price_per_gpu_hour: PriceText
    """The price of now."""
    process: str
    """The name of its price process."""
    process_price_per_gpu_hour: PriceText
    """The price of the process, without the acts that lie over it."""
    on_demand_price_per_gpu_hour: PriceText
    interruption_probability: float
    capacity: int
    """The number of its GPUs in all."""
    free: int
    """The number of GPUs that can be rented now."""
    listed: bool
    """True while the API lists it."""
    availability: float
    """The share of the time that it can be had."""
    outage: bool
    """True during an outage."""
    down: bool
    """True while it cannot be rented for a while, after an interruption for instance."""
    away: bool
    """True while it has left the market."""
    provisioning: Literal["stuck", "fails"] | None
    """The outcome of provisioning that an act decides."""
    vanish: bool
    """True while an act hides the rentals on it."""
    acts: list[str]
    """The names of the acts that lie over it, in the order in which they began."""


class ActView(Struct, frozen=True):
    """An act that began now."""

    act: int
    """Its number."""
    name: str
    """The name by which it is looked up and ended."""
    kind: ActKind
    at: InstantText
    until: InstantText | None
    """Null where it lasts until it is ended."""
    offers: int
    """The number of offers that it concerns."""
    rentals: int
    """The number of rentals that it ended."""
    notified: int
    """The number of rentals that it notified of their interruption."""
    withdrawn: int
    """The number of rentals of which it called the interruption off."""
    ended: list[str]
    """The names of the acts that it ended."""


class ListedActView(Struct, frozen=True):
    """An act that is in force, or that the timeline has yet to begin."""

    name: str
    act: int
    """Its number."""
    kind: ActKind
    state: Literal["in_force", "scheduled"]
    source: Literal["timeline", "call"]
    """The scenario's timeline, or a control call."""
    selector: dict[str, str]
    """The names by which it chooses offers; all offers where there is none."""
    parameters: dict[str, Any]
    """Its terms as they are posted, with those that have their default."""
    since: InstantText
    """The instant at which it began, or will."""
    until: InstantText | None
    """Null where it lasts until it is ended."""
    offers: int
    """The number of offers that it concerns."""
    offer_names: list[str]
    """The names of the first hundred of them."""
