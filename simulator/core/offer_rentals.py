"""What concerns an offer and its rentals together: a rent that can be, GPUs taken back."""

from msgspec import Struct

from .commands import RentGpu
from .offer import Offer


class Reclaimed(Struct, frozen=True, gc=False):
    """GPUs that the market took back, until they are on offer again."""

    offer: Offer
    gpu_count: int


class RentPlan(Struct, frozen=True, gc=False):
    """What a rent that nothing speaks against will do."""

    command: RentGpu
    offer: Offer
    hold_micros: int
