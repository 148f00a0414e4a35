"""The way to the market without HTTP: each request meets the faults that it would meet there, and is then a command."""

from hashlib import blake2b
from operator import attrgetter

from ...core.commands import RentGpu, TerminateRental, TouchRental
from ...core.faults.injection import Injection
from ...core.kernel.errors import InsufficientCredit, OfferUnavailable
from ...core.kernel.errors import Refusal as CoreRefusal
from ...core.market.offer import Offer
from ...core.rentals.idempotency import Key
from ...core.run import Run
from ...core.scenario.acts import DOCKER_IMAGE, MODEL_ID
from ...core.scenario.fault_rules import OfferName, Operation
from ...core.scenario.scenario import ClockSettings
from ...wall_clock import Pacer
from .answers import ANSWER_LOST, REFUSED_FROM, refusal_in
from .market_client import Refusal
from .sight import OfferSeen

_by_names = attrgetter("spec.provider_id", "spec.region", "spec.gpu_model")
_by_price = attrgetter("price_micros_per_hour")


class OffersSeen:
    """The offers list of a market as renters see it, made anew where the market has changed."""

    def __init__(self, run: Run) -> None:
        self._market = run.simulation.market
        # The list is in the order of the API's: by price, and by these names where prices are equal.
        self._offers = sorted(self._market.offers, key=_by_names)
        self._version = -1
        self._listed: tuple[OfferSeen, ...] = ()
        self._known: dict[str, OfferSeen] = {}

    def listed(self) -> tuple[OfferSeen, ...]:
        """All that are listed now; the same tuple while nothing has changed."""
        if self._version != self._market.version:
            self._version = self._market.version
            listed = tuple(sorted((self._seen(offer) for offer in self._offers if offer.is_listed), key=_by_price))
            # Compared, since a change of what was not listed, or back, is none.
            if listed != self._listed:
                self._listed = listed
        return self._listed

    def _seen(self, offer: Offer) -> OfferSeen:
        known = self._known.get(offer.name)
        if known is not None and known.price_micros_per_hour == offer.price_micros_per_hour:
            return known
        spec = offer.spec
        seen = self._known[offer.name] = OfferSeen(
            offer.name,
            spec.provider_id,
            spec.gpu_model,
            spec.region,
            spec.vram_gb,
            offer.price_micros_per_hour,
            offer.interruption_ppm,
            spec.spot,
        )
        return seen


class DirectClient:
    """The requests of one account, executed by the core."""

    def __init__(self, run: Run, account: str, offers: OffersSeen) -> None:
        self._simulation, self._faults = run
        self._account = account
        self._offers = offers
        self._pacer = Pacer(ClockSettings(mode="manual"))

    def offers(self) -> tuple[OfferSeen, ...] | Refusal:
        """All offers that are listed now, in the order of the list."""
        injection = self._met("list_offers", None)
        return self._refused(injection, "list_offers") or self._offers.listed()

    def rent(self, offer: OfferSeen, gpu_count: int, key: str | None) -> str | Refusal:
        """Rent; the answer is the rental's id."""
        names = (offer.provider_id, offer.gpu_model, offer.region)
        injection = self._met("rent_gpu", names)
        command = RentGpu(self._account, *names, gpu_count, MODEL_ID, DOCKER_IMAGE)
        stored = None if key is None else Key(key, _fingerprint(command))
        answer: str | Refusal = ANSWER_LOST
        if injection is None or injection.effect is None or injection.effect.happens:
            answer = self._rented(command, stored)
            if injection is not None and injection.effect is not None and injection.effect.duplicate:
                self._rented(command, stored)
        return self._refused(injection, "rent_gpu") or answer

    def _rented(self, command: RentGpu, key: Key | None) -> str | Refusal:
        try:
            rental = self._simulation.execute(command, key)
        except CoreRefusal as refusal:
            return _as_answer(refusal)
        assert rental is not None
        return rental.rental_id

    def end(self, rental_id: str) -> Refusal | None:
        """End a rental."""
        spec = self._simulation.rentals.by_id[rental_id].offer.spec
        injection = self._met("terminate_rental", (spec.provider_id, spec.gpu_model, spec.region), rental_id)
        answer: Refusal | None = ANSWER_LOST
        if injection is None or injection.effect is None or injection.effect.happens:
            answer = None
            try:
                self._simulation.execute(TerminateRental(self._account, rental_id))
            except CoreRefusal as refusal:
                answer = _as_answer(refusal)
        return self._refused(injection, "terminate_rental") or answer

    def touch(self, rental_id: str) -> None:
        """Use a running rental, which keeps it from idling out."""
        self._simulation.execute(TouchRental(rental_id))

    def available_micros(self) -> int:
        """The credit that no hold reserves."""
        return self._simulation.ledger.available(self._account)

    def _met(self, operation: Operation, offer: OfferName | None, rental: str = "") -> Injection | None:
        if operation not in self._faults.operations and None not in self._faults.operations:
            return None
        return self._faults.decide(operation, self._account, offer, self._simulation.now_ms, rental)

    def _refused(self, injection: Injection | None, operation: Operation) -> Refusal | None:
        """The answer that a fault puts in place of the request's own; None where that comes through."""
        effect = None if injection is None else injection.effect
        if effect is None or injection is None:
            return None
        if effect.withholds_answer or effect.truncate is not None:
            return ANSWER_LOST
        if not effect.replaces_answer:
            return ANSWER_LOST if effect.malformed else None
        from ...api.faults.replies import injected_reply  # noqa: PLC0415  # few runs have faults, and it is slow to load

        reply = injected_reply(injection, operation, self._pacer)
        if reply.status < REFUSED_FROM:
            return ANSWER_LOST
        return refusal_in(reply.status, reply.headers, b"" if effect.malformed else reply.body)


def _as_answer(refusal: CoreRefusal) -> Refusal:
    if isinstance(refusal, InsufficientCredit):
        return Refusal(402, refusal.code)
    if isinstance(refusal, OfferUnavailable):
        return Refusal(409, refusal.code, retry_helps=refusal.retry_helps)
    return Refusal(400, refusal.code, retry_helps=False)


def _fingerprint(command: RentGpu) -> bytes:
    text = "\0".join((command.provider_id, command.gpu_model, command.region, str(command.gpu_count)))
    return blake2b(text.encode(), digest_size=16).digest()
