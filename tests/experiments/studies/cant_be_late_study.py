"""The shipped study Can't Be Late as a table of windows: its scenario for each, and the rules for the same window."""

from collections.abc import Sequence
from itertools import pairwise

from gpu_sim.core.kernel.money import PRICE_STEP_MICROS, quantize_price
from gpu_sim.core.scenario.recordings import Recording
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.experiments.sweeps.settings import Template

from .cant_be_late_rules import HOUR_MS, TICK_MS, Rules, Window

ON_DEMAND_MICROS = 3_060_000
POLICIES: tuple[Rules, ...] = ("on_demand", "greedy", "uniform_progress")
TICKS = 1_200
"""More than any job takes."""


def window_at(up: Sequence[bool], begin: int, spot_usd: float, overhead_ms: int, deadline_ms: int) -> Window:
    """The window of a recording that begins at a tick; the spot price is rounded as those of offers are."""
    spot_micros = quantize_price(round(spot_usd * 1_000_000))
    length = len(up)
    return Window(
        [up[(begin + tick) % length] for tick in range(TICKS)], spot_micros, ON_DEMAND_MICROS, overhead_ms, deadline_ms
    )


def scenario_at(template: Template, policy: str, begin: int, window: Window) -> Scenario:
    """The study's scenario for the same window."""
    return template.under(
        {
            "renters.job.policy": policy,
            "renters.job.jobs.restart_overhead": f"{window.overhead_ms}ms",
            "renters.job.jobs.deadline": f"{window.deadline_ms}ms",
            "market.offers.0.spot_price": f"{window.spot_micros // PRICE_STEP_MICROS / 1000:.3f}",
            "market.replay.availability.0.begin": f"{begin * TICK_MS}ms",
            "until": f"{window.deadline_ms + HOUR_MS}ms",
        }
    )


def ups(recording: Recording) -> list[bool]:
    """The recording tick by tick."""
    steps = [*recording.steps, (int(recording.length), 0)]
    return [value > 0 for (from_ms, value), (to_ms, _) in pairwise(steps) for _ in range((to_ms - from_ms) // TICK_MS)]
