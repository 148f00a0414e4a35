"""Commands that nothing speaks against: what `check` answers and `apply` takes."""

from msgspec import Struct

from .commands import Command, HideRental, MoveRental, TerminateRental
from .rentals.idempotency import Key
from .rentals.interventions import is_so_already
from .rentals.rental import Rental, RentPlan


class Accepted(Struct, frozen=True, gc=False):
    """A command that nothing speaks against, good until anything else happens. `apply` cannot refuse it."""

    command: Command
    plan: RentPlan | None = None
    rental: Rental | None = None
    key: Key | None = None
    replayed: bool = False
    turn: int = 0

    @property
    def leaves_a_line(self) -> bool:
        """Whether anything happens by it: an answer given again and what is so already change nothing."""
        return not (self.replayed or _changes_nothing(self.command, self.rental))


def _changes_nothing(command: Command, rental: Rental | None) -> bool:
    """Whether what is asked for is so already."""
    if rental is None:
        return False
    if isinstance(command, TerminateRental):
        return rental.terminated_ms is not None
    return isinstance(command, MoveRental | HideRental) and is_so_already(rental, command)
