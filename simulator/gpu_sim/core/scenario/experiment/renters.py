"""Renters: synthetic customers with jobs to finish or a service to keep up. Only experiments have them live."""

from collections.abc import Iterable
from typing import ClassVar

from msgspec import Struct, field

from ...kernel.names import is_name
from ...kernel.one_of import OneOf
from ...kernel.quantities import Duration, Money
from ..acts import Selector
from ..catalog import OfferSpec
from ..distributions import Distribution


class Fixed(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Arrivals at equal distances."""

    every: Duration
    """The time from one arrival to the next."""
    count: int = 1
    """The number of arrivals."""

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError("count must be at least 1")
        if self.every < 1 and self.count > 1:
            raise ValueError("every must be above 0s")


class Poisson(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Arrivals at random, as many in any hour as in any other."""

    every: Duration
    """The mean time from one arrival to the next, above 0s."""

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError("every must be above 0s")


class Arrivals(OneOf, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Exactly one of `fixed`, `poisson` and `at`."""

    fixed: Fixed | None = None
    """Arrivals at equal distances, the first at the start."""
    poisson: Poisson | None = None
    """Arrivals at random."""
    at: tuple[Duration, ...] | None = None
    """The instants of the arrivals, in order, as a trace has them."""

    KINDS: ClassVar[tuple[str, ...]] = ("fixed", "poisson", "at")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.at is not None and (not self.at or list(self.at) != sorted(self.at)):
            raise ValueError("at must be instants in order, at least one")


class Checkpoint(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The saving of a job's work, to which it falls back when it is interrupted."""

    every: Duration = Duration(0)
    """The work between one checkpoint and the next; with 0s all work counts as soon as it is done."""
    cost: Duration = Duration(0)
    """The time that a checkpoint takes, in which no work is done."""

    def __post_init__(self) -> None:
        if self.cost and not self.every:
            raise ValueError("cost goes with every: checkpoints without end would leave no time to work")


class JobSpec(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Jobs: work that is to be finished, maybe by a deadline. Each job rents for itself, one rental at a time."""

    work: Distribution
    """The time that the work of one job takes on one GPU: its GPU-hours. On n GPUs it takes an n-th."""
    arrivals: Arrivals = Arrivals(at=(Duration(0),))
    """The times at which jobs arrive: one at the start unless given."""
    deadline: Duration | None = None
    """The time after its arrival by which a job should be done."""
    checkpoint: Checkpoint | None = None
    """The saving of work; unless given an interruption loses all of it."""
    restart_overhead: Duration = Duration(0)
    """The time that a rental needs from running on until it works, each time anew."""
    budget: Money | None = None
    """The most that one job may cost: at that it is given up."""


class ServiceSpec(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A service: a number of replicas, a rental each, that are to be ready."""

    replicas: int
    """The number of ready replicas that are wanted."""
    cold_start: Duration = Duration(0)
    """The time that a rental needs from running on until it is ready."""
    demand: tuple[tuple[Duration, int], ...] = ()
    """The numbers wanted over time: pairs of an instant after the start and the number from then on."""

    def __post_init__(self) -> None:
        if self.replicas < 0 or any(wanted < 0 for _, wanted in self.demand):
            raise ValueError("replicas and demand must be 0 or more")
        if list(self.demand) != sorted(self.demand, key=lambda step: step[0]):
            raise ValueError("demand must be in the order of its instants")

    def wanted_at(self, at_ms: int) -> int:
        """The number of replicas that is wanted at an instant, in ms since the start."""
        wanted = self.replicas
        for since_ms, number in self.demand:
            if since_ms <= at_ms:
                wanted = number
        return wanted


class Reactions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What a renter does about refusals and lost answers before its policy is asked again."""

    retries: int = 0
    """The times that a rent which is refused with 409 or 429, or whose answer is lost, is sent again; the end of a
    rental likewise."""
    back_off: Duration = Duration(1_000)
    """The wait before the first retry, above 0s; a Retry-After that is longer wins."""
    multiply: int = 2
    """Each further wait is so many times as long."""
    key: bool = True
    """Retries bear the idempotency key of the first attempt; without, a rent whose answer was lost may exist twice."""
    retry_402: bool = False
    """A rent that is refused for lack of credit is sent again too, though credit seldom comes by itself."""
    stuck_after: Duration | None = None
    """A rental that is provisioning for longer is ended, and another one is wanted."""
    give_up_after: int | None = None
    """The renter gives up a job, or rents nothing any more, after so many refusals in a row."""

    def __post_init__(self) -> None:
        give_up_after = 1 if self.give_up_after is None else self.give_up_after
        if self.retries < 0 or min(self.multiply, give_up_after) < 1:
            raise ValueError("retries must be 0 or more, multiply and give_up_after at least 1")
        if self.back_off < 1 or self.stuck_after == 0:
            raise ValueError("back_off and stuck_after must be above 0s")


class RenterSpec(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A renter, or `count` of one kind: an account of its own, jobs or a service, and the policy that decides."""

    name: str
    """The name of the renter and of its account, 1 to 64 of A-Z a-z 0-9 _ -; of several, `-1` and on is added."""
    count: int = 1
    """The number of renters of this kind, each with its own account and luck."""
    balance: Money = Money(1_000_000_000_000)
    """The credit that each begins with: a million dollars unless given."""
    policy: str = "cheapest"
    """A shipped policy, or `module:Class` of one's own."""
    options: dict[str, str | int | float | bool] = field(default_factory=dict)
    """What the policy is made with, by name."""
    offers: Selector = Selector()
    """The offers that it may rent: those that match every name given."""
    spread: int | None = None
    """Of the spot offers among those, it rents the first so many of the catalogue only: all unless given."""
    min_vram_gb: int = 0
    """It rents no GPU with less memory, in GB."""
    gpus: int = 1
    """The GPUs of each of its rentals."""
    jobs: JobSpec | None = None
    """Its jobs."""
    service: ServiceSpec | None = None
    """Its service."""
    tick: Duration | None = None
    """It looks and acts at the multiples of this after the start only, as a client that polls."""
    notices: bool = False
    """It sees notices of interruptions, not only the interruptions."""
    reactions: Reactions = Reactions()
    """What it does about refusals and lost answers."""

    @property
    def accounts(self) -> tuple[str, ...]:
        """The names of the accounts of these renters."""
        if self.count == 1:
            return (self.name,)
        return tuple(f"{self.name}-{number}" for number in range(1, self.count + 1))

    def may_rent(self, offers: Iterable[OfferSpec]) -> list[OfferSpec]:
        """Those of a market's offers that it may rent, in their order: they are among its `offers`, with enough memory,
        and of the spot offers the first `spread`."""
        mine = [
            each
            for each in offers
            if each.vram_gb >= self.min_vram_gb and self.offers.matches(each.provider_id, each.gpu_model, each.region)
        ]
        spot = {each.name for each in [each for each in mine if each.spot][: self.spread]}
        return [each for each in mine if not each.spot or each.name in spot]

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise ValueError("name must be 1 to 64 of A-Z a-z 0-9 _ -")
        if not 1 <= self.count <= 10_000 or self.gpus < 1 or self.min_vram_gb < 0:
            raise ValueError("count must be 1 to 10000, gpus at least 1, min_vram_gb 0 or more")
        if self.spread is not None and self.spread < 1:
            raise ValueError("spread must be at least 1")
        if (self.jobs is None) == (self.service is None):
            raise ValueError("give either jobs or service")
        if self.tick == 0:
            raise ValueError("tick must be above 0s")
