"""Calibration to recorded traces: the scenario, its statistics when run, and a test of its shape on zones held out."""

from functools import partial
from pathlib import Path

from msgspec import Struct

from ..core.market.availability_rates import CannotCalibrate
from ..core.scenario.scenario import Scenario
from ..scenario_files.load import parse_scenario
from ..scenario_files.problems import ScenarioError
from .fit.fitted_scenario import days_to_run, run_again, write_scenario
from .fit.shape_fit import looks_max
from .fit.trace_calibration import CalibratedMarket, ShapeChoice, Zone, calibrate_traces
from .fit.zone_market import ZoneMarket, build_zone_market
from .progress import Progress, no_progress
from .report.held_out import judge_held_out, refuse_unlike
from .report.judged_targets import JudgedTarget
from .traces.statistics import TraceStatistics
from .traces.traces import Trace, TracesUnusable, read_trace


class HeldOutUnusable(TracesUnusable):  # named as the refusals are: by what it says
    """The held-out traces cannot be read, or cannot be separated from those fitted."""


class CannotSimulateHeldOut(CannotCalibrate):
    """No offer of the shape found behaves like one of the zones held out."""


class CalibrationSettings(Struct, frozen=True):
    """The traces to calibrate to and the options: each of `files` is the trace of one zone, whose recorder looked every
    `look_seconds`, found from the traces unless given. The scenario is called `name`, and is run for each of `seeds`.
    Zones held out are in the files `against`; these need seeds."""

    files: tuple[Path, ...]
    name: str
    look_seconds: float | None = None
    shape: ShapeChoice | None = None
    seeds: range = range(1, 11)
    against: tuple[Path, ...] = ()


class HeldOut(Struct, frozen=True, eq=False):
    """The zones held out with their two numbers, and their simulated statistics judged against the recorded ones."""

    zones: tuple[Zone, ...]
    rows: tuple[JudgedTarget, ...]


class Calibration(Struct, frozen=True, eq=False):
    """The `market` found, the `text` of its scenario file, the statistics of its `runs`, one for each seed and none
    where no zone changes, and the test on zones `held_out`, None without any."""

    market: CalibratedMarket
    text: str
    runs: tuple[TraceStatistics, ...]
    held_out: HeldOut | None

    @property
    def is_missed(self) -> bool:
        """True where a statistic of the zones held out is outside of its tolerance."""
        return self.held_out is not None and any(row.verdict == "missed" for row in self.held_out.rows)


def calibrate(settings: CalibrationSettings, progress: Progress = no_progress) -> Calibration:
    """Find a market whose zones are up, go down and come back as those recorded, and run it.

    Raises TracesUnusable, HeldOutUnusable for those held out; and where no offer behaves like a zone CannotCalibrate,
    CannotSimulateHeldOut for those held out. Nothing is written.
    """
    traces = _read_traces(settings)
    # Before the fit, which takes minutes: what cannot be used is refused at once.
    held_out = _read_held_out(settings, traces)
    market = _calibrated(traces, settings, progress)
    text = _written(market, settings.name)
    scenario = parse_scenario(text, origin=settings.name, folder=None)
    zones_apart = _simulated(scenario, held_out, market) if held_out else None
    return Calibration(
        market=market,
        text=text,
        runs=_run(market, scenario, settings.seeds, progress),
        held_out=None if zones_apart is None else _judged(zones_apart, held_out, settings.seeds, progress),
    )


def _read_traces(settings: CalibrationSettings) -> list[Trace]:
    try:
        return [read_trace(file) for file in settings.files]
    except (ScenarioError, ValueError) as error:
        raise TracesUnusable(str(error)) from None


def _read_held_out(settings: CalibrationSettings, fitted: list[Trace]) -> list[Trace]:
    try:
        held_out = [read_trace(file) for file in settings.against]
        if held_out:
            refuse_unlike(fitted, held_out)
    except (ScenarioError, ValueError) as error:
        raise HeldOutUnusable(str(error)) from None
    return held_out


def _calibrated(traces: list[Trace], settings: CalibrationSettings, progress: Progress) -> CalibratedMarket:
    try:
        with progress(looks_max(), "shapes looked at") as on_looks:
            return calibrate_traces(traces, settings.look_seconds, settings.shape, partial(on_looks, 1))
    except ValueError as error:
        raise TracesUnusable(str(error)) from None


def _written(market: CalibratedMarket, name: str) -> str:
    try:
        return write_scenario(market, name)
    except ScenarioError as error:
        raise TracesUnusable(f"the names of these traces make no scenario: {error}") from None


def _simulated(scenario: Scenario, held_out: list[Trace], market: CalibratedMarket) -> ZoneMarket:
    """The scenario's market with the zones held out alone, looked at as often as those fitted."""
    try:
        return build_zone_market(scenario, held_out, market.look_seconds)
    except CannotCalibrate as error:
        raise CannotSimulateHeldOut(str(error)) from None


def _run(market: CalibratedMarket, scenario: Scenario, seeds: range, progress: Progress) -> tuple[TraceStatistics, ...]:
    if not seeds or not market.measured:
        return ()
    with progress(len(seeds) * days_to_run(market), "days of a market") as on_days:
        return tuple(run_again(market, scenario, seeds, partial(on_days, 1)))


def _judged(zones_apart: ZoneMarket, held_out: list[Trace], seeds: range, progress: Progress) -> HeldOut:
    with progress(len(seeds) * zones_apart.plan.days, "days of zones held out") as on_days:
        return HeldOut(zones_apart.zones, judge_held_out(zones_apart, held_out, seeds, on_days))
