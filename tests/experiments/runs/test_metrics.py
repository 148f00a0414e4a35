"""The metrics of a run: figures that can be computed by hand, sums that must agree, and the ledger's own."""

import pytest
from gpu_sim.core.kernel.clock import HOUR_MS, MINUTE_MS
from gpu_sim.core.kernel.money import cost_micros
from gpu_sim.core.scenario.experiment.renters import RenterSpec
from gpu_sim.experiments.runs.facts import JobFacts, RefusedRequest, RentalFacts, RunFacts, ServiceFacts
from gpu_sim.experiments.runs.metric_table import METRICS, Value
from gpu_sim.experiments.runs.metrics import measures_of, metrics_of
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ...support.processes import ROOT
from .made_facts import JOBS, LENGTH_MS, SERVICE, A, B, made_facts, made_rental, made_scenario

CAUSES = ("minimum", "lost", "restart", "checkpoint", "idle", "waiting")


def metrics(facts: RunFacts, *renters: RenterSpec) -> dict[str, Value]:
    return metrics_of(made_scenario(*renters), facts)


def wasted(row: dict[str, Value]) -> dict[str, Value]:
    """The wasted hours of the total by cause, where there are any."""
    found = {cause: row[f"total.wasted_{cause}_gpu_hours"] for cause in CAUSES}
    return {cause: hours for cause, hours in found.items() if hours}


def test_an_hour_of_work_costs_its_price_and_is_compared_with_the_same_hour_on_demand() -> None:
    row = metrics(made_facts(made_rental(), jobs=(JobFacts("ann", 0, 1, 0, HOUR_MS, None, HOUR_MS, HOUR_MS),)))
    assert (row["total.cost_usd"], row["total.cost_micros"]) == (1.0, 1_000_000)
    assert (row["total.on_demand_usd"], row["total.cost_over_on_demand"]) == (3.0, 1 / 3)
    assert (row["total.useful_gpu_hours"], row["total.billed_gpu_hours"], wasted(row)) == (1.0, 1.0, {})
    assert (row["total.jobs_finished"], row["total.job_hours_median"]) == (1, 1.0)


def test_what_is_needed_would_cost_the_lowest_on_demand_price_that_the_renter_may_pay() -> None:
    job = JobFacts("ann", 0, 2, 0, 5 * HOUR_MS, None)
    row = metrics(made_facts(jobs=(job,), services=(ServiceFacts("bob", [(0, 0, 2)]),)))
    assert row["renters.ann.needed_on_demand_usd"] == 20.0
    assert row["renters.bob.needed_on_demand_usd"] == 40.0
    only_alpha = replace(JOBS, offers=replace(JOBS.offers, provider="alpha"))
    assert metrics(made_facts(jobs=(job,)), only_alpha)["total.needed_on_demand_usd"] == 30.0


@pytest.mark.parametrize(
    ("given", "hours"),
    [
        ({"worked_ms": 0, "lost_ms": HOUR_MS}, {"lost": 1.0}),
        ({"worked_ms": HOUR_MS // 2, "restart_ms": HOUR_MS // 4}, {"restart": 0.25, "idle": 0.25}),
        ({"worked_ms": HOUR_MS // 2, "checkpoint_ms": HOUR_MS // 2, "gpu_count": 4}, {"checkpoint": 2.0}),
        ({"running_ms": HOUR_MS // 2, "worked_ms": HOUR_MS // 2}, {"minimum": 0.5, "waiting": 0.5}),
        ({"running_ms": None, "worked_ms": 0, "billed_seconds": 0}, {"waiting": 1.0}),
        ({"running_ms": 1}, {"waiting": 1 / HOUR_MS}),
    ],
)
def test_each_hour_that_is_no_use_has_a_cause(given: dict[str, int | None], hours: dict[str, float]) -> None:
    assert wasted(metrics(made_facts(made_rental(**given)))) == hours


def test_work_on_a_job_that_is_given_up_is_lost() -> None:
    row = metrics(
        made_facts(made_rental(), jobs=(JobFacts("ann", 0, 1, 0, 2 * HOUR_MS, None, HOUR_MS, None, HOUR_MS),))
    )
    assert (row["total.useful_gpu_hours"], wasted(row), row["total.jobs_given_up"]) == (0.0, {"lost": 1.0}, 1)
    assert row["total.cost_over_on_demand"] is None


@pytest.mark.parametrize(
    ("finished_ms", "given_up_ms", "hours"),
    [(3 * HOUR_MS, None, 0.5), (None, 4 * HOUR_MS, 1.5), (None, None, 7.5)],
)
def test_a_job_waits_while_no_rental_does_anything_for_it(
    finished_ms: int | None, given_up_ms: int | None, hours: float
) -> None:
    rental = made_rental(
        worked_ms=HOUR_MS // 4, lost_ms=HOUR_MS // 2, restart_ms=HOUR_MS // 4, checkpoint_ms=HOUR_MS // 2
    )
    other = made_rental("rent_2", number=1)
    job = JobFacts("ann", 0, 4, HOUR_MS, HOUR_MS, None, 0, finished_ms, given_up_ms)
    assert metrics(made_facts(rental, other, jobs=(job,)))["total.job_waiting_hours"] == hours


@pytest.mark.parametrize(
    ("finished_ms", "given_up_ms", "deadline_ms", "met_and_missed"),
    [
        (HOUR_MS, None, HOUR_MS, (1, 0)),
        (HOUR_MS + 1, None, HOUR_MS, (0, 1)),
        (None, None, LENGTH_MS, (0, 1)),
        (None, None, LENGTH_MS + 1, (0, 0)),
        (None, HOUR_MS, LENGTH_MS + 1, (0, 1)),
        (HOUR_MS, None, None, (0, 0)),
    ],
)
def test_a_deadline_is_met_or_missed_once_it_is_known(
    finished_ms: int | None, given_up_ms: int | None, deadline_ms: int | None, met_and_missed: tuple[int, int]
) -> None:
    row = metrics(made_facts(jobs=(JobFacts("ann", 0, 1, 0, 1, deadline_ms, 0, finished_ms, given_up_ms),)))
    assert (row["total.deadlines_met"], row["total.deadlines_missed"]) == met_and_missed


def test_availability_is_the_share_of_the_time_with_as_many_ready_as_wanted() -> None:
    steps = [(0, 0, 2), (HOUR_MS, 2, 2), (4 * HOUR_MS, 1, 2), (6 * HOUR_MS, 3, 2), (7 * HOUR_MS, 1, 0)]
    row = metrics(made_facts(services=(ServiceFacts("bob", steps),)))
    assert row["total.availability"] == 0.7
    assert (row["total.wanted_replica_hours"], row["total.missing_replica_hours"]) == (14.0, 4.0)
    assert (row["total.replicas_served"], row["total.spare_replica_hours"]) == (10 / 14, 4.0)
    assert row["renters.bob.ready_replicas"] == 1


def test_a_job_recovers_when_another_rental_of_it_works() -> None:
    lost = made_rental("rent_1", reason="interrupted", ready_ms=0)
    spare = made_rental("rent_2", ready_ms=HOUR_MS, created_ms=0, ended_ms=2 * HOUR_MS, reason="interrupted")
    again = made_rental("rent_3", ready_ms=2 * HOUR_MS + 90_000, ended_ms=None)
    other = made_rental("rent_4", number=1, ready_ms=2 * HOUR_MS)
    never = made_rental("rent_5", number=2, reason="interrupted", ready_ms=0)
    row = metrics(made_facts(lost, spare, again, other, never))
    assert (row["total.interruptions"], row["total.unrecovered"]) == (3, 1)
    assert (row["total.recovery_median_s"], row["total.recovery_p90_s"]) == (0.0, 90.0)


def test_a_job_that_is_over_has_nothing_to_recover_from() -> None:
    """A rental of it that lived on, for its end was refused, and is interrupted then."""
    finished = JobFacts("ann", 0, 1, 0, HOUR_MS, None, HOUR_MS, HOUR_MS)
    given_up = JobFacts("ann", 1, 1, 0, 9 * HOUR_MS, None, HOUR_MS, None, HOUR_MS)
    rentals = [
        made_rental(f"rent_{n}", number=n, ready_ms=0, ended_ms=HOUR_MS + n, reason="interrupted") for n in (0, 1)
    ]
    row = metrics(made_facts(*rentals, jobs=(finished, given_up)))
    assert [row[f"total.{name}"] for name in ("interruptions", "unrecovered", "recovery_p99_s")] == [2, 0, None]
    earlier = made_rental("rent_3", ready_ms=0, ended_ms=HOUR_MS - 1, reason="interrupted")
    cause = made_rental("rent_4", number=1, ready_ms=0, ended_ms=HOUR_MS, reason="interrupted")
    assert metrics(made_facts(earlier, cause, jobs=(finished, given_up)))["total.unrecovered"] == 2


def test_one_that_ended_before_it_was_ready_replaces_nothing() -> None:
    lost = made_rental("rent_1", reason="interrupted", ready_ms=0)
    cut = made_rental("rent_2", created_ms=HOUR_MS, ready_ms=3 * HOUR_MS, ended_ms=2 * HOUR_MS, reason="operator")
    row = metrics(made_facts(lost, cut))
    assert (row["total.unrecovered"], row["total.recovery_p99_s"]) == (1, None)


def test_a_service_recovers_when_as_many_are_ready_as_it_wants() -> None:
    steps = [(0, 3, 2), (HOUR_MS, 2, 2), (2 * HOUR_MS, 1, 2), (3 * HOUR_MS, 2, 2), (4 * HOUR_MS, 1, 2)]
    ends = (HOUR_MS, 2 * HOUR_MS, 4 * HOUR_MS)
    rentals = [
        made_rental(f"rent_{place}", renter="bob", ended_ms=at_ms, reason="interrupted")
        for place, at_ms in enumerate(ends)
    ]
    row = metrics(made_facts(*rentals, services=(ServiceFacts("bob", steps),)))
    assert (row["total.interruptions"], row["total.unrecovered"]) == (3, 1)
    assert (row["total.recovery_median_s"], row["total.recovery_p99_s"]) == (0.0, 3600.0)


def test_what_is_held_counts_until_the_hold_expires_or_the_rental_ends() -> None:
    short = made_rental("rent_1")
    long = made_rental("rent_2", created_ms=HOUR_MS, ended_ms=None)
    late = made_rental("rent_3", created_ms=LENGTH_MS - MINUTE_MS, running_ms=None, ended_ms=None)
    row = metrics(made_facts(short, long, late))
    # The first hour, the two hours after which a hold expires, and the last minute.
    assert row["total.held_mean_usd"] == pytest.approx(0.25 * (3 * 60 + 1) / 600, abs=1e-12)
    assert (row["total.held_peak_usd"], row["total.held_usd"]) == (0.25, 0.25)


def test_refusals_are_counted_by_code_where_they_came_from() -> None:
    facts = made_facts(made_rental())
    facts.refused = [
        RefusedRequest(0, "ann", B.name, 409, "offer_unavailable"),
        RefusedRequest(0, "ann", B.name, 409, "offer_unavailable"),
        RefusedRequest(0, "bob", "", 503, "fault_injected"),
    ]
    row = metrics(facts)
    found = {name: value for name, value in row.items() if ".refusals" in name and value}
    assert found == {
        "total.refusals": 3,
        "total.refusals.fault_injected": 1,
        "total.refusals.offer_unavailable": 2,
        "renters.ann.refusals": 2,
        "renters.ann.refusals.offer_unavailable": 2,
        "renters.bob.refusals": 1,
        "renters.bob.refusals.fault_injected": 1,
        "providers.beta.refusals": 2,
        "providers.beta.refusals.offer_unavailable": 2,
        f"offers.{B.name}.refusals": 2,
        f"offers.{B.name}.refusals.offer_unavailable": 2,
    }


def test_leaked_rentals_are_counted_with_their_cost() -> None:
    facts = made_facts(made_rental(ended_ms=None))
    facts.leaked = ("rent_1",)
    row = metrics(facts)
    assert (row["total.leaked_rentals"], row["total.leaked_usd"], row["total.live_rentals"]) == (1, 1.0, 1)


def test_renters_of_one_entry_are_one_and_metrics_stand_where_they_mean_something() -> None:
    facts = made_facts(made_rental(renter="ann-1"), made_rental("rent_2", renter="ann-3", offer=B.name))
    row = metrics(facts, replace(JOBS, count=3), SERVICE)
    assert row["renters.ann.cost_usd"] == 2.0
    assert {name.rpartition(".")[0] for name in row} == {
        *("total", "renters.ann", "renters.bob", "providers.alpha", "providers.beta"),
        *(f"offers.{A.name}", f"offers.{B.name}"),
    }
    about = {scope: {metric.name for metric in METRICS if metric.scope == scope} for scope in ("jobs", "service")}
    assert not {f"renters.ann.{name}" for name in about["service"]} & {*row}
    assert not {f"renters.bob.{name}" for name in about["jobs"]} & {*row}
    by_account = measures_of(made_scenario(replace(JOBS, count=3), SERVICE), facts, accounts=True)
    assert [by_account[f"renters.ann-{number}"].cost_micros for number in (1, 2, 3)] == [1_000_000, 0, 1_000_000]


@st.composite
def rentals(draw: st.DrawFn) -> RentalFacts:
    """A rental of somebody, somewhere, sometime."""
    price, gpus = 1_000 * draw(st.integers(1, 5_000)), draw(st.integers(1, 8))
    created_ms, waited_ms, ran_ms = (draw(st.integers(0, LENGTH_MS // 3)) for _ in range(3))
    parts = sorted(draw(st.lists(st.integers(0, ran_ms), min_size=4, max_size=4)))
    running_ms = created_ms + waited_ms
    facts = RentalFacts(
        f"rent_{draw(st.integers(0, 10**9))}",
        draw(st.sampled_from(["ann-1", "ann-2", "bob"])),
        0,
        draw(st.sampled_from([A.name, B.name])),
        "alpha",
        True,
        gpus,
        price,
        2 * price,
        cost_micros(price, gpus, 900),
        created_ms,
        running_ms,
        ended_ms=running_ms + ran_ms,
        reason="deleted",
        billed_seconds=max(900, -(-ran_ms // 1_000)),
    )
    facts.charge_micros = cost_micros(price, gpus, facts.billed_seconds)
    facts.worked_ms, facts.lost_ms, facts.restart_ms, facts.checkpoint_ms = (
        after - before for before, after in zip([0, *parts[:-1]], parts, strict=True)
    )
    return facts


@given(st.lists(rentals(), max_size=12))
def test_parts_add_up_to_the_total_and_hours_to_what_is_billed(made: list[RentalFacts]) -> None:
    scenario = made_scenario(replace(JOBS, count=2), SERVICE)
    measured = measures_of(scenario, made_facts(*made), accounts=True)
    total = measured["total"]
    for kind in ("renters.", "providers.", "offers."):
        parts = [m for name, m in measured.items() if name.startswith(kind) and name != "renters.ann"]
        for name in ("cost_micros", "useful_gpu_ms", "idle_gpu_ms", "minimum_gpu_ms", "waiting_gpu_ms", "rentals"):
            assert sum(getattr(part, name) for part in parts) == getattr(total, name)
    assert total.cost_micros == sum(rental.charge_micros for rental in made)
    spent = (total.useful_gpu_ms, total.lost_gpu_ms, total.restart_gpu_ms, total.checkpoint_gpu_ms, total.idle_gpu_ms)
    ran_ms = sum((each.ended_ms or 0) - (each.running_ms or 0) for each in made for _ in range(each.gpu_count))
    slack_ms = sum(each.gpu_count for each in made if (each.running_ms or 0) - each.created_ms == 1)
    assert sum(spent) == ran_ms + slack_ms
    row = metrics_of(scenario, made_facts(*made))
    assert round(float(row["total.cost_usd"] or 0) * 1e6) == row["total.cost_micros"]


def test_the_readme_has_the_table_of_metrics() -> None:
    page = (ROOT / "simulator/gpu_sim/experiments/runs/README.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{metric.name}` | {metric.unit} | {'yes' if metric.has_course else ''} | {metric.meaning} |"
        for metric in METRICS
    ]
