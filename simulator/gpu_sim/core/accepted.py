"""Commands that passed their check, as `apply` takes them."""

from msgspec import Struct

from .acts_in_force import ActPlan
from .commands import Command
from .rentals.idempotency import Key
from .rentals.rental import Rental, RentPlan


class Accepted(Struct, frozen=True, gc=False):
    """A command that passed its check. It is valid in its turn only, until anything else happens.

    A rent is `replayed` where its key names an earlier one, whose rental is the answer. A command on a rental that is
    in the wanted state already `changes_nothing`.
    """

    command: Command
    plan: RentPlan | None = None
    planned_act: ActPlan | None = None
    rental: Rental | None = None
    key: Key | None = None
    replayed: bool = False
    changes_nothing: bool = False
    turn: int = 0

    @property
    def leaves_a_line(self) -> bool:
        """True where applying it changes the simulation, so that the journal must have it."""
        return not (self.replayed or self.changes_nothing)

    @property
    def act_plan(self) -> ActPlan:
        """The plan of an act."""
        assert self.planned_act is not None
        return self.planned_act

    @property
    def target(self) -> Rental:
        """The rental of a command on one."""
        assert self.rental is not None
        return self.rental
