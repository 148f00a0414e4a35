"""Targets judged: each statistic of simulated runs against its bounds, or the reason why it is not shown."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from ...core.kernel.randomness import PPM
from ...core.scenario.scenario import Scenario
from ..fit.zone_market import RecordedComparison, ZoneMarketRuns
from ..runs.constant_hazard import LIFETIMES_MIN, InterruptionCounts, add_up, exponential_p, tolerance_of_rate
from ..runs.seed_run import Plan, SeedRun
from ..runs.zones import trace_names
from ..traces.arrays import NOTHING
from .targets import TARGETS, Part, Target

Verdict = Literal["held", "missed", "not shown"]

ZONES, REGIONS = 9, 3
"""The recorded zones and their regions. The targets for zones hold for as many zones, as often up and interrupted."""


_NOTHING_RECORDED = RecordedComparison()


class Spread(Struct, frozen=True):
    """A statistic over seeds: its mean and its standard deviation."""

    mean: float
    sd: float


class JudgedTarget(Struct, frozen=True):
    """A target and the simulated value, or the reason why it is not shown: a row of the table.

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
    comparison: RecordedComparison = _NOTHING_RECORDED,
) -> tuple[JudgedTarget, ...]:
    """Judge every target in these runs; `recorded` are statistics of traces, and `comparison` has the same market's
    runs of their zones and fleets."""
    counts = [run.interruptions for run in runs if run.interruptions is not None]
    all_counts, known_statistics = add_up(counts) if counts else None, recorded or {}
    return tuple(
        _row(target, plan, runs, all_counts, known_statistics)
        if of_traces is None
        else _row_of_traces(target, of_traces.runs, known_statistics)
        for target in TARGETS
        for of_traces in [_runs_of_traces(target, comparison, known_statistics)]
    )


def _runs_of_traces(
    target: Target, comparison: RecordedComparison, recorded: Mapping[str, float]
) -> ZoneMarketRuns | None:
    """The runs of the traces that show a target. None where they have no such pairs or fleets: then the scenario's own
    offers are judged."""
    if target.part == "zones":
        return comparison.zones
    if known(recorded.get(target.measure)) is None:
        return None
    if target.part == "pairs":
        return comparison.zones
    if target.part != "fleets":
        return None
    return next((each for each in comparison.fleets if each.market.zones[0].nodes == target.nodes), None)


def _row_of_traces(target: Target, runs: Sequence[SeedRun], recorded: Mapping[str, float]) -> JudgedTarget:
    """The runs of the traces, judged against what was recorded of them."""
    value = known(recorded.get(target.measure))
    if value is None:
        reason = "the traces given do not show it"
        return JudgedTarget(target, "not shown", target.low, target.high, reason=reason, of="traces' zones")
    here = target.around(value)
    simulated, each_tick = _measured(target, runs)
    # Bounds that are so many times what was recorded meet where that is 0.
    if here.low >= here.high or isnan(simulated.mean):
        reason = "it was not seen at all in the recording" if here.low >= here.high else _NOTHING[target.part]
        return JudgedTarget(here, "not shown", here.low, here.high, recorded=value, reason=reason, of="traces' zones")
    return _judged(
        JudgedTarget(here, "not shown", here.low, here.high, simulated, each_tick, value, of="traces' zones")
    )


def _row(
    target: Target,
    plan: Plan,
    runs: Sequence[SeedRun],
    counts: InterruptionCounts | None,
    recorded: Mapping[str, float],
) -> JudgedTarget:
    low, high = target.low, target.high
    if counts is not None and target.measure == "rate_ratio":
        margin = tolerance_of_rate(counts)
        low, high = 1 - margin, 1 + margin
    value = known(recorded.get(target.measure))
    reason = _why_not(target, plan)
    simulated, each_tick = (None, None) if reason else _simulated(target, runs, counts)
    if simulated is None or isnan(simulated.mean):
        return JudgedTarget(target, "not shown", low, high, recorded=value, reason=reason or _nothing(target, counts))
    return _judged(JudgedTarget(target, "not shown", low, high, simulated, each_tick, value))


def _judged(row: JudgedTarget) -> JudgedTarget:
    """The row with its verdict on what was simulated."""
    assert row.simulated is not None
    mean, aim = row.simulated.mean, row.target.aim
    return replace(
        row,
        verdict="held" if row.low <= mean <= row.high else "missed",
        reaches_aim=None if aim is None else aim[0] <= mean <= aim[1],
    )


def _simulated(
    target: Target, runs: Sequence[SeedRun], counts: InterruptionCounts | None
) -> tuple[Spread | None, Spread | None]:
    """The simulated value, looked at as planned and at every tick."""
    if target.part != "poisson":
        return _measured(target, runs)
    if counts is None or not counts.expected:
        return None, None
    if target.measure == "lives_ks_p":
        # One test of all seeds together: a p-value has no mean over seeds.
        return Spread(exponential_p(counts), NOTHING), None
    each = [
        run.interruptions.counted / run.interruptions.expected
        for run in runs
        if run.interruptions is not None and run.interruptions.expected
    ]
    return Spread(counts.counted / counts.expected, spread(each).sd), None


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
        return Spread(float(known[0]), 0.0)  # the mean of equal floats may differ from them
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


def _nothing(target: Target, counts: InterruptionCounts | None) -> str:
    """The reason why a target has no data."""
    if target.measure == "lives_ks_p" and counts is not None:
        return f"{len(counts.ranks)} lifetimes, and {LIFETIMES_MIN} are needed"
    return _NOTHING[target.part]


def known(value: float | None) -> float | None:
    """A statistic, or None where it is not known."""
    return None if value is None or isnan(value) else value
