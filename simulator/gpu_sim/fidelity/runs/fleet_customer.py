"""A customer with a fleet on every offer, who rents lost nodes anew as soon as there are GPUs."""

from collections.abc import Iterator

from msgspec import Struct

from ...core.commands import RentGpu
from ...core.events import GpusReturned, RentalRunning, RentalTerminated
from ...core.market.offer import Offer
from ...core.simulation import Simulation

FLEET_ACCOUNT = "the-keeper-of-fleets"

FLEET_SIZES = (16, 4, 1)
"""A fleet has the first of these numbers of nodes that the offer has GPUs for; a node is a rental of one GPU."""

Names = tuple[str, str, str]
"""Provider, GPU model and region of an offer."""


class NodeRental(Struct):
    """One rental of a fleet, in the place `slot` of it. It `is_interrupted` where the market took it back."""

    slot: int
    began_ms: int | None = None
    ended_ms: int | None = None
    is_interrupted: bool = False


class Fleet(Struct, eq=False):
    """The fleet on one offer: its free places, and all rentals that it ever had."""

    offer: Offer
    size: int
    free: list[int]
    rentals: list[NodeRental]


class FleetCustomer:
    """The customer of the fleets. Methods for events only note what has changed; `rent` rents."""

    def __init__(self, simulation: Simulation, *, fleets: bool) -> None:
        self._simulation = simulation
        self.fleets = tuple(_fleet(offer, has_nodes=fleets) for offer in simulation.market.offers)
        self._by_names = {_names(fleet.offer): fleet for fleet in self.fleets}
        self._places: dict[str, tuple[Fleet, NodeRental]] = {}
        self._to_fill = dict.fromkeys(_names(fleet.offer) for fleet in self.fleets if fleet.size)
        self.is_idle = not self._to_fill
        self.rent()

    def rent(self) -> None:
        """Fill the free places of fleets whose offers have changed since the last call."""
        to_fill, self._to_fill = self._to_fill, {}
        for names in to_fill:
            fleet = self._by_names[names]
            while fleet.free and fleet.offer.is_listed:
                self._rent_one(fleet)

    def _rent_one(self, fleet: Fleet) -> None:
        spec = fleet.offer.spec
        command = RentGpu(FLEET_ACCOUNT, spec.provider_id, spec.gpu_model, spec.region, 1, "model", "image")
        rental = self._simulation.execute(command)
        assert rental is not None
        node = NodeRental(fleet.free.pop(0))
        fleet.rentals.append(node)
        self._places[rental.rental_id] = fleet, node

    def came_back(self, names: Names) -> None:
        """An offer can be had again."""
        self._to_fill[names] = None

    def gpus_returned(self, event: GpusReturned) -> None:
        """GPUs are on offer again."""
        self._to_fill[event.provider_id, event.gpu_model, event.region] = None

    def rental_running(self, event: RentalRunning) -> None:
        """A rental of somebody's runs."""
        if event.rental_id in self._places:
            self._places[event.rental_id][1].began_ms = event.at

    def rental_terminated(self, event: RentalTerminated) -> None:
        """A rental of somebody's is over."""
        known = self._places.pop(event.rental_id, None)
        if known is None:
            return
        fleet, node = known
        node.ended_ms = event.at
        node.is_interrupted = event.cause in ("shock", "own")
        fleet.free.append(node.slot)
        fleet.free.sort()  # the lowest place is filled first: statistics look at the first places of a fleet
        self._to_fill[_names(fleet.offer)] = None


def _fleet(offer: Offer, *, has_nodes: bool) -> Fleet:
    size = next(_sizes_that_fit(offer), 0) if has_nodes else 0
    return Fleet(offer, size, list(range(size)), [])


def _sizes_that_fit(offer: Offer) -> Iterator[int]:
    return (size for size in FLEET_SIZES if size <= offer.spec.capacity)


def _names(offer: Offer) -> Names:
    return offer.spec.provider_id, offer.spec.gpu_model, offer.spec.region
