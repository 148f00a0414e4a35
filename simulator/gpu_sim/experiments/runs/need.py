"""A need: one job or one service of a renter, with its policy and its live rentals."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from ...core.kernel.randomness import DRAW_BITS, draw, stream
from ...core.scenario.experiment.renters import RenterSpec
from ..renting.market_client import MarketClient
from ..renting.occasions import Occasion
from ..renting.policy import Policy
from ..renting.sight import JobSeen, OfferSeen, RentalSeen
from .facts import RentalFacts


class DrawnLuck:
    """Random choices from a stream that is named after the renter, so that no choice moves anybody else's luck."""

    def __init__(self, seed: int, name: str) -> None:
        self._key = stream(seed, name)
        self._drawn = 0

    def pick(self, count: int) -> int:
        """A number from 0 to count − 1, each equally likely."""
        self._drawn += 1
        return draw(self._key, self._drawn - 1) * count >> DRAW_BITS


class Held:
    """A live rental of a need. From `start_ms` on it is of use, with the overhead that a beginning costs: None while it
    is provisioning, or waits beside another one."""

    __slots__ = ("facts", "interrupts_ms", "offer", "ready_ms", "running_ms", "start_ms")

    def __init__(self, facts: RentalFacts, offer: OfferSeen) -> None:
        self.facts = facts
        self.offer = offer
        self.running_ms: int | None = None
        self.start_ms: int | None = None
        self.ready_ms: int | None = None
        self.interrupts_ms: int | None = None

    def run(self, at_ms: int) -> int:
        """It runs; the answer is the instant from which its time counts.

        The least that provisioning takes is a millisecond, which is held against nobody: so renters that act at ticks
        have whole ticks.
        """
        self.running_ms = at_ms
        return self.facts.created_ms if at_ms - self.facts.created_ms == 1 else at_ms

    def seen(self) -> RentalSeen:
        """The rental as the policy sees it."""
        return RentalSeen(
            self.facts.rental_id, self.offer, self.facts.created_ms, self.running_ms, self.ready_ms, self.interrupts_ms
        )


class Need(ABC):
    """One job or service. `inbox` are the occasions that its policy has yet to be asked about, `is_over` says that it
    rents nothing any more."""

    def __init__(self, account: str, number: int, spec: RenterSpec, policy: Policy, client: MarketClient) -> None:
        self.account = account
        self.number = number
        self.spec = spec
        self.policy = policy
        self.client = client
        self.tick_ms = None if spec.tick is None else int(spec.tick)
        self.watches_market = bool(getattr(policy, "watches_market", False))
        self.inbox: list[Occasion] = []
        self.held: dict[str, Held] = {}
        self.last_offer: OfferSeen | None = None
        self.offers: tuple[OfferSeen, ...] = ()
        self.is_over = False
        self.refused_in_row = 0
        self.credit_is_low = False
        self.awaited_ms: dict[int, bool] = {}

    @property
    def name(self) -> str:
        """The name that errors and luck know it by."""
        return f"{self.account}/{self.number}" if self.spec.jobs is not None else self.account

    def on_grid(self, at_ms: int) -> int:
        """The first instant at or after this one at which the renter acts."""
        return at_ms if self.tick_ms is None else -(-at_ms // self.tick_ms) * self.tick_ms

    def rentals_seen(self) -> tuple[RentalSeen, ...]:
        """Its live rentals, oldest first."""
        return tuple(held.seen() for held in self.held.values())

    @abstractmethod
    def begins_to_run(self, held: Held, at_ms: int) -> None:
        """One of its rentals begins to run."""

    @abstractmethod
    def loses(self, held: Held, at_ms: int) -> int:
        """One of its rentals is over, which is no longer among `held`; the answer is the work that is lost by it."""

    @abstractmethod
    def finish(self, now_ms: int) -> bool:
        """True if nothing is left to do: it is over from now on."""

    @abstractmethod
    def give_up(self, now_ms: int) -> None:
        """Its policy or its renter gives it up."""

    @abstractmethod
    def job_seen(self, now_ms: int) -> JobSeen | None:
        """The job as the policy sees it; None for a service."""

    @abstractmethod
    def replicas_wanted(self, now_ms: int) -> int:
        """The number of ready replicas that a service wants; 0 for a job."""

    @abstractmethod
    def wakes(self, now_ms: int) -> Iterator[int]:
        """The instants after now at which something of its own will have changed, in no order."""

    @abstractmethod
    def turns_at(self, now_ms: int) -> bool:
        """True if something of its own, which its policy would see, is another from this instant on."""

    @abstractmethod
    def close(self, end_ms: int) -> None:
        """Complete its facts at the end of the run."""
