"""A test of a shape on zones that it was not fitted to.

The market of the shape gets only the availability and the rate of such a zone; its statistics are then judged against
the recorded ones, as those of `gpu-sim market --trace` are.
"""

from collections.abc import Callable, Sequence

from ..fit.trace_calibration import refuse_unusable
from ..fit.zone_market import RecordedComparison, ZoneMarket, ZoneMarketRuns
from ..runs.many_seeds import run_seeds
from ..runs.seed_run import measure_zones
from ..runs.zones import zones_of_one_gpu
from ..traces.traces import Trace, align
from .judged_targets import JudgedTarget, judge

SHAPE_STATISTICS = (
    "up_weibull_k",
    "hazard_ratio",
    "phi_same_region",
    "phi_other_region",
    "fano_zone 1h",
    "fano_zone 6h",
    "fano_zone 24h",
    "fail_given_fail 3.25min",
    "fail_given_fail 15min",
    "fail_given_fail 60min",
    "fail_given_fail 240min",
    "fail_given_fail 1440min",
)
"""The targets that a shape decides. The lengths of times up and down follow from what is given; of zones that go down
together, and of all at once, a recording of a few zones says too little."""


def refuse_unlike(fitted: Sequence[Trace], held_out: Sequence[Trace]) -> None:
    """Raises ValueError where zones cannot be held out from the others: they are among these, were recorded on other
    ticks, have another GPU than a shape is fitted to, or say too little."""
    aligned, known = align(held_out), {str(trace.name) for trace in fitted}
    gap_seconds = fitted[0].gap_seconds
    gpus = {trace.name.gpu for trace in zones_of_one_gpu(fitted) or fitted}
    for trace in aligned:
        if str(trace.name) in known:
            raise ValueError(f"{trace.name} is one of the zones that are fitted")
        if trace.gap_seconds != gap_seconds:
            raise ValueError(
                f"{trace.name} has ticks of {trace.gap_seconds:g} s, the zones fitted of {gap_seconds:g} s"
            )
        if trace.name.gpu not in gpus:
            raise ValueError(f"{trace.name} is of another GPU than the zones fitted, {' or '.join(sorted(gpus))}")
    refuse_unusable(aligned)
    if not zones_of_one_gpu(aligned):
        raise ValueError("nothing is to be seen of zones that are always up")


def judge_held_out(
    market: ZoneMarket,
    held_out: Sequence[Trace],
    seeds: Sequence[int],
    on_days: Callable[[int], None] = lambda _: None,
) -> tuple[JudgedTarget, ...]:
    """Judge the statistics that a shape decides, in runs of the market of these zones for each seed."""
    runs = run_seeds(market.plan, seeds, jobs=1, on_days=on_days)
    rows = judge(
        market.plan, runs, measure_zones(align(held_out)), RecordedComparison(zones=ZoneMarketRuns(market, runs))
    )
    return tuple(row for row in rows if row.target.measure in SHAPE_STATISTICS)
