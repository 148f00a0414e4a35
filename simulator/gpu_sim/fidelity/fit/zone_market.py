"""Recorded zones simulated by a scenario's market, to be compared with the recording itself.

The market gets two numbers of each zone, those that `gpu-sim calibrate` finds: how much of the time it is up, and
how often it goes down in an hour of that, behind what the recorder saw. Its region is the group in which it shares
stress and shocks. All else is as the scenario says: the shape of availability, and what an interruption takes along.
"""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from ...core.kernel.clock import DAY_MS, HOUR_MS
from ...core.kernel.quantities import Availability, Duration, Share
from ...core.kernel.randomness import PPM
from ...core.scenario.availability_shape import Shape
from ...core.scenario.catalog import OfferSpec
from ...core.scenario.market_settings import ChurnSettings, InterruptionSettings, PriceSettings
from ...core.scenario.recordings import ReplaySettings
from ...core.scenario.scenario import Scenario
from ..runs.recorded_statistics import RecordedStatistics
from ..runs.seed_run import LARGE, SMALL, Plan, SeedRun, recording_of
from ..traces.observation import LookSchedule
from ..traces.traces import Trace, align
from .fitted_scenario import ON_DEMAND_PRICE, PROVIDER_CLASS, PROVIDER_ID, SPOT_PRICE, VRAM_GB, probability
from .trace_calibration import Zone, calibrate_zone, look_seconds_of, refuse_unusable


class ZoneMarket(Struct, frozen=True):
    """A market of recorded zones: the `plan` by which it is run, and the `zones` with their two numbers."""

    plan: Plan
    zones: tuple[Zone, ...]


class ZoneMarketRuns(Struct, frozen=True, eq=False):
    """A market of recorded zones and its runs, the first with its history."""

    market: ZoneMarket
    runs: tuple[SeedRun, ...]


class RecordedMarkets(Struct, frozen=True):
    """The markets of recorded traces: one of the `zones` of single GPUs, and one of the `fleets` of each size; `why`
    says why something is not among them, and what is shown instead."""

    zones: ZoneMarket | None = None
    fleets: tuple[ZoneMarket, ...] = ()
    why: str = ""

    @property
    def days(self) -> int:
        """The days of a market that one seed of all of them takes."""
        return sum(each.plan.days for each in (self.zones, *self.fleets) if each is not None)


class RecordedComparison(Struct, frozen=True, eq=False):
    """The runs of `RecordedMarkets`, to be compared with the recordings."""

    zones: ZoneMarketRuns | None = None
    fleets: tuple[ZoneMarketRuns, ...] = ()
    why: str = ""


def why_not_simulated(scenario: Scenario) -> str:
    """The reason why a scenario's market cannot simulate zones, and what is shown instead; empty where it can."""
    mode = scenario.market.interruptions.mode
    if mode == "realistic":
        return ""
    if mode == "replay":
        why = "offers repeat recordings tick by tick, and nothing of when they are up is simulated"
        return f"In mode replay {why}: the recorded zones are not simulated, and stand over the offers as they are."
    why = "offers are always there, so that this market has no zones that go down"
    return f"In mode {mode} {why}: the recorded ones are not simulated, and what was recorded is shown by itself."


def build_recorded_markets(
    scenario: Scenario,
    recorded: RecordedStatistics | None,
    look_seconds: float | None = None,
    *,
    fleets: bool = True,
    export: Path | None = None,
) -> RecordedMarkets:
    """The markets of recorded traces, those of fleets only with `fleets`. Raises as `build_zone_market` does."""
    if recorded is None:
        return RecordedMarkets()
    why = why_not_simulated(scenario)
    if why:
        return RecordedMarkets(why=why)
    of_sizes = [[each for each in recorded.fleets if each.values.max() == size] for size in (LARGE, SMALL) if fleets]
    others = [str(each.name) for each in recorded.fleets if each.values.max() not in (LARGE, SMALL)]
    why = f"Fleets of {LARGE} and of {SMALL} nodes are simulated, and so {', '.join(others)} was not." if others else ""
    zones = build_zone_market(scenario, recorded.zones, look_seconds) if recorded.zones else None
    if zones is not None and export is not None:
        zones = replace(zones, plan=replace(zones.plan, export=export))
    return RecordedMarkets(
        zones=zones,
        fleets=tuple(build_zone_market(scenario, traces, look_seconds, fleets=True) for traces in of_sizes if traces),
        why=why,
    )


def build_zone_market(
    scenario: Scenario, traces: Sequence[Trace], look_seconds: float | None = None, *, fleets: bool = False
) -> ZoneMarket:
    """The scenario's market with the zones of these traces as its only offers, looked at every `look_seconds`, found
    from the traces unless given, and for as long as they last. The scenario is of mode realistic.

    Raises ValueError where the traces cannot be used, CannotCalibrate where the market has no zone like one of them.
    """
    aligned = align(traces)
    refuse_unusable(aligned)
    # The offers' probabilities are computed for this horizon, whatever the scenario's; a long one would push them to 1.
    settings = replace(scenario.market.interruptions, horizon=Duration(HOUR_MS))
    every = look_seconds_of(aligned, look_seconds)
    zones = tuple(calibrate_zone(trace, every, settings.shape or Shape()) for trace in aligned)
    recorder = LookSchedule(round(aligned[0].gap_seconds * 1000), round(every * 1000))
    ticks = len(aligned[0].values)
    plan = Plan(
        scenario=_only_zones(scenario, zones, settings),
        # A market runs whole days: so many that the last tick begins in them.
        days=(ticks - 1) * recorder.gap_ms // DAY_MS + 1,
        looked=recorder,
        fleets=fleets,
        zones=tuple(replace(zone.name, recording=recording_of(scenario)) for zone in zones),
        ticks=ticks,
    )
    return ZoneMarket(plan, zones)


def _only_zones(scenario: Scenario, zones: Sequence[Zone], settings: InterruptionSettings) -> Scenario:
    """The scenario with these offers alone, at one price. Nothing of them comes from elsewhere: they do not leave the
    market, no recording is replayed, and the timeline, which is about other offers, is left out."""
    market = replace(
        scenario.market,
        catalog=None,
        offers=tuple(_offer(zone, settings) for zone in zones),
        # No trace has prices, and steps of prices would only take time.
        prices=PriceSettings(all="constant"),
        interruptions=settings,
        churn=ChurnSettings(),
        recordings=ReplaySettings(),
    )
    return replace(scenario, market=market, timeline=())


def _offer(zone: Zone, settings: InterruptionSettings) -> OfferSpec:
    """An offer that is up and goes down as the zone does, with as many nodes; the GPUs of a node are one here."""
    name = zone.name
    availability, chance = Availability(PPM), Share(0)
    if zone.recorded is not None and zone.rates is not None:
        availability, chance = zone.recorded.availability, probability(zone.rates.lost, settings)
    gpu = f"{name.gpu} x{name.gpus}"
    return OfferSpec(
        provider_id=PROVIDER_ID,
        provider_class=PROVIDER_CLASS,
        gpu_model=gpu,
        vram_gb=VRAM_GB,
        region=name.zone,
        spot_price=SPOT_PRICE,
        on_demand_price=ON_DEMAND_PRICE,
        interruption_probability=chance,
        capacity=zone.nodes,
        availability=availability,
        group=f"{name.region} {gpu}",
    )
