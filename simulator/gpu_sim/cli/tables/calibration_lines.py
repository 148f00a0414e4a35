"""A calibration as `gpu-sim calibrate` prints it."""

from collections.abc import Iterator, Sequence
from math import isnan
from statistics import fmean, stdev

from ...core.scenario.availability_shape import Shape
from ...core.scenario.market_settings import InterruptionSettings
from ...fidelity.calibration import Calibration, HeldOut
from ...fidelity.fit.fitted_scenario import loss_remarks, probability, shape_as_written
from ...fidelity.fit.trace_calibration import CalibratedMarket, Zone
from ...fidelity.fit.unsampled_rates import sampled_per_hour
from ...fidelity.report.table import column_names, columns, summary
from ...fidelity.traces.statistics import TraceStatistics, measure
from ...notation import format_share
from ..lines import in_columns

_STATISTICS = (
    "up_weibull_k",
    "up_mean_h",
    "up_median_h",
    "hazard_ratio",
    "down_median_h",
    "down_p90_h",
    "phi_same_region",
    "phi_other_region",
    "co_interruption_lift",
    "all_zones_down",
    "fano_zone 1h",
    "fano_zone 6h",
    "fano_zone 24h",
    "fano_all 24h",
    "fail_given_fail 15min",
    "fail_given_fail 60min",
    "fail_given_fail 240min",
    "fail_given_fail 1440min",
)

_AGAINST = ("statistic", "recorded", "simulated", "tolerance", "verdict")


def calibration_lines(found: Calibration) -> Iterator[str]:
    """The zones with their rates, the shape, and recorded statistics beside simulated ones."""
    market = found.market
    yield from _zones(market.zones, market.interruptions)
    yield from _looks(market)
    yield from _shape(market)
    yield from loss_remarks(market)
    if found.runs:
        yield from _statistics(market, found.runs)
    if found.held_out is not None:
        yield from _against(found.held_out, market)


def _zones(zones: Sequence[Zone], interruptions: InterruptionSettings, head: str = "zone") -> Iterator[str]:
    """The zones with their rates in an hour of being up, and what a scenario says of them."""
    rows = [(head, "available", "recorded /h", "really /h", "probability")]
    for zone in zones:
        if zone.recorded is None or zone.rates is None:
            rows.append((str(zone.name), "always", "", "", "0%"))
        else:
            rates = f"{zone.recorded.per_hour:.4f}", f"{zone.rates.lost:.4f}"
            chance = format_share(probability(zone.rates.lost, interruptions))
            rows.append((str(zone.name), format_share(zone.recorded.availability), *rates, chance))
    yield from in_columns(rows)


def _looks(market: CalibratedMarket) -> Iterator[str]:
    """The time between looks, and the zones whose rates do not allow for it."""
    yield f"looked at every {market.look_seconds:.1f} s: what came and went in between is in the real rates"
    yield from _recorded_rates(market.zones, market)


def _recorded_rates(zones: Sequence[Zone], market: CalibratedMarket) -> Iterator[str]:
    """Those of some zones whose rate is the recorded one, and the rate that a recorder would see of them."""
    for zone in zones:
        if not zone.unsampled and zone.rates is not None:
            sampled = sampled_per_hour(zone.rates, market.shape, market.look_seconds / 3600)
            yield (
                f"{zone.name}: was down for about a look at a time, and no rate is seen so often; its rate is the one "
                f"recorded, of which {sampled:.4f} /h would be seen"
            )


def _shape(market: CalibratedMarket) -> Iterator[str]:
    yield ""
    if not market.fitted:
        yield "the shape is the shipped one"
        return
    found, shipped = shape_as_written(market.shape), shape_as_written(Shape())
    yield from in_columns(
        [("shape", "fitted", "shipped"), *((name, str(found[name]), str(shipped[name])) for name in found)]
    )
    if market.left_out:
        yield f"fitted without {', '.join(map(str, market.left_out))}, whose real rates cannot be told"


def _statistics(market: CalibratedMarket, runs: Sequence[TraceStatistics]) -> Iterator[str]:
    """Recorded statistics beside mean and standard deviation of the simulated ones."""
    recorded, simulated = measure(market.measured).by_name(), [run.by_name() for run in runs]
    rows = [("statistic", "recorded", f"simulated, {len(runs)} seeds")]
    for name in _STATISTICS:
        values = [run[name] for run in simulated if not isnan(run[name])]
        if values and not isnan(recorded[name]):
            spread = f" ± {stdev(values):.2g}" if len(values) > 1 else ""
            rows.append((name, f"{recorded[name]:.3g}", f"{fmean(values):.3g}{spread}"))
    yield ""
    yield from in_columns(rows)


def _against(held_out: HeldOut, market: CalibratedMarket) -> Iterator[str]:
    """The zones held out, and their statistics against the recorded ones."""
    yield ""
    yield from _zones(held_out.zones, market.interruptions, "held out")
    yield from _recorded_rates(held_out.zones, market)
    rows = held_out.rows
    cells_of_rows = [dict(zip(column_names(rows), columns(row, rows), strict=True)) for row in rows]
    yield ""
    yield from in_columns([_AGAINST, *([cells[name] for name in _AGAINST] for cells in cells_of_rows)])
    yield summary(rows)
