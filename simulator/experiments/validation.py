"""The table that says how close a simulated market comes to real ones, row by row."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Literal

import numpy as np
from msgspec import Struct

from ..core.randomness import PPM
from ..core.scenario import Scenario
from .arrays import NOTHING
from .constant_hazard import LIVES_MIN, Taken, add_up, exponential_p, tolerance_of_rate
from .seed_run import Plan, SeedRun
from .targets import SOURCES, TARGETS, Part, Target
from .zones import trace_names

Verdict = Literal["held", "missed", "not shown"]

ZONES, REGIONS = 9, 3
"""The recorded zones: the targets of zones depend on their number, and on how often each was up and interrupted."""


class Spread(Struct, frozen=True):
    """A statistic over seeds: its mean and its standard deviation."""

    mean: float
    sd: float


class Row(Struct, frozen=True):
    """A target and what the simulation came to, or the reason why it is not shown.

    `simulated` is what is judged; `each_tick` the same at every tick, for statistics of availability only, and
    `recorded` that of the traces given.
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


def judge(plan: Plan, runs: Sequence[SeedRun], recorded: Mapping[str, float] | None = None) -> tuple[Row, ...]:
    """Every target against these runs; `recorded` are statistics of traces to show beside."""
    taken = [run.taken for run in runs if run.taken is not None]
    together = add_up(taken) if taken else None
    return tuple(_row(target, plan, runs, together, recorded or {}) for target in TARGETS)


def _row(
    target: Target, plan: Plan, runs: Sequence[SeedRun], taken: Taken | None, recorded: Mapping[str, float]
) -> Row:
    low, high = target.low, target.high
    if taken is not None and target.measure == "rate_ratio":
        margin = tolerance_of_rate(taken)
        low, high = 1 - margin, 1 + margin
    known = _known(recorded.get(target.measure))
    reason = _why_not(target, plan)
    simulated, each_tick = (None, None) if reason else _simulated(target, runs, taken)
    if simulated is None or isnan(simulated.mean):
        return Row(target, "not shown", low, high, recorded=known, reason=reason or _nothing(target, taken))
    return Row(
        target,
        "held" if low <= simulated.mean <= high else "missed",
        low,
        high,
        simulated,
        each_tick,
        known,
        None if target.aim is None else target.aim[0] <= simulated.mean <= target.aim[1],
    )


def _simulated(target: Target, runs: Sequence[SeedRun], taken: Taken | None) -> tuple[Spread | None, Spread | None]:
    """What came out, looked at as planned and at every tick."""
    name = target.measure
    if target.part in ("zones", "pairs"):
        return spread([run.looked.get(name, NOTHING) for run in runs]), spread(
            [run.each_tick.get(name, NOTHING) for run in runs]
        )
    if target.part != "poisson":
        return spread([run.others.get(name, NOTHING) for run in runs]), None
    if taken is None or not taken.due:
        return None, None
    if name == "lives_ks_p":
        return Spread(exponential_p(taken), NOTHING), None
    each = [run.taken.seen / run.taken.due for run in runs if run.taken is not None and run.taken.due]
    return Spread(taken.seen / taken.due, spread(each).sd), None


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation of what is not NaN; NaN for the latter with a single value."""
    known = np.array([value for value in values if not isnan(value)])
    if not len(known):
        return Spread(NOTHING, NOTHING)
    return Spread(float(known.mean()), float(known.std(ddof=1)) if len(known) > 1 else NOTHING)


def _why_not(target: Target, plan: Plan) -> str:
    """Why a scenario cannot show a target as it is run, or nothing."""
    scenario = plan.scenario
    if target.part in ("fleets", "poisson") and not plan.fleets:
        return "no fleets are kept"
    mode = scenario.market.interruptions.mode
    if target.part == "poisson":
        return "" if mode == "poisson" else f"the hazard is not constant in mode {mode}"
    if target.part == "fleets" and mode != "realistic":
        return f"measured of fleets in mode realistic, and this is mode {mode}"
    if target.part in ("zones", "pairs") and mode != "realistic":
        return f"offers are always there in mode {mode}"
    if target.part == "prices":
        return _why_no_prices(target, scenario) or _why_no_window(target, plan)
    return _why_no_zones(scenario) if target.part == "zones" else ""


def _why_no_prices(target: Target, scenario: Scenario) -> str:
    """Why the prices of a scenario are not meant to be as measured, or nothing; the contract holds for all prices."""
    prices = scenario.market.prices
    if target.of_class is None:
        return ""
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


def summary(rows: Sequence[Row]) -> str:
    """How many rows held, in a sentence."""
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("held", "missed", "not shown")}
    aims = [row.reaches_aim for row in rows if row.reaches_aim is not None]
    told = f"{len(rows)} statistics: " + ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    return told + (f"; {sum(aims)} of {len(aims)} closer aims reached" if aims else "")


def column_names(rows: Sequence[Row]) -> tuple[str, ...]:
    """The heads of the table's columns; what no row has is left out."""
    recorded = ("recorded",) if any(row.recorded is not None for row in rows) else ()
    each_tick = ("at every tick",) if any(row.each_tick is not None for row in rows) else ()
    return ("statistic", "real", *recorded, "simulated", *each_tick, "tolerance", "verdict")


def columns(row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    """A row of the table as text."""
    names = column_names(rows)
    recorded = ("" if row.recorded is None else f"{row.recorded:.3g}",) if "recorded" in names else ()
    each_tick = (_told(row.each_tick),) if "at every tick" in names else ()
    return (row.target.name, row.target.real, *recorded, _told(row.simulated), *each_tick, _bounds(row), _verdict(row))


def _told(value: Spread | None) -> str:
    if value is None:
        return ""
    return f"{value.mean:.3g}" if isnan(value.sd) else f"{value.mean:.3g} ± {value.sd:.2g}"


def _bounds(row: Row) -> str:
    if row.target.measure == "rate_ratio" and row.verdict == "not shown":
        return "3 standard errors"
    bounds = f"{row.low:.4g}–{row.high:.4g}" if row.low < row.high else f"{row.low:g}"
    return bounds if row.target.aim is None else f"{bounds} (aim {row.target.aim[0]:g}–{row.target.aim[1]:g})"


def _verdict(row: Row) -> str:
    if row.verdict == "not shown":
        return f"not shown: {row.reason}"
    return (
        row.verdict if row.reaches_aim is None else f"{row.verdict}, aim {'reached' if row.reaches_aim else 'missed'}"
    )


def as_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    """The table for other programs; what is not known is null."""
    return [
        {
            "measure": row.target.measure,
            "statistic": row.target.name,
            "real": row.target.real,
            "sources": [SOURCES[source] for source in row.target.sources],
            "tolerance": [_known(row.low), _known(row.high)],
            "aim": row.target.aim,
            "simulated": _as_json(row.simulated),
            "every_tick": _as_json(row.each_tick),
            "recorded": _known(row.recorded),
            "verdict": row.verdict,
            "reaches_aim": row.reaches_aim,
            "reason": row.reason or None,
        }
        for row in rows
    ]


def _as_json(value: Spread | None) -> dict[str, float | None] | None:
    return None if value is None else {"mean": _known(value.mean), "sd": _known(value.sd)}


def _known(value: float | None) -> float | None:
    return None if value is None or isnan(value) else value
