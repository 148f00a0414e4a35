"""One rental on the target itself, which may be a real service: the cheapest offer, within a limit, always deleted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Self

import httpx

from .codes import RENTED
from .history import Offer
from .money import MICRO, dollars, hold_of
from .strategies import Wish
from .target import Answer, NotApplicable, Target
from .trace import Sent

DELETES_MAX = 5
"""How often a rental is tried to be deleted at the end before the suite gives up, loudly."""


@dataclass(slots=True)
class Life:
    """The answers to one rental's whole life."""

    offer: Offer
    body: dict[str, Any]
    rented: Answer
    seen: Answer
    deleted: Answer
    seen_after: Answer
    deleted_again: Answer


@dataclass(slots=True)
class Spending:
    """Rents once, when first asked, and ends what it rented. `limit` is in US dollars, None where money is play."""

    target: Target
    limit: Fraction | None
    spent: Fraction = Fraction(0)
    """What it cost, or may have cost: the minimum session where the service does not say."""
    _life: Life | None = None
    _sent: Sequence[Sent] = ()
    _open: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for rental_id in self._open:
            self._insist(rental_id)

    def life(self) -> Life:
        """A rental of the cheapest offer from rent to end; the same one, however often it is asked for."""
        if self._life is None:
            self._life = self._live()
            self._sent = self.target.trace.sent
        else:
            self.target.trace.resume(self._sent)
        return self._life

    def _live(self) -> Life:
        offer = min((Offer(row, 1) for row in self.target.offers()), key=lambda offer: offer.price, default=None)
        if offer is None:
            raise NotApplicable("no offer is listed")
        least = hold_of(offer.price, 1)
        if self.limit is not None and least > self.limit:
            raise NotApplicable(f"the cheapest minimum session costs ${float(least):.6f}: --allow-spend is below that")
        body = Wish().body([offer])
        rented = self.target.rent(body)
        if rented.status == 402:
            raise NotApplicable("the account cannot pay for the cheapest minimum session")
        assert rented.status in RENTED, f"F10: {rented}"
        rental_id = str(rented.json["rental_id"])
        self._open.append(rental_id)
        self.spent += least
        seen = self.target.rental(rental_id)
        deleted = self.target.terminate(rental_id)
        if deleted.status == 200:
            self._open.remove(rental_id)
        after = self.target.rental(rental_id)
        billed = after.json.get("billed_amount") if after.status == 200 else None
        if isinstance(billed, str):
            self.spent += dollars(billed) - least
        return Life(offer, body, rented, seen, deleted, after, self.target.terminate(rental_id))

    def _insist(self, rental_id: str) -> None:
        for _ in range(DELETES_MAX):
            try:
                if self.target.exchange("DELETE", f"/v1/gpu/rentals/{rental_id}").status in (200, 202, 204, 404):
                    return
            except httpx.TransportError:
                continue
        raise AssertionError(f"F13: {rental_id} could not be deleted: it may still cost money")


def as_text(value: Fraction) -> str:
    """US dollars with six decimals, rounded up: what was spent is never told too low."""
    micros = -(-value // MICRO)
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def spend_limit(text: str) -> Fraction:
    """A positive amount of US dollars. Raises ValueError."""
    try:
        value = dollars(text)
    except ArithmeticError:
        value = Fraction(0)
    if value <= 0:
        raise ValueError(f'"{text}" is no amount of US dollars such as 0.25')
    return value
