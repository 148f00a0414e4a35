"""The sight of a policy as it decides: what a client could learn from the API's answers, and its own work."""

from msgspec import Struct

from ...core.scenario.experiment.renters import RenterSpec


class OfferSeen(Struct, frozen=True, gc=False):
    """An offer of the offers list that the renter may rent (F4), its price in micro-dollars per GPU and hour."""

    name: str
    provider_id: str
    gpu_model: str
    region: str
    vram_gb: int
    price_micros_per_hour: int
    interruption_ppm: int
    spot: bool


class RentalSeen(Struct, frozen=True, gc=False):
    """A live rental of this job or service. It is provisioning until `running_ms`; from `ready_ms` on it works or
    serves. `interrupts_ms` is the instant that a notice has named, where the renter sees notices."""

    rental_id: str
    offer: OfferSeen
    created_ms: int
    running_ms: int | None = None
    ready_ms: int | None = None
    interrupts_ms: int | None = None

    def is_ready(self, now_ms: int) -> bool:
        """True from `ready_ms` on."""
        return self.ready_ms is not None and self.ready_ms <= now_ms


class JobSeen(Struct, frozen=True, gc=False):
    """A job, its times in ms: it has `work_ms` to do on the GPUs of one rental, of which `done_ms` are done and kept;
    what an interruption now would lose counts as done while it has not come."""

    number: int
    arrived_ms: int
    work_ms: int
    done_ms: int
    restart_overhead_ms: int
    deadline_ms: int | None

    @property
    def left_ms(self) -> int:
        """The work that is left."""
        return self.work_ms - self.done_ms


class Situation(Struct, frozen=True, gc=False, kw_only=True):
    """All that a policy sees at `now_ms`, in virtual ms since the start.

    `job` or else `replicas`, the number that is wanted ready, says what for. `offers` are those listed now that the
    renter may rent, in the order of the list, or those it saw last where its look was refused. `rentals` are the live
    ones of this job or service, oldest first. `last_offer` is the offer of the rental that was there at the last
    decision but is not now, or of the one that is.
    """

    now_ms: int
    tick_ms: int | None
    renter: RenterSpec
    offers: tuple[OfferSeen, ...]
    rentals: tuple[RentalSeen, ...]
    available_micros: int
    job: JobSeen | None = None
    replicas: int = 0
    last_offer: OfferSeen | None = None
