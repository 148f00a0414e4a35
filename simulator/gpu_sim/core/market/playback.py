"""Playback of a recording in the mode `replay`: the offers that follow it, and the times of its steps.

Step by step it is repeated at offset + scale × (ms since the recording's beginning), in whole ms, rounded down.
"""

from collections.abc import Iterable, Iterator, Sequence

from ..kernel.randomness import PPM
from ..scenario.acts import Selector
from ..scenario.catalog import OfferSpec
from ..scenario.market_settings import MarketSettings, opening_offers
from ..scenario.recordings import Played


class Playback:
    """When the changes of a recording come, and which value each brings. Change n is the one after n others."""

    __slots__ = ("_changes", "_offset_ms", "_opening", "_period_ms", "_scale")

    def __init__(self, played: Played) -> None:
        recording = played.recording
        (_, self._opening), *changes = recording.steps
        last = recording.steps[-1][1]
        if played.loop and last != self._opening:
            changes.append((int(recording.length), self._opening))
        self._changes = tuple(changes)
        self._period_ms = int(recording.length) if played.loop else None
        self._offset_ms = int(played.offset)
        self._scale = int(played.scale)

    def due_ms(self, n: int) -> int | None:
        """When change n comes, in ms since the scenario's start, or None where there is none."""
        count = len(self._changes)
        if n >= count and (self._period_ms is None or not count):
            return None
        rounds, index = divmod(n, count)
        # Always from the beginning: what is rounded off must not add up over the rounds.
        at_ms = rounds * (self._period_ms or 0) + self._changes[index][0]
        return self._offset_ms + at_ms * self._scale // PPM

    def is_at(self, changes: int, at_ms: int) -> bool:
        """True if so many changes have come by an instant, and no more."""
        latest_ms, next_ms = self.due_ms(changes - 1) if changes else 0, self.due_ms(changes)
        return latest_ms is not None and latest_ms <= at_ms and (next_ms is None or at_ms < next_ms)

    def value(self, changes: int) -> int:
        """The value once so many changes have come."""
        return self._changes[(changes - 1) % len(self._changes)][1] if changes and self._changes else self._opening


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


def recorded_series(market: MarketSettings) -> dict[str, Playback]:
    """The playbacks of the offers whose prices follow a recorded series, by the offers' names."""
    series = market.recordings.prices
    playbacks = [Playback(each) for each in series]
    meant = offers_meant(series, opening_offers(market)) if series else ()
    return {spec.name: playbacks[index] for spec, index in meant}


def _folded(provider_id: str, gpu_model: str, region: str) -> tuple[str, str, str]:
    return provider_id.casefold(), gpu_model.casefold(), region.casefold()
