"""Occasions: why a policy is asked. Several may come at one instant; it is asked about each, a tick last of all."""

from msgspec import Struct


class RentalRan(Struct, frozen=True, gc=False):
    """A rental of this job or service has begun to run."""

    rental_id: str


class NoticeCame(Struct, frozen=True, gc=False):
    """A notice says when a rental will be interrupted; only renters with `notices` see it."""

    rental_id: str
    interrupts_ms: int


class RentalEnded(Struct, frozen=True, gc=False):
    """A rental is over and nobody asked for it: `reason` is as the API names it. `lost_ms` of work are lost by it."""

    rental_id: str
    offer: str
    reason: str
    lost_ms: int = 0


class RentRefused(Struct, frozen=True, gc=False):
    """A rent came to nothing, retries and all: `code` is that of the API's error, or `answer_lost`."""

    offer: str
    code: str
    retry_helps: bool = True


class MarketMoved(Struct, frozen=True, gc=False):
    """The offers list is another than when the policy was last asked: names that came, went, and changed price."""

    listed: tuple[str, ...]
    gone: tuple[str, ...]
    moved: tuple[str, ...]


class DemandChanged(Struct, frozen=True, gc=False):
    """A service wants another number of replicas."""


class CreditLow(Struct, frozen=True, gc=False):
    """The credit that is available has fallen below what one more rental of the cheapest offer would hold."""


class Began(Struct, frozen=True, gc=False):
    """The job has arrived, or the service begins."""


class Ticked(Struct, frozen=True, gc=False):
    """A tick of the renter, or the end of a wait that the policy asked for."""


Occasion = RentalRan | NoticeCame | RentalEnded | RentRefused | MarketMoved | DemandChanged | CreditLow | Began | Ticked
