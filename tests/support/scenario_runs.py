"""Running shipped scenarios, and reading their events."""

from collections.abc import Iterator

from gpu_sim.core.billing.ledger import RentalSettled
from gpu_sim.core.commands import RentGpu
from gpu_sim.core.events import ActRefused, RentalCreated, RentalRunning, RentalTerminated
from gpu_sim.core.rentals.rental import Rental
from gpu_sim.core.simulation import Simulation
from gpu_sim.scenario_files.load import load_scenario

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
EXAMPLE = RentGpu("alice", "vast-ai", "RTX 4090", "Quebec, CA", 1, "a-model", "an-image:latest")


def run(name: str) -> Simulation:
    """A scenario without requests, up to its `until`."""
    scenario = load_scenario(name)
    assert scenario.until is not None
    simulation = Simulation(scenario)
    simulation.advance(scenario.until)
    return simulation


def begin(name: str, at_ms: int = 0) -> Simulation:
    """A scenario at an instant."""
    simulation = Simulation(load_scenario(name))
    simulation.advance(at_ms)
    return simulation


def rent(simulation: Simulation, command: RentGpu = EXAMPLE) -> Rental:
    """Rent now."""
    rental = simulation.execute(command)
    assert rental is not None
    return rental


def of_bob(simulation: Simulation) -> Iterator[tuple[str, str, int]]:
    """Bob's rentals in the order in which he rented them: id, provider, price in micro-dollars per hour."""
    for event in simulation.events:
        if isinstance(event, RentalCreated) and event.account == "bob":
            yield event.rental_id, event.provider_id, event.price_micros_per_hour


def ends(simulation: Simulation) -> dict[str, RentalTerminated]:
    """The ends of rentals, by id."""
    return {event.rental_id: event for event in simulation.events if isinstance(event, RentalTerminated)}


def bills(simulation: Simulation) -> dict[str, RentalSettled]:
    """The bills of rentals, by id."""
    return {event.rental_id: event for event in simulation.events if isinstance(event, RentalSettled)}


def waits(simulation: Simulation) -> dict[str, int]:
    """The provisioning times in ms of the rentals that got running, by id."""
    created = {event.rental_id: event.at for event in simulation.events if isinstance(event, RentalCreated)}
    return {
        event.rental_id: event.at - created[event.rental_id]
        for event in simulation.events
        if isinstance(event, RentalRunning)
    }


def refusals(simulation: Simulation) -> list[tuple[int, str]]:
    """When acts of the timeline were turned down, in minutes, and with which code."""
    return [(event.at // MINUTE, event.code) for event in simulation.events if isinstance(event, ActRefused)]
