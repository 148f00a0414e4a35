"""The sums that the metrics of a renter, a provider, an offer or all of them are made of. All are whole numbers."""

from collections import Counter
from collections.abc import Iterator

from msgspec import Struct, field

from ....core.kernel.clock import SECOND_MS
from ..facts import JobFacts, RentalFacts, RunFacts, ServiceFacts


class Measures(Struct, gc=False):
    """Sums over some of a run's rentals, requests, jobs and services.

    Times are ms, times on GPUs are GPU-ms, money is micro-dollars; `…_gpu_ms_micros` are GPU-ms times a price per hour,
    which become money only when all are added up. `hold_changes` are pairs of an instant and what is held from then on
    more, or less.
    """

    length_ms: int
    cost_micros: int = 0
    useful_gpu_ms: int = 0
    useful_gpu_ms_micros: int = 0
    needed_gpu_ms_micros: int = 0
    billed_gpu_ms: int = 0
    minimum_gpu_ms: int = 0
    lost_gpu_ms: int = 0
    restart_gpu_ms: int = 0
    checkpoint_gpu_ms: int = 0
    idle_gpu_ms: int = 0
    waiting_gpu_ms: int = 0
    rentals: int = 0
    rentals_run: int = 0
    live_rentals: int = 0
    interruptions: int = 0
    recovery_ms: list[int] = field(default_factory=list)
    unrecovered: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    hold_changes: list[tuple[int, int]] = field(default_factory=list)
    leaked_rentals: int = 0
    leaked_micros: int = 0
    jobs: int = 0
    jobs_finished: int = 0
    jobs_given_up: int = 0
    job_waiting_ms: int = 0
    job_ms: list[int] = field(default_factory=list)
    deadlines_met: int = 0
    deadlines_missed: int = 0
    service_ms: int = 0
    available_ms: int = 0
    wanted_replica_ms: int = 0
    served_replica_ms: int = 0
    spare_replica_ms: int = 0
    ready_replicas: int = 0

    def add_rental(self, rental: RentalFacts, *, in_vain: bool, hold_expiry_ms: int | None) -> None:
        """Count a rental. `in_vain` says that its job was given up: then what it did is lost."""
        gpus = rental.gpu_count
        end_ms = self.length_ms if rental.ended_ms is None else rental.ended_ms
        ran_ms = 0 if rental.running_ms is None else end_ms - counted_from_ms(rental, rental.running_ms)
        useful_ms = 0 if in_vain else rental.worked_ms
        self.rentals += 1
        self.rentals_run += rental.running_ms is not None
        self.live_rentals += rental.ended_ms is None
        self.interruptions += rental.reason == "interrupted"
        self.cost_micros += rental.charge_micros
        self.useful_gpu_ms += useful_ms * gpus
        self.useful_gpu_ms_micros += useful_ms * gpus * rental.on_demand_micros_per_hour
        self.billed_gpu_ms += rental.billed_seconds * SECOND_MS * gpus
        self.minimum_gpu_ms += max(0, rental.billed_seconds * SECOND_MS - ran_ms) * gpus
        self.lost_gpu_ms += (rental.lost_ms + rental.worked_ms - useful_ms) * gpus
        self.restart_gpu_ms += rental.restart_ms * gpus
        self.checkpoint_gpu_ms += rental.checkpoint_ms * gpus
        self.idle_gpu_ms += (ran_ms - busy_ms(rental)) * gpus
        self.waiting_gpu_ms += ((end_ms if rental.running_ms is None else rental.running_ms) - rental.created_ms) * gpus
        self.hold_changes += hold_changes_of(rental, hold_expiry_ms, self.length_ms)

    def add_recovery(self, recovery_ms: int | None) -> None:
        """Count the time until an interruption was made good, None where it never was."""
        if recovery_ms is None:
            self.unrecovered += 1
        else:
            self.recovery_ms.append(recovery_ms)

    def add_leaked(self, rental: RentalFacts) -> None:
        """Count a rental that lives on though nobody wants it."""
        self.leaked_rentals += 1
        self.leaked_micros += rental.charge_micros

    def add_job(self, job: JobFacts, on_demand_micros_per_hour: int, busy_ms: int) -> None:
        """Count a job, for which its rentals were busy so long; on demand it would be done at this price."""
        ends = (each for each in (job.finished_ms, job.given_up_ms) if each is not None)
        self.job_waiting_ms += max(0, min(ends, default=self.length_ms) - job.arrived_ms - busy_ms)
        self.jobs += 1
        self.jobs_given_up += job.given_up_ms is not None
        self.needed_gpu_ms_micros += job.work_ms * job.gpus * on_demand_micros_per_hour
        if job.finished_ms is not None:
            self.jobs_finished += 1
            self.job_ms.append(job.finished_ms - job.arrived_ms)
        self.deadlines_met += met_ms(job) is not None
        missed = missed_ms(job)
        self.deadlines_missed += missed is not None and missed <= self.length_ms

    def add_service(self, service: ServiceFacts, gpus: int, on_demand_micros_per_hour: int) -> None:
        """Count a service, each of whose replicas has so many GPUs; on demand they would cost this price."""
        ends = [*(at_ms for at_ms, _, _ in service.steps[1:]), self.length_ms]
        wanted_ms = 0
        for (at_ms, ready, wanted), end_ms in zip(service.steps, ends, strict=False):
            span_ms = end_ms - at_ms
            self.service_ms += span_ms
            self.available_ms += span_ms if ready >= wanted else 0
            self.served_replica_ms += min(ready, wanted) * span_ms
            self.spare_replica_ms += max(0, ready - wanted) * span_ms
            wanted_ms += wanted * span_ms
        self.wanted_replica_ms += wanted_ms
        self.needed_gpu_ms_micros += wanted_ms * gpus * on_demand_micros_per_hour
        self.ready_replicas += service.steps[-1][1] if service.steps else 0

    def held_mean_and_peak(self) -> tuple[int, int]:
        """The micro-dollars held times the ms for which they were, and the most that was held at the end of an
        instant."""
        held, peak, before_ms, area = 0, 0, 0, 0
        for at_ms, change in sorted(self.hold_changes):
            if at_ms > before_ms:
                peak = max(peak, held)
                area += held * (at_ms - before_ms)
                before_ms = at_ms
            held += change
        if self.length_ms > before_ms:
            area += held * (self.length_ms - before_ms)
        return area, max(peak, held)

    @property
    def held_micros(self) -> int:
        """The micro-dollars that are held at the end."""
        return sum(change for _, change in self.hold_changes)


def busy_ms(rental: RentalFacts) -> int:
    """The time for which a rental did something for its job or service."""
    return rental.worked_ms + rental.lost_ms + rental.restart_ms + rental.checkpoint_ms


def counted_from_ms(rental: RentalFacts, running_ms: int) -> int:
    """The instant from which the time of a rental counts: a provisioning of one ms, the least there is, is nobody's."""
    return rental.created_ms if running_ms - rental.created_ms == 1 else running_ms


def jobs_in_vain(facts: RunFacts) -> set[tuple[str, int]]:
    """The jobs that were given up, by renter and number."""
    return {(job.renter, job.number) for job in facts.jobs if job.given_up_ms is not None}


def hold_changes_of(rental: RentalFacts, expiry_ms: int | None, length_ms: int) -> Iterator[tuple[int, int]]:
    """The instants at which its hold is placed and, by the end of the run, is settled or expires: what is then held
    more, or less."""
    yield rental.created_ms, rental.hold_micros
    ends = [] if rental.ended_ms is None else [rental.ended_ms]
    ends += [] if expiry_ms is None else [rental.created_ms + expiry_ms]
    if ends and min(ends) <= length_ms:
        yield min(ends), -rental.hold_micros


def met_ms(job: JobFacts) -> int | None:
    """The instant at which a job met its deadline."""
    in_time = job.finished_ms is not None and job.deadline_ms is not None and job.finished_ms <= job.deadline_ms
    return job.finished_ms if in_time else None


def missed_ms(job: JobFacts) -> int | None:
    """The instant from which it is known that a job is not finished by its deadline."""
    if job.deadline_ms is None or met_ms(job) is not None:
        return None
    return job.deadline_ms if job.given_up_ms is None else min(job.deadline_ms, job.given_up_ms)
