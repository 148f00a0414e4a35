"""Fault rules: which requests meet which misbehaviour, and when. Records only: `faults` counts and decides."""

from collections.abc import Collection, Iterator
from typing import ClassVar, Literal, get_args

from msgspec import Struct

from ..kernel.names import did_you_mean, is_name
from ..kernel.quantities import Duration, Share
from ..kernel.randomness import PPM
from .acts import Selector
from .distributions import Distribution
from .offer_names import OfferNames, Path

Operation = Literal["list_offers", "rent_gpu", "get_rental", "terminate_rental"]
"""The operation ids of the API's description."""

OPERATIONS: tuple[Operation, ...] = get_args(Operation)

OfferName = tuple[str, str, str]
"""An offer as a request names it: provider, model, region."""

RESERVED = "header"
"""The value of `x-sim-fault` for a fault that the request itself asked for; no rule may have this name."""


class FaultTarget(Selector, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Which requests a rule is about: those of which all that is given here is true, every one where nothing is."""

    operation: Operation | None = None
    account: str | None = None

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


class Drip(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An answer in pieces of so many bytes, with a pause after each."""

    bytes: int
    every: Duration

    def __post_init__(self) -> None:
        if self.bytes < 1:
            raise ValueError("bytes must be at least 1")
        if self.every < 1:
            raise ValueError("every must be above 0s")


class RateLimit(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A token bucket in virtual time: `limit` requests at once, refilled evenly by `limit` in `per`."""

    limit: int
    per: Duration

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= 1_000_000_000:
            raise ValueError("limit must be between 1 and 1000000000")
        if self.per < 1:
            raise ValueError("per must be above 0s")


class FaultEffect(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The fault that a request meets: one of the kinds, a delay, or both; the delay comes before the command.

    `delay` is wall time unless `clock` is `virtual`, `hang` and `drip` always are. `retry_after` is sent as it is
    written, in seconds unless `retry_after_as` says otherwise.
    """

    respond: int | None = None
    retry_after: Duration | None = None
    retry_after_as: Literal["seconds", "date", "negative"] | None = None
    delay: Distribution | None = None
    clock: Literal["wall", "virtual"] | None = None
    hang: Duration | None = None
    reset: bool = False
    truncate: Share | None = None
    malformed: bool = False
    drip: Drip | None = None
    rate_limit: RateLimit | None = None
    lose_response: bool = False
    duplicate: bool = False

    KINDS: ClassVar[tuple[str, ...]] = (
        "respond",
        "hang",
        "reset",
        "truncate",
        "malformed",
        "drip",
        "rate_limit",
        "lose_response",
        "duplicate",
    )

    def __post_init__(self) -> None:
        given = self._given()
        if len(given) > 1:
            raise ValueError(f"give one of {', '.join(self.KINDS)}, not {' and '.join(given)}; only delay goes with it")
        if not given and self.delay is None:
            raise ValueError(f"give one of {', '.join(self.KINDS)} or delay")
        if self.respond is not None and not 400 <= self.respond <= 599:
            raise ValueError("respond must be a status from 400 to 599")
        if self.hang == 0:
            raise ValueError("hang must be above 0s")
        if self.truncate == PPM:
            raise ValueError("truncate must be below 100%: the share of the body that is sent")
        if self.clock is not None and self.delay is None:
            raise ValueError("clock goes with delay")
        self._check_retry_after()

    def _check_retry_after(self) -> None:
        if self.retry_after is None and self.retry_after_as is None:
            return
        if self.respond not in (429, 503) and self.rate_limit is None:
            raise ValueError("retry_after goes with respond 429 or 503, or with rate_limit")
        if self.retry_after_as == "negative" and self.retry_after == 0:
            raise ValueError("retry_after 0s has no negative")

    def _given(self) -> list[str]:
        values = ((kind, getattr(self, kind)) for kind in self.KINDS)
        return [kind for kind, value in values if value is not None and value is not False]

    @property
    def kind(self) -> str:
        """Which of the kinds it is, or `delay` where it is nothing else."""
        return (*self._given(), "delay")[0]


class FaultWhen(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """At which of the requests that it is about a rule acts, counted for each account; all conditions must hold.

    `after` skips the first hits, `every: n` acts on each n-th of the remaining, `times` ends it after so many
    injections. `between` is [from, to) in virtual time since the scenario's start, `ttl` counts from when the rule was
    added.
    """

    probability: Share = Share(PPM)
    times: int | None = None
    after: int = 0
    every: int = 1
    between: tuple[Duration, Duration] | None = None
    ttl: Duration | None = None

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
    """Requests, what happens to them, and when; the first rule in order that says yes is the one injected."""

    name: str
    on: FaultTarget = FaultTarget()
    effect: FaultEffect
    when: FaultWhen = FaultWhen()

    def __post_init__(self) -> None:
        if self.effect.duplicate and self.on.operation in ("list_offers", "get_rental"):
            raise ValueError("duplicate goes with rent_gpu and terminate_rental: a second read changes nothing")


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
    between, ttl = rule.when.between, rule.when.ttl
    if between is not None and between[1] <= added_ms:
        yield ("when", "between"), f"between is over already: {added_ms} ms have passed since the start"
    elif between is not None and ttl is not None and between[0] >= added_ms + ttl:
        yield ("when", "ttl"), "ttl is over before between begins"
