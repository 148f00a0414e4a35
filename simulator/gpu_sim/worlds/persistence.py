"""What becomes of a world's past: what is written to its state file, if it has one, and what is held in memory."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from ..core.run import Run
from ..core.scenario.scenario import ClockSettings
from ..core.simulation import Simulation
from .retention import Retention
from .sqlite_store import StateUnavailable
from .state_file import Input, StateFile


class Persistence:
    """Commits what is to happen before it does, and tidies up after it has. `durable` is the state file's run."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self.state_file: StateFile | None = None
        self.retention = Retention(keep)
        self._owed_clock: ClockSettings | None = None

    def begin(self, run: Run, clock: ClockSettings, *, tokens: Mapping[str, str], base: bytes = b"") -> None:
        """A run begins in the place of the one before. Raises StateUnavailable, and then it must not."""
        if self.state_file is not None:
            self.state_file.begin(run, clock, tokens, base)
            self._owed_clock = None
        self.retention = Retention(self._keep)

    def commit(self, now_ms: int, input_: Input, clock: ClockSettings, *, token: tuple[str, str] | None = None) -> None:
        """Write an input down before it happens. Raises StateUnavailable: then it must not."""
        if self.state_file is not None:
            running = None if clock.mode == "manual" else clock
            self.state_file.commit(now_ms, input_, clock=running, token=token)

    def commit_clock(self, now_ms: int, clock: ClockSettings) -> None:
        """Write down where the clock is about to be. Raises StateUnavailable: then it must not go there."""
        if self.state_file is not None:
            self.state_file.commit_clock(now_ms, clock)
            self._owed_clock = None

    def follow_clock(self, now_ms: int, clock: ClockSettings) -> None:
        """Write down where the clock has come to; what the file does not take now it is offered again."""
        self._owed_clock = clock
        with suppress(StateUnavailable):
            self.commit_clock(now_ms, clock)

    def tidy(self, run: Run) -> None:
        """Write down what is due, and let go what need not be held."""
        state_file, simulation = self.state_file, run.simulation
        if state_file is None:
            self.retention.let_go(simulation)
            return
        state_file.follow(run)
        if self._owed_clock is not None:
            self.follow_clock(simulation.now_ms, self._owed_clock)
        end, written = simulation.journal_end, state_file.written
        self.retention.let_go(
            simulation,
            rentals=simulation.rentals.ended_total - state_file.ended_written,
            events=end.events - written.events,
            lines=end.lines - written.lines,
        )

    def journal(self, simulation: Simulation) -> Iterator[bytes]:
        """The journal, in stretches of lines, up to where it stands when its latest lines are asked for. Raises
        JournalDropped where its first lines are gone."""
        return simulation.journal() if self.state_file is None else self.state_file.journal(simulation)

    def close(self, run: Run, clock: ClockSettings) -> None:
        """Write down where the run is, as far as the file takes it, and let the file go."""
        if self.state_file is not None:
            with suppress(StateUnavailable):
                self.state_file.commit_clock(run.simulation.now_ms, clock)
                self.state_file.write_down(run, snapshot=True)
            self.state_file.close()
