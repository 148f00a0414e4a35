"""How offers go down and come back in the mode `replay`: as their traces say, to the millisecond.

Only what comes next of each offer is scheduled. A loss is known as long before it shows as the offer's notice is.
"""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from ..kernel.awaited_events import Pending
from ..kernel.randomness import PPM
from ..kernel.schedule import Priority, Schedule, Subject
from ..scenario.market_settings import MarketSettings
from ..scenario.recordings import PlayedTrace
from .market import Market
from .offer import Offer
from .playback import Playback, offers_meant


class Loss(Struct, frozen=True):
    """An offer will lose GPUs: when, the share of them that goes, and how many are left where nodes are counted."""

    at_ms: int
    severity_ppm: int
    left: int | None


class ReplayedOffer:
    """An offer that follows a trace: how many changes are `known`, and how many `shown`."""

    __slots__ = ("counts_nodes", "known", "lead_ms", "offer", "playback", "severity_ppm", "shown")

    def __init__(self, offer: Offer, played: PlayedTrace, playback: Playback, lead_ms: int) -> None:
        self.offer = offer
        self.playback = playback
        self.lead_ms = lead_ms
        self.counts_nodes = played.counts_nodes
        self.severity_ppm = int(played.severity)
        if self.counts_nodes:
            offer.spec = replace(offer.spec, capacity=played.recording.most)
        self.known = self.shown = 0

    @property
    def name(self) -> str:
        """That of its offer."""
        return self.offer.name

    @property
    def nodes(self) -> int:
        """What its trace says now."""
        return self.playback.value(self.shown)

    def loss(self) -> Loss | None:
        """What the next change to be known takes away, if it takes anything."""
        at_ms, before, after = (
            self.playback.due_ms(self.known),
            self.playback.value(self.known),
            self.playback.value(self.known + 1),
        )
        assert at_ms is not None
        if after >= before:
            return None
        if self.counts_nodes:
            return Loss(at_ms, (before - after) * PPM // before, after)
        return Loss(at_ms, self.severity_ppm, None)


class ReplayedOffers:
    """All offers of a market that follow a trace. `lose` is told of each loss ahead."""

    def __init__(
        self, market: Market, settings: MarketSettings, schedule: Schedule, lose: Callable[[Offer, Loss], None]
    ) -> None:
        self._market = market
        self._schedule = schedule
        self._lose = lose
        traces = settings.recordings.availability
        playbacks = [Playback(each) for each in traces]
        self._replayed: dict[str, ReplayedOffer] = {}
        for spec, index in offers_meant(traces, [offer.spec for offer in market.offers]):
            offer = market.find(spec.provider_id, spec.gpu_model, spec.region)
            lead_ms = int(settings.notices.of(spec.provider_id, spec.provider_class))
            self._replayed[offer.name] = ReplayedOffer(offer, traces[index], playbacks[index], lead_ms)
        if self._replayed:  # then no pool goes down by itself
            schedule.on(Priority.POOL, self._comes)
            schedule.on(Priority.SHOWN, self._shows)
        for replayed in self._replayed.values():
            self._set(replayed)
            self._await(replayed)

    def has(self, offer: Offer) -> bool:
        """Whether an offer follows a trace."""
        return offer.name in self._replayed

    def has_room(self, offer: Offer, gpu_count: int) -> bool:
        """Whether so many GPUs can run there now, by the trace that it follows."""
        replayed = self._replayed[offer.name]
        return gpu_count <= replayed.nodes if replayed.counts_nodes else replayed.nodes > 0

    def close(self) -> None:
        """Nothing goes down any more; whoever is told of it is let go of."""
        self._lose = _tell_nobody

    def _await(self, replayed: ReplayedOffer) -> None:
        due_ms = replayed.playback.due_ms(replayed.known)
        if due_ms is not None:
            self._schedule.at(max(self._schedule.now_ms, due_ms - replayed.lead_ms), Priority.POOL, replayed)

    def _comes(self, replayed: ReplayedOffer) -> None:
        """The next change becomes known: now, or at a notice before it shows."""
        due_ms = replayed.playback.due_ms(replayed.known)
        assert due_ms is not None
        self._schedule.at(due_ms, Priority.SHOWN, replayed)
        loss = replayed.loss()
        if loss is not None:
            self._lose(replayed.offer, loss)
        replayed.known += 1
        self._await(replayed)

    def _shows(self, replayed: ReplayedOffer) -> None:
        replayed.shown += 1
        if replayed.counts_nodes:
            self._market.restock(replayed.offer, replayed.nodes)
        if replayed.offer.is_down == (replayed.nodes > 0):
            self._market.turn(replayed.offer)

    def _set(self, replayed: ReplayedOffer) -> None:
        """Let the offer be as its trace says, without telling."""
        replayed.offer.is_down = replayed.nodes == 0
        if replayed.counts_nodes:
            self._market.stock(replayed.offer, replayed.nodes)

    # Snapshots

    def state(self) -> tuple[tuple[int, int], ...]:
        """What a snapshot holds of them: how many changes of each are known, and shown."""
        return tuple((replayed.known, replayed.shown) for replayed in self._replayed.values())

    def restore(self, state: tuple[tuple[int, int], ...], pending: Pending) -> None:
        """Be as the state says. Raises ValueError where these offers are not so by now."""
        for replayed, (known, shown) in zip(self._replayed.values(), state, strict=True):
            replayed.known, replayed.shown = known, shown
            self._check(replayed, pending)
            self._set(replayed)

    def _check(self, replayed: ReplayedOffer, pending: Pending) -> None:
        playback, lead_ms, now_ms = replayed.playback, replayed.lead_ms, pending.now_ms
        if not (playback.is_at(replayed.shown, now_ms) and playback.is_at(replayed.known, now_ms + lead_ms)):
            raise ValueError(f"{replayed.name} shows {replayed.shown} of {replayed.known} changes")
        shown_ms = [playback.due_ms(n) for n in range(replayed.shown, replayed.known)]
        next_ms = playback.due_ms(replayed.known)
        pending.take_due(Priority.SHOWN, replayed.name, shown_ms)
        pending.take_due(Priority.POOL, replayed.name, [] if next_ms is None else [next_ms - lead_ms])

    def find_subject(self, name: Subject) -> ReplayedOffer | None:
        """What a snapshot's name of the subject of one of their events means, if it is one of them."""
        return self._replayed.get(str(name))


def _tell_nobody(offer: Offer, loss: Loss) -> None:
    raise AssertionError(f"{offer.name} lost {loss} after the end")
