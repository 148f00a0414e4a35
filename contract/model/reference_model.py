"""The reference model of accounts, offers and rentals: it predicts every answer.

It keeps the history of each rental (`rental_history.py`) and sums over all of them whenever it is asked: no ledger, no
schedule, no counters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ..target.instants import HOUR
from ..target.money import dollars
from .charges import hold_of
from .rental_history import Offer, Rental

KEY_LIFE = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer that must come: a success (no codes), a refusal with one of these codes, or, with `either`, one of
    both.

    `amount_needed` belongs to a 402, `permanent` to a 409 that no waiting helps, `replay` to a key that was used
    before.
    """

    codes: frozenset[str] = frozenset()
    either: bool = False
    amount_needed: Fraction | None = None
    permanent: bool = False
    replay: Rental | None = None

    @property
    def must_succeed(self) -> bool:
        """True if only a success is right."""
        return not self.codes and not self.either


SUCCESS = Prediction()


def failure(*codes: str) -> Prediction:
    """Predicts a refusal with one of these codes."""
    return Prediction(codes=frozenset(codes))


@dataclass(slots=True)
class Model:
    """A world as its clients know it: its time, its offers, the credit of each account, and all rentals so far."""

    now: int
    offers: Sequence[Offer]
    provisioning_ms: int
    credits: dict[str, Fraction]
    rentals: dict[str, Rental] = field(default_factory=dict)
    keys: dict[tuple[str, str], tuple[Mapping[str, Any], Rental]] = field(default_factory=dict)

    # Reading.

    def balance(self, account: str) -> Fraction:
        """Credit minus charges (F14)."""
        return self.credits[account] - sum((rental.charge(self.now) or 0 for rental in self._of(account)), Fraction(0))

    def held(self, account: str) -> Fraction:
        """The sum of an account's active holds."""
        return sum((rental.hold for rental in self._of(account) if rental.holds(self.now)), Fraction(0))

    def available(self, account: str) -> Fraction:
        """The part of the balance that is not held, on which new holds can be placed (F16)."""
        return self.balance(account) - self.held(account)

    def free(self, offer: Offer) -> int:
        """The number of GPUs of an offer that no rental has."""
        mine = (rental for rental in self.rentals.values() if rental.offer.triple == offer.triple)
        return offer.capacity - sum(rental.gpus for rental in mine if rental.end(self.now) is None)

    def listed(self, filters: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """The offers that a list with these valid filters must show, in order (F5, F6, A14, A15)."""
        rows = [offer.row for offer in self.offers if self.free(offer) > 0 and _matches(offer, filters)]
        return sorted(rows, key=_rank)

    def deadlines(self) -> list[int]:
        """The future instants at which something changes, earliest first."""
        found = {instant for rental in self.rentals.values() for instant in rental.deadlines(self.now)}
        found |= {rental.created + KEY_LIFE for _, rental in self.keys.values()}
        return sorted(instant for instant in found if instant > self.now)

    # Predicting and recording.

    def predict_rent(self, account: str, body: Mapping[str, Any], key: str | None) -> Prediction:
        """Predict the answer to a rent with a valid body."""
        # First of all: an answer that is stored comes again even where the rent could not be made any more (A17).
        stored = self._stored(account, key)
        if stored is not None:
            first, rental = stored
            if first == body:
                return Prediction(replay=rental)
            codes = frozenset({"idempotency_key_reused"})
            return Prediction(codes=codes, either=_meaning(first) == _meaning(body), replay=rental)
        # The order of refusals is A13's: credit comes last, so that nobody pays in for a rent that cannot be made.
        offer = self.find_offer(body)
        if offer is None:
            return failure("offer_not_found")
        gpus = int(body.get("gpu_count", 1))
        if gpus > self.free(offer):
            return Prediction(codes=frozenset({"offer_unavailable"}), permanent=gpus > offer.capacity)
        missing = hold_of(offer.price, gpus) - self.available(account)
        if missing > 0:
            return Prediction(codes=frozenset({"insufficient_credit"}), amount_needed=missing)
        return SUCCESS

    def record_rent(self, account: str, body: Mapping[str, Any], key: str | None, answer: Any) -> Rental:
        """Record an accepted rent. Its rental must have a new id (A22)."""
        offer = self.find_offer(body)
        assert offer is not None
        started = self.now + self.provisioning_ms
        rental = Rental(answer["rental_id"], account, offer, body, self.now, started, answer)
        assert rental.rental_id not in self.rentals, f"A22: the id {rental.rental_id} is used twice"
        self.rentals[rental.rental_id] = rental
        if key is not None:
            self.keys[account, key] = (body, rental)
        return rental

    def predict_read(self, account: str, rental_id: str) -> Prediction:
        """Predict the answer to GET and DELETE of a rental (A11, A13)."""
        rental = self.rentals.get(rental_id)
        return SUCCESS if rental is not None and rental.account == account else failure("rental_not_found")

    def record_end(self, rental_id: str, reason: str) -> None:
        """Record that a rental was ended now. For one that has ended already this changes nothing (A11)."""
        rental = self.rentals[rental_id]
        if rental.end(self.now) is None:
            rental.recorded_end = (self.now, reason)

    def find_offer(self, body: Mapping[str, Any]) -> Offer | None:
        """The offer that a rent names, in upper or lower case (A14)."""
        wanted = tuple(str(body[name]).lower() for name in ("provider_id", "gpu_model", "region"))
        found = [offer for offer in self.offers if tuple(part.lower() for part in offer.triple) == wanted]
        return found[0] if found else None

    def _of(self, account: str) -> list[Rental]:
        return [rental for rental in self.rentals.values() if rental.account == account]

    def _stored(self, account: str, key: str | None) -> tuple[Mapping[str, Any], Rental] | None:
        stored = self.keys.get((account, key)) if key is not None else None
        return stored if stored is not None and self.now < stored[1].created + KEY_LIFE else None


def _meaning(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A body with its defaults filled in and its names in lower case. The contract leaves open whether two bodies that
    differ in nothing else are the same one (A17)."""
    filled = {"gpu_count": 1, "fine_tuned": False, "ssh_key": None, **body}
    return {**filled, **{name: filled[name].lower() for name in ("provider_id", "gpu_model", "region")}}


def _matches(offer: Offer, filters: Mapping[str, str]) -> bool:
    row = offer.row
    return (
        filters.get("gpu_model", row["gpu_model"]).lower() == row["gpu_model"].lower()
        and filters.get("provider", row["provider_id"]).lower() == row["provider_id"].lower()
        and int(filters.get("min_vram", 0)) <= row["vram_gb"]
        and dollars(filters.get("max_price", "1000000")) >= offer.price
    )


def _rank(row: Mapping[str, Any]) -> tuple[Fraction, str, str, str]:
    return dollars(row["price_per_gpu_hour"]), row["provider_id"], row["region"], row["gpu_model"]
