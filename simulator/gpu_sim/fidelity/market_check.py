"""A scenario's market run without a server and held against what was recorded of real ones."""

from pathlib import Path

from msgspec import Struct

from ..core.market.availability_rates import CannotCalibrate
from ..core.scenario.scenario import Scenario
from ..exit_signals import ExitSignals
from .fit.zone_market import RecordedComparison, RecordedMarkets, ZoneMarketRuns, build_recorded_markets
from .progress import Progress, no_progress
from .report.judged_targets import JudgedTarget, judge
from .runs.many_seeds import run_seeds
from .runs.recorded_statistics import RecordedStatistics, read_recorded
from .runs.seed_run import Plan, SeedRun
from .traces.observation import LookSchedule
from .traces.traces import TracesUnusable


class FolderUnusable(Exception):  # named as the refusals are: by what it says
    """A folder to write into cannot be made, for the reason that the message gives."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder} cannot be written: {reason}")
        self.folder = folder


class MarketCheckSettings(Struct, frozen=True):
    """A scenario to run for so many `days`, for each of `seeds`, on as many processes as `jobs`, by default as cores.

    `looked` says when availability is looked at; zones of `traces` are looked at every `trace_look_seconds`, found from
    them unless given. Without `fleets` a run takes a tenth of the time and measures nothing of rentals. The page and
    its pictures are written into the folder `page`, the observed traces into `export`.
    """

    scenario: Scenario
    days: int
    seeds: range
    looked: LookSchedule
    traces: tuple[Path, ...] = ()
    trace_look_seconds: float | None = None
    fleets: bool = True
    jobs: int | None = None
    page: Path | None = None
    export: Path | None = None


class MarketCheck(Struct, frozen=True, eq=False):
    """The `plan` of the runs, every target judged, the runs of recorded zones and fleets, and the `page` written."""

    plan: Plan
    rows: tuple[JudgedTarget, ...]
    comparison: RecordedComparison
    page: Path | None

    @property
    def is_missed(self) -> bool:
        """True where a statistic is outside of its tolerance."""
        return any(row.verdict == "missed" for row in self.rows)


def check_market(
    settings: MarketCheckSettings, progress: Progress = no_progress, signals: ExitSignals | None = None
) -> MarketCheck:
    """Run the market for each seed and judge every statistic of it; what `signals` break off leaves no process behind.

    Raises ScenarioError for a file that is no trace, TracesUnusable for traces that cannot be compared or simulated,
    FolderUnusable, OSError for a file that cannot be written, and ImportError where a page cannot be drawn.
    """
    recorded = _read_recorded(settings.traces)
    plan = Plan(
        scenario=settings.scenario,
        days=settings.days,
        looked=settings.looked,
        export=_made(settings.export),
        fleets=settings.fleets,
    )
    markets = _markets_of(plan, recorded, settings.trace_look_seconds)
    _made(settings.page)  # before the runs, which take minutes: a folder that cannot be made is refused at once
    runs, comparison = _run(plan, markets, settings, progress, signals or ExitSignals())
    rows = judge(plan, runs, None if recorded is None else recorded.statistics, comparison)
    page = None if settings.page is None else _write_page(settings.page, plan, runs, rows, recorded, comparison)
    return MarketCheck(plan, rows, comparison, page)


def _read_recorded(files: tuple[Path, ...]) -> RecordedStatistics | None:
    try:
        return read_recorded(files)
    except ValueError as error:
        raise TracesUnusable(str(error)) from None


def _made(folder: Path | None) -> Path | None:
    """The folder, made if need be."""
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        assert folder is not None
        raise FolderUnusable(folder, error.strerror or str(error)) from None
    return folder


def _markets_of(plan: Plan, recorded: RecordedStatistics | None, look_seconds: float | None) -> RecordedMarkets:
    """The markets of recorded zones and fleets."""
    export = None if plan.export is None else plan.export / "played"
    try:
        return build_recorded_markets(plan.scenario, recorded, look_seconds, fleets=plan.fleets, export=export)
    except (ValueError, CannotCalibrate) as error:
        has_others = recorded is not None and len(recorded.zones) > 1
        others = "; without this trace the others can be simulated" if has_others else ""
        raise TracesUnusable(f"{error}{others}") from None


def _run(
    plan: Plan,
    markets: RecordedMarkets,
    settings: MarketCheckSettings,
    progress: Progress,
    signals: ExitSignals,
) -> tuple[tuple[SeedRun, ...], RecordedComparison]:
    """The runs of the scenario's own offers, and those of recorded zones and fleets."""
    seeds, jobs = settings.seeds, settings.jobs
    with progress((plan.days + markets.days) * len(seeds), "days of a market") as on_days:

        def run(each: Plan) -> tuple[SeedRun, ...]:
            return run_seeds(each, seeds, jobs=jobs, on_days=on_days, signals=signals)

        own = run(plan)
        zones = None if markets.zones is None else ZoneMarketRuns(markets.zones, run(markets.zones.plan))
        fleets = tuple(ZoneMarketRuns(each, run(each.plan)) for each in markets.fleets)
    return own, RecordedComparison(zones, fleets, markets.why)


def _write_page(
    folder: Path,
    plan: Plan,
    runs: tuple[SeedRun, ...],
    rows: tuple[JudgedTarget, ...],
    recorded: RecordedStatistics | None,
    comparison: RecordedComparison,
) -> Path:
    from .report import page, plots  # noqa: PLC0415  # matplotlib takes its time to load, and most checks draw nothing

    pictures = plots.draw_all(plan, runs, recorded, comparison)
    return page.write_page(folder, plan, [run.seed for run in runs], rows, pictures, comparison)
