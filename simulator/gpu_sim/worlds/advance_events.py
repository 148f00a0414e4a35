"""What an advance brought about."""

from ..core.journal import Recorded
from ..core.simulation import Simulation

EVENTS_SHOWN_MAX = 1_000


class AdvanceEvents:
    """How many events there were since it was made, and the first thousand of them, with the `seq` before them."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.before = simulation.events_total
        self.events: list[Recorded] = []

    @property
    def total(self) -> int:
        """How many events there were."""
        return self._simulation.events_total - self.before

    def take(self) -> None:
        """Take down what happened since the last time, before it is let go."""
        if len(self.events) < EVENTS_SHOWN_MAX:
            simulation = self._simulation
            first = self.before + len(self.events) - simulation.events_dropped
            self.events += simulation.events[first : first + EVENTS_SHOWN_MAX - len(self.events)]
