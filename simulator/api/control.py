"""The control plane, everything under /_sim: time, money, rentals and market as an operator or a test sees them."""

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import Literal

from msgspec import Struct

from .. import __version__, decoration
from ..core.acts import Selector
from ..core.clock import DAY_MS
from ..core.commands import AddCredit, CreateAccount, InterruptRental, TouchRental
from ..core.errors import InvalidValue
from ..core.names import is_token
from ..core.quantities import Duration, Factor, Instant, Money
from ..core.rental import Status
from ..core.scenario import ClockSettings
from ..worlds import ADVANCE_MS_MAX, World
from .control_request import Nothing, body_as, enter, page, select, window
from .control_views import account_view, clock_view, entry_view, events_view, offer_view, rental_view
from .front import Exchange
from .problems import NotReached, Reply, json_reply

EVENTS_SHOWN_MAX = 1000
_LINES_PER_TURN = 2_000
_ORDER: tuple[Status, ...] = ("provisioning", "running", "terminated")


class PutClock(Struct, forbid_unknown_fields=True):
    """What to change of the clock; the rest stays."""

    mode: Literal["real", "scaled", "manual"] | None = None
    speed: Factor | None = None
    step: Duration | None = None


class RentalReaches(Struct, forbid_unknown_fields=True):
    """A status that a rental is to reach."""

    rental: str
    status: Status


class Advance(Struct, forbid_unknown_fields=True):
    """How far to move: exactly one of `by`, `to` and `until`; `limit` bounds `until`."""

    by: Duration | None = None
    to: Instant | None = None
    until: Literal["next_event"] | RentalReaches | None = None
    limit: Duration | None = None

    def __post_init__(self) -> None:
        if (self.by is not None) + (self.to is not None) + (self.until is not None) != 1:
            raise ValueError("give exactly one of by, to and until")
        if self.limit is not None and self.until is None:
            raise ValueError("limit goes with until")


class NewAccount(Struct, forbid_unknown_fields=True):
    """An account to make; what is missing is made up."""

    name: str | None = None
    token: str | None = None
    balance: Money = Money(100_000_000)


class NewCredit(Struct, forbid_unknown_fields=True):
    """An amount to credit."""

    amount: Money


async def health(exchange: Exchange) -> Reply:
    """The server is alive: version, worlds, and the clock and seed of the world concerned. It waits for no advance."""
    select(exchange, required=False)
    world = exchange.world
    world.caught_up()
    worlds = [{"name": w.name, "scenario": w.scenario.name, "seed": w.seed} for w in exchange.worlds.by_name.values()]
    return json_reply(
        200,
        {
            "status": "ok",
            "version": __version__,
            "worlds": worlds,
            "seed": world.seed,
            "profile": world.profile,
            "clock": clock_view(world),
        },
    )


async def ready(exchange: Exchange) -> Reply:
    """The server serves requests."""
    select(exchange, required=False)
    return json_reply(200, {"status": "ready"})


async def get_clock(exchange: Exchange) -> Reply:
    """The clock."""
    world, _ = await enter(exchange)
    return json_reply(200, clock_view(world))


async def put_clock(exchange: Exchange) -> Reply:
    """Change mode, speed or step; time does not jump."""
    change = body_as(exchange, PutClock)
    world, _ = await enter(exchange)
    now = world.pacer.settings
    mode = change.mode or now.mode
    speed = change.speed if change.speed is not None else now.speed if mode == "scaled" else None
    step = change.step if change.step is not None else now.step if mode == "manual" else None
    if step == 0:
        step = None
    try:
        settings = ClockSettings(mode=mode, speed=speed, step=step, start=now.start)
    except ValueError as error:
        raise InvalidValue(str(error), param="speed" if "speed" in str(error) else "step") from None
    await world.change_clock(settings)
    return json_reply(200, clock_view(world))


async def advance(exchange: Exchange) -> Reply:
    """Move the clock forward and answer with what happened meanwhile."""
    wanted = body_as(exchange, Advance)
    world, _ = await enter(exchange)
    seen = 0

    def target_ms() -> int:  # once it is this advance's turn: a reset may have come before it
        nonlocal seen
        seen = len(world.simulation.events)
        return _target_ms(world, wanted)

    if wanted.until is None:
        await world.advance(target_ms)
    elif isinstance(wanted.until, RentalReaches):
        await _until_rental(world, wanted.until, target_ms)
    else:
        await world.advance(target_ms, lambda: len(world.simulation.events) > seen)
        if len(world.simulation.events) == seen:
            raise NotReached(f"nothing happened within the limit; it is {world.now}", param="until")
    if world.stopping:
        raise NotReached(f"the server is stopping; it is {world.now}")
    happened = len(world.simulation.events) - seen
    events = events_view(world, seen, min(happened, EVENTS_SHOWN_MAX))
    return json_reply(200, {**clock_view(world), "events_total": happened, "events": events})


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


async def _until_rental(world: World, until: RentalReaches, target_ms: Callable[[], int]) -> None:
    def status() -> Status:
        return world.simulation.rentals.find(until.rental).status

    wanted = _ORDER.index(until.status)
    await world.advance(target_ms, lambda: _ORDER.index(status()) >= wanted)
    if status() != until.status:
        raise NotReached(f"the rental is {status()}, not {until.status}; it is {world.now}", param="until")


async def reset(exchange: Exchange) -> Reply:
    """Back to just after the scenario was loaded."""
    body_as(exchange, Nothing)
    world, _ = await enter(exchange)
    await exchange.worlds.reset(world)
    return json_reply(200, clock_view(world))


async def list_accounts(exchange: Exchange) -> Reply:
    """All accounts with their tokens and their money."""
    world, query = await enter(exchange, "after", "limit")
    token_of = {account: token for token, account in world.tokens.items()}
    names = world.simulation.accounts
    return page(((name, account_view(world, name, token_of[name])) for name in names), query, names)


async def create_account(exchange: Exchange) -> Reply:
    """A new customer."""
    wanted = body_as(exchange, NewAccount)
    world, _ = await enter(exchange)
    accounts = world.simulation.accounts
    name = wanted.name
    if name is None:
        name = next(n for i in range(len(accounts) + 1) if (n := f"account-{i + 1}") not in accounts)
    accepted = world.simulation.check(CreateAccount(name, wanted.balance))
    if wanted.token is not None:
        if not is_token(wanted.token):
            raise InvalidValue("a token is 1 to 256 visible ASCII characters", param="token")
        exchange.worlds.check_token(wanted.token)
    world.simulation.apply(accepted)
    token = exchange.worlds.open_account(world, name, wanted.token)
    return json_reply(201, account_view(world, name, token))


async def add_credit(exchange: Exchange) -> Reply:
    """Credit a customer."""
    wanted = body_as(exchange, NewCredit)
    world, _ = await enter(exchange)
    name = exchange.scope["path_params"]["name"]
    world.simulation.execute(AddCredit(name, wanted.amount))
    token = next(token for token, account in world.tokens.items() if account == name)
    return json_reply(200, account_view(world, name, token))


async def get_ledger(exchange: Exchange) -> Reply:
    """The ledger's entries."""
    world, query = await enter(exchange, "after", "limit")
    after, limit = window(query)
    entries = islice(world.simulation.ledger.entries, after, after + limit)
    return json_reply(200, {"data": [entry_view(world, seq, entry) for seq, entry in enumerate(entries, after + 1)]})


async def list_rentals(exchange: Exchange) -> Reply:
    """All rentals, with what the API does not show."""
    world, query = await enter(exchange, "after", "limit")
    rentals = world.simulation.rentals.by_id
    if any(rental.command.ssh for rental in rentals.values()):
        await decoration.prepare()
    return page(((id_, rental_view(world, rental)) for id_, rental in rentals.items()), query, rentals)


async def interrupt_rental(exchange: Exchange) -> Reply:
    """The market takes this rental's GPUs back now."""
    return await _act(exchange, InterruptRental)


async def touch_rental(exchange: Exchange) -> Reply:
    """Count as activity of the rental (A19)."""
    return await _act(exchange, TouchRental)


async def _act(exchange: Exchange, command: type[InterruptRental | TouchRental]) -> Reply:
    body_as(exchange, Nothing)
    world, _ = await enter(exchange)
    rental = world.simulation.execute(command(exchange.scope["path_params"]["rental_id"]))
    assert rental is not None
    if rental.command.ssh:
        await decoration.prepare()
    return json_reply(200, rental_view(world, rental))


async def list_events(exchange: Exchange) -> Reply:
    """What happened, in order."""
    world, query = await enter(exchange, "after", "limit")
    after, limit = window(query)
    return json_reply(200, {"data": events_view(world, after, limit)})


async def get_journal(exchange: Exchange) -> Reply:
    """The journal up to now, as a file that `gpu-sim replay` runs again."""
    world, _ = await enter(exchange)
    lines: list[bytes] = []
    for line in world.simulation.journal():
        lines.append(line)
        if len(lines) % _LINES_PER_TURN == 0:
            await asyncio.sleep(0)  # a long journal holds nobody up
    return Reply(200, b"".join(lines), ((b"content-type", b"application/x-ndjson"),))


async def get_market(exchange: Exchange) -> Reply:
    """All offers, listed or not, with what the API does not show; selectors provider, gpu_model, region."""
    world, query = await enter(exchange, "provider", "gpu_model", "region", "after", "limit")
    selector = Selector(**{name: query[name] for name in ("provider", "gpu_model", "region") if name in query})
    offers = {offer.name: offer for offer in world.simulation.market.matching(selector)}
    return page(((name, offer_view(world, offer)) for name, offer in offers.items()), query, offers)
