"""The bound on what a world keeps in memory of the past: ended rentals and their events."""

from collections import deque

from ..core.simulation import Simulation
from .state_files.persistence import Unsaved

KEEP_DEFAULT = 100_000
EVENTS_PER_RENTAL_MAX = 20
"""No more events than so many for each rental kept stay in memory, however many concern no rental."""


class Retention:
    """Drops what is beyond `keep` ended rentals: the oldest of them, and the events from before they ended."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._events_max = keep * EVENTS_PER_RENTAL_MAX
        self._slack = 1 + keep // 100  # a hundredth at a time: to drop one rental takes as long as to drop many
        self._marks: deque[tuple[int, int]] = deque()
        """Now and then, the numbers of rentals that had ended and of events by then."""

    def drop(self, simulation: Simulation, unsaved: Unsaved) -> None:
        """Drop what is beyond the bound, but nothing that is not saved yet."""
        ended, total = simulation.rentals.ended_total, simulation.events_total
        if not self._marks or ended >= self._marks[-1][0] + self._slack:
            self._marks.append((ended, total))
        kept, most = max(self._keep, unsaved.rentals), self._events_max
        if (
            simulation.rentals.ended_held <= kept + self._slack
            and len(simulation.events) <= max(most, unsaved.events) + self._slack
            and simulation.lines_held <= max(most, unsaved.lines) + self._slack
        ):
            return
        while self._marks and self._marks[0][0] <= ended - kept:
            most = min(self._events_max, total - self._marks.popleft()[1])
        simulation.drop(rentals=kept, events=max(most, unsaved.events), lines=max(self._events_max, unsaved.lines))
