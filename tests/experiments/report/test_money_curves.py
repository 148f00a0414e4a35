"""Curves of money: what has been spent by when, and the prices of the offers that were rented."""

import pytest
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.experiments.report.drawing import COLORS
from gpu_sim.experiments.report.money_curves import cost_course, price_curves
from gpu_sim.experiments.runs.run import run
from msgspec.structs import replace

from ..runs.small_market import HOUR_MS, small_market

HALF_HOUR_MS = HOUR_MS // 2


def test_a_rental_costs_its_price_while_it_runs_and_the_rest_of_its_minimum_at_its_end() -> None:
    """Waiting costs nothing, half an hour of work half the price, and the minimum of an hour the rest."""
    scenario = small_market("{name: a, policy: cheapest, jobs: {work: 30m}}", delay="30m", until="3h")
    billing = replace(scenario.billing, minimum=Duration(HOUR_MS))
    course = cost_course(run(replace(scenario, billing=billing)).facts)
    assert course == [
        (0, 0),
        (HALF_HOUR_MS, 0),
        (HOUR_MS, pytest.approx(500_000)),
        (HOUR_MS, pytest.approx(1_000_000)),
        (3 * HOUR_MS, pytest.approx(1_000_000)),
    ]


@pytest.mark.parametrize("policy", ["cheapest", "on_demand"])
def test_the_curve_ends_at_what_all_rentals_have_cost(policy: str) -> None:
    """Also at what those cost by then that live on."""
    renters = f"{{name: s, policy: {policy}, service: {{replicas: 2}}}}"
    result = run(small_market(renters, down_up_ms=[HOUR_MS, 2 * HOUR_MS], until="5h"))
    course = cost_course(result.facts)
    assert course[-1][0] == 5 * HOUR_MS
    assert course[-1][1] == pytest.approx(result.metrics["total.cost_micros"])
    assert [cost for _, cost in course] == sorted(cost for _, cost in course)


def test_offers_that_find_no_color_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_sim.experiments.report.money_curves.COLORS", COLORS[:1])
    renters = "{name: s, policy: spot_hedge, tick: 60s, service: {replicas: 1, cold_start: 2m}}"
    result = run(small_market(renters, down_up_ms=[HOUR_MS, 2 * HOUR_MS], until="3h"))
    drawn = "".join(price_curves(result.facts, result.prices()))
    assert "1 offers with fewer rentals are not shown." in drawn
    assert [*price_curves(replace(result.facts, rentals=[]), {})] == []
