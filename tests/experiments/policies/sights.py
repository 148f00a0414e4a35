"""The sight of policies in tests: offers, rentals and situations, each from the few words that a row of a table has."""

from collections.abc import Iterable, Mapping

from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.distributions import Distribution
from gpu_sim.core.scenario.experiment.renters import Checkpoint, JobSpec, Reactions, RenterSpec, ServiceSpec
from gpu_sim.experiments.renting.sight import JobSeen, OfferSeen, RentalSeen, Situation

HOUR_MS = 3_600_000
Options = Mapping[str, str | int | float | bool]


class FixedLuck:
    """Luck that picks the numbers given, in turn, each modulo the count asked for."""

    def __init__(self, *picks: int) -> None:
        self._picks = list(picks)

    def pick(self, count: int) -> int:
        return self._picks.pop(0) % count if self._picks else 0


def offer(
    name: str, price: int = 1_000_000, *, ppm: int = 20_000, spot: bool = True, vram_gb: int = 80, region: str = "eu"
) -> OfferSeen:
    """An offer with a price in micro-dollars per hour."""
    return OfferSeen(name, "acme", "H100", region, vram_gb, price, ppm if spot else 0, spot)


def rental(
    rental_id: str, of: OfferSeen, *, created: int = 0, ready: int | None = 0, interrupts: int | None = None
) -> RentalSeen:
    """A live rental; it is provisioning where `ready` is None."""
    return RentalSeen(rental_id, of, created, created if ready is not None else None, ready, interrupts)


def jobs_spec(
    policy: str,
    options: Options | None = None,
    *,
    tick: int | None = None,
    checkpoint: Checkpoint | None = Checkpoint(),  # noqa: B008  # it is frozen
    restart: int = 0,
    deadline: int | None = None,
    reactions: Reactions = Reactions(),  # noqa: B008  # it is frozen
) -> RenterSpec:
    """A renter with one job of an hour."""
    return RenterSpec(
        name="ann",
        policy=policy,
        options=dict(options or {}),
        tick=None if tick is None else Duration(tick),
        jobs=JobSpec(
            work=Distribution(fixed=Duration(HOUR_MS)),
            checkpoint=checkpoint,
            restart_overhead=Duration(restart),
            deadline=None if deadline is None else Duration(deadline),
        ),
        reactions=reactions,
    )


def service_spec(policy: str, options: Options | None = None, *, replicas: int = 3, cold_start: int = 0) -> RenterSpec:
    """A renter with a service."""
    return RenterSpec(
        name="ann",
        policy=policy,
        options=dict(options or {}),
        service=ServiceSpec(replicas=replicas, cold_start=Duration(cold_start)),
    )


def job(*, work: int = HOUR_MS, done: int = 0, restart: int = 0, deadline: int | None = None) -> JobSeen:
    """The first job of a renter, which arrived at the start."""
    return JobSeen(1, 0, work, done, restart, deadline)


def seen(
    spec: RenterSpec,
    offers: Iterable[OfferSeen],
    rentals: Iterable[RentalSeen] = (),
    *,
    now: int = 0,
    doing: JobSeen | None = None,
    replicas: int | None = None,
) -> Situation:
    """A situation of the renter: with a job of its own unless it has a service."""
    return Situation(
        now_ms=now,
        tick_ms=None if spec.tick is None else int(spec.tick),
        renter=spec,
        offers=tuple(offers),
        rentals=tuple(rentals),
        available_micros=1_000_000_000_000,
        job=(doing or job()) if spec.jobs is not None else None,
        replicas=(spec.service.replicas if replicas is None else replicas) if spec.service is not None else 0,
    )
