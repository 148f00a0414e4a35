"""Answers about offers and acts on them."""

from typing import Literal

from msgspec import Struct

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


class ActView(Struct, frozen=True):
    """An act that began now."""

    act: int
    """Its number."""
    kind: str
    at: InstantText
    until: InstantText | None
    """Null where it lasts to the end."""
    offers: int
    """The number of offers that it concerns."""
    rentals: int
    """The number of rentals that it ended."""
