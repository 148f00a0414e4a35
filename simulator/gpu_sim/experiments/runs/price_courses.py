"""The prices of offers over a run, found by letting its market go by once more with nobody in it."""

from collections.abc import Iterable

from msgspec.structs import replace

from ...core.events import PriceMoved
from ...core.kernel.names import offer_name
from ...core.scenario.scenario import Scenario
from ...core.simulation import Simulation

PriceCourse = list[tuple[int, int]]
"""From each instant on, in ms since the start, the price of one GPU in micro-dollars per hour."""


def price_courses(
    scenario: Scenario, *, seed: int, start_epoch_ms: int, length_ms: int, offers: Iterable[str]
) -> dict[str, PriceCourse]:
    """The course of each offer's price, which no renter moves: luck and the timeline do."""
    wanted = list(offers)
    # Not noted during the run itself: few runs are looked at, and of all of them it would cost the time.
    simulation = Simulation(replace(scenario, journal="full"), seed=seed, start_epoch_ms=start_epoch_ms)
    courses = {
        offer.name: [(0, offer.price_micros_per_hour)] for offer in simulation.market.offers if offer.name in wanted
    }
    simulation.advance(length_ms)
    for event in simulation.events:
        if isinstance(event, PriceMoved):
            course = courses.get(offer_name(event.provider_id, event.gpu_model, event.region))
            if course is not None:
                course.append((event.at, event.price_micros_per_hour))
    simulation.close()
    return {name: courses[name] for name in wanted}
