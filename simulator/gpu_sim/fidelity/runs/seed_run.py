"""One seed of a market, run and measured. It is what a process of its own does, so all of it can be pickled."""

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
from .constant_hazard import Taken, count_taken
from .market_run import MarketHistory, OfferHistory, run_market
from .offer_prices import measure_prices
from .zones import RECORDING, observe_all, trace_names, zones_of_one_gpu

FLEET_GAP_MS = 300_000
"""How often the nodes of a fleet are counted, as in the recordings."""

SCARCE = 0.5
"""An offer that is up for a smaller share of the time is scarce."""

SMALL, LARGE = 4, 16

NODES_PAIRED = 4
"""Of so many nodes of a fleet each two are compared."""


class Plan(Struct, frozen=True):
    """What to run and how to look at it: `looked` is how availability is looked at, and `each_tick` at every tick, for
    so many `ticks` or until the end.

    Without `fleets` a run takes a tenth of the time, and there is nothing about rentals to measure. `zones` are what
    the offers are called among traces, where the scenario does not say it.
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
        """What a recorder writes of the offers of this plan's market."""
        specs = [offer.spec for offer in market.offers]
        names = self.zones or trace_names(specs, recording_of(self.scenario))
        return observe_all(market, names, recorder, self.ticks)


class SeedRun(Struct, frozen=True, eq=False):
    """What was measured under one seed: by name, looked at as planned, at every tick, and what is not looked at so.

    `lives_h` are the times up as looked at; `lost_together[i]` counts the ticks in which i nodes of a fleet of 16
    were lost; `lifts` are those of `lifts_by_distance`; `history` is there where it is wanted.
    """

    seed: int
    looked: dict[str, float]
    each_tick: dict[str, float]
    others: dict[str, float]
    lives_h: Floats
    by_distance: dict[Distance, Floats]
    lifts: dict[Distance, Floats]
    lost_together: Whole
    taken: Taken | None
    history: MarketHistory | None


def recording_of(scenario: Scenario) -> str:
    """What recordings of a scenario's market are called."""
    return f"{RECORDING}-{scenario.name.replace('/', '-')}"


def run_seed(
    plan: Plan, seed: int, *, with_history: bool = False, on_day: Callable[[], None] = lambda: None
) -> SeedRun:
    """Run and measure a seed, and export its traces where that is planned."""
    market = run_market(plan.scenario, seed, plan.days, fleets=plan.fleets, on_day=on_day)
    traces = plan.observe(market, plan.looked)
    if plan.export is not None:
        export(plan.export / f"seed-{seed}", traces)
    interruptions = plan.scenario.market.interruptions
    return SeedRun(
        seed=seed,
        looked=measure_zones(traces),
        each_tick=measure_zones(plan.observe(market, plan.each_tick)),
        others=measure_prices(market) | measure_fleets(market),
        lives_h=lives_h(zones_of_one_gpu(traces)),
        by_distance=correlation_by_distance(traces)
        | {Distance.SAME_ZONE: nodes_together(_fleets(market, LARGE), market.length_ms)},
        lifts=measure_lifts(traces),
        lost_together=lost_together([fleet_counts(offer, market.length_ms) for offer in _fleets(market, LARGE)]),
        taken=count_taken(market, interruptions) if interruptions.mode == "poisson" else None,
        history=market if with_history else None,
    )


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
    """How interruptions of the zones of one GPU model fall together; nothing where no offer changes."""
    zones = zones_of_one_gpu(traces)
    return lifts_by_distance(zones) if zones else {}


def lives_h(zones: Sequence[Trace]) -> Floats:
    """The times up of all zones."""
    runs = [complete_runs(zone.up, state=True, gap_seconds=zone.gap_seconds) for zone in zones]
    return np.concatenate(runs) if runs else np.zeros(0)


def measure_fleets(market: MarketHistory) -> dict[str, float]:
    """How fleets of 16 and of 4 nodes lose them: means over the fleets."""
    large = [(offer, _fleet_statistics(offer, market.length_ms)) for offer in _fleets(market, LARGE)]
    small = [_fleet_statistics(offer, market.length_ms) for offer in _fleets(market, SMALL)]
    scarce = [told["severity_mean"] for offer, told in large if _availability(offer, market.length_ms) < SCARCE]
    return {
        "partner_16": mean_known([told["lost_with_partner_in_tick"] for _, told in large]),
        "partner_4": mean_known([told["lost_with_partner_in_tick"] for told in small]),
        "severity_16": mean_known([told["severity_mean"] for _, told in large]),
        "severity_scarce": mean_known(scarce),
    }


def _fleets(market: MarketHistory, size: int) -> list[OfferHistory]:
    return [offer for offer in market.offers if offer.fleet_size == size]


def _fleet_statistics(offer: OfferHistory, length_ms: int) -> dict[str, float]:
    told = measure_fleet(fleet_counts(offer, length_ms), offer.fleet_size, FLEET_GAP_MS / 1000)
    return {
        "lost_with_partner_in_tick": told.lost_with_partner_in_tick,
        "severity_mean": told.severity_mean,
    }


def fleet_counts(offer: OfferHistory, length_ms: int) -> Whole:
    """How many nodes of an offer's fleet run in each tick."""
    return offer.lives.running(np.arange(0, length_ms, FLEET_GAP_MS, dtype=np.int64))


def nodes_together(fleets: Sequence[OfferHistory], length_ms: int) -> Floats:
    """The correlation of whether the first nodes of a fleet run, for each two of them."""
    instants = np.arange(0, length_ms, FLEET_GAP_MS, dtype=np.int64)
    pairs = np.triu_indices(NODES_PAIRED, 1)
    found = [
        phi(np.array([offer.lives.of_slot(slot).running(instants) > 0 for slot in range(NODES_PAIRED)]))[pairs]
        for offer in fleets
    ]
    values = np.concatenate(found) if found else np.zeros(0)
    return np.asarray(values[~np.isnan(values)], np.float64)


def lost_together(fleets: Sequence[Whole]) -> Whole:
    """In how many ticks so many nodes of a fleet were lost, for 0 to 16."""
    counts = np.zeros(LARGE + 1, np.int64)
    for fleet in fleets:
        counts += np.bincount(losses(fleet), minlength=LARGE + 1)[: LARGE + 1]
    return counts


def _availability(offer: OfferHistory, length_ms: int) -> float:
    """The share of the time that the offer was up."""
    edges = np.concatenate([[0], offer.turned_ms, [length_ms]])
    spans = np.diff(edges)
    return float(spans[0 if offer.up_at_start else 1 :: 2].sum() / length_ms)
