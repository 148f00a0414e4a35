"""How far a run is written down in its state file."""

from ..core.journal import Mark, chain_digest
from ..core.simulation import Simulation
from .sqlite_store import Part


class FilePosition:
    """How many inputs of a run are in its file, up to where the journal is, and of when the latest snapshot."""

    __slots__ = ("digest", "ended_rentals", "inputs", "journal", "part_inputs", "parts", "snapshot_inputs", "work")

    def __init__(self, simulation: Simulation) -> None:
        """Where a run begins: its rentals and lines from before that, if it goes on from a snapshot, count as saved."""
        self.inputs = 0
        self.parts = 0
        self.part_inputs = 0
        """How many inputs there were when the latest part of the journal was written."""
        self.snapshot_inputs = 0
        """Likewise for the latest snapshot."""
        self.work = 0
        """How many events had been scheduled by then."""
        self.ended_rentals = simulation.rentals.ended_total - simulation.rentals.ended_held
        self.journal: Mark = simulation.journal_began
        self.digest = chain_digest(b"", (simulation.journal_header(),))
        """That of all lines up to `journal`."""

    def take_part(self, part: Part) -> None:
        """A part of the journal has been written, or was found."""
        self.parts, self.part_inputs = part.number, part.n
        self.journal, self.digest = Mark(part.events, part.lines), part.digest

    def take_snapshot(self, simulation: Simulation) -> None:
        """A snapshot has been written, or was found."""
        self.snapshot_inputs, self.work = self.inputs, simulation.scheduled
        self.ended_rentals = simulation.rentals.ended_total
