"""What becomes of a world's past: what is written to its state file, if it has one, and what is held in memory."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from ..core.run import Run
from ..core.scenario.scenario import ClockSettings
from ..core.simulation import Simulation
from .retention import Holding
from .sqlite_store import StateUnavailable
from .state_file import Durable, Input


class Keeping:
    """Commits what is to happen before it does, and tidies up after it has. `durable` is the state file's run."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self.durable: Durable | None = None
        self.holding = Holding(keep)
        self._owed_clock: ClockSettings | None = None

    def begin(self, run: Run, clock: ClockSettings, *, tokens: Mapping[str, str], base: bytes = b"") -> None:
        """A run begins in the place of the one before. Raises StateUnavailable, and then it must not."""
        if self.durable is not None:
            self.durable.begin(run, clock, tokens.items(), base)
            self._owed_clock = None
        self.holding = Holding(self._keep)

    def commit(self, now_ms: int, input_: Input, clock: ClockSettings, *, token: tuple[str, str] | None = None) -> None:
        """Write an input down before it happens. Raises StateUnavailable: then it must not."""
        if self.durable is not None:
            running = None if clock.mode == "manual" else clock
            self.durable.commit(now_ms, input_, clock=running, token=token)

    def commit_clock(self, now_ms: int, clock: ClockSettings) -> None:
        """Write down where the clock is about to be. Raises StateUnavailable: then it must not go there."""
        if self.durable is not None:
            self.durable.commit_clock(now_ms, clock)
            self._owed_clock = None

    def follow_clock(self, now_ms: int, clock: ClockSettings) -> None:
        """Write down where the clock has come to; what the file does not take now it is offered again."""
        self._owed_clock = clock
        with suppress(StateUnavailable):
            self.commit_clock(now_ms, clock)

    def tidy(self, run: Run) -> None:
        """Write down what is due, and let go what need not be held."""
        durable, simulation = self.durable, run.simulation
        if durable is None:
            self.holding.let_go(simulation)
            return
        durable.follow(run)
        if self._owed_clock is not None:
            self.follow_clock(simulation.now_ms, self._owed_clock)
        end, written = simulation.journal_end, durable.written
        self.holding.let_go(
            simulation,
            rentals=simulation.rentals.ended_total - durable.ended_written,
            events=end.events - written.events,
            lines=end.lines - written.lines,
        )

    def journal(self, simulation: Simulation) -> Iterator[bytes]:
        """The journal, in stretches of lines, up to where it stands when its latest lines are asked for. Raises
        JournalDropped where its first lines are gone."""
        return simulation.journal() if self.durable is None else self.durable.journal(simulation)

    def close(self, run: Run, clock: ClockSettings) -> None:
        """Write down where the run is, as far as the file takes it, and let the file go."""
        if self.durable is not None:
            with suppress(StateUnavailable):
                self.durable.commit_clock(run.simulation.now_ms, clock)
                self.durable.write_down(run, snapshot=True)
            self.durable.close()
