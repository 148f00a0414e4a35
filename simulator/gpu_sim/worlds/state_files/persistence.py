"""A world's state file as the world sees it, and the one that saves nothing, for worlds in memory only."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from ...core.run import Run
from ...core.scenario.scenario import ClockSettings
from ...core.simulation import Simulation
from .input import Input


class Unsaved(NamedTuple):
    """Numbers of the latest ended rentals, events and other lines of the journal that are in memory only."""

    rentals: int = 0
    events: int = 0
    lines: int = 0


class Persistence(Protocol):
    """Saves what is to happen in a world before it does: after a kill, the file leads to where the world was."""

    @property
    def takes_own_snapshots_only(self) -> bool:
        """True where the world may only be restored from snapshots of its own scenario and seed."""
        ...

    def begin(self, run: Run, clock: ClockSettings, tokens: Mapping[str, str], base: bytes = b"") -> None:
        """Begin with this run in place of the one before; `tokens` are by account, `base` is the snapshot that the run
        goes on from, if any. Raises StateUnavailable, and then nothing has changed."""
        ...

    def commit(self, now_ms: int, input_: Input, clock: ClockSettings, *, token: tuple[str, str] | None) -> None:
        """Save an input before it is applied, with the token and account that it opens. Raises StateUnavailable: then
        it must not be applied."""
        ...

    def commit_clock(self, now_ms: int, clock: ClockSettings) -> None:
        """Save where the clock is about to be. Raises StateUnavailable: then it must not go there."""
        ...

    def follow_clock(self, now_ms: int, clock: ClockSettings) -> None:
        """Save where the clock has come to, now or as soon as that is possible."""
        ...

    def follow(self, run: Run) -> None:
        """Save what is due of all that has been applied."""
        ...

    def unsaved(self, simulation: Simulation) -> Unsaved:
        """Counts what must not be dropped from memory."""
        ...

    def journal(self, simulation: Simulation) -> Iterator[bytes]:
        """The journal, in stretches of lines, up to where it stands when its latest lines are asked for. Raises
        JournalDropped where its first lines are gone."""
        ...

    def close(self, run: Run, clock: ClockSettings) -> None:
        """Save where the run is, as far as that is possible, and end."""
        ...


_NOTHING = Unsaved()


class NoStateFile:
    """Persistence of a world in memory only: it saves nothing, so nothing waits for it or is recovered."""

    takes_own_snapshots_only = False

    def begin(self, run: Run, clock: ClockSettings, tokens: Mapping[str, str], base: bytes = b"") -> None:
        pass

    def commit(self, now_ms: int, input_: Input, clock: ClockSettings, *, token: tuple[str, str] | None) -> None:
        pass

    def commit_clock(self, now_ms: int, clock: ClockSettings) -> None:
        pass

    def follow_clock(self, now_ms: int, clock: ClockSettings) -> None:
        pass

    def follow(self, run: Run) -> None:
        pass

    def unsaved(self, simulation: Simulation) -> Unsaved:
        return _NOTHING

    def journal(self, simulation: Simulation) -> Iterator[bytes]:
        return simulation.journal()

    def close(self, run: Run, clock: ClockSettings) -> None:
        pass
