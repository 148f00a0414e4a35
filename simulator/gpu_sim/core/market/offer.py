"""One offer: what it is listed as, its price, its GPUs, and the acts over it (F4–F6)."""

from typing import Literal

from msgspec import Struct

from ..kernel.money import PRICE_MICROS_MAX, quantize_price
from ..kernel.quantities import Natural
from ..kernel.randomness import PPM
from ..scenario.catalog import OfferSpec
from .overlays import Overlay
from .prices import PricePath, PriceState
from .recorded_prices import RecordedPrice


class OfferState(Struct, frozen=True, array_like=True):
    """The state of an offer in a snapshot; with the acts in force, price and capacity follow from it."""

    path: PriceState
    is_down: bool
    used: Natural


class Offer:
    """A rentable listing: (provider, gpu_model, region). `price_micros_per_hour` is what the API shows (F6),
    `capacity` the GPUs that there are now and `stock` those without acts, `used` those that rentals have or the market
    has reclaimed, and while it `is_down`, or `is_away` from the market, none can be had. `interruption_ppm` is the
    chance of interruption that it shows (A1). `overlays` are the acts over it in the order in which they began,
    `showing` those that no later one covers, and `outages` the numbers of those that put it out of service."""

    __slots__ = (
        "capacity",
        "interruption_ppm",
        "is_away",
        "is_down",
        "name",
        "outages",
        "overlays",
        "path",
        "price_micros_per_hour",
        "showing",
        "spec",
        "stock",
        "used",
    )

    def __init__(self, spec: OfferSpec, path: PricePath | RecordedPrice) -> None:
        self.spec = spec
        self.path = path
        self.name = spec.name
        self.price_micros_per_hour = path.price_micros
        self.capacity = self.stock = spec.capacity
        self.used = 0
        self.is_down = False
        self.interruption_ppm = int(spec.interruption_probability)
        self.is_away = False
        self.outages: tuple[int, ...] = ()
        self.overlays: tuple[Overlay, ...] = ()
        self.showing: tuple[Overlay, ...] = ()

    @property
    def free(self) -> int:
        """GPUs that can be rented now, were there no outage."""
        return max(0, self.capacity - self.used)

    @property
    def is_listed(self) -> bool:
        """True if the offers list shows it: it is there, up and not out of service, with at least one free GPU (F6)."""
        return not self.outages and not self.is_down and not self.is_away and self.free > 0

    @property
    def provisioning(self) -> Literal["stuck", "fails"] | None:
        """The outcome of provisioning here while acts decide it: that of the one that began last."""
        for _, kind, _ in self.showing:
            if kind in ("stuck", "fails"):
                return kind
        return None

    @property
    def hides_rentals(self) -> bool:
        """True if an act hides the rentals here from the API."""
        return any(kind == "vanish" for _, kind, _ in self.showing)

    def under_acts(self) -> tuple[int, int]:
        """Price and capacity under the acts, in the order in which they began: the process' price and the
        stock without any. The price is a multiple of $0.001, at most $1,000,000."""
        price, capacity = self.path.price_micros, self.stock
        for _, kind, value in self.showing:
            if kind == "price_set":
                price = value
            elif kind == "price_multiply":
                price = price * value // PPM
            elif kind == "price_capped":
                price = min(price * value // PPM, int(self.spec.on_demand_price))
            elif kind == "capacity":
                capacity = value
        return min(quantize_price(price), PRICE_MICROS_MAX), capacity

    def state(self) -> OfferState:
        """Its part of a snapshot."""
        return OfferState(self.path.state(), self.is_down, self.used)
