"""Offers that leave the market and return, as those of hosts do, by provider class.

An offer that left is not listed and cannot be rented. What runs there runs on with the luck that it would have had,
and so do the offer's stress, shocks and outages. Its time away is no part of its `availability`, which is the share of
the time that it can be had while it is there. A market begins in its long run: as many are away at the start as at any
other time. One that follows a trace stays: that says when it is there. On-demand offers stay too.

Turn n of an offer uses draws 2n and 2n+1 of the stream `churn/<offer>`: how long until the next, and the price with
which it returns; draw 1 says whether it is there at the start.
"""

from ..kernel.awaited_events import AwaitedEvents
from ..kernel.numerics import delay_ms, uniform
from ..kernel.randomness import draw, stream
from ..kernel.schedule import Priority, Schedule
from ..scenario.catalog import PROVIDER_CLASSES
from ..scenario.market_settings import ChurnTerms, MarketSettings
from .market import Market
from .offer import Offer
from .playback import offers_meant

DRAWS_PER_TURN = 2


class Churn:
    """The offers of a market that leave and return. Its state is how often each has turned: an odd one is away."""

    __slots__ = ("_market", "_schedule", "_seed", "_terms", "_turns")

    def __init__(self, market: Market, settings: MarketSettings, seed: int, schedule: Schedule) -> None:
        self._market = market
        self._terms = {each: settings.churn_of(each) for each in PROVIDER_CLASSES}
        self._seed = seed
        self._schedule = schedule
        self._turns: dict[str, int] = {}
        schedule.on(Priority.CHURN, self._turn)
        traces = settings.recordings.availability
        meant = offers_meant(traces, [offer.spec for offer in market.offers])
        stays = {spec.name for spec, _ in meant}
        for offer in market.offers:
            terms = self._terms[offer.spec.provider_class]
            if terms is not None and offer.spec.spot and offer.name not in stays:
                self._open(offer)
                self._await_turn(offer)

    def _open(self, offer: Offer) -> None:
        """Draw if the offer is there at the start; one that is not has had its first turn."""
        terms, drawn = self._terms_of(offer), draw(self._stream(offer), 1)
        self._market.set_away(offer, is_away=uniform(drawn) * (terms.stays + terms.away) < terms.away)
        self._turns[offer.name] = int(offer.is_away)

    def _await_turn(self, offer: Offer) -> None:
        terms = self._terms_of(offer)
        mean_ms = float(terms.away if offer.is_away else terms.stays)
        wait = delay_ms(self._draw(offer, 0), mean_ms)
        self._schedule.at(self._schedule.now_ms + wait, Priority.CHURN, offer)

    def _turn(self, offer: Offer) -> None:
        self._turns[offer.name] += 1
        if offer.is_away:
            self._market.come_back(offer, self._draw(offer, 1))
        else:
            self._market.leave(offer)
        self._await_turn(offer)

    def _terms_of(self, offer: Offer) -> ChurnTerms:
        terms = self._terms[offer.spec.provider_class]
        assert terms is not None, offer.name
        return terms

    def _draw(self, offer: Offer, which: int) -> int:
        return draw(self._stream(offer), self._turns[offer.name] * DRAWS_PER_TURN + which)

    def _stream(self, offer: Offer) -> bytes:
        return stream(self._seed, f"churn/{offer.name}")

    def state(self) -> tuple[int, ...]:
        """Its part of a snapshot: the turns of those that come and go, in the catalogue's order."""
        return tuple(self._turns.values())

    def restore(self, state: tuple[int, ...], awaited: AwaitedEvents) -> None:
        """Restore from `state`. Raises ValueError unless the next turn of each offer is pending."""
        for name, turns in zip(self._turns, state, strict=True):
            awaited.claim_one(Priority.CHURN, name)
            self._turns[name] = turns
            self._market.set_away(self._market.named(name), is_away=turns % 2 == 1)
