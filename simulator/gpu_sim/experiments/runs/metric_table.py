"""The metrics of a run: their names, units, meanings and places.

In a row a metric has the name of what it is about before its own: `total.cost_usd`, `renters.NAME.cost_usd`,
`providers.ID.cost_usd`, `offers.NAME.cost_usd`. The renters of one entry of the scenario, its `count`, are one.
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from ...core.kernel.clock import HOUR_MS, SECOND_MS
from ...core.kernel.money import MICROS_PER_DOLLAR
from .measures.measures import Measures
from .measures.recovery import quantile

Value = int | float | None
"""A metric's value; None where there is nothing to measure. Dollars as floats are exact to the micro-dollar: below
2**53 of these `round(value * 1e6)` is their whole number."""

Scope = Literal["all", "need", "jobs", "service"]
"""Where a metric stands: with total, renters, providers and offers; with total and renters; with total and the renters
that have jobs; with total and those that have a service."""


class Metric(Struct, frozen=True):
    """A metric. One with a course can be looked at at any instant; one that `may_lack` a value keeps within all bounds
    without."""

    name: str
    unit: str
    meaning: str
    scope: Scope
    value: Callable[[Measures], Value]
    has_course: bool = False
    may_lack: bool = False


def _usd(micros: int) -> float:
    return micros / MICROS_PER_DOLLAR


def _hours(ms: int) -> float:
    return ms / HOUR_MS


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / SECOND_MS


def _of_price(gpu_ms_micros: int) -> float:
    """GPU-ms times a price per hour in dollars, to the nearest micro-dollar."""
    return _usd((2 * gpu_ms_micros + HOUR_MS) // (2 * HOUR_MS))


_MONEY = (
    Metric(
        "cost_usd",
        "USD",
        "the charges of the rentals; one that lives at the end counts as if its renter ended it then",
        "all",
        lambda m: _usd(m.cost_micros),
        has_course=True,
    ),
    Metric("cost_micros", "micro-dollars", "the same as a whole number", "all", lambda m: m.cost_micros, True),
    Metric(
        "on_demand_usd",
        "USD",
        "the useful GPU-hours at the on-demand prices of the offers that they were had on",
        "all",
        lambda m: _of_price(m.useful_gpu_ms_micros),
    ),
    Metric(
        "cost_over_on_demand",
        "ratio",
        "cost_usd divided by on_demand_usd: the same useful hours, on demand",
        "all",
        lambda m: _share(m.cost_micros * HOUR_MS, m.useful_gpu_ms_micros),
    ),
    Metric(
        "needed_on_demand_usd",
        "USD",
        "all work of the jobs that arrived, and all replicas wanted for as long as they were, at the lowest on-demand "
        "price of the offers that the renter may rent: the same whatever a policy does",
        "need",
        lambda m: _of_price(m.needed_gpu_ms_micros),
    ),
    Metric(
        "cost_over_needed",
        "ratio",
        "cost_usd divided by needed_on_demand_usd: below 1 where all that is needed is cheaper than on demand, or is "
        "not had",
        "need",
        lambda m: _share(m.cost_micros * HOUR_MS, m.needed_gpu_ms_micros),
    ),
)

_HOURS = (
    Metric(
        "useful_gpu_hours",
        "GPU-hours",
        "the work that was kept, and the time for which replicas were ready; work on a job that is given up is lost",
        "all",
        lambda m: _hours(m.useful_gpu_ms),
    ),
    Metric("billed_gpu_hours", "GPU-hours", "the time that is charged", "all", lambda m: _hours(m.billed_gpu_ms)),
    Metric(
        "wasted_minimum_gpu_hours",
        "GPU-hours",
        "the time charged beyond that for which rentals ran: minimum sessions, and parts of a second",
        "all",
        lambda m: _hours(m.minimum_gpu_ms),
    ),
    Metric(
        "wasted_lost_gpu_hours",
        "GPU-hours",
        "the work that interruptions lost, or that was done on jobs which are given up",
        "all",
        lambda m: _hours(m.lost_gpu_ms),
    ),
    Metric(
        "wasted_restart_gpu_hours",
        "GPU-hours",
        "restart overheads and cold starts",
        "all",
        lambda m: _hours(m.restart_gpu_ms),
    ),
    Metric(
        "wasted_checkpoint_gpu_hours",
        "GPU-hours",
        "the time that checkpoints take",
        "all",
        lambda m: _hours(m.checkpoint_gpu_ms),
    ),
    Metric(
        "wasted_idle_gpu_hours",
        "GPU-hours",
        "the time for which rentals ran and did nothing: beside another one, after the work, or leaked",
        "all",
        lambda m: _hours(m.idle_gpu_ms),
    ),
    Metric(
        "wasted_waiting_gpu_hours",
        "GPU-hours",
        "the time for which rentals were provisioning, which is not charged",
        "all",
        lambda m: _hours(m.waiting_gpu_ms),
    ),
)

_RENTALS = (
    Metric("rentals", "count", "the rentals that were created", "all", lambda m: m.rentals, True),
    Metric("rentals_run", "count", "those of them that ran", "all", lambda m: m.rentals_run),
    Metric("live_rentals", "count", "the rentals that live at the end", "all", lambda m: m.live_rentals, True),
    Metric("interruptions", "count", "the rentals that the market interrupted", "all", lambda m: m.interruptions, True),
    *(
        Metric(
            f"recovery_{name}_s",
            "s",
            f"{words} of the times from an interruption until the job works again, or the service has as many ready "
            "as it wants; 0 where that went on without a break; without those of unrecovered",
            "all",
            lambda m, percent=percent: _seconds(quantile(m.recovery_ms, percent)),  # type: ignore[misc]  # it infers no such default
            may_lack=True,
        )
        for name, words, percent in (
            ("median", "the median", 50),
            ("p90", "the 90th percentile", 90),
            ("p99", "the 99th percentile", 99),
        )
    ),
    Metric(
        "unrecovered",
        "count",
        "the interruptions after which nothing was ready again by the end, but for those of jobs that were over",
        "all",
        lambda m: m.unrecovered,
    ),
    Metric(
        "refusals",
        "count",
        "the requests that were refused or whose answers were lost, each attempt by itself; `refusals.CODE` counts "
        "those of one code",
        "all",
        lambda m: m.refusals.total(),
        True,
    ),
    Metric(
        "leaked_rentals",
        "count",
        "the rentals that live on at the end though nobody wants them any more",
        "need",
        lambda m: m.leaked_rentals,
    ),
    Metric("leaked_usd", "USD", "what those have cost", "need", lambda m: _usd(m.leaked_micros)),
)

_HOLDS = (
    Metric(
        "held_mean_usd",
        "USD",
        "the credit held, on average over the run",
        "need",
        lambda m: _usd(m.held_mean_and_peak()[0]) / m.length_ms if m.length_ms else None,
    ),
    Metric(
        "held_peak_usd",
        "USD",
        "the most credit held at once",
        "need",
        lambda m: _usd(m.held_mean_and_peak()[1]),
    ),
    Metric("held_usd", "USD", "the credit held at the end", "need", lambda m: _usd(m.held_micros), True),
)

_JOBS = (
    Metric("jobs", "count", "the jobs that arrived", "jobs", lambda m: m.jobs, True),
    Metric("jobs_finished", "count", "the jobs that were finished", "jobs", lambda m: m.jobs_finished, True),
    Metric("jobs_given_up", "count", "the jobs that were given up", "jobs", lambda m: m.jobs_given_up, True),
    Metric(
        "job_hours_median",
        "h",
        "the median of the times from a job's arrival until it was finished",
        "jobs",
        lambda m: None if not m.job_ms else _hours(quantile(m.job_ms, 50) or 0),
        may_lack=True,
    ),
    Metric(
        "job_waiting_hours",
        "h",
        "the time of jobs, from their arrival to their end, in which no rental did anything for them",
        "jobs",
        lambda m: _hours(m.job_waiting_ms),
    ),
    Metric(
        "deadlines_met",
        "count",
        "the jobs that were finished by their deadline",
        "jobs",
        lambda m: m.deadlines_met,
        True,
    ),
    Metric(
        "deadlines_missed",
        "count",
        "the jobs that were not finished by their deadline, which was within the run, or were given up",
        "jobs",
        lambda m: m.deadlines_missed,
        True,
    ),
)

_SERVICES = (
    Metric(
        "availability",
        "share",
        "the share of the time for which at least as many replicas were ready as were wanted",
        "service",
        lambda m: _share(m.available_ms, m.service_ms),
        True,
    ),
    Metric(
        "replicas_served",
        "share",
        "the share of the replica-hours wanted for which one was ready",
        "service",
        lambda m: _share(m.served_replica_ms, m.wanted_replica_ms),
        True,
    ),
    Metric(
        "ready_replicas", "count", "the replicas that are ready at the end", "service", lambda m: m.ready_replicas, True
    ),
    Metric(
        "wanted_replica_hours", "h", "the replicas wanted, over time", "service", lambda m: _hours(m.wanted_replica_ms)
    ),
    Metric(
        "missing_replica_hours",
        "h",
        "those of them that were not ready",
        "service",
        lambda m: _hours(m.wanted_replica_ms - m.served_replica_ms),
    ),
    Metric(
        "spare_replica_hours",
        "h",
        "the replicas that were ready beyond those wanted, over time",
        "service",
        lambda m: _hours(m.spare_replica_ms),
    ),
)

METRICS: tuple[Metric, ...] = (*_MONEY, *_HOURS, *_RENTALS, *_HOLDS, *_JOBS, *_SERVICES)
"""All metrics, in the order of a row."""

BY_NAME = {metric.name: metric for metric in METRICS}

REFUSALS = "refusals."
"""Metrics of this beginning count the refusals of one code."""

REFUSAL_CODES = (
    *("account_not_found", "answer_lost", "idempotency_key_reused", "injected_fault", "insufficient_credit"),
    *("invalid_value", "offer_not_found", "offer_unavailable", "rate_limited", "rental_not_found"),
    "rental_not_in_state",
)
"""The codes that a renter's requests are refused with; the answer of one that is lost has none of its own."""
