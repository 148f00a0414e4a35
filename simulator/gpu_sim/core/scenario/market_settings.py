"""The behaviour of a scenario's market: prices, interruptions and provisioning, by provider class.

Defaults are the values of assumption A1 and of the behaviour measured of real markets.
"""

from typing import Generic, Literal, TypeVar

from msgspec import Struct, field

from ..kernel.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, YEAR_MS
from ..kernel.hazard_rate import hazard_of
from ..kernel.quantities import Availability, Duration, Factor, Share
from ..kernel.randomness import PPM
from .availability_shape import MIDDLING, Severity, Shape
from .catalog import PROVIDER_CLASSES, CatalogSpec, OfferSpec, ProviderClass, generated_offers
from .distributions import Distribution, LogNormal, fixed
from .provisioning_parts import Parts, Sizes
from .recordings import ReplaySettings

PriceProcessName = Literal["constant", "list_price", "host_set", "smoothed", "mean_reverting", "replay"]
Setting = TypeVar("Setting")


class ByClass(Struct, Generic[Setting], frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A setting that each provider class may have of its own; `all` is for the classes not named."""

    marketplace: Setting | None = None
    """For marketplaces."""
    neocloud: Setting | None = None
    """For neoclouds."""
    hyperscaler: Setting | None = None
    """For hyperscalers."""
    exchange: Setting | None = None
    """For exchanges."""
    all: Setting | None = None
    """For the classes that are not named."""

    def own(self, provider_class: ProviderClass) -> Setting | None:
        """The setting of this class alone; None where it is not named."""
        setting: Setting | None = getattr(self, provider_class)
        return setting

    def given(self, provider_class: ProviderClass) -> Setting | None:
        """The setting of this class, or that for all; None where the default holds."""
        own = self.own(provider_class)
        return self.all if own is None else own


class PriceSettings(ByClass[PriceProcessName], frozen=True, kw_only=True, omit_defaults=True):
    """Price processes by provider class; `activity` scales every rate. With `replay` the offers of a class that have a
    recorded series follow it, and the others what is set for `all` or the default of their class."""

    activity: Factor = Factor(1_000_000)
    """Prices move so many times as often, in steps as large as before."""

    def __post_init__(self) -> None:
        if self.activity > 1_000_000_000:
            raise ValueError("activity must be at most 1000")

    def process(self, provider_class: ProviderClass) -> PriceProcessName:
        """The process of a class, apart from recorded series: its own setting, that for all, or the default by
        measurement."""
        given = (name for name in (self.own(provider_class), self.all) if name is not None and name != "replay")
        return next(given, _PRICE_DEFAULTS[provider_class])

    def process_of(self, spec: OfferSpec) -> PriceProcessName:
        """The process of an offer, apart from a recorded series: on-demand offers never change their prices."""
        return self.process(spec.provider_class) if spec.spot else "constant"

    def replays(self, provider_class: ProviderClass) -> bool:
        """True if spot offers of a class follow recorded series."""
        return self.given(provider_class) == "replay"


_PRICE_DEFAULTS: dict[ProviderClass, PriceProcessName] = {
    "marketplace": "host_set",
    "neocloud": "list_price",
    "hyperscaler": "smoothed",
    "exchange": "mean_reverting",
}


class InterruptionSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Interruptions: the way in which the market takes GPUs back (A1).

    With `poisson` each rental's hazard is constant and its offer is always there. With `realistic` offers are
    interrupted as they go down. With `replay` offers without a trace are interrupted as with `poisson`.
    """

    mode: Literal["poisson", "realistic", "replay", "none"] = "poisson"
    """`poisson` has constant hazards, `realistic` offers that go down and come back as measured, `replay` follows
    traces, `none` never interrupts."""
    horizon: Duration = Duration(HOUR_MS)
    """The time within which a running rental is interrupted with the advertised probability (A1)."""
    shared: Share = Share(800_000)
    """The share of the hazard that is the offer's: its shocks hit the rentals that run there together."""
    severity: Severity = MIDDLING
    """The share of an offer's running rentals that a shock interrupts, by a Beta distribution."""
    spread: Duration = Duration(0)
    """A shock interrupts at one instant, or one by one over this time; at most 1h."""
    reclaim: Distribution = fixed(30 * MINUTE_MS)
    """The delay until interrupted GPUs are on offer again."""
    shape: Shape | None = None
    """The behaviour that all offers have in common in mode `realistic`; the one that was fitted to recorded zones
    unless given."""
    show: Literal["long_run", "current"] = "long_run"
    """The probability that is listed: that of the long run, or in mode `realistic` that of the stress of the moment."""

    def __post_init__(self) -> None:
        if not SECOND_MS <= self.horizon <= YEAR_MS:
            raise ValueError("horizon must be between 1s and 365d")
        if self.spread > HOUR_MS:
            raise ValueError("spread must be at most 1h")
        if self.mode != "realistic" and (self.shape is not None or self.show != "long_run"):
            raise ValueError("shape and show go with mode realistic")
        if self.mode == "realistic" and self.shared == 0:
            raise ValueError("shared must be above 0% in mode realistic: an offer that goes down interrupts")

    def mean_life_ms(self, probability_ppm: int) -> float:
        """The mean life of a running rental whose chance of interruption within the horizon is this, above 0."""
        return self.horizon / hazard_of(probability_ppm)

    def shared_mean_ms(self, probability_ppm: int) -> float:
        """The mean time until its offer's part of that hazard interrupts it, where the offer has one."""
        return self.mean_life_ms(probability_ppm) * PPM / self.shared

    def own_mean_ms(self, probability_ppm: int, lost_per_hour: float) -> float | None:
        """The mean time to a rental's own interruption where its offer goes down so often; None for never."""
        per_hour = HOUR_MS / self.mean_life_ms(probability_ppm)
        own = per_hour - lost_per_hour * self.severity.mean
        return HOUR_MS / own if own > per_hour * 1e-9 else None

    def goes_down_per_hour(self, probability_ppm: int) -> float:
        """The rate at which an offer goes down, per hour of being up, so that its part of that hazard is `shared`."""
        return HOUR_MS / (self.shared_mean_ms(probability_ppm) * self.severity.mean)


class AvailabilitySettings(ByClass[Availability], frozen=True, omit_defaults=True):
    """The share of the time that the offers of a class can be had, where their own rows do not say it. The
    defaults are assumptions between what was measured of single providers."""

    def of(self, provider_class: ProviderClass) -> Availability:
        """That of a class."""
        return self.given(provider_class) or _AVAILABILITY_DEFAULTS[provider_class]


_AVAILABILITY_DEFAULTS: dict[ProviderClass, Availability] = {
    "marketplace": Availability(850_000),
    "neocloud": Availability(900_000),
    "hyperscaler": Availability(650_000),
    "exchange": Availability(600_000),
}
_USUAL = AvailabilitySettings()


class ChurnTerms(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The coming and going of offers. That one in five leaves in a day is measured, how long it is away is assumed."""

    stays: Duration = Duration(5 * DAY_MS)
    """The mean time that an offer is in the market before it leaves."""
    away: Duration = Duration(DAY_MS)
    """The mean time that it is away; with 0s it never leaves."""

    def __post_init__(self) -> None:
        if not MINUTE_MS <= self.stays <= 10 * YEAR_MS:
            raise ValueError("stays must be between 1m and 3650d")
        if self.away > 10 * YEAR_MS:
            raise ValueError("away must be at most 3650d")


class ChurnSettings(ByClass[ChurnTerms], frozen=True, omit_defaults=True):
    """Which offers leave the market and return, by provider class. By default those of marketplaces do in
    interruptions of mode realistic, and no others."""


class NoticeSettings(ByClass[Duration], frozen=True, kw_only=True, omit_defaults=True):
    """The time between an interruption's notice and the interruption, by provider class. By default a hyperscaler gives
    half a minute, and nobody else gives any."""

    providers: dict[str, Duration] = field(default_factory=dict)
    """For single providers, whatever their class and the case of their names."""

    def __post_init__(self) -> None:
        named = {name: self.own(name) for name in PROVIDER_CLASSES} | {"all": self.all} | self.providers
        for name, notice in named.items():
            if (notice or 0) > HOUR_MS:
                raise ValueError(f"{name} must be at most 1h")
        if len(set(map(str.casefold, self.providers))) < len(self.providers):
            raise ValueError("providers names one twice, in upper and lower case")

    def of(self, provider_id: str, provider_class: ProviderClass) -> Duration:
        """That of a provider: its own setting, that of its class, that for all, or the default."""
        for name, notice in self.providers.items():
            if name.casefold() == provider_id.casefold():
                return notice
        given = self.given(provider_class)
        return Duration(30 * SECOND_MS if provider_class == "hyperscaler" else 0) if given is None else given


class ProvisioningTerms(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The time that provisioning takes, as one delay or by parts, and the shares that come to nothing."""

    delay: Distribution | None = None
    """The time that all of it takes."""
    parts: Parts | None = None
    """The phases that it has, in place of one delay."""
    failure: Share | None = None
    """The share that ends with `provisioning_failed` when that time is over."""
    never_ready: Share | None = None
    """The share that is `provisioning` for ever."""

    def __post_init__(self) -> None:
        if self.delay is not None and self.parts is not None:
            raise ValueError("give either delay or parts")

    def over(self, general: "ProvisioningTerms") -> "ProvisioningTerms":
        """These terms, and the general ones where they leave something open; a delay or parts replace either."""
        timed = general if self.delay is None and self.parts is None else self
        return ProvisioningTerms(
            delay=timed.delay,
            parts=timed.parts,
            failure=general.failure if self.failure is None else self.failure,
            never_ready=general.never_ready if self.never_ready is None else self.never_ready,
        )


def _terms(median_s: int, p95_s: int, failure_ppm: int) -> ProvisioningTerms:
    shape = LogNormal(Duration(median_s * SECOND_MS), Duration(p95_s * SECOND_MS))
    return ProvisioningTerms(delay=Distribution(lognormal=shape), failure=Share(failure_ppm), never_ready=Share(0))


_PROVISIONING_DEFAULTS: dict[ProviderClass, ProvisioningTerms] = {
    "marketplace": _terms(90, 420, 50_000),
    "neocloud": _terms(45, 180, 10_000),
    "hyperscaler": _terms(90, 240, 10_000),
    "exchange": _terms(45, 180, 10_000),
}


class ProvisioningSettings(ByClass[ProvisioningTerms], frozen=True, kw_only=True, omit_defaults=True):
    """Provisioning by provider class; `all` is for what a class leaves open."""

    sizes: Sizes = Sizes()
    """The sizes of images and models, which are fetched."""

    def __post_init__(self) -> None:
        for provider_class in PROVIDER_CLASSES:
            terms = self.terms(provider_class)
            if (terms.failure or 0) + (terms.never_ready or 0) > PPM:
                raise ValueError(f"failure and never_ready of {provider_class} come to more than 100%")

    def terms(self, provider_class: ProviderClass) -> ProvisioningTerms:
        """The terms of a class, none of them open: its own, those for all, or the default."""
        terms = _PROVISIONING_DEFAULTS[provider_class]
        for given in (self.all, self.own(provider_class)):
            if given is not None:
                terms = given.over(terms)
        return terms


class MarketSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The offers, from a catalogue (a name, a CSV file, or generated) or listed, and how they behave."""

    catalog: str | CatalogSpec | None = None
    """Where the offers come from: `default`, a CSV file beside the scenario, or generated ones."""
    offers: tuple[OfferSpec, ...] = ()
    """The offers one by one, in place of a catalogue."""
    prices: PriceSettings = PriceSettings()
    """The processes by which prices move."""
    interruptions: InterruptionSettings = InterruptionSettings()
    """The way in which GPUs are taken back."""
    availability: AvailabilitySettings | None = None
    """The share of the time that offers are up in interruptions of mode `realistic`."""
    churn: ChurnSettings = ChurnSettings()
    """The offers that leave the market for a time, and for how long."""
    notices: NoticeSettings = NoticeSettings()
    """The time between an interruption's notice and the interruption."""
    provisioning: ProvisioningSettings = ProvisioningSettings()
    """The time until a GPU runs, and the share that fails."""
    recordings: ReplaySettings = field(name="replay", default=ReplaySettings())
    """The recordings that offers and prices follow."""

    def __post_init__(self) -> None:
        if self.catalog is not None and self.offers:
            raise ValueError("give either catalog or offers")
        if self.availability is not None and self.interruptions.mode != "realistic":
            raise ValueError("availability goes with interruptions of mode realistic: in other modes offers stay")
        if bool(self.recordings.availability) != (self.interruptions.mode == "replay"):
            raise ValueError("traces in replay.availability go with interruptions of mode replay, and that with traces")
        if bool(self.recordings.prices) != any(map(self.prices.replays, PROVIDER_CLASSES)):
            raise ValueError("series in replay.prices go with a price process replay, and that with series")

    def availability_of(self, spec: OfferSpec) -> Availability:
        """The share of the time that an offer is to be had: its own or that of its class, but always where nothing
        makes it go down."""
        if self.interruptions.mode != "realistic" or spec.interruption_probability == 0:
            return Availability(PPM)
        return spec.availability or (self.availability or _USUAL).of(spec.provider_class)

    def availability_shown(self, spec: OfferSpec) -> int:
        """The share of the time that an offer is to be had, in parts per million: that of the trace that it follows, or
        the one wanted of it."""
        for each in self.recordings.availability:
            if spec.spot and each.matches(spec.provider_id, spec.gpu_model, spec.region):
                return each.recording.above_zero_ppm
        return self.availability_of(spec)

    def churn_of(self, provider_class: ProviderClass) -> ChurnTerms | None:
        """The terms on which offers of a class leave and return: its own, those for all, or the default; None where
        they stay."""
        default = self.interruptions.mode == "realistic" and provider_class == "marketplace"
        terms = self.churn.given(provider_class) or (ChurnTerms() if default else None)
        return terms if terms is not None and terms.away else None


def opening_offers(market: MarketSettings) -> tuple[OfferSpec, ...]:
    """The offers at the start: those listed, or those of a generated catalogue."""
    if isinstance(market.catalog, CatalogSpec):
        return generated_offers(market.catalog.generate.offers)
    assert market.catalog is None, "a catalogue's name is for the loader to resolve"
    return market.offers
