"""The acts on offers that are in force: found by their names, and bounded in number over each offer."""

from collections.abc import Collection, Container, Iterable, Iterator
from typing import NamedTuple

from msgspec import Struct

from .commands import PlayAct
from .events import EndedBy
from .kernel.errors import InvalidValue
from .kernel.quantities import Natural
from .kernel.schedule import Ticket
from .market.offer import Offer
from .market.overlays import COVERED, OverlayKind, overlay_of
from .scenario.acts import (
    Act,
    CapacityAct,
    InterruptAct,
    LastingAct,
    OutageAct,
    PriceAct,
    ProvisioningAct,
    VanishAct,
)

ACTS_OVER_OFFER_MAX = 100
"""So many acts lie over one offer at most when one more is called; a timeline is as long as its file."""


class ActInForce(Struct, frozen=True, gc=False):
    """An act that lasts: its number, its name, where it comes from, and from when (ms since the start) to when; None
    where only somebody ends it. `ticket` is that of its end."""

    number: int
    name: str
    source: PlayAct | Act
    since_ms: int
    until_ms: int | None
    ticket: Ticket

    @property
    def act(self) -> LastingAct:
        """The act itself: its terms and its offers."""
        act = self.source.market_act
        assert isinstance(act, LastingAct)
        return act


class ActPlan(NamedTuple):
    """A called act that can begin: its number, its name, and the acts that end as it does, each with the reason."""

    number: int
    name: str
    ending: tuple[tuple[ActInForce, EndedBy], ...] = ()


class ActState(Struct, frozen=True, omit_defaults=True):
    """An act in force in a snapshot: a called one with its command, one of the timeline without."""

    number: Natural
    name: str
    since_ms: Natural
    called: PlayAct | None = None


class ActsInForce:
    """The acts in force, in the order in which they began. No two have the same name."""

    __slots__ = ("_by_name", "_by_number")

    def __init__(self) -> None:
        self._by_number: dict[int, ActInForce] = {}
        self._by_name: dict[str, ActInForce] = {}

    def __iter__(self) -> Iterator[ActInForce]:
        return iter(self._by_number.values())

    def __len__(self) -> int:
        return len(self._by_number)

    @property
    def names(self) -> Collection[str]:
        """Their names."""
        return self._by_name.keys()

    def named(self, name: str) -> ActInForce | None:
        """The act of that name, if one is in force."""
        return self._by_name.get(name)

    def numbered(self, number: int) -> ActInForce | None:
        """The act of that number, if it is in force."""
        return self._by_number.get(number)

    def over(self, offer: Offer) -> tuple[ActInForce, ...]:
        """The acts that lie over an offer."""
        return tuple(self._by_number[number] for number, _, _ in offer.overlays)

    def add(self, act: ActInForce) -> None:
        """An act has begun. Raises ValueError where an act before it has its name or its number, or began later."""
        if act.name in self._by_name or act.number in self._by_number:
            raise ValueError(f'two acts are in force under the name "{act.name}" or as act {act.number}')
        latest = next(reversed(self._by_number.values()), act)
        if latest.since_ms > act.since_ms:
            raise ValueError(f"act {act.number} is in force before one that began earlier")
        self._by_number[act.number] = self._by_name[act.name] = act

    def remove(self, act: ActInForce) -> None:
        """An act is over."""
        del self._by_number[act.number], self._by_name[act.name]

    def displaced_by(
        self, act: LastingAct, offers: Collection[Offer], leaving: ActInForce | None, market: Iterable[Offer]
    ) -> list[ActInForce]:
        """The acts that must end so that no more than the bound lie over these offers once `act` begins there and the
        one `leaving` is gone. Raises InvalidValue where there is no room even so.

        They are the oldest of those that do not show and would not before a later act without an end is ended.
        """
        over = {offer.name: len(offer.overlays) - _lies_over(leaving, offer) for offer in offers}
        full = [offer for offer in offers if over[offer.name] >= ACTS_OVER_OFFER_MAX]
        if not full:  # nearly always, so that nothing else is looked at
            return []
        bared = self._bared(market, over, act, leaving)
        displaced: list[ActInForce] = []
        for each in self._by_number.values():
            if each is leaving or each.number in bared:
                continue
            relieved = [offer for offer in full if _lies_over(each, offer)]
            if relieved:
                displaced.append(each)
                for offer in relieved:
                    over[offer.name] -= 1
                full = [offer for offer in full if over[offer.name] >= ACTS_OVER_OFFER_MAX]
                if not full:
                    return displaced
        raise InvalidValue(
            f'{ACTS_OVER_OFFER_MAX} acts lie over "{full[0].name}" already, and each shows or will; end some, or wait '
            "until some are over"
        )

    def _bared(
        self, market: Iterable[Offer], names: Container[str], act: LastingAct, leaving: ActInForce | None
    ) -> set[int]:
        """The numbers of the acts that show on some offer as soon as all those are over that end by themselves, or
        before, were `act` to begin on the offers of these names."""
        endless = {each.number for each in self._by_number.values() if each.until_ms is None and each is not leaving}
        on_top = COVERED[overlay_of(0, act)[1]] if act.for_ is None else ()
        # Most offers are under the same acts as others: each stack is looked through once.
        stacks = {(offer.overlays, offer.name in names) for offer in market}
        found: set[int] = set()
        for overlays, is_under_it in stacks:
            covered: set[OverlayKind] = set(on_top if is_under_it else ())
            for number, kind, _ in reversed(overlays):
                if kind not in covered:
                    found.add(number)
                if number in endless:
                    covered.update(COVERED[kind])
        return found


def act_fields(
    source: PlayAct | Act,
) -> tuple[
    OutageAct | None,
    PriceAct | None,
    CapacityAct | None,
    InterruptAct | None,
    ProvisioningAct | None,
    VanishAct | None,
]:
    """The fields of an event that tell what an act does, and to which offers."""
    return source.outage, source.price, source.capacity, source.interrupt, source.provisioning, source.vanish


def _lies_over(act: ActInForce | None, offer: Offer) -> bool:
    """True if the act lies over the offer."""
    spec = offer.spec
    return act is not None and act.act.matches(spec.provider_id, spec.gpu_model, spec.region)
