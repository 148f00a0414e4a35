"""Pages about runs and sweeps: whole in one file, with the right numbers, and safe whatever names hold."""

import re
from html.parser import HTMLParser

import pytest
from gpu_sim import load_scenario
from gpu_sim.experiments.report.drawing import Drawing
from gpu_sim.experiments.report.run_page import run_page
from gpu_sim.experiments.report.sweep_page import pareto_front, sweep_page
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.sweeps.sweep import sweep
from msgspec.structs import replace

from tests.experiments.runs.small_market import HOUR_MS, small_market

JOBS = small_market(
    "{name: a, policy: pinned, options: {offer: spot|V100|here},"
    " jobs: {work: 2h, deadline: 4h, restart_overhead: 5m, checkpoint: {}}}",
    down_up_ms=[HOUR_MS, HOUR_MS + 600_000],
    notice="2m",
    until="6h",
    more="timeline:\n  - {at: 90m, price: {provider: spot, multiply: 2, for: 1h}}\n"
    "faults:\n  - {name: slow, on: {operation: rent_gpu}, effect: {respond: 503}, when: {times: 1}}",
)
SERVICE = small_market(
    "{name: s, service: {replicas: 2, cold_start: 2m}}", down_up_ms=[HOUR_MS, 2 * HOUR_MS], until="3h"
)


class _Cells(HTMLParser):
    """The rows of a page's tables as texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._open = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        self._open = tag in ("td", "th")
        if self._open:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.rows[-1][-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._open = False


def test_a_run_s_page_has_its_metrics_and_what_each_means() -> None:
    """As the run has them."""
    result = run(JOBS)
    rows = {row[0]: row for row in _Cells(run_page(result)).rows if row}
    assert float(rows["cost_usd"][2]) == pytest.approx(result.metrics["total.cost_usd"], rel=1e-5)
    assert rows["interruptions"][2:4] == ["1", "1"]
    assert all(rows[name][-1] for name in ("cost_usd", "wasted_restart_gpu_hours", "deadlines_met"))
    assert ["a", "0", "0", "2", "2", f"{(result.facts.jobs[0].finished_ms or 0) / HOUR_MS:.3f}", "finished", "met"] in [
        [cell.removesuffix(".000") for cell in row] for row in _Cells(run_page(result)).rows
    ]


def test_a_run_s_page_draws_each_rental_with_its_parts_and_what_came_over_it() -> None:
    """Restart, work, notice, interruption, act and fault, each told when one points at it."""
    result = run(JOBS)
    page = run_page(result)
    first = result.facts.rentals[0].rental_id
    assert page.count('class="works"') == page.count('class="starts"') == len(result.facts.rentals)
    assert f"<title>{first} was interrupted</title>" in page
    assert f"<title>notice to {first}</title>" in page
    assert page.count('class="act"') == 2
    assert "<title>slow met rent_gpu</title>" in page


def test_a_run_s_page_tells_an_act_of_the_timeline_that_was_refused() -> None:
    """Such an act has no name: it is told by its kind, its account and the code."""
    renters = small_market("{name: a, jobs: {work: 1h}}").renters
    page = run_page(run(replace(load_scenario("low-credit"), renters=renters)))
    assert "<title>rent for bob (insufficient_credit): act refused</title>" in page


def test_a_service_s_page_draws_ready_and_wanted() -> None:
    """As two lines of steps."""
    page = run_page(run(SERVICE))
    assert "<h2>Replicas of s</h2>" in page
    assert page.count("stroke-dasharray") == 1


@pytest.mark.parametrize("scenario", [JOBS, SERVICE])
def test_equal_runs_have_equal_pages_and_need_no_other_file(scenario: object) -> None:
    """No script, no link, no picture from elsewhere."""
    page = run_page(run(scenario))  # type: ignore[arg-type]  # a scenario, which parameters are not told
    assert page == run_page(run(scenario))  # type: ignore[arg-type]  # as above
    assert re.search(r"<script|<link|<img|src=|href=|url\(|@import", page) is None


def test_names_are_text_wherever_they_stand() -> None:
    """Those of a scenario, of its settings and of its offers."""
    evil = '<script>alert("x")</script>'
    offers = tuple(replace(offer, region=evil) for offer in SERVICE.market.offers)
    played = replace(SERVICE.market, offers=offers)
    scenario = replace(SERVICE, name=evil, market=played)
    assert "&lt;script&gt;" in run_page(run(scenario))
    assert "<script" not in run_page(run(scenario, settings={evil: evil}))
    with sweep(scenario, {"renters.s.policy": "cheapest,on_demand"}, seeds=2, jobs=1) as results:
        assert "<script" not in sweep_page(results)


def test_a_sweep_s_page_has_means_and_paired_differences() -> None:
    """Of cost, and of what it buys."""
    settings: dict[str, str] = {"renters.s.policy": "cheapest,on_demand", "renters.s.service.replicas": "1,2"}
    with sweep(SERVICE, settings, seeds=3, jobs=1, baseline={"renters.s.policy": "on_demand"}) as results:
        page = sweep_page(results)
        means = [mean[0] for mean in results.means("total.cost_usd") if mean is not None]
        assert page == sweep_page(results)
    rows = _Cells(page).rows
    assert f"{means[1]:.6g}" in next(row for row in rows if row[:2] == ["cheapest", "2"])[2]
    assert "<h2>Effect of renters.s.service.replicas</h2>" in page
    difference = next(row for row in rows if row[:2] == ["cheapest", "1"])[3]
    assert float(difference.split()[0]) == pytest.approx(means[0] - means[2], rel=1e-4)


def test_the_front_is_what_no_other_beats() -> None:
    """By cost; of two that cost the same, the one that gains more."""
    assert pareto_front([(3, 1), (1, 1), (2, 5), (2, 4), (4, 5), (5, 6)]) == [1, 2, 5]


def test_places_are_in_the_units_of_the_data_and_ticks_are_round() -> None:
    """From the left and from the top."""
    drawing = Drawing(100, (0, 24), (0, 0.5), x_title="hours")
    assert drawing.x(0) < drawing.x(12) < drawing.x(24) <= 1000
    assert drawing.y(0.5) < drawing.y(0)
    assert re.findall(r'class="tick"[^>]*>([\d.-]+)<', drawing.svg("x")) == [
        *("0", "5", "10", "15", "20"),
        *("0", "0.1", "0.2", "0.3", "0.4", "0.5"),
    ]


def test_refusals_of_a_code_are_a_row_and_whole_numbers_are_whole() -> None:
    """A renter has one column, whatever its metrics are called."""
    result = run(JOBS)
    rows = {row[0]: row for row in _Cells(run_page(result)).rows if row}
    assert rows["metric"] == ["metric", "unit", "total", "a", "meaning"]
    assert rows["refusals.injected_fault"][1:4] == ["count", "1", "1"]
    assert rows["cost_micros"][2] == str(result.metrics["total.cost_micros"])


def test_rentals_that_find_no_room_in_a_drawing_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beside so many others of their offer."""
    monkeypatch.setattr("gpu_sim.experiments.report.run_page.LANES_SHOWN", 1)
    result = run(SERVICE)
    page = run_page(result)
    assert "Of offers with more than 1 rentals at once, 2 are not shown." in page
    assert page.count('class="works"') == len(result.facts.rentals) - 2
