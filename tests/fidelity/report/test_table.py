"""The table as text and for programs."""

import json
from math import nan

import pytest
from gpu_sim.fidelity.fit.zone_market import RecordedComparison, ZoneMarket, ZoneMarketRuns
from gpu_sim.fidelity.report.judged_targets import JudgedTarget, judge
from gpu_sim.fidelity.report.table import as_json, column_names, columns, summary
from gpu_sim.fidelity.report.targets import TARGETS
from msgspec.structs import replace

from ...support.builders import scenario
from ..zone_markets import NINE, plan, realistic, seed_run, zone

ZONES = realistic(*map(zone, NINE))


def cells(rows: tuple[JudgedTarget, ...], measure: str) -> dict[str, str]:
    """A row as the table shows it, by column."""
    [found] = [columns(each, rows) for each in rows if each.target.measure == measure]
    return dict(zip(column_names(rows), found, strict=True))


def test_it_has_columns_only_for_what_is_known() -> None:
    runs = [seed_run(1, up_mean_h=3.0), seed_run(2, up_mean_h=3.5)]
    rows = judge(plan(ZONES), runs, {"up_mean_h": 3.22})
    assert cells(rows, "up_mean_h") == {
        "statistic": "mean time up, h",
        "real": "3.22",
        "recorded": "3.22",
        "simulated": "3.25 ± 0.35",
        "off by": "+0.1 sd",
        "at every tick, not judged": "3.25 ± 0.35",
        "tolerance": "2.58–3.86",
        "verdict": "held",
    }
    prices = judge(plan(scenario()), [seed_run(within_on_demand=1.0)])
    assert column_names(prices) == ("statistic", "real", "simulated", "tolerance", "verdict")
    assert summary(prices) == f"{len(TARGETS)} statistics: 1 held, 0 missed, {len(TARGETS) - 1} not shown"


def test_where_zones_were_played_each_row_says_of_what_it_is() -> None:
    comparison = RecordedComparison(ZoneMarketRuns(ZoneMarket(plan(ZONES), ()), (seed_run(co_interruption_lift=6.0),)))
    runs = [replace(seed_run(within_on_demand=1.0), looked={})]
    rows = judge(plan(ZONES), runs, {"co_interruption_lift": 6.22}, comparison)
    found = cells(rows, "co_interruption_lift")
    assert (found["of"], found["tolerance"]) == ("traces' zones", "4–10 (aim 5–10)")
    assert found["verdict"] == "held, aim reached"
    assert cells(rows, "within_on_demand")["of"] == "own offers"


def test_as_json_what_is_not_known_is_null() -> None:
    rows = judge(plan(ZONES), [seed_run(up_mean_h=3.0)], {"phi_other_gpu": nan})
    found = {each["measure"]: each for each in json.loads(json.dumps(as_json(rows), allow_nan=False))}
    assert found["up_mean_h"]["simulated"] == {"mean": 3.0, "sd": None}
    assert (found["up_mean_h"]["of"], found["up_mean_h"]["off_sd"]) == ("own offers", None)
    assert (found["phi_other_gpu"]["recorded"], found["phi_other_gpu"]["verdict"]) == (None, "not shown")


@pytest.mark.parametrize(("measure", "bounds"), [("rate_ratio", "3 standard errors"), ("within_on_demand", "1")])
def test_a_tolerance_that_is_no_span_is_told_in_words(measure: str, bounds: str) -> None:
    assert cells(judge(plan(ZONES), [seed_run()]), measure)["tolerance"] == bounds
