"""How a rented GPU is set up: in one stretch or phase by phase, and whether it ever is (A20).

`key` is the stream `provisioning/<rental>`: draw 0 decides whether it fails or is never ready, draw 1 how long a plain
delay is, and each phase has a draw of its own, whichever others there are.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from ..events import Event, Phase, ProvisioningPhaseBegan
from ..kernel.quantities import Share
from ..kernel.randomness import draw, happens, stream
from ..kernel.schedule import NO_TICKET, Priority, Schedule
from ..scenario.catalog import PROVIDER_CLASSES
from ..scenario.market_settings import ProvisioningSettings, ProvisioningTerms
from .rental import Rental

_GIGABYTE = 1_000  # in megabytes

_DRAWS: Mapping[Phase | None, int] = {None: 1, "allocate": 2, "boot": 3, "pull": 4, "weights": 5, "fine_tuned": 6}
"""Which draw says how long a phase takes, in the order of the phases, or a delay that has none."""


class Stretch(Struct, frozen=True, gc=False):
    """A phase of provisioning, or all of it where there are none, and what turns a draw into ms, for each gigabyte if
    something is fetched."""

    phase: Phase | None
    sample: Callable[[int], int]


class Course(Struct, frozen=True):
    """How provisioning goes with a provider class, and the shares that fail and are never ready."""

    stretches: tuple[Stretch, ...]
    failure: Share
    never_ready: Share


class Provisioning:
    """Sets rented GPUs up. Where a rental has got to is written down in the rental itself."""

    def __init__(
        self, settings: ProvisioningSettings, seed: int, schedule: Schedule, record: Callable[[Event], None]
    ) -> None:
        self._sizes = settings.sizes
        self._courses = {name: course(settings.terms(name)) for name in PROVIDER_CLASSES}
        self._seed = seed
        self._schedule = schedule
        self._record = record

    def begins(self, rental: Rental) -> None:
        """The rental is provisioned from now on."""
        self._enter(rental, self._stretches(rental))

    def goes_on(self, rental: Rental) -> bool:
        """A phase is over: begin the next one and say so, or say that there is none."""
        left = [each for each in self._stretches(rental) if _DRAWS[each.phase] > _DRAWS[rental.phase]]
        if left:
            self._enter(rental, left)
        return bool(left)

    def fails(self, rental: Rental) -> bool:
        """Whether it never runs although its provisioning comes to an end."""
        return fails(self._key(rental), self._course(rental).failure)

    def _enter(self, rental: Rental, left: list[Stretch]) -> None:
        """Begin the first of the stretches that are left; the last one of what is never ready has no end."""
        now, stretch, terms = self._schedule.now_ms, left[0], self._course(rental)
        key = self._key(rental)
        rental.ready_ticket = NO_TICKET
        if stretch.phase is not None:
            rental.phase = stretch.phase
            self._record(ProvisioningPhaseBegan(now, rental.account, rental.rental_id, stretch.phase))
        if len(left) > 1 or not is_never_ready(key, terms.failure, terms.never_ready):
            takes = delay_ms(key, stretch.sample, stretch.phase, self._megabytes(rental, stretch.phase))
            rental.ready_ticket = self._schedule.at(now + takes, Priority.PROVISIONING, rental)

    def _stretches(self, rental: Rental) -> list[Stretch]:
        stretches = self._course(rental).stretches
        return [each for each in stretches if each.phase != "fine_tuned" or rental.command.fine_tuned]

    def _megabytes(self, rental: Rental, phase: Phase | None) -> int | None:
        if phase == "pull":
            return self._sizes.of_image(rental.command.docker_image)
        return self._sizes.of_model(rental.command.model_id) if phase == "weights" else None

    def _course(self, rental: Rental) -> Course:
        return self._courses[rental.offer.spec.provider_class]

    def _key(self, rental: Rental) -> bytes:
        return stream(self._seed, f"provisioning/{rental.name}")


def course(terms: ProvisioningTerms) -> Course:
    """How provisioning goes under terms that leave nothing open."""
    assert terms.failure is not None
    assert terms.never_ready is not None
    if terms.parts is not None:
        stretches = tuple(Stretch(phase, time.sampler()) for phase, time in terms.parts.in_order())
    else:
        assert terms.delay is not None
        stretches = (Stretch(None, terms.delay.sampler()),)
    return Course(stretches, terms.failure, terms.never_ready)


def delay_ms(key: bytes, sample: Callable[[int], int], phase: Phase | None = None, megabytes: int | None = None) -> int:
    """How long provisioning or a phase of it takes, in ms, at least 1; what is sampled is for each GB where there are
    `megabytes` to fetch."""
    sampled = sample(draw(key, _DRAWS[phase]))
    return max(1, sampled if megabytes is None else sampled * megabytes // _GIGABYTE)


def fails(key: bytes, failure: Share) -> bool:
    """Whether it fails at the end of provisioning."""
    return happens(draw(key, 0), failure)


def is_never_ready(key: bytes, failure: Share, never_ready: Share) -> bool:
    """Whether it is provisioned for ever. That is a share of all, beside the one that fails."""
    return never_ready > 0 and not fails(key, failure) and happens(draw(key, 0), failure + never_ready)
