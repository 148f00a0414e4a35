"""The offers of a market at the start: listed one by one, or generated."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from ..kernel.money import PRICE_STEP_MICROS
from ..kernel.names import is_line, offer_name
from ..kernel.quantities import Availability, Price, Share
from ..kernel.randomness import draw, stream

ProviderClass = Literal["marketplace", "neocloud", "hyperscaler", "exchange"]
PROVIDER_CLASSES: tuple[ProviderClass, ...] = ("marketplace", "neocloud", "hyperscaler", "exchange")


REALISTIC_ONLY = ("availability", "group")
"""The fields of an offer that count in interruptions of mode `realistic` alone."""


class OfferSpec(Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One offer at the start.

    In interruptions of other modes than `realistic`, `availability` and `group` mean nothing in a catalogue or a list
    that is inherited, which others may share, and are refused where the scenario itself lists them.
    """

    provider_id: str
    """The provider, as a rent names it."""
    provider_class: ProviderClass
    """The provider's class, from which prices, notices and provisioning take their defaults."""
    gpu_model: str
    """The GPU, as a rent names it."""
    vram_gb: int
    """The memory of one GPU in GB."""
    region: str
    """The region, as a rent names it."""
    spot_price: Price
    """The price at the start: a multiple of $0.001, not above the on-demand price."""
    on_demand_price: Price
    """The price above which no process takes it."""
    interruption_probability: Share
    """The advertised chance of an interruption within the horizon, below 100% (A1)."""
    capacity: int
    """The GPUs that there are."""
    availability: Availability | None = None
    """The share of the time that it is up, in interruptions of mode `realistic`."""
    group: str | None = None
    """The offers of one group share stresses and shocks in mode `realistic`: those of its provider, GPU model and
    country unless given."""
    spot: bool = True
    """False for an on-demand offer: the market never interrupts it and never moves its price (F4)."""

    def __post_init__(self) -> None:
        for name, text in (("provider_id", self.provider_id), ("gpu_model", self.gpu_model), ("region", self.region)):
            # `|` separates the parts of an offer's name.
            if not is_line(text) or "|" in text:
                raise ValueError(f"{name} must be 1 to 256 printable characters other than |")
        if self.group is not None and not is_line(self.group):
            raise ValueError("group must be 1 to 256 printable characters")
        if self.vram_gb < 1 or self.capacity < 0:
            raise ValueError("vram_gb must be at least 1 and capacity at least 0")
        if self.interruption_probability >= 1_000_000:
            raise ValueError("interruption_probability must be below 1")
        if self.interruption_probability == 0 and self.availability not in (None, 1_000_000):
            raise ValueError("availability is always where interruption_probability is 0: nothing makes it go down")
        self._check_prices()
        if not self.spot:
            self._check_on_demand()

    def _check_prices(self) -> None:
        for price in (self.spot_price, self.on_demand_price):
            if price <= 0 or price % PRICE_STEP_MICROS:
                raise ValueError("prices must be multiples of $0.001 above 0")
        if self.spot_price > self.on_demand_price:
            raise ValueError("spot_price is above on_demand_price")

    def _check_on_demand(self) -> None:
        """Refuse what only the market of spot offers gives a meaning."""
        if self.interruption_probability:
            raise ValueError("interruption_probability must be 0 where spot is false: the market never interrupts it")
        if self.spot_price != self.on_demand_price:
            raise ValueError("spot_price must be on_demand_price where spot is false: its price never moves")
        if self.group is not None:
            raise ValueError("group goes with spot offers: shocks hit no others")

    @property
    def name(self) -> str:
        """The name of the offer, which its luck derives from."""
        return offer_name(self.provider_id, self.gpu_model, self.region)

    @property
    def shock_group(self) -> str:
        """The name of its group: its own, or that of its provider, GPU model and country, the last part of `region`."""
        if self.group is not None:
            return self.group
        return f"{self.provider_id}|{self.gpu_model}|{self.region.rpartition(',')[2].strip()}"


class Generate(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A number of offers to generate."""

    offers: int
    """Their number, 1 to 1000000."""

    def __post_init__(self) -> None:
        if not 1 <= self.offers <= 1_000_000:
            raise ValueError("offers must be between 1 and 1000000")


class CatalogSpec(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A catalogue that is generated rather than read."""

    generate: Generate
    """Offers that are made up, the same for every seed."""


_PROVIDERS: tuple[tuple[str, ProviderClass], ...] = (
    ("provider-market", "marketplace"),
    ("provider-neo", "neocloud"),
    ("provider-hyper", "hyperscaler"),
    ("provider-exchange", "exchange"),
)
_MODELS = (
    ("RTX 4090", 24, 400),
    ("L40S", 48, 900),
    ("A100 80GB", 80, 1_400),
    ("H100", 80, 2_800),
    ("H200", 141, 4_000),
)


@lru_cache(maxsize=1)
def generated_offers(count: int) -> tuple[OfferSpec, ...]:
    """All of `generate_offers`. The latest are kept: those who check a scenario and the worlds of it share them."""
    return tuple(generate_offers(count))


def generate_offers(count: int) -> Iterator[OfferSpec]:
    """So many offers, the same for every seed: regions `region-00000` and on, prices around real levels."""
    key = stream(0, "catalog")
    for index in range(count):
        drawn = draw(key, index)
        provider_id, provider_class = _PROVIDERS[drawn % 4]
        gpu_model, vram_gb, on_demand_thousandths = _MODELS[(drawn >> 8) % 5]
        spot_thousandths = on_demand_thousandths * (350 + (drawn >> 16) % 500) // 1000
        yield OfferSpec(
            provider_id=provider_id,
            provider_class=provider_class,
            gpu_model=gpu_model,
            vram_gb=vram_gb,
            region=f"region-{index:05d}",
            spot_price=Price(spot_thousandths * 1_000),
            on_demand_price=Price(on_demand_thousandths * 1_000),
            interruption_probability=Share(5_000 + (drawn >> 32) % 95_000),
            capacity=1 + (drawn >> 48) % 32,
        )
