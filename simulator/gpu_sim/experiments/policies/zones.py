"""Policies of a service that places replicas over zones, as in SkyServe (Mao et al., EuroSys '25). A zone is a spot
offer; the zones are those that were ever listed, in the order of their names."""

from abc import ABC, abstractmethod
from bisect import insort
from collections.abc import Iterable, Iterator

from ..renting.occasions import Occasion
from ..renting.policy import Decision, End, Luck, Rent, Wait
from ..renting.sight import OfferSeen, RentalSeen, Situation
from .cheapest_offer import cheapest_on_demand
from .ranked import LOOK_AGAIN_MS
from .refused_offers import RefusedOffers
from .replicas import surplus


class NoLuck:
    """Picks the first: in place of luck until there is some."""

    def pick(self, count: int) -> int:
        return 0


class ZonePolicy(ABC):
    """Keeps as many rentals on spot as the service wants replicas, and `spare` more; which zone comes next is what
    the policies differ in. A rental with a notice of interruption counts as gone."""

    def __init__(self, spare: int = 1) -> None:
        if spare < 0:
            raise ValueError(f"option spare must be 0 or more, not {spare}")
        self.luck: Luck = NoLuck()
        self.zones: list[str] = []
        self._spare = spare
        self._refused = RefusedOffers()

    @abstractmethod
    def place(self, free: list[str], held: list[str]) -> str | None:
        """The zone of the next rental: one of `free`, which are listed and have not refused, in order, or None where
        it has to wait. `held` are the zones of the rentals that stay, one for each."""

    @abstractmethod
    def look(self, target: int, held: list[str], listed: list[str]) -> None:
        """Take in what there is, once for each occasion, before any is placed: `target` rentals are wanted on spot."""

    def on_demand(self, replicas: int, ready_spot: int) -> int:
        """The number of on-demand rentals to have, while so many of the rentals on spot are ready."""
        return 0

    def let_go(self, zone: str) -> None:  # noqa: B027  # it matters only to a policy that looks at what is lost
        """Take in that a rental of this zone is ended, for there are too many."""

    def decide(self, seen: Situation, occasion: Occasion) -> Iterable[Decision]:
        self._refused.note(seen.now_ms, occasion)
        staying = [rental for rental in seen.rentals if rental.interrupts_ms is None]
        spot = [rental for rental in staying if rental.offer.spot]
        firm = [rental for rental in staying if not rental.offer.spot]
        offers = self._refused.others(seen.offers)
        listed = sorted(offer.name for offer in offers if offer.spot)
        held = [rental.offer.name for rental in spot]
        for zone in (*listed, *held):
            if zone not in self.zones:
                insort(self.zones, zone)
        target = seen.replicas + self._spare if seen.replicas else 0
        self.look(target, held, listed)
        ready = sum(rental.is_ready(seen.now_ms) for rental in spot)
        decisions = [
            *self._ended(spot, target, seen.now_ms),
            *self._placed(target - len(spot), listed, held),
            *self._backed(firm, offers, self.on_demand(seen.replicas, ready), seen.now_ms),
        ]
        if not decisions and len(spot) < target and seen.tick_ms is None:
            return [Wait(LOOK_AGAIN_MS)]
        return decisions

    def _ended(self, spot: list[RentalSeen], target: int, now_ms: int) -> Iterator[Decision]:
        for rental in surplus(spot, max(0, len(spot) - target), now_ms):
            self.let_go(rental.offer.name)
            yield End(rental.rental_id)

    def _placed(self, missing: int, free: list[str], held: list[str]) -> Iterator[Decision]:
        for _ in range(missing):
            zone = self.place(free, held)
            if zone is not None:
                held.append(zone)
                yield Rent(zone)

    def _backed(self, firm: list[RentalSeen], offers: list[OfferSeen], wanted: int, now_ms: int) -> Iterator[Decision]:
        """Rents and ends on demand."""
        for rental in surplus(firm, max(0, len(firm) - wanted), now_ms):
            yield End(rental.rental_id)
        best = cheapest_on_demand(offers)
        if best is not None:
            for _ in range(wanted - len(firm)):
                yield Rent(best.name)


class EvenSpread(ZonePolicy):
    """Gives each zone the same number of rentals, one more to some, and waits where a zone has none to give.

    It is static: what one zone cannot give is asked of no other. The first zone is drawn, and the others follow it by
    name.
    """

    def __init__(self, spare: int = 0) -> None:
        super().__init__(spare)
        self._first: int | None = None
        self._shares: dict[str, int] = {}

    def look(self, target: int, held: list[str], listed: list[str]) -> None:
        self._shares = dict.fromkeys(self.zones, 0)
        if not self.zones:
            return
        if self._first is None:
            self._first = self.luck.pick(len(self.zones))
        for number in range(target):
            self._shares[self.zones[(self._first + number) % len(self.zones)]] += 1

    def place(self, free: list[str], held: list[str]) -> str | None:
        return next((zone for zone in free if held.count(zone) < self._shares[zone]), None)


class RoundRobin(ZonePolicy):
    """Places each rental in the zone after that of the one before, by name, round and round."""

    def __init__(self, spare: int = 1) -> None:
        super().__init__(spare)
        self._last = ""

    def look(self, target: int, held: list[str], listed: list[str]) -> None:
        """Nothing: the next zone is the next one, whatever came before."""

    def place(self, free: list[str], held: list[str]) -> str | None:
        after = [zone for zone in free if zone > self._last]
        if not free:
            return None
        self._last = (after or free)[0]
        return self._last


class SpotHedge(ZonePolicy):
    """Places rentals at random in zones that have not lost one lately, with on-demand ones while too few are ready.

    There are two lists of zones, active and preempted. A zone that has lost a rental, or has none to give, is
    preempted; one that has kept all that it had is active again. When no more than min(1, zones − 3) are active, or
    none of the active has any to give, all are active again. The next place is in an active zone that holds nothing,
    or else in any active one. On demand there are min(replicas, replicas + spare − ready on spot).
    """

    def __init__(self, spare: int = 1) -> None:
        super().__init__(spare)
        self._known: list[str] = []
        self._active: list[str] = []
        self._held_before: list[str] = []

    def look(self, target: int, held: list[str], listed: list[str]) -> None:
        for zone in self.zones:
            if zone not in self._known:
                self._known.append(zone)
                self._active.append(zone)
            had, has = self._held_before.count(zone), held.count(zone)
            if has < had or (not has and zone not in listed):
                self._preempt(zone)
            elif has and zone not in self._active:
                self._active.append(zone)
        self._held_before = list(held)

    def place(self, free: list[str], held: list[str]) -> str | None:
        if not free:
            return None
        if not any(zone in self._active for zone in free):
            # To try the active ones in vain, one by one, would come to the same.
            self._active = list(self.zones)
        active = [zone for zone in free if zone in self._active]
        candidates = [zone for zone in active if zone not in held] or active
        return candidates[self.luck.pick(len(candidates))]

    def on_demand(self, replicas: int, ready_spot: int) -> int:
        return max(0, min(replicas, replicas + self._spare - ready_spot)) if replicas else 0

    def let_go(self, zone: str) -> None:
        """A rental that the policy ends itself is no loss."""
        self._held_before.remove(zone)

    def _preempt(self, zone: str) -> None:
        if zone in self._active:
            self._active.remove(zone)
        if len(self._active) <= max(0, min(1, len(self.zones) - 3)):
            self._active = list(self.zones)
