"""What was recorded of a market, and how the mode `replay` plays it: which offers follow it, and when each step comes.

A recording is a value that changes now and then: how many nodes could be had, or a price. Step by step it is repeated
at offset + scale × (ms since the recording's beginning), in whole ms, rounded down.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from .acts import Selector
from .catalog import OfferSpec
from .clock import YEAR_MS
from .quantities import Duration, Factor, Share
from .randomness import PPM

LENGTH_MS_MAX = 100 * YEAR_MS
VALUE_MAX = 10**12


class Recording(Struct, frozen=True, forbid_unknown_fields=True):
    """A value that changes now and then: how long it was watched, and the steps as (ms since the beginning, the value
    from then on), the first at 0. Neighbours differ: what does not change the value is no step."""

    length: Duration
    steps: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if not 0 < self.length <= LENGTH_MS_MAX:
            raise ValueError("length must be above 0s and at most 36500d")
        if not self.steps or self.steps[0][0] != 0:
            raise ValueError("steps must begin at 0")
        for (before_ms, before), (at_ms, value) in zip(self.steps, self.steps[1:], strict=False):
            if at_ms <= before_ms:
                raise ValueError("steps must come one after the other")
            if value == before:
                raise ValueError("a step must change the value")
        if self.steps[-1][0] >= self.length:
            raise ValueError("steps must come within the length")
        if not all(0 <= value <= VALUE_MAX for _, value in self.steps):
            raise ValueError(f"values must be between 0 and {VALUE_MAX}")

    @property
    def most(self) -> int:
        """The highest value."""
        return max(value for _, value in self.steps)

    @property
    def shortest_ms(self) -> int:
        """How long the shortest step is."""
        return min(span_ms for span_ms, _ in self._spans())

    @property
    def above_zero_ppm(self) -> int:
        """The share of the time that the value is above 0, in parts per million."""
        return sum(span_ms for span_ms, value in self._spans() if value) * PPM // self.length

    def _spans(self) -> Iterator[tuple[int, int]]:
        """How long each value holds."""
        ends = (*(at_ms for at_ms, _ in self.steps[1:]), int(self.length))
        return ((end - at_ms, value) for end, (at_ms, value) in zip(ends, self.steps, strict=True))


class Played(Selector, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which offers follow a recording, and how it is played to them: it begins at `offset`, takes `scale` times as
    long as it did, and begins again at its end, or holds its last value for ever where it is no `loop`. Until the
    offset has passed its first value holds."""

    offset: Duration = Duration(0)
    scale: Factor = Factor(PPM)
    loop: bool = True

    def __post_init__(self) -> None:
        if not 1_000 <= self.scale <= 1_000_000_000:
            raise ValueError("scale must be between 0.001 and 1000")

    @property
    def source(self) -> str | Recording:
        """The recording, or the name of the file that it is in."""
        raise AssertionError("each kind of recording says where it is")

    @property
    def recording(self) -> Recording:
        """What is played."""
        assert isinstance(self.source, Recording), "the name of a file is for the loader to resolve"
        return self.source


class PlayedTrace(Played, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Offers that can be had as a trace says: a file beside this one, in the published form. Where it holds more than 0
    and 1 it counts nodes, and so many GPUs there are. As they go down, `severity` of the running rentals fall."""

    trace: str | Recording
    severity: Share = Share(PPM)

    @property
    def source(self) -> str | Recording:
        """The trace, or where it is."""
        return self.trace

    @property
    def counts_nodes(self) -> bool:
        """Whether it says how many nodes could be had, not only whether any could."""
        return self.recording.most > 1


class PlayedSeries(Played, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Offers that cost what a series says: a CSV file beside this one. Written out, its values are micro-dollars."""

    series: str | Recording

    @property
    def source(self) -> str | Recording:
        """The series, or where it is."""
        return self.series


class ReplaySettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The recordings that offers follow: traces of availability, and series of prices."""

    availability: tuple[PlayedTrace, ...] = ()
    prices: tuple[PlayedSeries, ...] = ()


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
        at_ms = rounds * (self._period_ms or 0) + self._changes[index][0]
        return self._offset_ms + at_ms * self._scale // PPM

    def is_at(self, changes: int, at_ms: int) -> bool:
        """Whether so many changes have come by an instant, and no more."""
        latest_ms, next_ms = self.due_ms(changes - 1) if changes else 0, self.due_ms(changes)
        return latest_ms is not None and latest_ms <= at_ms and (next_ms is None or at_ms < next_ms)

    def value(self, changes: int) -> int:
        """The value once so many changes have come."""
        return self._changes[(changes - 1) % len(self._changes)][1] if changes and self._changes else self._opening


def offers_meant(played: Sequence[Selector], specs: Iterable[OfferSpec]) -> Iterator[tuple[OfferSpec, int]]:
    """Each offer together with the index of each of these selectors that means it."""
    if not played:
        return
    by_names: dict[tuple[str, str, str], list[int]] = {}
    others: list[int] = []
    for index, selector in enumerate(played):
        names = (selector.provider, selector.gpu_model, selector.region)
        if None in names:
            others.append(index)
        else:
            by_names.setdefault(_folded(*map(str, names)), []).append(index)
    for spec in specs:
        names = (spec.provider_id, spec.gpu_model, spec.region)
        for index in by_names.get(_folded(*names), ()):
            yield spec, index
        for index in others:
            if played[index].matches(*names):
                yield spec, index


def _folded(provider_id: str, gpu_model: str, region: str) -> tuple[str, str, str]:
    return provider_id.casefold(), gpu_model.casefold(), region.casefold()
