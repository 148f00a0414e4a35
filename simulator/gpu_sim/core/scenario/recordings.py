"""Recordings of a market, and the offers that follow them in the mode `replay` (`market/playback.py` plays them).

A recording is a value that changes now and then: how many nodes could be had, or a price.
"""

from collections.abc import Iterator

from msgspec import Struct

from ..kernel.clock import YEAR_MS
from ..kernel.quantities import Duration, Factor, Share
from ..kernel.randomness import PPM
from .acts import Selector

LENGTH_MS_MAX = 100 * YEAR_MS
VALUE_MAX = 10**12


class Recording(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A value that changes now and then: how long it was recorded, and the steps as (ms since the beginning, the value
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
        """The length of the shortest step."""
        return min(span_ms for span_ms, _ in self._spans())

    @property
    def above_zero_ppm(self) -> int:
        """The share of the time that the value is above 0, in parts per million."""
        return sum(span_ms for span_ms, value in self._spans() if value) * PPM // self.length

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Each value with the time that it lasts."""
        ends = (*(at_ms for at_ms, _ in self.steps[1:]), int(self.length))
        return ((end - at_ms, value) for end, (at_ms, value) in zip(ends, self.steps, strict=True))


class Played(Selector, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
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
        """The recording itself, once the loader has read its file."""
        assert isinstance(self.source, Recording), "the name of a file is for the loader to resolve"
        return self.source


class PlayedTrace(Played, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Offers that can be had as a trace says: a file beside this one, in the published form. Where it holds more than 0
    and 1 it counts nodes, and so many GPUs there are. As they go down, `severity` of the running rentals are
    interrupted."""

    trace: str | Recording
    severity: Share = Share(PPM)

    @property
    def source(self) -> str | Recording:
        """The trace, or where it is."""
        return self.trace

    @property
    def counts_nodes(self) -> bool:
        """True if it says how many nodes could be had, not only whether any could."""
        return self.recording.most > 1


class PlayedSeries(Played, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
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
