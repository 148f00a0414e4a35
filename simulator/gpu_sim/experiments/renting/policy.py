"""The policy of a renter, and the decisions that it makes."""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from .occasions import Occasion
from .sight import Situation


class Rent(Struct, frozen=True, gc=False):
    """Rent the offer of this name, which is among those seen."""

    offer: str


class End(Struct, frozen=True, gc=False):
    """End this rental; its work up to now is kept."""

    rental_id: str


class Wait(Struct, frozen=True, gc=False):
    """Ask again after so many ms, > 0, if nothing happens before."""

    ms: int


class GiveUp(Struct, frozen=True, gc=False):
    """Give up the job; a service rents nothing any more."""


Decision = Rent | End | Wait | GiveUp


class Policy(Protocol):
    """Decides for one job or one service. A class of one's own is made with the renter's `options` as keywords.

    `watches_market` is true where it wants to be asked when the offers list changes; a class without it is not.
    """

    def decide(self, seen: Situation, occasion: Occasion) -> Iterable[Decision]:
        """The decisions in order; none where nothing is to be done.

        Asked for each occasion, once; while a rent waits to be sent again not at all: occasions are told afterwards,
        but for ticks.
        """
        ...


class Luck(Protocol):
    """Random choices of a renter, from a stream of its own: a policy whose `luck` attribute is there is given it."""

    def pick(self, count: int) -> int:
        """A number from 0 to count − 1, each equally likely."""
        ...


class Recording(Protocol):
    """The market to come, as far as a renter may rent it. See `KnowsRecording`."""

    def offers(self) -> Sequence[str]:
        """The names of the spot offers that follow a recording."""
        ...

    def prices(self, offer: str, tick_ms: int) -> Sequence[int | None]:
        """The price of the offer in micro-dollars per GPU and hour at each tick since the start of the run; None where
        a rental cannot begin at the tick and go on to the next. It ends where nothing more is recorded."""
        ...


@runtime_checkable
class KnowsRecording(Protocol):
    """A policy that knows more than a client can: its `recording` is set before it is asked."""

    recording: Recording | None
