"""Offers: what can be rented where, at which price, and how many GPUs are free (F4–F6)."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set

from msgspec.structs import replace

from ..events import (
    CapacityChanged,
    Event,
    OfferCameBack,
    OfferLeft,
    OfferReturned,
    OfferWentDown,
    PriceMoved,
    ShockStruck,
)
from ..kernel.awaited_events import AwaitedEvents
from ..kernel.errors import InvalidValue, OfferNotFound, OfferUnavailable
from ..kernel.names import offer_name
from ..kernel.schedule import Priority, Schedule
from ..scenario.acts import Selector
from ..scenario.catalog import OfferSpec
from ..scenario.market_settings import PriceSettings
from ..scenario.offer_names import OfferNames
from .offer import Offer, OfferState
from .overlays import COVERED, Overlay, showing
from .playback import Playback
from .prices import PricePath, PricePaths
from .recorded_prices import RecordedPrice

RECENT_MAX = 1_000
"""So many of the latest changes are known one by one; a list that is older than that is written anew."""

_PRICE = int(Priority.PRICE)


class Market:
    """All offers of a world. `version` grows by one whenever what the API lists of an offer may have changed, and
    `recent` are the offers of the latest such changes, each as often as it changed."""

    __slots__ = (
        "_by_folded_name",
        "_by_name",
        "_full",
        "_record",
        "_schedule",
        "names",
        "offers",
        "paths",
        "recent",
        "version",
    )

    def __init__(
        self,
        specs: Iterable[OfferSpec],
        settings: PriceSettings,
        seed: int,
        schedule: Schedule,
        record: Callable[[Event], None],
        *,
        full: bool,
        recorded: Mapping[str, Playback] | None = None,
    ) -> None:
        self.version = 0
        self.recent: deque[Offer] = deque(maxlen=RECENT_MAX)
        self._schedule = schedule
        self._record = record
        self._full = full
        self.paths = PricePaths(settings, seed)
        self.offers = tuple(Offer(spec, self._path(spec, recorded or {})) for spec in specs)
        self._by_name = {offer.name: offer for offer in self.offers}
        self._by_folded_name: dict[str, Offer] = {}
        self.names = OfferNames(tuple(offer.spec for offer in self.offers))
        schedule.on(Priority.PRICE, self._price_steps)
        for offer in self.offers:
            delay = offer.path.first_delay_ms()
            if delay is not None:
                schedule.at(delay, Priority.PRICE, offer)

    def _path(self, spec: OfferSpec, recorded: Mapping[str, Playback]) -> PricePath | RecordedPrice:
        playback = recorded.get(spec.name) if recorded else None
        return self.paths.open(spec) if playback is None else RecordedPrice(playback)

    def listed(self) -> Iterator[Offer]:
        """The offers that the API shows now (F6), in the catalogue's order."""
        return (offer for offer in self.offers if offer.is_listed)

    def check_names(self, provider_id: str, gpu_model: str, region: str) -> None:
        """Raises InvalidValue for a name that the catalogue lacks, with the nearest that it has (A13)."""
        if offer_name(provider_id, gpu_model, region) in self._by_name:
            return
        for field, name in (("gpu_model", gpu_model), ("provider_id", provider_id), ("region", region)):
            problem = self.names.unknown(field, name)
            if problem is not None:
                raise InvalidValue(problem, param=field)

    def check_selector(self, selector: Selector) -> None:
        """Raises InvalidValue for a selector that means no offer, with the nearest name that there is."""
        for path, problem in self.names.problems(selector):
            raise InvalidValue(problem, param=str(path[0]) if path else None)

    def find(self, provider_id: str, gpu_model: str, region: str) -> Offer:
        """The offer of these names, whatever their case (A14). Raises OfferNotFound where nobody offers that (A13)."""
        name = offer_name(provider_id, gpu_model, region)
        offer = self._by_name.get(name) or self._folded().get(name.casefold())
        if offer is None:
            raise OfferNotFound(f'"{provider_id}" does not offer "{gpu_model}" in "{region}"')
        return offer

    def check_free(self, offer: Offer, gpu_count: int) -> None:
        """Raises OfferUnavailable where so many GPUs cannot be had now (A13), or ever (A16)."""
        # Before what passes: a client need not wait for what the offer never has (A16).
        most = max(offer.capacity, offer.spec.capacity)
        if gpu_count > most:
            raise OfferUnavailable(
                f"the offer has {most} GPUs, fewer than asked for",
                retry_helps=False,
                param="gpu_count",
            )
        if offer.outages:
            raise OfferUnavailable("the offer is out of service for now", retry_helps=True)
        if offer.is_away:
            raise OfferUnavailable("the offer has left the market for now", retry_helps=True)
        if offer.is_down:
            raise OfferUnavailable("the provider has no capacity for the offer now", retry_helps=True)
        if gpu_count > offer.free:
            raise OfferUnavailable(f"the offer has {offer.free} free GPUs now", retry_helps=True)

    def take(self, offer: Offer, gpu_count: int) -> None:
        """A rental takes GPUs; `check_free` has said that they are there."""
        assert not offer.outages, offer.name
        assert not offer.is_down, offer.name
        assert not offer.is_away, offer.name
        assert 1 <= gpu_count <= offer.free, (offer.name, gpu_count)
        offer.used += gpu_count
        # The list shows offers with a free GPU and not how many: until the last is gone nothing of it changes.
        if offer.free == 0:
            self._touch(offer)

    def give_back(self, offer: Offer, gpu_count: int) -> None:
        """A rental's GPUs come back."""
        assert 1 <= gpu_count <= offer.used, (offer.name, gpu_count)
        was_listed = offer.is_listed
        offer.used -= gpu_count
        if offer.is_listed != was_listed:
            self._touch(offer)

    def matching(self, selector: Selector) -> list[Offer]:
        """The offers that a selector means."""
        return [o for o in self.offers if selector.matches(o.spec.provider_id, o.spec.gpu_model, o.spec.region)]

    def matching_any(self, selectors: Collection[Selector]) -> list[Offer]:
        """The offers that at least one of these selectors means."""
        if len(selectors) == 1:
            return self.matching(*selectors)
        meant = {offer.name for selector in selectors for offer in self.matching(selector)}
        return [offer for offer in self.offers if offer.name in meant] if meant else []

    def lay_over(self, offer: Offer, overlay: Overlay) -> None:
        """Put an act into force on the offer, over those that are there."""
        # From what shows, not from all that lies there: a hundred acts may, over each of many offers.
        covered = COVERED[overlay[1]]
        offer.overlays = (*offer.overlays, overlay)
        offer.showing = (*(each for each in offer.showing if each[1] not in covered), overlay)
        if overlay[1] == "outage":
            offer.outages = (*offer.outages, overlay[0])
        self._show(offer)
        self._touch(offer)

    def lift(self, offer: Offer, acts: Set[int]) -> None:
        """End these acts on the offer, which is then what it would have been without them."""
        left = tuple([overlay for overlay in offer.overlays if overlay[0] not in acts])
        if all(overlay[0] not in acts for overlay in offer.showing):
            # What does not show covers nothing either that something else does not cover.
            offer.overlays = left
            offer.outages = tuple(number for number in offer.outages if number not in acts)
            return
        self._place(offer, left)
        self._show(offer)
        self._touch(offer)

    def _place(self, offer: Offer, overlays: tuple[Overlay, ...]) -> None:
        offer.overlays = overlays
        offer.showing = showing(overlays)
        offer.outages = tuple(number for number, kind, _ in overlays if kind == "outage")

    def turn(self, offer: Offer) -> None:
        """The offer goes down, or comes back."""
        offer.is_down = not offer.is_down
        self._record_turn(offer, OfferWentDown if offer.is_down else OfferCameBack)

    def leave(self, offer: Offer) -> None:
        """The offer leaves the market; what runs there runs on."""
        offer.is_away = True
        self._record_turn(offer, OfferLeft)

    def come_back(self, offer: Offer, drawn: int) -> None:
        """The offer is in the market again, with a price of another host where hosts set prices."""
        offer.is_away = False
        self._record_turn(offer, OfferReturned)
        offer.path.start_anew(self._schedule.now_ms, drawn)
        self._show(offer)

    def _record_turn(
        self, offer: Offer, event: type[OfferWentDown | OfferCameBack | OfferLeft | OfferReturned]
    ) -> None:
        """Record a change of what can be rented. It follows from the seed: only a full journal has it."""
        self._touch(offer)
        if self._full:
            spec = offer.spec
            self._record(event(self._schedule.now_ms, spec.provider_id, spec.gpu_model, spec.region))

    # An offer as it is at the start or in a snapshot. What made it so lies before the journal goes on: nothing is
    # recorded, and no client can have read another list that would need another version.

    def set_down(self, offer: Offer, *, is_down: bool) -> None:
        """The offer is down or up."""
        offer.is_down = is_down

    def set_away(self, offer: Offer, *, is_away: bool) -> None:
        """The offer is away from the market or there."""
        offer.is_away = is_away

    def set_probability(self, offer: Offer, probability_ppm: int) -> None:
        """The chance of interruption that the offer shows."""
        offer.interruption_ppm = probability_ppm

    def set_capacity_most(self, offer: Offer, gpus: int) -> None:
        """The offer's recording never counts more GPUs than this: more can never be had (A16)."""
        offer.spec = replace(offer.spec, capacity=gpus)

    def set_acts(self, offer: Offer, overlays: tuple[Overlay, ...]) -> None:
        """These acts are in force on the offer."""
        self._place(offer, overlays)
        offer.price_micros_per_hour, offer.capacity = offer.under_acts()

    def set_stock(self, offer: Offer, gpus: int) -> None:
        """There are so many GPUs, acts aside."""
        offer.stock = gpus
        _, offer.capacity = offer.under_acts()
        self._touch(offer)

    # An offer as it becomes

    def press(self, offer: Offer, pressure: float) -> None:
        """The stress on the offer moves the anchor of its price from its next step on."""
        offer.path.pressure = pressure

    def restock(self, offer: Offer, gpus: int) -> None:
        """There are so many GPUs from now on, acts aside."""
        offer.stock = gpus
        self._show(offer)
        self._touch(offer)

    def show_probability(self, offer: Offer, probability_ppm: int) -> None:
        """The chance of interruption that the offer shows from now on."""
        offer.interruption_ppm = probability_ppm
        self._touch(offer)

    def shock_struck(self, offer: Offer, shock: int, severity_ppm: int) -> None:
        """Record a shock. It follows from the seed: only a full journal has it."""
        if self._full:
            spec = offer.spec
            now = self._schedule.now_ms
            self._record(ShockStruck(now, spec.provider_id, spec.gpu_model, spec.region, shock, severity_ppm))

    def state(self) -> tuple[OfferState, ...]:
        """The offers' part of a snapshot, in the catalogue's order."""
        return tuple(offer.state() for offer in self.offers)

    def restore(self, state: tuple[OfferState, ...], awaited: AwaitedEvents) -> None:
        """Restore from `state`, and claim the pending steps of prices. Raises ValueError if no run leads there."""
        for offer, saved in zip(self.offers, state, strict=True):
            awaited_ms = [due_ms for due_ms, _ in awaited.claim(Priority.PRICE, offer.name)]
            offer.path.restore(saved.path, awaited.now_ms, awaited_ms)
            offer.is_down, offer.used = saved.is_down, saved.used
            self.set_acts(offer, ())
        self.version += 1
        self.recent.clear()  # every offer may have changed

    def _touch(self, offer: Offer) -> None:
        self.version += 1
        self.recent.append(offer)

    def named(self, name: str) -> Offer:
        """The offer of exactly that name; there is one."""
        return self._by_name[name]

    def _folded(self) -> dict[str, Offer]:
        """The offers by their names whatever the case, gathered when they are first asked for."""
        if not self._by_folded_name:
            self._by_folded_name = {name.casefold(): offer for name, offer in self._by_name.items()}
        return self._by_folded_name

    def _price_steps(self, offer: Offer) -> None:
        schedule, path = self._schedule, offer.path
        now = schedule.now_ms
        delay = path.step(now)
        if path.price_micros != offer.price_micros_per_hour or offer.overlays:
            self._show(offer)
        if delay is not None:
            schedule.at(now + delay, _PRICE, offer)

    def _show(self, offer: Offer) -> None:
        price, capacity = offer.under_acts() if offer.overlays else (offer.path.price_micros, offer.stock)
        if capacity != offer.capacity:
            offer.capacity = capacity
            if self._full:
                spec = offer.spec
                now = self._schedule.now_ms
                self._record(CapacityChanged(now, spec.provider_id, spec.gpu_model, spec.region, capacity))
        if price == offer.price_micros_per_hour:
            return
        offer.price_micros_per_hour = price
        self._touch(offer)
        if self._full:
            spec = offer.spec
            self._record(PriceMoved(self._schedule.now_ms, spec.provider_id, spec.gpu_model, spec.region, price))
