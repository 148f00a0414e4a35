"""Fault rules: which requests meet which misbehaviour, and when. Records only: `faults` counts and decides."""

from collections.abc import Collection, Iterator
from typing import Literal, get_args

from msgspec import Struct

from ..kernel.names import did_you_mean, is_name
from ..kernel.quantities import Duration, Share
from ..kernel.randomness import PPM
from .acts import Selector
from .fault_effects import FaultEffect
from .offer_names import OfferNames, Path

Operation = Literal["list_offers", "rent_gpu", "get_rental", "terminate_rental"]
"""The operation ids of the API's description."""

OPERATIONS: tuple[Operation, ...] = get_args(Operation)

Scope = Literal["account", "rental", "world"]
"""The scope of a rule's counts and draws: each account's, each rental's, or one for all in the world."""

OfferName = tuple[str, str, str]
"""An offer as a request names it: provider, model, region."""

RESERVED = "header"
"""The value of `x-sim-fault` for a fault that the request itself asked for; no rule may have this name."""


class FaultTarget(Selector, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Which requests a rule is about: those of which all that is given here is true, every one where nothing is."""

    operation: Operation | None = None
    """The operation of the requests; any unless given."""
    account: str | None = None
    """The account of the requests; any unless given."""

    @property
    def has_selector(self) -> bool:
        """True if it depends on the offer that a request concerns."""
        return self.provider is not None or self.gpu_model is not None or self.region is not None

    def meets(self, operation: Operation, account: str, offer: OfferName | None) -> bool:
        """True if a request is meant; with a selector it is only if it concerns a known offer."""
        return (
            (self.operation is None or self.operation == operation)
            and (self.account is None or self.account == account)
            and (not self.has_selector or (offer is not None and self.matches(*offer)))
        )


class FaultWhen(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """At which of the requests that it is about a rule acts; all conditions must hold.

    `after` skips the first hits, `every: n` acts on each n-th of the remaining, `times` ends it after so many
    injections. They count, and `probability` draws, for each account, for each rental, or for the whole world: `per`
    says which. `between` is [from, to) in virtual time since the scenario's start, `ttl` counts from when the rule was
    added.
    """

    probability: Share = Share(PPM)
    """The chance that the rule acts on a request of which all else holds."""
    times: int | None = None
    """The requests that it acts on at the most, 1 or more."""
    after: int = 0
    """The first requests, which it lets pass."""
    every: int = 1
    """Acts on each n-th of those that remain."""
    between: tuple[Duration, Duration] | None = None
    """Acts from the first of these virtual times on and before the second, both since the scenario's start."""
    ttl: Duration | None = None
    """Acts for so much virtual time from when the rule was added."""
    per: Scope = "account"
    """The requests that are counted together: those of an account, those about a rental, or all of the world."""

    def __post_init__(self) -> None:
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1")
        if self.after < 0:
            raise ValueError("after must be 0 or more")
        if self.every < 1:
            raise ValueError("every must be at least 1")
        if self.between is not None and self.between[0] >= self.between[1]:
            raise ValueError("between must end after it begins")
        if self.ttl == 0:
            raise ValueError("ttl must be above 0s")


class FaultRule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Requests, what happens to them, and when. Of the rules that say yes, all that only delay act, and of the others
    the first in order."""

    name: str
    """The rule's name, 1 to 64 of A-Z a-z 0-9 _ -, which answers bear in `x-sim-fault`."""
    on: FaultTarget = FaultTarget()
    """The requests that it is about; all unless given."""
    effect: FaultEffect
    """The misbehaviour that they meet."""
    when: FaultWhen = FaultWhen()
    """At which of them it acts."""

    def __post_init__(self) -> None:
        if self.effect.duplicate and self.on.operation in ("list_offers", "get_rental"):
            raise ValueError("duplicate goes with rent_gpu and terminate_rental: a second read changes nothing")

    def may_meet(self, operation: Operation, account: str) -> bool:
        """True if it is about some request of this operation and account."""
        about_one = self.on.has_selector or self.when.per == "rental"
        return (
            (self.on.operation is None or self.on.operation == operation)
            and (self.on.account is None or self.on.account == account)
            and not (about_one and operation == "list_offers")
            and not (self.when.per == "rental" and operation == "rent_gpu")
        )

    @property
    def needs_names(self) -> bool:
        """True if it depends on the offer or the rental that a request concerns."""
        return self.on.has_selector or self.when.per == "rental"

    def meets(self, operation: Operation, account: str, offer: OfferName | None, rental: str) -> bool:
        """True if a request is meant: of this operation and account, about this offer and this rental, if any."""
        return self.on.meets(operation, account, offer) and (self.when.per != "rental" or rental != "")


def rule_problems(
    rule: FaultRule, accounts: Collection[str], offers: OfferNames, *, added_ms: int = 0
) -> Iterator[tuple[Path, str]]:
    """Why a rule could never meet a request in a world with these accounts and offers if it is added at that instant
    (ms since the start), or be mistaken for another."""
    if not is_name(rule.name):
        yield ("name",), "a name is 1 to 64 of A-Z a-z 0-9 _ -"
    elif rule.name == RESERVED:
        yield ("name",), f'"{RESERVED}" is what x-sim-fault says of a fault that the request asked for itself'
    account = rule.on.account
    if account is not None and account not in accounts:
        yield ("on", "account"), f'no account "{account}"{did_you_mean(account, accounts)}'
    if rule.on.has_selector:
        if rule.on.operation == "list_offers":
            yield ("on",), "list_offers concerns no single offer: provider, gpu_model and region go with the others"
        else:
            yield from offers.problems(rule.on, ("on",))
    if rule.when.per == "rental" and rule.on.operation in ("list_offers", "rent_gpu"):
        yield ("when", "per"), f"{rule.on.operation} concerns no rental yet: per rental goes with the others"
    between, ttl = rule.when.between, rule.when.ttl
    if between is not None and between[1] <= added_ms:
        yield ("when", "between"), f"between is over already: {added_ms} ms have passed since the start"
    elif between is not None and ttl is not None and between[0] >= added_ms + ttl:
        yield ("when", "ttl"), "ttl is over before between begins"
