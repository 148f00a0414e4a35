"""Courses: the value of a metric at each instant of a run, as that of the run up to then would be."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ....core.billing.charges import billed_seconds
from ....core.kernel.money import cost_micros, round_half_up
from ....core.kernel.randomness import PPM
from ....core.scenario.scenario import BillingSettings
from ..facts import JobFacts, RentalFacts, RunFacts, ServiceFacts
from .measures import hold_changes_of, met_ms, missed_ms

Change = tuple[int, int]
"""An instant, and by how much a number changes at it."""


class Stretch(NamedTuple):
    """A part of a run, its last instant included, in which a value only rises or only falls: `value` tells it at an
    instant in millionths, or None where there is none yet."""

    from_ms: int
    to_ms: int
    value: Callable[[int], int | None]


def course_of(metric: str, facts: RunFacts, billing: BillingSettings) -> Iterator[Stretch]:
    """The course of a metric of these facts, which are those of what the metric is about."""
    if metric in ("cost_usd", "cost_micros"):
        # Millionths of dollars are micro-dollars.
        return _cost(facts, billing, 1 if metric == "cost_usd" else PPM)
    if metric in ("availability", "replicas_served"):
        return _served_share(facts, is_time=metric == "availability")
    changes = _CHANGES[metric](facts, billing) if metric in _CHANGES else _refused(facts, metric)
    return steps(((at_ms, by * PPM) for at_ms, by in changes) if metric != "held_usd" else changes, facts.length_ms)


def steps(changes: Iterable[Change], length_ms: int) -> Iterator[Stretch]:
    """The course of a number that begins with 0 and changes by so much at each of these instants."""
    at_ms, number = 0, 0
    for change_ms, by in sorted(changes):
        if change_ms > length_ms:
            break
        if change_ms > at_ms:
            yield Stretch(at_ms, change_ms - 1, _constant(number))
            at_ms = change_ms
        number += by
    yield Stretch(at_ms, length_ms, _constant(number))


def _constant(number: int) -> Callable[[int], int]:
    return lambda _: number


def _cost(facts: RunFacts, billing: BillingSettings, unit: int) -> Iterator[Stretch]:
    """The cost of rentals if they ended now; the stretches end where one begins, runs or ends."""
    changes: dict[int, list[RentalFacts]] = {0: []}
    for rental in facts.rentals:
        for at_ms in (rental.created_ms, rental.running_ms, rental.ended_ms):
            if at_ms is not None:
                changes.setdefault(at_ms, []).append(rental)
    instants = sorted(changes)
    settled, live, over = 0, dict[str, RentalFacts](), set[str]()
    for place, at_ms in enumerate(instants):
        for rental in changes[at_ms]:
            if rental.ended_ms is None or rental.ended_ms > at_ms:
                live[rental.rental_id] = rental
            elif rental.rental_id not in over:
                live.pop(rental.rental_id, None)
                over.add(rental.rental_id)
                settled += rental.charge_micros
        until_ms = instants[place + 1] - 1 if place + 1 < len(instants) else facts.length_ms
        yield Stretch(at_ms, until_ms, _accrued(settled, tuple(live.values()), billing, unit))


def _accrued(settled: int, live: tuple[RentalFacts, ...], billing: BillingSettings, unit: int) -> Callable[[int], int]:
    def value(at_ms: int) -> int:
        accrued = settled
        for rental in live:
            running_ms = rental.running_ms
            if running_ms is not None and running_ms > at_ms:
                running_ms = None
            seconds = billed_seconds("deleted", running_ms, at_ms, billing)
            accrued += cost_micros(rental.price_micros_per_hour, rental.gpu_count, seconds)
        return accrued * unit

    return value


def _served_share(facts: RunFacts, *, is_time: bool) -> Iterator[Stretch]:
    """The share of the time so far for which services had enough replicas, or of the replicas wanted so far."""
    changes: dict[int, list[tuple[int, int, int]]] = {0: []}
    for index, service in enumerate(facts.services):
        for at_ms, ready, wanted in service.steps:
            changes.setdefault(at_ms, []).append((index, ready, wanted))
    now: dict[int, tuple[int, int]] = {}
    instants, part, whole = sorted(changes), 0, 0
    for place, at_ms in enumerate(instants):
        for index, ready, wanted in changes[at_ms]:
            now[index] = (int(ready >= wanted), 1) if is_time else (min(ready, wanted), wanted)
        rate = (sum(each for each, _ in now.values()), sum(each for _, each in now.values()))
        end_ms = instants[place + 1] if place + 1 < len(instants) else facts.length_ms
        yield Stretch(at_ms, end_ms - (place + 1 < len(instants)), _share(part, whole, at_ms, rate))
        part += rate[0] * (end_ms - at_ms)
        whole += rate[1] * (end_ms - at_ms)


def _share(part: int, whole: int, from_ms: int, rate: tuple[int, int]) -> Callable[[int], int | None]:
    def value(at_ms: int) -> int | None:
        reached = whole + rate[1] * (at_ms - from_ms)
        return round_half_up((part + rate[0] * (at_ms - from_ms)) * PPM, reached) if reached else None

    return value


def _refused(facts: RunFacts, metric: str) -> Iterator[Change]:
    """The refusals of one code."""
    code = metric.partition(".")[2]
    return ((each.at_ms, 1) for each in facts.refused if each.code == code)


def _lives(facts: RunFacts, billing: BillingSettings) -> Iterator[Change]:
    for rental in facts.rentals:
        yield rental.created_ms, 1
        if rental.ended_ms is not None:
            yield rental.ended_ms, -1


def _interruptions(facts: RunFacts, billing: BillingSettings) -> Iterator[Change]:
    for rental in facts.rentals:
        if rental.reason == "interrupted" and rental.ended_ms is not None:
            yield rental.ended_ms, 1


def _ready(facts: RunFacts, billing: BillingSettings) -> Iterator[Change]:
    return (change for service in facts.services for change in _ready_of(service))


def _ready_of(service: ServiceFacts) -> Iterator[Change]:
    before = 0
    for at_ms, ready, _ in service.steps:
        yield at_ms, ready - before
        before = ready


def _instants(instant: Callable[[JobFacts], int | None]) -> Callable[[RunFacts, BillingSettings], Iterator[Change]]:
    return lambda facts, _: ((at_ms, 1) for at_ms in map(instant, facts.jobs) if at_ms is not None)


def _holds(facts: RunFacts, billing: BillingSettings) -> Iterator[Change]:
    expiry_ms = None if billing.hold_expiry is None else int(billing.hold_expiry)
    return (change for each in facts.rentals for change in hold_changes_of(each, expiry_ms, facts.length_ms))


_CHANGES: dict[str, Callable[[RunFacts, BillingSettings], Iterable[Change]]] = {
    "rentals": lambda facts, _: ((each.created_ms, 1) for each in facts.rentals),
    "live_rentals": _lives,
    "interruptions": _interruptions,
    "refusals": lambda facts, _: ((each.at_ms, 1) for each in facts.refused),
    "held_usd": _holds,
    "jobs": _instants(lambda job: job.arrived_ms),
    "jobs_finished": _instants(lambda job: job.finished_ms),
    "jobs_given_up": _instants(lambda job: job.given_up_ms),
    "deadlines_met": _instants(met_ms),
    "deadlines_missed": _instants(missed_ms),
    "ready_replicas": _ready,
}
