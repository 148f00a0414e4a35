"""A job: one of its rentals works, the oldest that runs; the others wait."""

from collections.abc import Iterator

from ...core.billing.charges import billed_seconds
from ...core.kernel.money import cost_micros
from ...core.scenario.experiment.renters import JobSpec, RenterSpec
from ...core.scenario.scenario import BillingSettings
from ..renting.market_client import MarketClient
from ..renting.policy import Policy
from ..renting.sight import JobSeen
from .facts import JobFacts
from .need import Held, Need
from .work_course import Progress, finish_after_ms, progress

_TICK_SLACK_MS = 1
"""A renter that acts at ticks regards a job with no more than this left as done, as in published studies."""


class Job(Need):
    """One job. `saved_ms` of its work is safe from interruptions, whatever its rental has done since."""

    def __init__(
        self,
        facts: JobFacts,
        spec: RenterSpec,
        policy: Policy,
        client: MarketClient,
        billing: BillingSettings,
    ) -> None:
        super().__init__(facts.renter, facts.number, spec, policy, client)
        assert spec.jobs is not None
        self.facts = facts
        self._spec: JobSpec = spec.jobs
        self._overhead_ms = int(spec.jobs.restart_overhead)
        self._billing = billing
        self._saved_ms = 0
        self._working: Held | None = None
        self._spent_micros = 0

    def begins_to_run(self, held: Held, at_ms: int) -> None:
        """It works where no other rental of the job does."""
        from_ms = held.run(at_ms)
        if self._working is None:
            self._work_on(held, from_ms)

    def _work_on(self, held: Held, from_ms: int) -> None:
        held.start_ms = from_ms
        held.ready_ms = held.facts.ready_ms = from_ms + self._overhead_ms
        self._working = held

    def loses(self, held: Held, at_ms: int) -> int:
        """Its work since the last checkpoint is lost, unless its renter ended it; another rental works on."""
        self._spent_micros += held.facts.charge_micros
        if held is not self._working:
            return 0
        gone = self._progress(at_ms)
        self._book(held, gone, keeps_all=held.facts.asked_to_end)
        self._working = None
        for other in self.held.values():
            if other.running_ms is not None:
                self._work_on(other, at_ms)
                break
        return held.facts.lost_ms

    def _book(self, held: Held, gone: Progress, *, keeps_all: bool) -> None:
        kept_ms = gone.done_ms if keeps_all else gone.kept_ms
        held.facts.worked_ms = kept_ms
        held.facts.lost_ms = gone.done_ms - kept_ms
        held.facts.restart_ms = gone.restart_ms
        held.facts.checkpoint_ms = gone.checkpoint_ms
        self._saved_ms += kept_ms

    def _progress(self, now_ms: int) -> Progress:
        if self._working is None or self._working.start_ms is None:
            return Progress(0, 0, 0, 0)
        elapsed_ms = now_ms - self._working.start_ms
        return progress(elapsed_ms, self._left_ms, self._overhead_ms, self._spec.checkpoint)

    @property
    def _left_ms(self) -> int:
        return self.facts.work_ms - self._saved_ms

    def _done_ms(self, now_ms: int) -> int:
        return self._saved_ms + self._progress(now_ms).done_ms

    def finish(self, now_ms: int) -> bool:
        """True once the work is done."""
        slack_ms = 0 if self.tick_ms is None else _TICK_SLACK_MS
        if self.facts.work_ms - self._done_ms(now_ms) > slack_ms:
            return False
        self.facts.finished_ms = now_ms
        self.is_over = True
        return True

    def give_up(self, now_ms: int) -> None:
        """It is given up, with what is done of it."""
        self.facts.given_up_ms = now_ms
        self.is_over = True

    def job_seen(self, now_ms: int) -> JobSeen:
        """The job as it is now."""
        facts = self.facts
        return JobSeen(
            facts.number,
            facts.arrived_ms,
            facts.work_ms,
            self._done_ms(now_ms),
            self._overhead_ms,
            None if facts.deadline_ms is None else facts.deadline_ms,
        )

    def replicas_wanted(self, now_ms: int) -> int:
        """None: it is no service."""
        return 0

    def wakes(self, now_ms: int) -> Iterator[int]:
        """The end of its work, and that of its budget."""
        if self._working is not None and self._working.start_ms is not None:
            left = finish_after_ms(self._left_ms, self._overhead_ms, self._spec.checkpoint)
            yield self._working.start_ms + left
        if self._spec.budget is not None:
            yield self._broke_ms(now_ms)

    def turns_at(self, now_ms: int) -> bool:
        """Never: work goes on all the time, and its end is the end of the job."""
        return False

    def is_broke(self, now_ms: int) -> bool:
        """True once the job has cost its budget."""
        return self._spec.budget is not None and self.cost_micros(now_ms) >= self._spec.budget

    def cost_micros(self, now_ms: int) -> int:
        """The cost of the job if its rentals ended now."""
        return self._spent_micros + sum(
            cost_micros(
                held.facts.price_micros_per_hour,
                held.facts.gpu_count,
                billed_seconds("deleted", held.running_ms, now_ms, self._billing),
            )
            for held in self.held.values()
        )

    def _broke_ms(self, now_ms: int) -> int:
        """A time after now by which the budget may be used up: looked at anew then."""
        assert self._spec.budget is not None
        rate = sum(h.facts.price_micros_per_hour * h.facts.gpu_count for h in self.held.values())
        left = int(self._spec.budget) - self.cost_micros(now_ms)
        return now_ms + max(1_000, left * 3_600_000 // rate) if rate else now_ms

    def close(self, end_ms: int) -> None:
        """Count as done the work of a rental that still works."""
        if self._working is not None:
            self._book(self._working, self._progress(end_ms), keeps_all=True)
        self.facts.done_ms = self._saved_ms
