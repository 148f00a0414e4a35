"""One seed of a market, run and measured. Plan and result go from process to process, so all of it can be pickled."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from ...core.scenario.scenario import Scenario
from ..traces.arrays import Floats, Whole, mean, mean_known
from ..traces.dependence import Distance, correlation_by_distance, phi
from ..traces.fleets import losses, measure_fleet
from ..traces.lifetimes import complete_runs
from ..traces.observation import LookSchedule
from ..traces.statistics import lifts_by_distance, measure
from ..traces.traces import Trace, TraceName, align, write_trace
from .constant_hazard import InterruptionCounts, count_interruptions
from .market_run import MarketHistory, OfferHistory, run_market
from .offer_prices import measure_prices
from .zones import RECORDING, observe_all, trace_names, zones_of_one_gpu

FLEET_GAP_MS = 300_000
"""The time between two counts of a fleet's nodes, as in the recordings."""

SCARCE = 0.5
"""Offers that are up for a smaller share of the time are scarce."""

SMALL, LARGE = 4, 16
"""The fleet sizes that are measured, as recorded."""

NODES_PAIRED = 4
"""Each two of so many nodes of a fleet are compared; the others are like these."""


class Plan(Struct, frozen=True):
    """A market to run and the looks at it: `looked` says when availability is looked at, for so many `ticks` or until
    the end.

    Without `fleets` a run takes a tenth of the time and measures nothing of rentals. `zones` are the offers' names as
    traces, for offers whose scenario does not imply them.
    """

    scenario: Scenario
    days: int
    looked: LookSchedule
    export: Path | None = None
    fleets: bool = True
    zones: tuple[TraceName, ...] = ()
    ticks: int | None = None

    @property
    def each_tick(self) -> LookSchedule:
        """The recorder that misses nothing that lasts a tick."""
        return LookSchedule(self.looked.gap_ms, self.looked.gap_ms)

    def observe(self, market: MarketHistory, recorder: LookSchedule) -> tuple[Trace, ...]:
        """The traces that a recorder writes of the offers of this plan's market."""
        specs = [offer.spec for offer in market.offers]
        names = self.zones or trace_names(specs, recording_of(self.scenario))
        return observe_all(market, names, recorder, self.ticks)


class SeedRun(Struct, frozen=True, eq=False):
    """The statistics under one seed, by name: `looked` at as planned, at `each_tick`, and the `others`, of no looks.

    `lifetimes_h` are the times up as looked at; `lost_together[i]` counts the ticks in which i nodes of a fleet of 16
    were lost; `lifts` are those of `lifts_by_distance`; `history` is that of the market, if it was asked for.
    """

    seed: int
    looked: dict[str, float]
    each_tick: dict[str, float]
    others: dict[str, float]
    lifetimes_h: Floats
    by_distance: dict[Distance, Floats]
    lifts: dict[Distance, Floats]
    lost_together: Whole
    interruptions: InterruptionCounts | None
    history: MarketHistory | None


def recording_of(scenario: Scenario) -> str:
    """The name of recordings of a scenario's market."""
    return f"{RECORDING}-{scenario.name.replace('/', '-')}"


def run_seed(
    plan: Plan, seed: int, *, with_history: bool = False, on_day: Callable[[], None] = lambda: None
) -> SeedRun:
    """Run and measure a seed, and export its traces where that is planned."""
    market = run_market(plan.scenario, seed, plan.days, fleets=plan.fleets, on_day=on_day)
    traces = plan.observe(market, plan.looked)
    if plan.export is not None:
        export(export_folder(plan.export, seed), traces)
    settings = plan.scenario.market.interruptions
    return SeedRun(
        seed=seed,
        looked=measure_zones(traces),
        each_tick=measure_zones(plan.observe(market, plan.each_tick)),
        others=measure_prices(market) | measure_fleets(market),
        lifetimes_h=lifetimes_h(zones_of_one_gpu(traces)),
        by_distance=correlation_by_distance(traces)
        | {Distance.SAME_ZONE: nodes_together(_fleets(market, LARGE), market.length_ms)},
        lifts=measure_lifts(traces),
        lost_together=lost_together([fleet_counts(offer, market.length_ms) for offer in _fleets(market, LARGE)]),
        interruptions=count_interruptions(market, settings) if settings.mode == "poisson" else None,
        # Large, and sent from process to process: only the pictures need one.
        history=market if with_history else None,
    )


def export_folder(parent: Path, seed: int) -> Path:
    """The folder of the traces of one seed."""
    return parent / f"seed-{seed}"


def export(folder: Path, traces: Sequence[Trace]) -> None:
    """Write traces into a folder that is made if need be. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for trace in traces:
        write_trace(folder, trace)


def measure_zones(traces: Sequence[Trace]) -> dict[str, float]:
    """The statistics of the zones of one GPU model, and of pairs with another; nothing where no offer changes."""
    zones = zones_of_one_gpu(traces)
    if not zones:
        return {}
    other_gpu = correlation_by_distance(align(traces))[Distance.OTHER_GPU]
    return measure(zones).by_name() | {"phi_other_gpu": mean(other_gpu)}


def measure_lifts(traces: Sequence[Trace]) -> dict[Distance, Floats]:
    """The lifts of `lifts_by_distance` of the zones of one GPU model; empty where no offer changes."""
    zones = zones_of_one_gpu(traces)
    return lifts_by_distance(zones) if zones else {}


def lifetimes_h(zones: Sequence[Trace]) -> Floats:
    """The times up of all zones."""
    runs = [complete_runs(zone.up, state=True, gap_seconds=zone.gap_seconds) for zone in zones]
    return np.concatenate(runs) if runs else np.zeros(0)


def measure_fleets(market: MarketHistory) -> dict[str, float]:
    """The statistics of nodes lost by fleets of 16 and of 4: means over the fleets."""
    large = [(offer, _fleet_statistics(offer, market.length_ms)) for offer in _fleets(market, LARGE)]
    small = [_fleet_statistics(offer, market.length_ms) for offer in _fleets(market, SMALL)]
    scarce = [found["severity_mean"] for offer, found in large if _availability(offer, market.length_ms) < SCARCE]
    return {
        "partner_16": mean_known([found["lost_with_partner_in_tick"] for _, found in large]),
        "partner_4": mean_known([found["lost_with_partner_in_tick"] for found in small]),
        "severity_16": mean_known([found["severity_mean"] for _, found in large]),
        "severity_scarce": mean_known(scarce),
    }


def _fleets(market: MarketHistory, size: int) -> list[OfferHistory]:
    return [offer for offer in market.offers if offer.fleet_size == size]


def _fleet_statistics(offer: OfferHistory, length_ms: int) -> dict[str, float]:
    found = measure_fleet(fleet_counts(offer, length_ms), offer.fleet_size, FLEET_GAP_MS / 1000)
    return {
        "lost_with_partner_in_tick": found.lost_with_partner_in_tick,
        "severity_mean": found.severity_mean,
    }


def fleet_counts(offer: OfferHistory, length_ms: int) -> Whole:
    """The number of nodes of an offer's fleet that run in each tick."""
    return offer.rentals.running(np.arange(0, length_ms, FLEET_GAP_MS, dtype=np.int64))


def nodes_together(fleets: Sequence[OfferHistory], length_ms: int) -> Floats:
    """The correlation of whether the first nodes of a fleet run, for each two of them."""
    instants = np.arange(0, length_ms, FLEET_GAP_MS, dtype=np.int64)
    pairs = np.triu_indices(NODES_PAIRED, 1)
    found = [
        phi(np.array([offer.rentals.of_slot(slot).running(instants) > 0 for slot in range(NODES_PAIRED)]))[pairs]
        for offer in fleets
    ]
    values = np.concatenate(found) if found else np.zeros(0)
    return np.asarray(values[~np.isnan(values)], np.float64)


def lost_together(fleets: Sequence[Whole]) -> Whole:
    """The number of ticks in which so many nodes of a fleet were lost, for 0 to 16."""
    counts = np.zeros(LARGE + 1, np.int64)
    for fleet in fleets:
        counts += np.bincount(losses(fleet), minlength=LARGE + 1)[: LARGE + 1]
    return counts


def _availability(offer: OfferHistory, length_ms: int) -> float:
    """The share of the time that the offer was up."""
    edges = np.concatenate([[0], offer.turned_ms, [length_ms]])
    spans = np.diff(edges)
    return float(spans[0 if offer.up_at_start else 1 :: 2].sum() / length_ms)
