"""The way from a renter to the market: straight to the core, or over HTTP, with the same answers."""

from typing import Protocol

from msgspec import Struct

from .sight import OfferSeen


class Refusal(Struct, frozen=True, gc=False):
    """A request was refused or met a fault: HTTP status, code, and the span of its Retry-After in ms.

    The code is `answer_lost` and the status 0 where no whole answer came: the request may have taken effect.
    """

    status: int
    code: str
    retry_after_ms: int | None = None
    retry_helps: bool = True


class MarketClient(Protocol):
    """The requests of one account. None of them lets time pass."""

    def offers(self) -> tuple[OfferSeen, ...] | Refusal:
        """All offers that are listed now, in the order of the list. The same tuple while nothing has changed."""
        ...

    def rent(self, offer: OfferSeen, gpu_count: int, key: str | None) -> str | Refusal:
        """Rent; the answer is the rental's id. A refusal is an answer too, and is not raised."""
        ...

    def end(self, rental_id: str) -> Refusal | None:
        """End a rental; the answer is None, or the refusal."""
        ...

    def touch(self, rental_id: str) -> None:
        """Use a running rental, which keeps it from idling out."""
        ...

    def available_micros(self) -> int:
        """The credit that no hold reserves."""
        ...
