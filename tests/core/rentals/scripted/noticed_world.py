"""A crowded offer whose rentals are interrupted by script, and what was told and what ended there."""

from typing import Any

from gpu_sim.core.commands import InterruptRental
from gpu_sim.core.events import InterruptionNotified, RentalTerminated
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.rentals.rental import Rental
from gpu_sim.core.scenario.acts import Act
from gpu_sim.core.scenario.market_settings import MarketSettings, NoticeSettings
from gpu_sim.core.scenario.scenario import BillingSettings
from gpu_sim.core.simulation import Simulation

from ....support.builders import MINUTE, READY, market, offer, rent, scenario, seen

NOTICE = 2 * MINUTE
NOTICES = NoticeSettings(all=Duration(NOTICE))
CROWDED = offer(capacity=100)
BILLING = BillingSettings(idle_timeout=None, hold_expiry=None)


def world(settings: MarketSettings | None = None, *timeline: Act) -> Simulation:
    """A crowded offer whose provider gives two minutes' notice of what an act or operator interrupts."""
    given = market(CROWDED, notices=NOTICES) if settings is None else settings
    return Simulation(scenario(given, balance=10**9, billing=BILLING, timeline=timeline))


def running(sim: Simulation) -> Rental:
    """A rental that has begun to run this minute."""
    rental = rent(sim)
    sim.advance(sim.now_ms + READY)
    return rental


def interrupt(sim: Simulation, rental: Rental, **how: Any) -> None:
    sim.execute(InterruptRental(rental.rental_id, **how))


def told(sim: Simulation) -> list[tuple[int, int]]:
    """When each notice was given, and the end that it named."""
    return [(event.at, event.interrupts_ms) for event in seen(sim, InterruptionNotified)]


def end(sim: Simulation) -> list[tuple[int, str, str | None]]:
    """When rentals ended, why and by what."""
    return [(event.at, event.reason, event.cause) for event in seen(sim, RentalTerminated)]
