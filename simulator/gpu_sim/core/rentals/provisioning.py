"""The provisioning of a rented GPU: in one stretch or phase by phase; it may fail, or never be ready (A20).

`key` is the stream `provisioning/<rental>`: draw 0 decides whether it fails or is never ready, draw 1 how long a plain
delay is, and each phase has a draw of its own, whichever others there are.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from ..events import Event, ProvisioningPhaseBegan
from ..kernel.quantities import Share
from ..kernel.randomness import draw, happens, stream
from ..kernel.schedule import NO_TICKET, Priority, Schedule
from ..scenario.catalog import PROVIDER_CLASSES
from ..scenario.market_settings import ProvisioningSettings, ProvisioningTerms
from ..scenario.provisioning_parts import Phase
from .rental import Rental

_GIGABYTE = 1_000  # in megabytes

_DRAWS: Mapping[Phase | None, int] = {None: 1, "allocate": 2, "boot": 3, "pull": 4, "weights": 5, "fine_tuned": 6}
"""The draw for the length of each phase, in the order of the phases, and of provisioning without phases."""


class Stretch(Struct, frozen=True, gc=False):
    """A phase of provisioning, or all of it where there are none, with the function from a draw to its ms; where
    something is fetched, to the ms for each gigabyte."""

    phase: Phase | None
    sample: Callable[[int], int]


class Course(Struct, frozen=True):
    """The stretches of provisioning with a provider class, and the shares that fail and are never ready."""

    stretches: tuple[Stretch, ...]
    failure: Share
    never_ready: Share


class Provisioning:
    """Provisions rentals. The progress of each is in the rental itself."""

    def __init__(
        self, settings: ProvisioningSettings, seed: int, schedule: Schedule, record: Callable[[Event], None]
    ) -> None:
        self._sizes = settings.sizes
        self._courses = {name: course(settings.terms(name)) for name in PROVIDER_CLASSES}
        self._seed = seed
        self._schedule = schedule
        self._record = record

    def begin(self, rental: Rental) -> None:
        """Begin the provisioning of a rental."""
        self._enter(rental, self._stretches(rental))

    def begin_next_phase(self, rental: Rental) -> bool:
        """Begin the phase after the one that is over; False where there is none."""
        left = [each for each in self._stretches(rental) if _DRAWS[each.phase] > _DRAWS[rental.phase]]
        if left:
            self._enter(rental, left)
        return bool(left)

    def fails(self, rental: Rental) -> bool:
        """True for a rental that its luck lets fail at the end of provisioning."""
        return fails(self._key(rental), self._course(rental).failure)

    def _enter(self, rental: Rental, left: list[Stretch]) -> None:
        """Begin the first of the stretches left. The last one of a rental that is never ready has no end."""
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
    """The course of provisioning under complete terms."""
    assert terms.failure is not None
    assert terms.never_ready is not None
    if terms.parts is not None:
        stretches = tuple(Stretch(phase, time.sampler()) for phase, time in terms.parts.in_order())
    else:
        assert terms.delay is not None
        stretches = (Stretch(None, terms.delay.sampler()),)
    return Course(stretches, terms.failure, terms.never_ready)


def delay_ms(key: bytes, sample: Callable[[int], int], phase: Phase | None = None, megabytes: int | None = None) -> int:
    """Milliseconds of provisioning, or of one phase of it, at least 1; the sample is per GB if there are `megabytes` to
    fetch."""
    sampled = sample(draw(key, _DRAWS[phase]))
    return max(1, sampled if megabytes is None else sampled * megabytes // _GIGABYTE)


def fails(key: bytes, failure: Share) -> bool:
    """True where provisioning fails at its end."""
    return happens(draw(key, 0), failure)


def is_never_ready(key: bytes, failure: Share, never_ready: Share) -> bool:
    """True where provisioning never ends. That is a share of all rentals, beside the share that fails."""
    # The same draw as that of failure, so that the two shares never overlap.
    return never_ready > 0 and not fails(key, failure) and happens(draw(key, 0), failure + never_ready)
