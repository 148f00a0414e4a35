"""The facts of a run, from which metrics are computed. Times are virtual ms since the start, money micro-dollars."""

from msgspec import Struct

from ...core.events import Cause, Reason


class RentalFacts(Struct, gc=False):
    """One rental of a renter. Of the time that it ran, `worked_ms` was work that was kept or still is, `lost_ms` work
    that its end lost, `restart_ms` restart overhead or cold start, `checkpoint_ms` checkpoints; the rest was idle.

    `number` is that of the job, 0 for a service. `running_ms` and `ended_ms` are None where it never ran or still
    lives; `charge_micros` is then what it would cost if it ended with the run. At `ready_ms` it began to work or serve,
    or would have had it not ended before; None where it never had to. `asked_to_end` tells a renter's own end.
    """

    rental_id: str
    renter: str
    number: int
    offer: str
    provider_id: str
    spot: bool
    gpu_count: int
    price_micros_per_hour: int
    on_demand_micros_per_hour: int
    hold_micros: int
    created_ms: int
    running_ms: int | None = None
    ready_ms: int | None = None
    ended_ms: int | None = None
    reason: Reason | None = None
    cause: Cause | None = None
    asked_to_end: bool = False
    notified_ms: int | None = None
    billed_seconds: int = 0
    charge_micros: int = 0
    worked_ms: int = 0
    lost_ms: int = 0
    restart_ms: int = 0
    checkpoint_ms: int = 0


class JobFacts(Struct, gc=False):
    """One job of a renter: `work_ms` of work on `gpus` GPUs at once, of which `done_ms` were done by its end or that of
    the run."""

    renter: str
    number: int
    gpus: int
    arrived_ms: int
    work_ms: int
    deadline_ms: int | None
    done_ms: int = 0
    finished_ms: int | None = None
    given_up_ms: int | None = None


class ServiceFacts(Struct, gc=False):
    """The service of a renter: from each instant on, how many replicas were ready and how many wanted."""

    renter: str
    steps: list[tuple[int, int, int]]


class RefusedRequest(Struct, frozen=True, gc=False):
    """A request of a renter that was refused or met a fault, each attempt by itself."""

    at_ms: int
    renter: str
    offer: str
    status: int
    code: str


class RunFacts(Struct):
    """All of them. `renters` are the names of accounts in order; `spent_micros` and `held_micros` are theirs at the
    end, `leaked` the rentals that live on though nobody wants them any more."""

    length_ms: int
    renters: tuple[str, ...]
    rentals: list[RentalFacts]
    jobs: list[JobFacts]
    services: list[ServiceFacts]
    refused: list[RefusedRequest]
    spent_micros: dict[str, int]
    held_micros: dict[str, int]
    leaked: tuple[str, ...] = ()
