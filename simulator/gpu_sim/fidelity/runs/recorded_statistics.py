"""Recorded traces, measured as a simulated market is."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from ..traces.arrays import Floats, Whole, mean_known
from ..traces.dependence import Distance, correlation_by_distance
from ..traces.fleets import measure_fleet
from ..traces.traces import Trace, align, read_trace
from .seed_run import LARGE, SCARCE, lifetimes_h, lost_together, measure_lifts, measure_zones
from .zones import zones_of_one_gpu


class RecordedStatistics(Struct, frozen=True, eq=False):
    """The statistics of traces: of `zones`, which are of single GPUs and measured for one model, and of `fleets`."""

    zones: tuple[Trace, ...]
    fleets: tuple[Trace, ...]
    statistics: dict[str, float]
    lifetimes_h: Floats
    by_distance: dict[Distance, Floats]
    lifts: dict[Distance, Floats]
    lost_together: Whole


def read_recorded(files: Iterable[Path]) -> RecordedStatistics | None:
    """The traces of these files, or None without any. A trace with a value above 1 is of a fleet.

    Raises ScenarioError where a file is no trace, ValueError where those of single GPUs cannot be compared.
    """
    traces = [read_trace(file) for file in files]
    if not traces:
        return None
    fleets = tuple(trace for trace in traces if trace.values.max() > 1)
    single = [trace for trace in traces if trace.values.max() <= 1]
    zones = align(single) if single else ()
    return RecordedStatistics(
        zones=zones,
        fleets=fleets,
        statistics=measure_zones(zones) | _measure_fleets(fleets),
        lifetimes_h=lifetimes_h(zones_of_one_gpu(zones)),
        by_distance=correlation_by_distance(zones) if zones else {},
        lifts=measure_lifts(zones),
        lost_together=lost_together([fleet.values for fleet in fleets if fleet.values.max() == LARGE]),
    )


def _measure_fleets(fleets: Sequence[Trace]) -> dict[str, float]:
    """The statistics of simulated fleets, of these; the most nodes recorded are the size of a fleet."""
    found: dict[str, float] = {}
    for size in sorted({int(fleet.values.max()) for fleet in fleets}):
        alike = [fleet for fleet in fleets if int(fleet.values.max()) == size]
        measured = [measure_fleet(fleet.values, size, fleet.gap_seconds) for fleet in alike]
        scarce = [each.severity_mean for each, fleet in zip(measured, alike, strict=True) if fleet.up.mean() < SCARCE]
        found[f"partner_{size}"] = mean_known([each.lost_with_partner_in_tick for each in measured])
        found[f"severity_{size}"] = mean_known([each.severity_mean for each in measured])
        if size == LARGE:
            found["severity_scarce"] = mean_known(scarce)
    return {name: value for name, value in found.items() if not np.isnan(value)}
