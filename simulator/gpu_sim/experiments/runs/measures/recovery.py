"""Times to recover: from an interruption until what it took away is replaced."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from ..facts import JobFacts, RentalFacts, RunFacts, ServiceFacts

Recovery = tuple[RentalFacts, int | None]
"""An interrupted rental, and the ms until its job or service had a replacement ready: None where the run ended."""


def recoveries(facts: RunFacts) -> Iterator[Recovery]:
    """The recovery from each interruption, in the order of the rentals.

    A job has recovered when any of its rentals works: at once where a spare one did so already. One that was over has
    nothing to recover from. A service has recovered when as many replicas are ready as are wanted.
    """
    jobs = {(each.renter, each.number): each for each in facts.jobs}
    services = {each.renter: _ReadyTimes(each) for each in facts.services}
    needs: dict[tuple[str, int], _Works] = {}
    for rental in facts.rentals:
        if rental.renter not in services and rental.ready_ms is not None:
            works = needs.setdefault((rental.renter, rental.number), _Works())
            works.add(rental.ready_ms, facts.length_ms if rental.ended_ms is None else rental.ended_ms)
    for rental in facts.rentals:
        if rental.reason != "interrupted" or rental.ended_ms is None:
            continue
        if rental.renter in services:
            yield rental, services[rental.renter].after(rental.ended_ms)
            continue
        name = rental.renter, rental.number
        if name not in jobs or not _was_over(jobs[name], rental.ended_ms):
            need = needs.get(name)
            yield rental, None if need is None else need.after(rental.ended_ms)


def _was_over(job: JobFacts, at_ms: int) -> bool:
    """True if a job was over by then; one that is given up at an instant may be so for what happened there."""
    return (job.finished_ms is not None and job.finished_ms <= at_ms) or (
        job.given_up_ms is not None and job.given_up_ms < at_ms
    )


def quantile(values: Sequence[int], percent: int) -> int | None:
    """The smallest of these values that so many percent of them do not exceed; None without values."""
    if not values:
        return None
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


class _Works:
    """The times at which the rentals of a job worked."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []

    def add(self, from_ms: int, to_ms: int) -> None:
        if from_ms < to_ms:
            self._spans.append((from_ms, to_ms))

    def after(self, at_ms: int) -> int | None:
        waits = [max(0, from_ms - at_ms) for from_ms, to_ms in self._spans if to_ms > at_ms]
        return min(waits, default=None)


class _ReadyTimes:
    """The times at which a service had as many replicas ready as were wanted."""

    def __init__(self, facts: ServiceFacts) -> None:
        self._instants = [at_ms for at_ms, _, _ in facts.steps]
        self._is_ready = [ready >= wanted for _, ready, wanted in facts.steps]
        self._ready_from = [at_ms for at_ms, ready, wanted in facts.steps if ready >= wanted]

    def after(self, at_ms: int) -> int | None:
        place = bisect_right(self._instants, at_ms) - 1
        if place >= 0 and self._is_ready[place]:
            return 0
        following = bisect_left(self._ready_from, at_ms)
        return self._ready_from[following] - at_ms if following < len(self._ready_from) else None
