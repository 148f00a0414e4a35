"""The table: rows that hold, rows that do not, and rows that a scenario cannot show."""

from math import nan

import numpy as np
import pytest
from gpu_sim.core.kernel.quantities import Factor
from gpu_sim.core.scenario.market_settings import PriceSettings
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.fidelity.fit.trace_calibration import Zone
from gpu_sim.fidelity.fit.zone_market import RecordedComparison, ZoneMarket, ZoneMarketRuns
from gpu_sim.fidelity.report.judged_targets import JudgedTarget, judge, spread
from gpu_sim.fidelity.report.targets import SOURCES, TARGETS
from gpu_sim.fidelity.runs.constant_hazard import InterruptionCounts
from gpu_sim.fidelity.runs.seed_run import SeedRun
from gpu_sim.fidelity.traces.traces import TraceName
from msgspec.structs import replace

from ...core.market.recordings import priced, replaying, series, trace
from ...support.builders import market, offer, scenario
from ..zone_markets import NINE, plan, poisson, realistic, seed_run, zone

ZONES = realistic(*map(zone, NINE))


def row(measure: str, conditions: Scenario, *runs: SeedRun, recorded: dict[str, float] | None = None) -> JudgedTarget:
    """One row of the table."""
    [found] = [each for each in judge(plan(conditions), runs, recorded) if each.target.measure == measure]
    return found


def test_every_target_has_a_row_of_its_own_and_sources() -> None:
    assert [each.target for each in judge(plan(ZONES), [seed_run()])] == list(TARGETS)
    assert len({target.measure for target in TARGETS}) == len(TARGETS)
    assert {source for target in TARGETS for source in target.sources} == set(SOURCES)
    assert all(target.low <= target.high for target in TARGETS)
    assert all(target.low <= target.aim[0] < target.aim[1] <= target.high for target in TARGETS if target.aim)


@pytest.mark.parametrize(
    ("values", "verdict", "reaches_aim"),
    [
        ((0.001,), "held", False),
        ((0.0009,), "missed", False),
        ((0.03,), "held", False),
        ((0.0301,), "missed", False),
        ((0.0, 0.008), "held", True),
        ((nan, 0.004), "held", True),
        ((0.0, 0.001), "missed", False),
    ],
)
def test_the_mean_over_seeds_is_judged(values: tuple[float, ...], verdict: str, reaches_aim: bool) -> None:
    found = row("all_zones_down", ZONES, *(seed_run(all_zones_down=value) for value in values))
    assert (found.verdict, found.reaches_aim) == (verdict, reaches_aim)


def test_what_every_tick_shows_is_told_and_not_judged() -> None:
    run = replace(seed_run(up_mean_h=3.0), each_tick={"up_mean_h": 1.0})
    found = row("up_mean_h", ZONES, run, replace(run, looked={"up_mean_h": 3.2}))
    assert found.simulated is not None
    assert found.each_tick is not None
    assert (found.verdict, found.each_tick.mean) == ("held", 1.0)
    assert found.simulated.mean == pytest.approx(3.1)
    assert found.simulated.sd == pytest.approx(0.2 / 2**0.5)


ONE_REGION = realistic(*(zone(f"us-east-1{letter}") for letter in "abcdefghi"))
BUSY = scenario(market(offer(), prices=PriceSettings(activity=Factor(10_000_000))))
REPLAYED = scenario(replaying(trace([1, 0])))
REPLAYED_PRICES = scenario(priced(series([300_000, 310_000])))
MOVING = scenario(market(offer(provider_class="hyperscaler"), prices=PriceSettings()))


@pytest.mark.parametrize(
    ("measure", "conditions", "reason"),
    [
        ("up_mean_h", poisson(20_000, 4), "offers do not go down by themselves in mode poisson"),
        ("phi_same_region", REPLAYED, "no such pair of offers"),
        ("marketplace_change", REPLAYED_PRICES, "prices repeat a series here"),
        ("up_mean_h", ONE_REGION, "needs nine zones in three regions, as recorded; here 9 in 1 have v100"),
        ("phi_other_region", ONE_REGION, "no such pair of offers"),
        ("severity_16", scenario(), "offers do not go down by themselves in mode none"),
        ("severity_16", ZONES, "no offer has a fleet of that size that loses nodes"),
        ("rate_ratio", ZONES, "the hazard is not constant in mode realistic"),
        ("rate_ratio", poisson(20_000, 4), "nothing was interrupted"),
        ("marketplace_change", scenario(), "prices are constant here"),
        ("marketplace_change", BUSY, "prices move 10 times as often as measured here"),
        (
            "neocloud_unchanged",
            replace(BUSY, market=market(prices=PriceSettings())),
            "no offers of that class, or too few",
        ),
        ("hyperscaler_frozen", MOVING, "needs 90 days, as recorded; here 2"),
        ("hyperscaler_step", MOVING, "needs 90 days, as recorded; here 2"),
    ],
)
def test_what_is_not_shown_says_why(measure: str, conditions: Scenario, reason: str) -> None:
    found = row(measure, conditions, seed_run())
    assert (found.verdict, found.simulated, found.reason) == ("not shown", None, reason)


def test_zones_that_repeat_recordings_are_shown() -> None:
    nine = replaying(trace([1, 0]), offers=tuple(map(zone, NINE)))
    assert row("up_mean_h", scenario(nine), seed_run(up_mean_h=3.0)).verdict == "held"


def test_what_depends_on_how_long_one_looks_is_judged_of_runs_as_long_as_recorded() -> None:
    measured = seed_run(hyperscaler_frozen=0.7)
    long, short = (
        {each.target.measure: each for each in judge(plan(MOVING, days), [measured]) if each.target.window_days}
        for days in (90, 89)
    )
    assert long.keys() == {"marketplace_persistence", "hyperscaler_frozen", "hyperscaler_step"}
    assert (long["hyperscaler_frozen"].verdict, short["hyperscaler_frozen"].verdict) == ("held", "not shown")
    assert short["hyperscaler_step"].reason == "needs 90 days, as recorded; here 89"


def test_without_fleets_there_is_nothing_to_say_of_rentals() -> None:
    rows = judge(replace(plan(ZONES), fleets=False), [seed_run(severity_16=0.7, up_mean_h=3.0)])
    assert {each.reason for each in rows if each.target.part in ("fleets", "poisson")} == {"no fleets are kept"}
    assert [each.target.measure for each in rows if each.verdict == "held"] == ["up_mean_h"]


def interruptions(counted: int, expected: float, ranks: int = 0) -> SeedRun:
    """A run in which so many rentals were taken back."""
    return replace(
        seed_run(),
        interruptions=InterruptionCounts(counted, expected, expected, (np.arange(ranks) + 0.5) / max(ranks, 1)),
    )


def test_the_tolerance_of_a_rate_is_three_standard_errors_of_all_seeds() -> None:
    found = row("rate_ratio", poisson(20_000, 4), interruptions(100, 110.0), interruptions(103, 115.0))
    assert found.high - 1 == pytest.approx(3 / 15)
    assert found.simulated is not None
    assert found.verdict == "held"
    assert found.simulated.mean == pytest.approx(203 / 225)
    assert row("rate_ratio", poisson(20_000, 4), interruptions(150, 225.0)).verdict == "missed"


def test_the_law_of_lifetimes_needs_two_thousand_of_them() -> None:
    few, many = interruptions(1_999, 2_000.0, 1_999), interruptions(2_000, 2_000.0, 2_000)
    assert row("lives_ks_p", poisson(20_000, 4), few).reason == "1999 lifetimes, and 2000 are needed"
    assert row("lives_ks_p", poisson(20_000, 4), many).verdict == "held"
    skewed = replace(many, interruptions=InterruptionCounts(2_000, 2_000.0, 2_000.0, np.linspace(0, 0.9, 2_000)))
    assert row("lives_ks_p", poisson(20_000, 4), skewed).verdict == "missed"


def test_the_spread_of_nothing_is_not_a_number() -> None:
    assert np.isnan(spread([nan]).mean)
    assert (spread([2.0, nan]).mean, np.isnan(spread([2.0]).sd)) == (2.0, True)


def comparison(*runs: SeedRun) -> RecordedComparison:
    """Recorded zones that came out so."""
    return RecordedComparison(ZoneMarketRuns(ZoneMarket(plan(ZONES), ()), runs))


def came_out(measure: str, value: float) -> SeedRun:
    """A run in which one statistic came out so."""
    return replace(seed_run(), looked={measure: value})


def of_zones(measure: str, recorded: dict[str, float], *runs: SeedRun) -> JudgedTarget:
    """A row of a market of one region whose own offers show nothing, and that simulates recorded zones."""
    rows = judge(plan(ONE_REGION), [seed_run()], recorded, comparison(*runs))
    [found] = [each for each in rows if each.target.measure == measure]
    return found


@pytest.mark.parametrize(
    ("measure", "recorded", "low", "high", "aim"),
    [
        ("up_mean_h", 6.44, 5.16, 7.72, None),
        ("up_mean_h", 3.22, 2.58, 3.86, None),
        ("co_interruption_lift", 6.22, 4, 10, (5, 10)),
        ("phi_same_region", 0.232, 0.05, 0.35, None),
        ("fail_given_fail 60min", 0.524, 0.424, 0.624, None),
    ],
)
def test_played_zones_are_held_against_what_was_recorded_of_them(
    measure: str, recorded: float, low: float, high: float, aim: tuple[float, float] | None
) -> None:
    """Within bounds as wide, as a ratio or as a difference, as they are about what market.md has."""
    found = of_zones(measure, {measure: recorded}, came_out(measure, recorded))
    assert (found.of, found.verdict, found.recorded) == ("traces' zones", "held", recorded)
    assert [found.low, found.high] == pytest.approx([low, high])
    assert list(found.target.aim or ()) == pytest.approx(list(aim or ()))
    beyond = of_zones(measure, {measure: recorded}, came_out(measure, found.high + 0.001))
    assert beyond.verdict == "missed"


def test_how_far_off_a_statistic_is_is_told_in_spreads_of_single_runs() -> None:
    runs = [seed_run(up_mean_h=3.0), seed_run(up_mean_h=4.0), seed_run(up_mean_h=5.0)]
    assert of_zones("up_mean_h", {"up_mean_h": 3.5}, *runs).off_sd == pytest.approx(0.5)
    assert of_zones("up_mean_h", {"up_mean_h": 3.5}, *runs[:1]).off_sd is None


@pytest.mark.parametrize(
    ("measure", "recorded", "simulated", "reason"),
    [
        ("up_mean_h", nan, 3.0, "the traces given do not show it"),
        ("all_zones_down", 0.0, 0.1, "it was not seen at all in the recording"),
        ("up_mean_h", 3.0, nan, "too little happens"),
    ],
)
def test_what_played_zones_do_not_show_says_why(measure: str, recorded: float, simulated: float, reason: str) -> None:
    found = of_zones(measure, {measure: recorded}, came_out(measure, simulated))
    assert (found.verdict, found.simulated, found.reason) == ("not shown", None, reason)


def test_pairs_that_the_traces_do_not_have_are_those_of_the_scenario() -> None:
    rows = judge(plan(ZONES), [seed_run(phi_other_gpu=0.05)], {"phi_same_region": 0.4}, comparison(seed_run()))
    by_measure = {each.target.measure: each for each in rows}
    assert (by_measure["phi_other_gpu"].of, by_measure["phi_other_gpu"].verdict) == ("own offers", "held")
    assert by_measure["phi_same_region"].of == "traces' zones"


def test_fleets_of_traces_are_held_against_those_that_were_played_with_as_many_nodes() -> None:
    def fleets(nodes: int, severity: float) -> ZoneMarketRuns:
        name = TraceName("us-east-1", "a", "v100")
        return ZoneMarketRuns(
            ZoneMarket(plan(ZONES), (Zone(name, nodes, None, None),)), (seed_run(severity_16=severity),)
        )

    comparison = RecordedComparison(fleets=(fleets(4, 0.1), fleets(16, 0.7)))
    own = seed_run(severity_16=0.6, partner_4=0.5)
    rows = {row.target.measure: row for row in judge(plan(ZONES), [own], {"severity_16": 0.72}, comparison)}
    assert (rows["severity_16"].of, rows["severity_16"].recorded) == ("traces' zones", 0.72)
    assert rows["severity_16"].simulated is not None
    assert (rows["severity_16"].simulated.mean, rows["severity_16"].each_tick) == (0.7, None)
    assert (rows["severity_16"].low, rows["severity_16"].high) == (0.5, 0.85)
    assert (rows["partner_4"].of, rows["partner_4"].verdict) == ("own offers", "held")


def test_values_that_are_all_alike_have_no_spread_by_rounding() -> None:
    found = spread([0.3] * 20)
    assert (found.mean, found.sd) == (0.3, 0.0)
