"""Recordings of a market, and the offers that follow them in the mode `replay` (`market/playback.py` plays them).

A recording is a value that changes now and then: how many nodes could be had, or a price.
"""

from collections.abc import Iterator
from math import gcd

from msgspec import Struct

from ..kernel.clock import YEAR_MS
from ..kernel.quantities import Duration, Factor, RecordingBegin, Share
from ..kernel.randomness import PPM
from .acts import Selector

LENGTH_MS_MAX = 100 * YEAR_MS
VALUE_MAX = 10**12


class Recording(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A value that changes now and then. Neighbouring steps differ: what does not change the value is no step."""

    length: Duration
    """The time that it was recorded for."""
    steps: tuple[tuple[int, int], ...]
    """Pairs of milliseconds since the beginning and the value from then on: nodes, or micro-dollars. The first is at
    0."""

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
        """The length of the shortest step."""
        return min(span_ms for span_ms, _ in self._spans())

    @property
    def tick_ms(self) -> int:
        """The longest time of which all its steps are multiples, as is its length."""
        return gcd(int(self.length), *(at_ms for at_ms, _ in self.steps))

    @property
    def above_zero_ppm(self) -> int:
        """The share of the time that the value is above 0, in parts per million."""
        return sum(span_ms for span_ms, value in self._spans() if value) * PPM // self.length

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Each value with the time that it lasts."""
        ends = (*(at_ms for at_ms, _ in self.steps[1:]), int(self.length))
        return ((end - at_ms, value) for end, (at_ms, value) in zip(ends, self.steps, strict=True))


class Played(Selector, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The offers that follow a recording, and the way it is played to them."""

    offset: Duration = Duration(0)
    """The recording begins so long after the scenario's start; until then the value with which it begins holds."""
    begin: RecordingBegin = RecordingBegin(0)
    """The recording begins at this place in it; `drawn` is one that the seed draws, the same for all with `drawn`."""
    scale: Factor = Factor(PPM)
    """It takes so many times as long as it did, 0.001 to 1000."""
    loop: bool = True
    """At its end it begins again with its first value, or holds its last."""

    def __post_init__(self) -> None:
        if not 1_000 <= self.scale <= 1_000_000_000:
            raise ValueError("scale must be between 0.001 and 1000")

    @property
    def source(self) -> str | Recording:
        """The recording, or the name of the file that it is in."""
        raise AssertionError("each kind of recording says where it is")

    @property
    def recording(self) -> Recording:
        """The recording itself, once the loader has read its file."""
        assert isinstance(self.source, Recording), "the name of a file is for the loader to resolve"
        return self.source


class PlayedTrace(Played, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Offers that can be had as a trace says. Where it holds more than 0 and 1 it counts nodes, and so many GPUs there
    are."""

    trace: str | Recording
    """A .json file beside this one in the published form, or the recording written out."""
    severity: Share = Share(PPM)
    """The share of the running rentals that is interrupted as the offers go down."""

    @property
    def source(self) -> str | Recording:
        """The trace, or where it is."""
        return self.trace

    @property
    def counts_nodes(self) -> bool:
        """True if it says how many nodes could be had, not only whether any could."""
        return self.recording.most > 1


class PlayedSeries(Played, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Offers that cost what a series says."""

    series: str | Recording
    """A .csv file beside this one, or the recording written out in micro-dollars."""

    @property
    def source(self) -> str | Recording:
        """The series, or where it is."""
        return self.series


class ReplaySettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The recordings that offers follow: traces of availability, and series of prices."""

    availability: tuple[PlayedTrace, ...] = ()
    """Traces of availability, and the offers that follow them."""
    prices: tuple[PlayedSeries, ...] = ()
    """Series of prices, and the offers that follow them."""
