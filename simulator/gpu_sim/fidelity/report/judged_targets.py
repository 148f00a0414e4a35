"""The table that says how close a simulated market comes to real ones, row by row."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from ...core.kernel.randomness import PPM
from ...core.scenario.scenario import Scenario
from ..fit.zone_market import RecordedComparison, ZoneMarketRuns
from ..runs.constant_hazard import LIVES_MIN, Taken, add_up, exponential_p, tolerance_of_rate
from ..runs.seed_run import Plan, SeedRun
from ..runs.zones import trace_names
from ..traces.arrays import NOTHING
from .targets import TARGETS, Part, Target

Verdict = Literal["held", "missed", "not shown"]

ZONES, REGIONS = 9, 3
"""The recorded zones: the targets of zones depend on their number, and on how often each was up and interrupted."""


_ALONE = RecordedComparison()


class Spread(Struct, frozen=True):
    """A statistic over seeds: its mean and its standard deviation."""

    mean: float
    sd: float


class Row(Struct, frozen=True):
    """A target and what the simulation came to, or the reason why it is not shown.

    `simulated` is what is judged; `each_tick` the same at every tick, for statistics of availability only, and
    `recorded` that of the traces given. `of` says what was simulated: the scenario's own offers, or the zones of the
    traces; then the bounds lie about what was recorded of these.
    """

    target: Target
    verdict: Verdict
    low: float
    high: float
    simulated: Spread | None = None
    each_tick: Spread | None = None
    recorded: float | None = None
    reaches_aim: bool | None = None
    reason: str = ""
    of: Literal["own offers", "traces' zones"] = "own offers"

    @property
    def off_sd(self) -> float | None:
        """By how many standard deviations of single runs their mean is above what was recorded."""
        if self.recorded is None or self.simulated is None or not self.simulated.sd > 0:
            return None
        return (self.simulated.mean - self.recorded) / self.simulated.sd


def judge(
    plan: Plan,
    runs: Sequence[SeedRun],
    recorded: Mapping[str, float] | None = None,
    beside: RecordedComparison = _ALONE,
) -> tuple[Row, ...]:
    """Every target against these runs; `recorded` are statistics of traces to show beside, and `beside` what the same
    market made of their zones and fleets."""
    taken = [run.taken for run in runs if run.taken is not None]
    together, told = add_up(taken) if taken else None, recorded or {}
    return tuple(
        _row(target, plan, runs, together, told) if played is None else _row_of_traces(target, played.runs, told)
        for target in TARGETS
        for played in [_played(target, beside, told)]
    )


def _played(target: Target, beside: RecordedComparison, recorded: Mapping[str, float]) -> ZoneMarketRuns | None:
    """What was made of the traces that show a target. Those without such pairs or fleets leave it to the scenario's own
    offers."""
    if target.part == "zones":
        return beside.zones
    if known(recorded.get(target.measure)) is None:
        return None
    if target.part == "pairs":
        return beside.zones
    if target.part != "fleets":
        return None
    return next((each for each in beside.fleets if each.market.zones[0].nodes == target.nodes), None)


def _row_of_traces(target: Target, runs: Sequence[SeedRun], recorded: Mapping[str, float]) -> Row:
    """What was made of the traces, held against what was recorded of them."""
    value = known(recorded.get(target.measure))
    if value is None:
        reason = "the traces given do not show it"
        return Row(target, "not shown", target.low, target.high, reason=reason, of="traces' zones")
    here = target.around(value)
    simulated, each_tick = _measured(target, runs)
    if here.low >= here.high or isnan(simulated.mean):
        reason = "it was not seen at all in the recording" if here.low >= here.high else _NOTHING[target.part]
        return Row(here, "not shown", here.low, here.high, recorded=value, reason=reason, of="traces' zones")
    return _judged(Row(here, "not shown", here.low, here.high, simulated, each_tick, value, of="traces' zones"))


def _row(
    target: Target, plan: Plan, runs: Sequence[SeedRun], taken: Taken | None, recorded: Mapping[str, float]
) -> Row:
    low, high = target.low, target.high
    if taken is not None and target.measure == "rate_ratio":
        margin = tolerance_of_rate(taken)
        low, high = 1 - margin, 1 + margin
    value = known(recorded.get(target.measure))
    reason = _why_not(target, plan)
    simulated, each_tick = (None, None) if reason else _simulated(target, runs, taken)
    if simulated is None or isnan(simulated.mean):
        return Row(target, "not shown", low, high, recorded=value, reason=reason or _nothing(target, taken))
    return _judged(Row(target, "not shown", low, high, simulated, each_tick, value))


def _judged(row: Row) -> Row:
    """The row with its verdict on what was simulated."""
    assert row.simulated is not None
    mean, aim = row.simulated.mean, row.target.aim
    return replace(
        row,
        verdict="held" if row.low <= mean <= row.high else "missed",
        reaches_aim=None if aim is None else aim[0] <= mean <= aim[1],
    )


def _simulated(target: Target, runs: Sequence[SeedRun], taken: Taken | None) -> tuple[Spread | None, Spread | None]:
    """What came out, looked at as planned and at every tick."""
    if target.part != "poisson":
        return _measured(target, runs)
    if taken is None or not taken.due:
        return None, None
    if target.measure == "lives_ks_p":
        return Spread(exponential_p(taken), NOTHING), None
    each = [run.taken.seen / run.taken.due for run in runs if run.taken is not None and run.taken.due]
    return Spread(taken.seen / taken.due, spread(each).sd), None


def _measured(target: Target, runs: Sequence[SeedRun]) -> tuple[Spread, Spread | None]:
    """A statistic of these runs as it is looked at, and where that makes a difference at every tick."""
    name = target.measure
    if target.part in ("zones", "pairs"):
        return spread([run.looked.get(name, NOTHING) for run in runs]), spread(
            [run.each_tick.get(name, NOTHING) for run in runs]
        )
    return spread([run.others.get(name, NOTHING) for run in runs]), None


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation of what is not NaN; NaN for the latter with a single value."""
    known = np.array([value for value in values if not isnan(value)])
    if not len(known):
        return Spread(NOTHING, NOTHING)
    if len(known) > 1 and np.ptp(known) == 0:
        return Spread(float(known[0]), 0.0)  # their mean in floats may lie beside them
    return Spread(float(known.mean()), float(known.std(ddof=1)) if len(known) > 1 else NOTHING)


def _why_not(target: Target, plan: Plan) -> str:
    """Why a scenario cannot show a target as it is run, or nothing."""
    scenario = plan.scenario
    if target.part in ("fleets", "poisson") and not plan.fleets:
        return "no fleets are kept"
    mode = scenario.market.interruptions.mode
    if target.part == "poisson":
        return "" if mode == "poisson" else f"the hazard is not constant in mode {mode}"
    if target.part in ("zones", "pairs", "fleets") and mode not in ("realistic", "replay"):
        return f"offers do not go down by themselves in mode {mode}"
    if target.part == "prices":
        return _why_no_prices(target, scenario) or _why_no_window(target, plan)
    return _why_no_zones(scenario) if target.part == "zones" else ""


def _why_no_prices(target: Target, scenario: Scenario) -> str:
    """Why the prices of a scenario are not meant to be as measured, or nothing; the contract holds for all prices."""
    prices = scenario.market.prices
    if target.of_class is None:
        return ""
    if prices.replays(target.of_class):
        return "prices repeat a series here"
    if prices.process(target.of_class) == "constant":
        return "prices are constant here"
    activity = prices.activity / PPM
    if activity == 1:
        return ""
    return f"prices move {activity:g} times as often as measured here"


def _why_no_window(target: Target, plan: Plan) -> str:
    """Why a run is too short for what depends on how long one looks, or nothing."""
    if target.window_days is None or plan.days >= target.window_days:
        return ""
    return f"needs {target.window_days} days, as recorded; here {plan.days}"


def _why_no_zones(scenario: Scenario) -> str:
    """Why the zones of a scenario cannot be compared with those recorded, or nothing."""
    names = trace_names(scenario.market.offers)
    by_gpu: dict[str, list[str]] = {}
    for name in names:
        by_gpu.setdefault(name.gpu, []).append(name.region)
    gpu, regions = max(by_gpu.items(), key=lambda item: len(item[1]), default=("", []))
    if len(regions) == ZONES and len(set(regions)) == REGIONS:
        return ""
    return f"needs nine zones in three regions, as recorded; here {len(regions)} in {len(set(regions))} have {gpu}"


_NOTHING: dict[Part, str] = {
    "zones": "too little happens",
    "pairs": "no such pair of offers",
    "fleets": "no offer has a fleet of that size that loses nodes",
    "prices": "no offers of that class, or too few",
    "poisson": "nothing was interrupted",
}


def _nothing(target: Target, taken: Taken | None) -> str:
    """Why there was nothing to measure a target of."""
    if target.measure == "lives_ks_p" and taken is not None:
        return f"{len(taken.ranks)} lifetimes, and {LIVES_MIN} are needed"
    return _NOTHING[target.part]


def known(value: float | None) -> float | None:
    """A statistic, or None where it is not known."""
    return None if value is None or isnan(value) else value
