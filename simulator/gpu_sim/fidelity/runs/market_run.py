"""A run of a scenario's market without a server: the history of its offers, their prices, and the fleets on them.

It is read from the events of a full journal, day by day; events that were read are dropped.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from ...core.events import (
    ActEnded,
    ActStarted,
    CapacityChanged,
    GpusReturned,
    OfferCameBack,
    OfferLeft,
    OfferReturned,
    OfferWentDown,
    PriceMoved,
    RentalRunning,
    RentalTerminated,
)
from ...core.kernel.clock import DAY_MS
from ...core.kernel.money import MICROS_PER_DOLLAR
from ...core.kernel.quantities import Money
from ...core.scenario.catalog import OfferSpec
from ...core.scenario.scenario import AccountSpec, Scenario
from ...core.simulation import Simulation
from ..traces.arrays import NOTHING, Floats, Marks, Whole
from .fleet_customer import FLEET_ACCOUNT, FleetCustomer, Names, NodeRental
from .offer_status import OfferStatus

_ENDLESS_CREDIT = Money(10**9 * MICROS_PER_DOLLAR)


class NodeRentals(Struct, frozen=True, eq=False):
    """The rentals of one fleet that ran, in the order of their beginnings.

    A rental ran in the place `slot` of the fleet from `began_ms` to `ended_ms`, which is the end of the run where it
    was still running; `interrupted` says that the market took it back.
    """

    slot: Whole
    began_ms: Whole
    ended_ms: Whole
    interrupted: Marks

    def of_slot(self, slot: int) -> "NodeRentals":
        """Those in one place of the fleet."""
        there = self.slot == slot
        return NodeRentals(self.slot[there], self.began_ms[there], self.ended_ms[there], self.interrupted[there])

    def running(self, at_ms: Whole) -> Whole:
        """The number that run at each of these instants; one that ends at an instant does not."""
        began = np.searchsorted(np.sort(self.began_ms), at_ms, side="right")
        return np.asarray(began - np.searchsorted(np.sort(self.ended_ms), at_ms, side="right"), np.int64)


class OfferHistory(Struct, frozen=True, eq=False):
    """The history of one offer: its turns from up to down and back, its prices, and its fleet of `fleet_size`.

    It is up while it is neither down, nor away from the market, nor taken out by the timeline: in an outage, or left
    without a GPU. At each of `moved_ms` it left the market or returned, in turn, beginning with the former.
    `prices[i]`, in dollars per GPU and hour, holds from `priced_ms[i]` on.
    """

    spec: OfferSpec
    up_at_start: bool
    turned_ms: Whole
    moved_ms: Whole
    priced_ms: Whole
    prices: Floats
    fleet_size: int
    rentals: NodeRentals

    def price_at(self, at_ms: Whole) -> Floats:
        """The prices at these instants; NaN where it is away."""
        prices: Floats = self.prices[np.searchsorted(self.priced_ms, at_ms, side="right") - 1]
        is_away = np.searchsorted(self.moved_ms, at_ms, side="right") % 2 == 1
        return np.where(is_away, NOTHING, prices)


class MarketHistory(Struct, frozen=True, eq=False):
    """The history of a market under one seed in `length_ms`, its offers in the catalogue's order."""

    seed: int
    length_ms: int
    offers: tuple[OfferHistory, ...]


def run_market(
    scenario: Scenario, seed: int, days: int, *, fleets: bool = True, on_day: Callable[[], None] = lambda: None
) -> MarketHistory:
    """Run a scenario's market with its timeline but no other request than those for the fleets; `on_day` is called
    after each day.

    The fleets are those of one customer with endless credit; see `fleet_customer.py`.
    """
    simulation = Simulation(_watched(scenario), seed=seed)
    log = _Log(simulation, FleetCustomer(simulation, fleets=fleets))
    for day in range(1, days + 1):
        log.run(day * DAY_MS)
        on_day()
    history = log.history(days * DAY_MS)
    simulation.close()
    return history


def _watched(scenario: Scenario) -> Scenario:
    """The scenario prepared for a run: full journal, the fleets' customer, no timeouts and no faults, so that only the
    market and that customer end rentals."""
    return replace(
        scenario,
        journal="full",
        accounts=(*scenario.accounts, AccountSpec(FLEET_ACCOUNT, None, _ENDLESS_CREDIT)),
        billing=replace(scenario.billing, idle_timeout=None, hold_expiry=None, on_exhaustion="overdraft"),
        faults=(),
    )


class _Log:
    """Reads the events of a simulation as it runs, and passes them to the customer of the fleets."""

    def __init__(self, simulation: Simulation, customer: FleetCustomer) -> None:
        self._simulation = simulation
        self._customer = customer
        self._offers = simulation.market.offers
        self._index: dict[Names, int] = {
            (offer.spec.provider_id, offer.spec.gpu_model, offer.spec.region): index
            for index, offer in enumerate(self._offers)
        }
        self._status = [OfferStatus(offer) for offer in self._offers]
        self._up_at_start = [status.is_up for status in self._status]
        self._moved = [[0] if offer.is_away else [] for offer in self._offers]
        self._turned: list[list[int]] = [[] for _ in self._offers]
        self._priced: list[list[int]] = [[0] for _ in self._offers]
        self._prices = [[offer.price_micros_per_hour] for offer in self._offers]
        self._events = simulation.events
        self._read_up_to = 0
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            ActStarted: self._act_changes,
            ActEnded: self._act_changes,
            CapacityChanged: self._capacity_changed,
            PriceMoved: self._price_moved,
            OfferWentDown: self._offer_turned,
            OfferCameBack: self._offer_turned,
            OfferLeft: self._offer_moved,
            OfferReturned: self._offer_moved,
            GpusReturned: customer.gpus_returned,
            RentalRunning: customer.rental_running,
            RentalTerminated: customer.rental_terminated,
        }

    def run(self, to_ms: int) -> None:
        """Run to an instant; with fleets, rent at every instant at which GPUs have become free."""
        simulation, events = self._simulation, self._events
        self._read()
        # In one go where nobody rents: nothing of what is read changes the run.
        if self._customer.is_idle:
            simulation.advance(to_ms)
        else:
            while simulation.step(to_ms):
                if len(events) > self._read_up_to:
                    self._read()
        self._read()
        simulation.drop(rentals=0, events=0, lines=0)  # so that memory does not grow with the days
        self._read_up_to = 0

    def _read(self) -> None:
        """Read the new events, rent after them, and read what that causes, until there are no more."""
        events, handlers = self._events, self._handlers
        # Renting makes events of its own, which have to be read as well.
        while len(events) > self._read_up_to:
            news = events[self._read_up_to :]
            self._read_up_to = len(events)
            for event in news:
                handler = handlers.get(type(event))
                if handler is not None:
                    handler(event)
            self._customer.rent()

    def _price_moved(self, event: PriceMoved) -> None:
        index = self._index[event.provider_id, event.gpu_model, event.region]
        self._priced[index].append(event.at)
        self._prices[index].append(event.price_micros_per_hour)

    def _act_changes(self, event: ActStarted | ActEnded) -> None:
        """An outage begins or ends. Other acts change offers through events of their own."""
        if event.outage is None:
            return
        for offer in self._simulation.market.matching(event.outage):
            with self._noting_turns(
                (offer.spec.provider_id, offer.spec.gpu_model, offer.spec.region), event.at
            ) as status:
                # For either event: an act that is in force ends, one that is not begins.
                status.outages ^= {event.act}

    def _capacity_changed(self, event: CapacityChanged) -> None:
        names = event.provider_id, event.gpu_model, event.region
        with self._noting_turns(names, event.at) as status:
            status.capacity = event.capacity
        self._customer.came_back(names)  # more GPUs may be free than before

    def _offer_turned(self, event: OfferWentDown | OfferCameBack) -> None:
        with self._noting_turns((event.provider_id, event.gpu_model, event.region), event.at) as status:
            status.is_down = isinstance(event, OfferWentDown)

    def _offer_moved(self, event: OfferLeft | OfferReturned) -> None:
        names = event.provider_id, event.gpu_model, event.region
        self._moved[self._index[names]].append(event.at)
        with self._noting_turns(names, event.at) as status:
            status.is_away = isinstance(event, OfferLeft)

    @contextmanager
    def _noting_turns(self, names: Names, at_ms: int) -> Iterator[OfferStatus]:
        """Note the instant where the block turns an offer from up to down or back."""
        index = self._index[names]
        status = self._status[index]
        was_up = status.is_up
        yield status
        if status.is_up == was_up:
            return
        self._turned[index].append(at_ms)
        if status.is_up:
            self._customer.came_back(names)

    def history(self, length_ms: int) -> MarketHistory:
        """The history as far as it was read."""
        offers = (
            OfferHistory(
                spec=offer.spec,
                up_at_start=self._up_at_start[index],
                turned_ms=np.array(self._turned[index], np.int64),
                moved_ms=np.array(self._moved[index], np.int64),
                priced_ms=np.array(self._priced[index], np.int64),
                prices=np.array(self._prices[index], np.float64) / MICROS_PER_DOLLAR,
                fleet_size=self._customer.fleets[index].size,
                rentals=_node_rentals(self._customer.fleets[index].rentals, length_ms),
            )
            for index, offer in enumerate(self._offers)
        )
        return MarketHistory(self._simulation.seed, length_ms, tuple(offers))


def _node_rentals(rentals: Iterable[NodeRental], length_ms: int) -> NodeRentals:
    ran = [rental for rental in rentals if rental.began_ms is not None]
    return NodeRentals(
        slot=np.array([rental.slot for rental in ran], np.int64),
        began_ms=np.array([rental.began_ms for rental in ran], np.int64),
        # A rental that still runs is counted up to the end of the run.
        ended_ms=np.array([length_ms if rental.ended_ms is None else rental.ended_ms for rental in ran], np.int64),
        interrupted=np.array([rental.is_interrupted for rental in ran], np.bool_),
    )
