"""The position in a state file: the part of a run that is written there."""

from ...core.journal import Mark, chain_digest
from ...core.simulation import Simulation
from .rows import Part


class FilePosition:
    """The position in a state file: the inputs written, and the ends of the journal and the latest snapshot there."""

    __slots__ = ("digest", "ended_rentals", "inputs", "journal", "part_inputs", "parts", "snapshot_inputs", "work")

    def __init__(self, simulation: Simulation) -> None:
        """At the start of a run. If that goes on from a snapshot, rentals and lines from before it count as saved."""
        self.inputs = 0
        self.parts = 0
        self.part_inputs = 0
        """The number of inputs when the latest part of the journal was written."""
        self.snapshot_inputs = 0
        """Likewise for the latest snapshot."""
        self.work = 0
        """The number of events that had been scheduled by then."""
        self.ended_rentals = simulation.rentals.ended_total - simulation.rentals.ended_held
        self.journal: Mark = simulation.journal_began
        self.digest = chain_digest(b"", (simulation.journal_header(),))
        """The digest of all lines up to `journal`."""

    def take_part(self, part: Part) -> None:
        """A part of the journal has been written, or was found."""
        self.parts, self.part_inputs = part.number, part.n
        self.journal, self.digest = Mark(part.events, part.lines), part.digest

    def take_snapshot(self, simulation: Simulation) -> None:
        """A snapshot has been written, or was found."""
        self.snapshot_inputs, self.work = self.inputs, simulation.scheduled
        self.ended_rentals = simulation.rentals.ended_total
