"""Playback of a recording in the mode `replay`: the offers that follow it, and the times of its steps.

Step by step it is repeated at offset + scale × (ms since the place in it at which it begins), in whole ms, rounded
down. A place that is drawn is draw 0 of the stream `recordings/begin`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from math import gcd
from operator import itemgetter

from ..kernel.quantities import DRAWN_BEGIN
from ..kernel.randomness import DRAW_BITS, PPM, draw, stream
from ..scenario.acts import Selector
from ..scenario.catalog import OfferSpec
from ..scenario.market_settings import MarketSettings, opening_offers
from ..scenario.recordings import Played, ReplaySettings


def drawn_begin_ms(recordings: ReplaySettings, seed: int) -> int:
    """The place at which all recordings with `begin: drawn` begin, in ms of their own time; 0 where there are none.

    It lies within each of them and is a multiple of their ticks, so that each is as if recorded from a tick on.
    """
    drawn = [each.recording for each in (*recordings.availability, *recordings.prices) if each.begin == DRAWN_BEGIN]
    if not drawn:
        return 0
    tick_ms = gcd(*(recording.tick_ms for recording in drawn))
    places = min(recording.length for recording in drawn) // tick_ms
    return (draw(stream(seed, "recordings/begin"), 0) * places >> DRAW_BITS) * tick_ms


class Playback:
    """When the changes of a recording come, and which value each brings. Change n is the one after n others.

    `drawn_ms` is where it begins if that is drawn.
    """

    __slots__ = ("_begin_ms", "_changes", "_first", "_offset_ms", "_passed", "_period_ms", "_scale")

    def __init__(self, played: Played, drawn_ms: int = 0) -> None:
        recording = played.recording
        self._first = recording.steps[0][1]
        self._changes = recording.steps[1:]
        if played.loop and recording.steps[-1][1] != self._first:
            self._changes += ((int(recording.length), self._first),)
        self._begin_ms = drawn_ms if played.begin == DRAWN_BEGIN else int(played.begin)
        # So many changes are over where it begins: change 0 is the one after them.
        self._passed = bisect_right(self._changes, self._begin_ms, key=itemgetter(0))
        self._period_ms = int(recording.length) if played.loop else None
        self._offset_ms = int(played.offset)
        self._scale = int(played.scale)

    def due_ms(self, n: int) -> int | None:
        """When change n comes, in ms since the scenario's start, or None where there is none."""
        count, number = len(self._changes), n + self._passed
        if number >= count and (self._period_ms is None or not count):
            return None
        rounds, index = divmod(number, count)
        # Always from where it begins: what is rounded off must not add up over the rounds.
        at_ms = rounds * (self._period_ms or 0) + self._changes[index][0] - self._begin_ms
        return self._offset_ms + at_ms * self._scale // PPM

    def is_at(self, changes: int, at_ms: int) -> bool:
        """True if so many changes have come by an instant, and no more."""
        latest_ms, next_ms = self.due_ms(changes - 1) if changes else 0, self.due_ms(changes)
        return latest_ms is not None and latest_ms <= at_ms and (next_ms is None or at_ms < next_ms)

    def value(self, changes: int) -> int:
        """The value once so many changes have come."""
        number = changes + self._passed
        return self._changes[(number - 1) % len(self._changes)][1] if number and self._changes else self._first


def offers_meant(played: Sequence[Selector], specs: Iterable[OfferSpec]) -> Iterator[tuple[OfferSpec, int]]:
    """Each spot offer together with the index of each of these recordings that is for it; others follow none."""
    if not played:
        return
    # Full names are looked up: with a recording for each offer, trying them all would take their number squared.
    by_names: dict[tuple[str, str, str], list[int]] = {}
    others: list[int] = []
    for index, selector in enumerate(played):
        names = (selector.provider, selector.gpu_model, selector.region)
        if None in names:
            others.append(index)
        else:
            by_names.setdefault(_folded(*map(str, names)), []).append(index)
    for spec in specs:
        if not spec.spot:
            continue
        names = (spec.provider_id, spec.gpu_model, spec.region)
        for index in by_names.get(_folded(*names), ()):
            yield spec, index
        for index in others:
            if played[index].matches(*names):
                yield spec, index


def recorded_series(market: MarketSettings, seed: int) -> dict[str, Playback]:
    """The playbacks of the offers whose prices follow a recorded series, by the offers' names."""
    series = market.recordings.prices
    drawn_ms = drawn_begin_ms(market.recordings, seed)
    playbacks = [Playback(each, drawn_ms) for each in series]
    meant = offers_meant(series, opening_offers(market)) if series else ()
    return {spec.name: playbacks[index] for spec, index in meant}


def _folded(provider_id: str, gpu_model: str, region: str) -> tuple[str, str, str]:
    return provider_id.casefold(), gpu_model.casefold(), region.casefold()
