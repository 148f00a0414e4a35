"""Offers and rentals of the reference model. A rental's status and money follow from its accepted requests alone.

There are no events and no running totals: every answer about an instant is derived anew from the history, so that the
model can share no mistake with a simulator that steps from event to event. Instants are milliseconds since 1970, money
is exact fractions of US dollars.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ..target.instants import HOUR, MINUTE, SECOND, format_instant
from ..target.money import amount, dollars
from .charges import MINIMUM_SECONDS, charge_of, hold_of, whole_seconds

IDLE_TIMEOUT = 15 * MINUTE
HOLD_EXPIRY = 2 * HOUR
BILLED_WITH_MINIMUM = frozenset({"deleted", "idle_timeout"})
"""The reasons of an end that is the customer's doing; what the market ends is billed without a minimum (A6)."""

ECHOED = ("gpu_model", "provider_id", "region", "price_per_gpu_hour")

Triple = tuple[str, str, str]
"""Provider, GPU model, region: the name of an offer."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer as last listed. `capacity` is the number of its GPUs, free or not."""

    row: Mapping[str, Any]
    capacity: int

    @property
    def triple(self) -> Triple:
        """The name of the offer."""
        return self.row["provider_id"], self.row["gpu_model"], self.row["region"]

    @property
    def price(self) -> Fraction:
        """The price in US dollars per GPU and hour."""
        return dollars(self.row["price_per_gpu_hour"])


@dataclass(slots=True)
class Rental:
    """An accepted rent, and the touches and the end that were accepted for it since.

    `started_if_alive` is the instant at which provisioning ends, if nothing ends the rental before. `recorded_end` is
    the instant and the reason of an end that somebody brought about; an idle timeout is none of these.
    """

    rental_id: str
    account: str
    offer: Offer
    request: Mapping[str, Any]
    created: int
    started_if_alive: int
    first_answer: Any
    touches: list[int] = field(default_factory=list)
    recorded_end: tuple[int, str] | None = None

    @property
    def gpus(self) -> int:
        """The number of GPUs (A16)."""
        return int(self.request.get("gpu_count", 1))

    @property
    def hold(self) -> Fraction:
        """The hold placed at the rent (F8)."""
        return hold_of(self.offer.price, self.gpus)

    @property
    def hold_expiry(self) -> int:
        """The first instant without the hold (F20, A21)."""
        return self.created + HOLD_EXPIRY

    @property
    def idle_end(self) -> int:
        """The instant of the idle timeout, if no activity comes any more (F19, A19)."""
        return max([self.started_if_alive, *self.touches]) + IDLE_TIMEOUT

    def end(self, now: int) -> tuple[int, str] | None:
        """The instant and the reason of its end, if it has ended."""
        if self.recorded_end is not None:
            return self.recorded_end
        return (self.idle_end, "idle_timeout") if self.idle_end <= now else None

    def started(self, now: int) -> int | None:
        """The instant at which it became running, if it did."""
        last = min(now, self.recorded_end[0]) if self.recorded_end is not None else now
        return self.started_if_alive if self.started_if_alive <= last else None

    def status(self, now: int) -> str:
        """One of the three statuses of F11."""
        if self.end(now) is not None:
            return "terminated"
        return "running" if self.started(now) is not None else "provisioning"

    def charge(self, now: int) -> Fraction | None:
        """The charge, once it has ended (F15, A5, A6, A7)."""
        end = self.end(now)
        if end is None:
            return None
        started = self.started(now)
        if started is None:
            return Fraction(0)
        seconds = whole_seconds(end[0] - started)
        if end[1] in BILLED_WITH_MINIMUM:
            seconds = max(MINIMUM_SECONDS, seconds)
        return charge_of(self.offer.price, self.gpus, seconds)

    def holds(self, now: int) -> bool:
        """True while the hold is active: at the instant of its expiry it is not any more (A21)."""
        return self.end(now) is None and now < self.hold_expiry

    def view(self, now: int) -> dict[str, Any]:
        """The rental as the extended profile shows it, without `ssh` (A18)."""
        end, started, charge = self.end(now), self.started(now), self.charge(now)
        return {
            "rental_id": self.rental_id,
            "status": self.status(now),
            **{name: self.offer.row[name] for name in ECHOED},
            "model_id": self.request["model_id"],
            "docker_image": self.request["docker_image"],
            "fine_tuned": self.request.get("fine_tuned", False),
            "gpu_count": self.gpus,
            "hold_amount": amount(self.hold),
            "created_at": format_instant(self.created),
            "started_at": None if started is None else format_instant(started),
            "terminated_at": None if end is None else format_instant(end[0]),
            "termination_reason": None if end is None else end[1],
            "billed_amount": None if charge is None else amount(charge),
        }

    def deadlines(self, now: int) -> Iterator[int]:
        """The instants at which its status, its hold or its charge changes."""
        yield self.hold_expiry
        if self.end(now) is None:
            yield self.started_if_alive
            yield self.started_if_alive + MINIMUM_SECONDS * SECOND
            yield self.started_if_alive + (MINIMUM_SECONDS + 1) * SECOND
            yield self.idle_end
