"""One rental on the target itself, which may be a real service: cheapest offer, within a limit, always deleted."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Self

from ..document.error_codes import RENTED
from ..model.charges import hold_of
from ..model.rental_history import Offer
from ..model.strategies import ValidRent
from ..target.money import MICRO, dollars
from ..target.request_trace import SentRequest
from ..target.server import LeftBehind
from ..target.target import Answer, NotApplicable, Target, rental_path

DELETED = (200, 202, 204)
"""The statuses of a DELETE that ended a rental."""
UNKNOWN = (404, 410)
"""The statuses of a DELETE that found no such rental."""
REFUSED = range(300, 500)
"""The statuses of a rent that certainly made nothing."""
RENT = "/v1/gpu/rent"
DELETES_MAX = 5
"""The number of DELETEs at the end before the suite gives up with an error."""


@dataclass(slots=True)
class RentalAnswers:
    """The answers to the requests of one rental, from the rent to a second DELETE."""

    offer: Offer
    body: dict[str, Any]
    rented: Answer
    seen: Answer
    deleted: Answer
    seen_after: Answer
    deleted_again: Answer


@dataclass(slots=True)
class OneRental:
    """Rents once, when first asked, and deletes what it rented, whatever the answers are. `limit` is in US dollars,
    None in a world where money is not real."""

    target: Target
    limit: Fraction | None
    chosen: Mapping[str, str] = field(default_factory=dict)
    """The fields of the rent that the caller chose: model and image."""
    spent: Fraction = Fraction(0)
    """The cost, or the minimum session where the service does not tell the cost: it may have charged that."""
    is_told: bool = False
    """True if the service told the cost."""
    _answers: RentalAnswers | Exception | None = None
    _sent: Sequence[SentRequest] = ()
    _open: list[str] = field(default_factory=list)
    _is_nameless: bool = False
    """True if a rent may have made a rental whose id never came."""
    _was_deleted: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.settle()

    def settle(self) -> None:
        """Delete what was rented, at the first call. Raises LeftBehind."""
        with self.target.signals.held():
            open_, is_nameless, self._open, self._is_nameless = self._open, self._is_nameless, [], False
            for rental_id in open_:
                self._insist(rental_id)
            if is_nameless:
                raise LeftBehind("F10: no rental_id came by which a rental could be deleted: it may still cost money")

    def answers(self) -> RentalAnswers:
        """The answers of the one rental, which is made at the first call. Later calls give the same answers, or raise
        the same failure."""
        if self._answers is None:
            try:
                self._answers = self._run()
            except (AssertionError, NotApplicable) as failure:
                self._answers = failure
            self._sent = self.target.trace.sent
        else:
            self.target.trace.resume(self._sent)
        if isinstance(self._answers, Exception):
            raise self._answers
        return self._answers

    def _run(self) -> RentalAnswers:
        offer = min((Offer(row, 1) for row in self.target.offers()), key=lambda offer: offer.price, default=None)
        if offer is None:
            raise NotApplicable("no offer is listed")
        least = hold_of(offer.price, 1)
        if self.limit is not None and least > self.limit:
            raise NotApplicable(f"the cheapest minimum session costs ${float(least):.6f}: --allow-spend is below that")
        body = {**ValidRent().body([offer]), **self.chosen}
        rented = self._rent(body, least)
        # All requests go out before a test judges any answer: no failure may come between the rent and the DELETE.
        rental_id = str(rented.json["rental_id"])
        seen = self.target.rental(rental_id)
        deleted = self.target.terminate(rental_id)
        self._was_deleted = deleted.status in DELETED
        after = self.target.rental(rental_id)
        billed = after.json.get("billed_amount") if after.status == 200 else None
        if isinstance(billed, str):
            self.spent, self.is_told = dollars(billed), True
        return RentalAnswers(offer, body, rented, seen, deleted, after, self.target.terminate(rental_id))

    def _rent(self, body: dict[str, Any], least: Fraction) -> Answer:
        """Rent. What it may cost and what it may have made is noted before its answer is judged, since a failure there
        must not keep a rental from being deleted. Only a refusal has certainly made nothing: a server that fails, or
        gives no answer, may have failed after it rented."""
        with self.target.signals.held(patient=False):  # the answer has the id by which the rental can be deleted
            self.spent, self._is_nameless = least, True
            rented = self.target.exchange("POST", RENT, body=body)
            if rented.status in REFUSED:
                self.spent, self._is_nameless = Fraction(0), False
            elif found := _ids_in(rented.content):
                self._open, self._is_nameless = found, False
        if rented.status == 402:
            raise NotApplicable("the account cannot pay for the cheapest minimum session")
        self.target.judge(rented)
        assert rented.status in RENTED, f"F10: {rented}"
        return rented

    def _gone(self) -> tuple[int, ...]:
        """The statuses of a DELETE after which nothing is left to pay for. 'No such rental' is one only after a DELETE
        that succeeded."""
        return (*DELETED, *UNKNOWN) if self._was_deleted else DELETED

    def _insist(self, rental_id: str) -> None:
        for _ in range(DELETES_MAX):
            with suppress(AssertionError):  # no answer: once more
                if self.target.exchange("DELETE", rental_path(rental_id)).status in self._gone():
                    return
        raise LeftBehind(f"F13: {rental_id} could not be deleted: it may still cost money")


def _ids_in(content: bytes) -> list[str]:
    """The id of a rental in an answer, wherever it stands there, and also if it is a number."""
    found = re.search(rb'"rental_id"\s*:\s*(?:"([^"]+)"|([0-9]+))', content)
    return [] if found is None else [(found[1] or found[2]).decode()]


def as_text(value: Fraction) -> str:
    """US dollars with six decimals, rounded up, so that no more was spent than this."""
    micros = -(-value // MICRO)
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def spend_limit(text: str) -> Fraction:
    """A positive amount of US dollars. Raises ValueError."""
    value = dollars(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", text) else Fraction(0)
    if value <= 0:
        raise ValueError(f'"{text}" is no amount of US dollars such as 0.25')
    return value
