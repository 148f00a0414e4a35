"""The events of an advance."""

from ..core.journal import Recorded
from ..core.simulation import Simulation

EVENTS_SHOWN_MAX = 1_000


class AdvanceEvents:
    """Counts the events since it was made, and collects the first thousand; `before` is the `seq` before them."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.before = simulation.events_total
        self.events: list[Recorded] = []

    @property
    def total(self) -> int:
        """The number of events so far."""
        return self._simulation.events_total - self.before

    def take(self) -> None:
        """Collect the events since the last time, before they are dropped from memory."""
        if len(self.events) < EVENTS_SHOWN_MAX:
            simulation = self._simulation
            first = self.before + len(self.events) - simulation.events_dropped
            self.events += simulation.events[first : first + EVENTS_SHOWN_MAX - len(self.events)]
