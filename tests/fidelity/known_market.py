"""A market of known settings, recorded by a recorder of our own: what a calibration has to find again."""

from functools import lru_cache

from gpu_sim.core.kernel.quantities import Availability, Duration, Factor, Share
from gpu_sim.core.scenario.availability_shape import Shape
from gpu_sim.core.scenario.market_settings import InterruptionSettings
from gpu_sim.fidelity.fit.fitted_scenario import probability
from gpu_sim.fidelity.runs.market_run import run_market
from gpu_sim.fidelity.runs.zones import observe_all
from gpu_sim.fidelity.traces.traces import Trace, TraceName
from msgspec.structs import replace

from ..support.builders import HOUR, market, offer, scenario
from .zone_markets import LOOKED

LOOK_SECONDS = 631.0
SETTINGS = InterruptionSettings(mode="realistic")

UNLIKE = Shape(
    fragile=Share(150_000),
    long=Share(700_000),
    stress=Factor(900_000),
    brief=Duration(HOUR // 4),
    tight=Share(500_000),
)
"""A shape quite unlike the shipped one: half the flapping, and half the stress."""

ZONES = {"r1a": (0.3, 0.9), "r1b": (0.6, 0.5), "r1c": (0.75, 0.3), "r1d": (0.5, 0.7), "r1e": (0.9, 0.2)}
"""Five zones of one region: how likely each is up, and how often it goes down in an hour of that."""


@lru_cache
def recordings(days: int, seed: int = 1, shape: Shape = UNLIKE, gpu: str = "v100") -> tuple[Trace, ...]:
    """The traces that the recorder writes of the zones."""
    offers = (
        replace(
            offer(zone, provider_class="hyperscaler", gpu_model=gpu, probability_ppm=probability(lost, SETTINGS)),
            availability=Availability(round(up * 1_000_000)),
            group="one",
        )
        for zone, (up, lost) in ZONES.items()
    )
    conditions = scenario(market(*offers, interruptions=replace(SETTINGS, shape=shape)))
    names = [TraceName(zone[:-1], zone[-1], gpu, 1, "mine") for zone in ZONES]
    return observe_all(run_market(conditions, seed, days, fleets=False), names, LOOKED)
