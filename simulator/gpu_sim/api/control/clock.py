"""The clock on the control plane: its mode, speed and step, and advancing it."""

from collections.abc import Callable
from typing import ClassVar, Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from ...core.kernel.clock import DAY_MS
from ...core.kernel.errors import InvalidValue
from ...core.kernel.one_of import OneOf
from ...core.kernel.quantities import Duration, Factor, Instant
from ...core.rentals.rental import Rental
from ...core.rentals.transitions import Status
from ...core.scenario.scenario import ClockSettings
from ...worlds.advance_events import AdvanceEvents
from ...worlds.world import ADVANCE_MS_MAX, World
from ..exchange import Exchange
from ..problems import NotReached
from ..replies import Reply, json_reply
from .answers.worlds import AdvanceView
from .call_decoding import body_as, enter_world
from .views import clock_view, event_view

_ORDER: tuple[Status, ...] = ("provisioning", "running", "terminated")


class PutClock(Struct, forbid_unknown_fields=True):
    """Changes to the clock; what is left out stays. A step of null or `0s` switches stepping off."""

    mode: Literal["real", "scaled", "manual"] | None = None
    speed: Factor | None = None
    step: Duration | UnsetType | None = UNSET


class RentalReaches(Struct, forbid_unknown_fields=True):
    """Waits until a rental reaches a status."""

    rental: str
    status: Status


class Advance(OneOf, frozen=True, forbid_unknown_fields=True):
    """An advance: exactly one of `by`, `to` and `until`; `limit` bounds `until`."""

    by: Duration | None = None
    to: Instant | None = None
    until: Literal["next_event"] | RentalReaches | None = None
    limit: Duration | None = None

    KINDS: ClassVar[tuple[str, ...]] = ("by", "to", "until")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.limit is not None and self.until is None:
            raise ValueError("limit goes with until")


async def get_clock(exchange: Exchange) -> Reply:
    """Show the clock."""
    world, _ = await enter_world(exchange)
    return json_reply(200, clock_view(world))


async def put_clock(exchange: Exchange) -> Reply:
    """Change the clock's mode, speed or step; time does not jump."""
    change = body_as(exchange, PutClock)
    world, _ = await enter_world(exchange)
    now = world.pacer.settings  # read after the wait above: another call may have changed the clock meanwhile
    mode = change.mode or now.mode
    speed = change.speed if change.speed is not None else now.speed if mode == "scaled" else None
    kept = now.step if mode == "manual" else None
    step = kept if change.step is UNSET else change.step or None
    try:
        settings = ClockSettings(mode=mode, speed=speed, step=step, start=now.start)
    except ValueError as error:
        raise InvalidValue(str(error), param="speed" if "speed" in str(error) else "step") from None
    await world.change_clock(settings)
    return json_reply(200, clock_view(world))


async def advance(exchange: Exchange) -> Reply:
    """Move the clock forward and answer with the events on the way."""
    wanted = body_as(exchange, Advance)
    world, _ = await enter_world(exchange)

    def target_ms() -> int:
        # Called when it is this advance's turn: advances queue, and a reset or another advance may have come before it.
        return _target_ms(world, wanted)

    if wanted.until is None:
        advance_events = await world.advance(target_ms)
    elif isinstance(wanted.until, RentalReaches):
        advance_events = await _until_rental(world, wanted.until, target_ms)
    else:
        advance_events = await _until_next_event(world, target_ms)
    # A wait that was cut short is no result: the caller would take the events so far for all of them.
    if world.stopping:
        reason = "the world was deleted" if world.is_dropped else "the server is stopping"
        raise NotReached(f"{reason}; it is {world.now}")
    events = [
        event_view(world, seq, event) for seq, event in enumerate(advance_events.events, advance_events.before + 1)
    ]
    clock = asdict(clock_view(world))
    return json_reply(200, AdvanceView(**clock, events_total=advance_events.total, events=events))


def _target_ms(world: World, wanted: Advance) -> int:
    now = world.simulation.now_ms
    if wanted.to is not None:
        param, target = "to", wanted.to - world.simulation.start_epoch_ms
    elif wanted.by is not None:
        param, target = "by", now + wanted.by
    else:
        param, target = "limit", now + (wanted.limit if wanted.limit is not None else DAY_MS)
    if target < now:
        raise InvalidValue(f"the clock never goes back; it is {world.now}", param=param)
    if target - now > ADVANCE_MS_MAX:
        raise InvalidValue("one advance goes at most 3650d", param=param)
    if target > world.last_ms:
        raise InvalidValue("the calendar ends with the year 9998", param=param)
    return target


async def _until_next_event(world: World, target_ms: Callable[[], int]) -> AdvanceEvents:
    seen = 0

    def target_from_here_ms() -> int:
        nonlocal seen
        # Taken here and not earlier: events of an advance that is ahead of this one do not count.
        seen = world.simulation.events_total
        return target_ms()

    advance_events = await world.advance(target_from_here_ms, lambda: world.simulation.events_total > seen)
    if not advance_events.total:
        raise NotReached(f"nothing happened within the limit; it is {world.now}", param="until")
    return advance_events


async def _until_rental(world: World, until: RentalReaches, target_ms: Callable[[], int]) -> AdvanceEvents:
    watched: Rental | None = None

    def target_from_here_ms() -> int:
        nonlocal watched
        watched = world.simulation.rentals.find(until.rental)  # it may be over, and dropped, before the advance is
        return target_ms()

    def status() -> Status:
        assert watched is not None
        return watched.status

    wanted = _ORDER.index(until.status)
    advance_events = await world.advance(target_from_here_ms, lambda: _ORDER.index(status()) >= wanted)
    if status() != until.status:
        raise NotReached(f"the rental is {status()}, not {until.status}; it is {world.now}", param="until")
    return advance_events
