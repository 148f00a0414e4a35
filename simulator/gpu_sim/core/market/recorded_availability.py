"""Availability in the mode `replay`: offers go down and come back as their traces say, to the millisecond.

Only the next change of each offer is scheduled. A loss becomes known the offer's notice before it shows.
"""

from collections.abc import Callable

from msgspec import Struct

from ..kernel.awaited_events import AwaitedEvents
from ..kernel.randomness import PPM
from ..kernel.schedule import Priority, Schedule, Subject
from ..scenario.market_settings import MarketSettings
from ..scenario.recordings import PlayedTrace
from .market import Market
from .offer import Offer
from .playback import Playback, drawn_begin_ms, offers_meant


class Loss(Struct, frozen=True):
    """An offer will lose GPUs: when, the share of them that goes, and how many are left where nodes are counted."""

    at_ms: int
    severity_ppm: int
    left: int | None


class RecordedOffer:
    """An offer that follows a trace: how many changes are `known`, and how many `shown`."""

    __slots__ = ("counts_nodes", "known", "lead_ms", "offer", "playback", "severity_ppm", "shown")

    def __init__(self, offer: Offer, played: PlayedTrace, playback: Playback, lead_ms: int) -> None:
        self.offer = offer
        self.playback = playback
        self.lead_ms = lead_ms
        self.counts_nodes = played.counts_nodes
        self.severity_ppm = int(played.severity)
        self.known = self.shown = 0

    @property
    def name(self) -> str:
        """The name of its offer."""
        return self.offer.name

    @property
    def nodes(self) -> int:
        """The value of its trace that shows now."""
        return self.playback.value(self.shown)

    def loss(self) -> Loss | None:
        """The loss that the next change brings, if it is one."""
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


class RecordedAvailability:
    """All offers of a market that follow a trace. `lose` is called with each loss, the notice ahead."""

    def __init__(
        self,
        market: Market,
        settings: MarketSettings,
        seed: int,
        schedule: Schedule,
        lose: Callable[[Offer, Loss], None],
    ) -> None:
        self._market = market
        self._schedule = schedule
        self._lose = lose
        traces = settings.recordings.availability
        drawn_ms = drawn_begin_ms(settings.recordings, seed)
        playbacks = [Playback(each, drawn_ms) for each in traces]
        self._recorded: dict[str, RecordedOffer] = {}
        for spec, index in offers_meant(traces, [offer.spec for offer in market.offers]):
            offer = market.find(spec.provider_id, spec.gpu_model, spec.region)
            lead_ms = int(settings.notices.of(spec.provider_id, spec.provider_class))
            recorded = self._recorded[offer.name] = RecordedOffer(offer, traces[index], playbacks[index], lead_ms)
            if recorded.counts_nodes:
                market.set_capacity_most(offer, traces[index].recording.most)
        if self._recorded:  # only in the mode `replay`: in `realistic` these kinds are `RealisticAvailability`'s
            schedule.on(Priority.AVAILABILITY, self._comes)
            schedule.on(Priority.AVAILABILITY_SHOWN, self._shows)
        for recorded in self._recorded.values():
            self._set(recorded)
            self._await(recorded)

    def has(self, offer: Offer) -> bool:
        """True if an offer follows a trace."""
        return offer.name in self._recorded

    def has_room(self, offer: Offer, gpu_count: int) -> bool:
        """True if so many GPUs can run there now, by the trace that it follows."""
        recorded = self._recorded[offer.name]
        return gpu_count <= recorded.nodes if recorded.counts_nodes else recorded.nodes > 0

    def close(self) -> None:
        """Drop the callback, which refers to the whole simulation: no offer goes down any more."""
        self._lose = _after_close

    def _await(self, recorded: RecordedOffer) -> None:
        due_ms = recorded.playback.due_ms(recorded.known)
        if due_ms is not None:
            self._schedule.at(max(self._schedule.now_ms, due_ms - recorded.lead_ms), Priority.AVAILABILITY, recorded)

    def _comes(self, recorded: RecordedOffer) -> None:
        """The next change becomes known: now, or at a notice before it shows."""
        due_ms = recorded.playback.due_ms(recorded.known)
        assert due_ms is not None
        self._schedule.at(due_ms, Priority.AVAILABILITY_SHOWN, recorded)
        loss = recorded.loss()
        if loss is not None:
            self._lose(recorded.offer, loss)
        recorded.known += 1
        self._await(recorded)

    def _shows(self, recorded: RecordedOffer) -> None:
        recorded.shown += 1
        if recorded.counts_nodes:
            self._market.restock(recorded.offer, recorded.nodes)
        if recorded.offer.is_down == (recorded.nodes > 0):
            self._market.turn(recorded.offer)

    def _set(self, recorded: RecordedOffer) -> None:
        """Let the offer be as its trace says, and record nothing."""
        self._market.set_down(recorded.offer, is_down=recorded.nodes == 0)
        if recorded.counts_nodes:
            self._market.set_stock(recorded.offer, recorded.nodes)

    # Snapshots

    def state(self) -> tuple[tuple[int, int], ...]:
        """Their part of a snapshot: the numbers of changes of each that are known, and that show."""
        return tuple((recorded.known, recorded.shown) for recorded in self._recorded.values())

    def restore(self, state: tuple[tuple[int, int], ...], awaited: AwaitedEvents) -> None:
        """Restore from `state`. Raises ValueError if no run leads there."""
        for recorded, (known, shown) in zip(self._recorded.values(), state, strict=True):
            recorded.known, recorded.shown = known, shown
            self._check(recorded, awaited)
            self._set(recorded)

    def _check(self, recorded: RecordedOffer, awaited: AwaitedEvents) -> None:
        playback, lead_ms, now_ms = recorded.playback, recorded.lead_ms, awaited.now_ms
        if not (playback.is_at(recorded.shown, now_ms) and playback.is_at(recorded.known, now_ms + lead_ms)):
            raise ValueError(f"{recorded.name} shows {recorded.shown} of {recorded.known} changes")
        shown_ms = [playback.due_ms(n) for n in range(recorded.shown, recorded.known)]
        next_ms = playback.due_ms(recorded.known)
        awaited.claim_due(Priority.AVAILABILITY_SHOWN, recorded.name, shown_ms)
        awaited.claim_due(Priority.AVAILABILITY, recorded.name, [] if next_ms is None else [next_ms - lead_ms])

    def find_subject(self, name: Subject) -> RecordedOffer | None:
        """The subject of one of their events, by its name in a snapshot; None if it is none of them."""
        return self._recorded.get(str(name))


def _after_close(offer: Offer, loss: Loss) -> None:
    raise AssertionError(f"{offer.name} lost {loss} after the end")
