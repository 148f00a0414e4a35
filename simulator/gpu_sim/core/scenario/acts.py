"""Acts: what an operator or a scenario's timeline does to the market, to rentals and for accounts."""

from collections.abc import Sequence
from itertools import count
from typing import ClassVar, Literal

from msgspec import Struct, field

from ..kernel.clock import YEAR_MS
from ..kernel.names import is_line
from ..kernel.one_of import OneOf, not_exactly_one
from ..kernel.quantities import Duration, Factor, Money, Price, Share
from ..kernel.randomness import PPM
from .scripted_interruptions import ScriptedInterruption, check_notice

MODEL_ID = "meta-llama/Llama-3.3-70B-Instruct"
DOCKER_IMAGE = "vllm/vllm-openai:latest"
CAPACITY_MAX = 1_000_000_000

ActKind = Literal["outage", "price", "capacity", "interrupt", "provisioning", "vanish"]
"""The kinds of acts on offers."""


class Selector(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Which offers an act concerns: those that match every name given, all of them where none is."""

    provider: str | None = None
    """The provider of the offers; any unless given."""
    gpu_model: str | None = None
    """The GPU model of the offers; any unless given."""
    region: str | None = None
    """The region of the offers; any unless given."""

    def matches(self, provider_id: str, gpu_model: str, region: str) -> bool:
        """True if the offer of these names is meant; names match whatever their case (A14)."""
        return (
            (self.provider is None or self.provider.casefold() == provider_id.casefold())
            and (self.gpu_model is None or self.gpu_model.casefold() == gpu_model.casefold())
            and (self.region is None or self.region.casefold() == region.casefold())
        )


class RentAct(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A rent, as the account's client would send it; `as` names the rental for later acts."""

    as_: str = field(name="as")
    """The name of the rental for later acts of the timeline."""
    account: str
    """The name of the account that rents."""
    provider_id: str
    """The provider of the offer that is rented."""
    gpu_model: str
    """The GPU model of the offer that is rented."""
    region: str
    """The region of the offer that is rented."""
    gpu_count: int = 1
    """The number of GPUs, at least 1."""
    model_id: str = MODEL_ID
    """The model that is to be served: one line of 1 to 256 characters."""
    docker_image: str = DOCKER_IMAGE
    """The image that serves it: one line of 1 to 256 characters."""
    fine_tuned: bool = False
    """True for a fine-tuned variant of the model, which is fetched as well."""

    def __post_init__(self) -> None:
        if self.gpu_count < 1:
            raise ValueError("gpu_count must be at least 1")
        for name in ("as_", "model_id", "docker_image"):
            if not is_line(getattr(self, name)):
                raise ValueError(f"{name.rstrip('_')} must be one line of 1 to 256 printable characters")


class NamedAct(Selector, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """An act on offers. By its `name` it is looked up and ended; one is made where none is given."""

    name: str | None = None
    """The name by which it is looked up and ended, 1 to 64 of A-Z a-z 0-9 _ -; made of its kind and number unless
    given."""


class PassingAct(NamedAct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """An act on offers that is over after `for`; without it, it lasts until it is ended."""

    for_: Duration | None = field(name="for", default=None)
    """The time after which it is over, above 0s; unless given it lasts until it is ended."""

    def __post_init__(self) -> None:
        if self.for_ is not None and self.for_ < 1:
            raise ValueError("for must be above 0s")


class OutageAct(PassingAct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Offers vanish from the list and cannot be rented; what is rented there goes on, or with `interrupt` is lost at
    the end of its `notice`, even where the outage is over by then."""

    KIND: ClassVar[ActKind] = "outage"

    interrupt: bool = False
    """True if what is rented there is lost."""
    notice: Duration | None = None
    """The time between the notice and the loss; that of each offer's provider unless given, and with 0s none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_notice(self.notice)
        if self.notice is not None and not self.interrupt:
            raise ValueError("notice goes with interrupt: true: an outage alone ends no rental")

    @property
    def interruption(self) -> ScriptedInterruption:
        """The interruption of each rental on these offers, where it interrupts."""
        return ScriptedInterruption(notice=self.notice)


class PriceAct(PassingAct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Prices are `set`, or what the price process says is multiplied: as far as the factor goes, or with `capped` no
    further than the offer's on-demand price."""

    KIND: ClassVar[ActKind] = "price"

    set: Price | None = None
    """The price of a GPU and hour; either this or `multiply`."""
    multiply: Factor | None = None
    """The factor by which prices are multiplied; either this or `set`."""
    capped: bool = False
    """True to multiply up to the on-demand price and no further."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not_exactly_one(set=self.set, multiply=self.multiply):
            raise ValueError("give either set or multiply")
        if self.set is not None and self.capped:
            raise ValueError("capped goes with multiply: a price that is set is the price")


class CapacityAct(PassingAct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Offers have this many GPUs; rentals that hold more keep them."""

    KIND: ClassVar[ActKind] = "capacity"

    set: int
    """The number of GPUs that each offer has, 0 to 1,000,000,000."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.set <= CAPACITY_MAX:
            raise ValueError(f"set must be between 0 and {CAPACITY_MAX}")


class InterruptAct(NamedAct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The market takes ⌈share × n⌉ of the n matching live rentals, those with the lowest draws, or `count` of them."""

    KIND: ClassVar[ActKind] = "interrupt"

    share: Share = Share(1_000_000)
    """The share of the matching rentals that is taken, rounded up."""
    count: int | None = None
    """The number of rentals that are taken, in place of a share; all where fewer match."""
    notice: Duration | None = None
    """The time between the notice and the interruption; that of each offer's provider unless given, with 0s none."""
    false_alarm: bool = False
    """Only the notice comes, and nothing follows."""
    withdraw: bool = False
    """The interruptions that notices of acts and operators named do not come; what matches are the rentals that await
    one."""

    def __post_init__(self) -> None:
        if self.count is not None and self.share != Share(1_000_000):
            raise ValueError("give either share or count")
        if self.count is not None and not 1 <= self.count <= CAPACITY_MAX:
            raise ValueError(f"count must be between 1 and {CAPACITY_MAX}")
        _ = self.interruption  # its own rules

    @property
    def interruption(self) -> ScriptedInterruption:
        """The interruption of each rental that it takes."""
        return ScriptedInterruption(notice=self.notice, false_alarm=self.false_alarm, withdraw=self.withdraw)

    def number_of(self, matching: int) -> int:
        """The number of rentals that it takes of so many that match."""
        return -(-matching * self.share // PPM) if self.count is None else min(self.count, matching)


class ProvisioningAct(PassingAct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Rentals whose provisioning would end get stuck until the act is over, or fail."""

    KIND: ClassVar[ActKind] = "provisioning"

    outcome: Literal["stuck", "fails"]
    """`stuck`: it waits until the act is over. `fails`: it ends the rental."""


class VanishAct(PassingAct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The API does not know the rentals on these offers, which go on and are billed."""

    KIND: ClassVar[ActKind] = "vanish"


LastingAct = OutageAct | PriceAct | CapacityAct | ProvisioningAct | VanishAct
"""The acts that offers are under while they last."""

MarketAct = OutageAct | PriceAct | CapacityAct | InterruptAct | ProvisioningAct | VanishAct
"""The acts on offers, which a scenario plays at an instant and a control call at once."""


class Transition(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The status that a rental is to have: now, or not before it is released."""

    to: Literal["running", "terminated"]
    """The status to be forced, held back or released."""
    hold: bool | None = None
    """`true` holds the transition back, `false` releases it. With `to: terminated` that is the end by a DELETE, which
    is answered as always (the service never does that, F13); what the market or billing ends is over all the same."""


class TransitionAct(Transition, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The transition of a rental of the timeline, by its name there."""

    rental: str
    """The name that a `rent` of the timeline gave it."""


class CreditAct(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An account is credited."""

    account: str
    """The name of the account."""
    amount: Money
    """US dollars, above 0."""

    def __post_init__(self) -> None:
        if self.amount == 0:
            raise ValueError("amount must be above 0")


class OneAct(OneOf, frozen=True, omit_defaults=True):
    """Exactly one act, in the field of its name."""

    @property
    def market_act(self) -> MarketAct | None:
        """The act on offers, if it is one."""
        given = getattr(self, self.kind)
        return given if isinstance(given, MarketAct) else None


class Act(OneAct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One act at one instant after the start: exactly one of the fields besides `at`."""

    at: Duration
    """The time after the start at which it begins, at most ten years."""
    rent: RentAct | None = None
    """Rents for an account."""
    terminate: str | None = None
    """Ends the rental of this name, as its account would."""
    touch: str | None = None
    """Uses the rental of this name, so that its idle time starts anew."""
    outage: OutageAct | None = None
    """Takes offers out of service."""
    price: PriceAct | None = None
    """Sets or multiplies prices."""
    capacity: CapacityAct | None = None
    """Sets the number of GPUs of offers."""
    interrupt: InterruptAct | None = None
    """Interrupts rentals, at the end of a notice if there is one."""
    credit: CreditAct | None = None
    """Credits an account."""
    provisioning: ProvisioningAct | None = None
    """Makes provisioning get stuck or fail."""
    vanish: VanishAct | None = None
    """Hides rentals from the API; they are billed on."""
    transition: TransitionAct | None = None
    """Forces a transition of a rental, holds it back, or releases it."""
    end: str | None = None
    """Ends the act on offers of this name before its time."""

    KINDS: ClassVar[tuple[str, ...]] = (
        "rent",
        "terminate",
        "touch",
        "outage",
        "price",
        "capacity",
        "interrupt",
        "credit",
        "provisioning",
        "vanish",
        "transition",
        "end",
    )

    def __post_init__(self) -> None:
        if self.at > 10 * YEAR_MS:
            raise ValueError("at is more than ten years after the start")
        super().__post_init__()

    @property
    def selector(self) -> Selector | None:
        """Which offers it concerns, where it concerns offers."""
        if self.rent is not None:
            return Selector(provider=self.rent.provider_id, gpu_model=self.rent.gpu_model, region=self.rent.region)
        return self.market_act

    @property
    def reference(self) -> str | None:
        """The name of the rental that it is about, where it is about one rented before."""
        if self.transition is not None:
            return self.transition.rental
        return self.terminate if self.terminate is not None else self.touch


def ends_ms(act: MarketAct, begins_ms: int) -> int | None:
    """The instant at which an act that begins at this one is over by itself, or None where there is none."""
    return begins_ms + act.for_ if isinstance(act, PassingAct) and act.for_ is not None else None


def timeline_names(acts: Sequence[Act]) -> tuple[str | None, ...]:
    """The names of a timeline's acts on offers, None for the others: those given, else made of kind and place."""
    market_acts = [act.market_act for act in acts]
    taken = {act.name for act in market_acts if act is not None}
    names: list[str | None] = []
    for place, act in enumerate(market_acts):
        if act is not None and act.name is None:
            made = next(name for n in count(place) if (name := f"{act.KIND}-{n}") not in taken)
            taken.add(made)
            names.append(made)
        else:
            names.append(None if act is None else act.name)
    return tuple(names)
