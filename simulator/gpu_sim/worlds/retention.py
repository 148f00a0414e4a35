"""What a world holds in memory of what is over: ended rentals and their events, up to a bound."""

from collections import deque

from ..core.simulation import Simulation
from .persistence import Unsaved

KEEP_DEFAULT = 100_000
EVENTS_PER_RENTAL_MAX = 20
"""However many events there are that concern no rental, no more than so many for each rental kept are held."""


class Retention:
    """Lets go what is beyond `keep` ended rentals: the oldest of them, and the events from before they ended."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._events_max = keep * EVENTS_PER_RENTAL_MAX
        self._slack = 1 + keep // 100
        self._marks: deque[tuple[int, int]] = deque()
        """Now and then, how many rentals had ended and how many events there had been by then."""

    def let_go(self, simulation: Simulation, unsaved: Unsaved) -> None:
        """Let go what is beyond the bound, but nothing that is not saved yet."""
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
