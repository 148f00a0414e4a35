"""Worlds on the control plane: creating, listing, resetting and deleting them, and the server's health."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from ... import __version__
from ...core.commands import ResetMarket
from ...core.kernel.errors import InvalidValue
from ...core.kernel.names import NAME_PATTERN, did_you_mean, is_name, is_token
from ...core.kernel.quantities import Duration
from ...core.scenario.scenario import ClockSettings, Scenario
from ...notation import format_duration
from ...scenario_files.problems import Problem, ScenarioError
from ...worlds.faults import reset_faults
from ...worlds.reset_and_restore import forget_requests
from ...worlds.time_to_live import TimeToLive
from ...worlds.world import World
from ...worlds.worlds import DEFAULT_WORLD, WorldExists, Worlds
from ..bodies import Disconnected
from ..exchange import Exchange
from ..problems import ScenarioInvalid
from ..queries.list_queries import NamedListQuery
from ..queries.parameters import NoParameters
from ..replies import Reply, json_reply
from .answers.server import AliveView
from .answers.worlds import CreatedWorld, HealthView, ReadyView, WorldName, WorldView
from .call_decoding import body_as, enter_world, query_as, select_world
from .lists import page
from .views import clock_view, scenario_view

TTL_MS_MIN = 1_000  # expired worlds are looked for once a second
SEED_MAX = 2**63 - 1  # a signed 64-bit integer, which clients in any language can hold
_PROBLEMS_SHOWN_MAX = 5


class NewWorld(Struct, forbid_unknown_fields=True):
    """A world to create. Without `scenario` it is as `default` was at its start, but for the fields given."""

    name: str | None = None
    scenario: str | dict[str, Any] | None = None
    seed: int | None = None
    clock: ClockSettings | None = None
    tokens: dict[str, str] | None = None
    ttl: Duration | None = None
    """It is deleted once no call about it has come for so long, in wall time, at least 1 s; unless given it stays."""


ResetPart = Literal["requests", "faults", "market"]


class Reset(Struct, forbid_unknown_fields=True):
    """A reset of the whole world, or of the part or the parts named by `only`."""

    only: ResetPart | list[ResetPart] | None = None
    """The part or parts to reset; the whole world unless given."""

    @property
    def parts(self) -> list[ResetPart]:
        """The parts that are named, none for the whole world."""
        return [] if self.only is None else [self.only] if isinstance(self.only, str) else self.only

    def __post_init__(self) -> None:
        if self.only == []:
            raise ValueError("only names at least one part")


_PARTS: dict[ResetPart, Callable[[World], object]] = {
    "requests": forget_requests,
    "faults": reset_faults,
    "market": lambda world: world.execute(ResetMarket()),
}


async def health(exchange: Exchange) -> Reply:
    """Report that the server is alive: version, worlds, and the call's world's clock and seed. Waits for no advance.

    Whoever may not use the control plane learns only that it is alive.
    """
    if exchange.is_open_probe:
        return json_reply(200, AliveView("ok"))
    select_world(exchange, required=False)
    world = exchange.world
    world.caught_up()
    worlds = [WorldName(each.name, each.scenario.name, each.seed) for each in exchange.worlds.by_name.values()]
    view = HealthView(
        status="ok",
        version=__version__,
        worlds=worlds,
        seed=world.seed,
        profile=world.profile,
        clock=clock_view(world),
    )
    return json_reply(200, view)


async def ready(exchange: Exchange) -> Reply:
    """Report that the server is ready for requests."""
    select_world(exchange, required=False)
    return json_reply(200, ReadyView("ready"))


async def list_worlds(exchange: Exchange) -> Reply:
    """List the worlds of the server, each at its own time, or the one that `world` names."""
    query, worlds = query_as(exchange, NamedListQuery), exchange.worlds

    def found() -> dict[str, World]:
        return dict(worlds.by_name) if query.world is None else {query.world: worlds.find(query.world)}

    return await page(exchange.world, query, found, lambda _, world: _view(world), lambda _, world: world.number)


async def create_world(exchange: Exchange) -> Reply:
    """Create a world, with tokens that no other world has."""
    query_as(exchange, NoParameters)
    wanted = body_as(exchange, NewWorld)
    worlds = exchange.worlds
    if wanted.name is not None and not is_name(wanted.name):
        raise InvalidValue(f"a name is {NAME_PATTERN}", param="name")
    if wanted.seed is not None and abs(wanted.seed) > SEED_MAX:
        raise InvalidValue(f"seed must be between -{SEED_MAX} and {SEED_MAX}", param="seed")
    if wanted.ttl is not None and wanted.ttl < TTL_MS_MIN:
        raise InvalidValue(f"ttl must be at least {format_duration(TTL_MS_MIN)}", param="ttl")
    # Checked now, before the work of making the world, and by `add` again, after it.
    if wanted.name in worlds.by_name:
        raise WorldExists(f'the world "{wanted.name}" is there already', param="name")
    world = await _make(worlds, wanted)
    if exchange.connection is not None and exchange.connection.is_gone:
        raise Disconnected  # nobody would know of the world, nor delete it
    tokens = wanted.tokens if wanted.tokens is not None else {}
    _check_tokens(world.scenario, tokens)
    # Nothing is awaited from here on: a name that is free now still is when the world takes it.
    world.name = wanted.name if wanted.name is not None else worlds.free_name()
    world.time_to_live = None if wanted.ttl is None else TimeToLive(wanted.ttl)
    worlds.add(world, tokens)
    exchange.enter(world)
    minted = worlds.keyring.tokens_of(world)
    return json_reply(201, CreatedWorld(world.name, world.seed, world.now, dict(minted)))


async def delete_world(exchange: Exchange) -> Reply:
    """Delete a world with all that the server has of it."""
    query_as(exchange, NoParameters)
    worlds = exchange.worlds
    await worlds.drop(worlds.find(exchange.scope["path_params"]["name"]))
    return Reply(204, b"")


async def get_scenario(exchange: Exchange) -> Reply:
    """Answer with the world's scenario, in the form in which one is posted: without what has its default, and without
    tokens."""
    select_world(exchange)
    return json_reply(200, scenario_view(exchange.world.scenario))


async def reset(exchange: Exchange) -> Reply:
    """Reset the world, or a part of it, to just after its scenario was loaded."""
    parts = body_as(exchange, Reset).parts
    world, _ = await enter_world(exchange)
    if not parts:
        await exchange.worlds.reset(world)
    for part in parts:
        _PARTS[part](world)
    return json_reply(200, clock_view(world))


async def _make(worlds: Worlds, wanted: NewWorld) -> World:
    """Make the world, still without a name. Raises ScenarioInvalid or InvalidValue.

    What may take long, loading a scenario or filling a large market, is done in a thread, as it touches nothing shared;
    a scenario that is loaded already is built here, without the cost of a thread.
    """
    default = worlds.by_name[DEFAULT_WORLD]
    scenario = worlds.library.at_hand(wanted.scenario) if isinstance(wanted.scenario, str) else None
    if scenario is not None:
        return _build(worlds, wanted, scenario)
    if wanted.scenario is None:
        return await asyncio.to_thread(_build, worlds, wanted, default.scenario, default.seed, default.first_clock)
    return await asyncio.to_thread(lambda: _build(worlds, wanted, _find(worlds, wanted.scenario)))


def _build(
    worlds: Worlds,
    wanted: NewWorld,
    scenario: Scenario,
    seed: int | None = None,
    clock: ClockSettings | None = None,
) -> World:
    return World(
        "",
        scenario,
        seed=wanted.seed if wanted.seed is not None else seed,
        clock=wanted.clock if wanted.clock is not None else clock,
        profile=worlds.profile,
        keep=worlds.keep,
    )


def _find(worlds: Worlds, wanted: str | dict[str, Any] | None) -> Scenario:
    """Find a scenario by its name, or build an inline one. Raises ScenarioInvalid."""
    try:
        return worlds.library.find(wanted) if isinstance(wanted, str) else worlds.library.build(wanted)
    except ScenarioError as error:
        shown = "; ".join(_problem_text(problem) for problem in error.problems[:_PROBLEMS_SHOWN_MAX])
        more = len(error.problems) - _PROBLEMS_SHOWN_MAX
        field = error.problems[0].field
        raise ScenarioInvalid(
            shown + (f"; and {more} more" if more > 0 else ""), param=f"scenario.{field}" if field else "scenario"
        ) from None


def _problem_text(problem: Problem) -> str:
    """A problem as text, without its file's folder: a client has no business with the server's paths."""
    place = [Path(problem.file).name, *(str(part) for part in (problem.line, problem.column) if part is not None)]
    field = f"{problem.field}: " if problem.field else ""
    return f"{field}{problem.message}" if len(place) == 1 else f"{':'.join(place)}: {field}{problem.message}"


def _check_tokens(scenario: Scenario, tokens: dict[str, str]) -> None:
    accounts = [account.name for account in scenario.accounts]
    for account, token in tokens.items():
        param = f"tokens.{account}"
        if account not in accounts:
            hint = did_you_mean(account[:64], accounts)
            raise InvalidValue(f'the scenario has no account "{account[:64]}"{hint}', param=param)
        if not is_token(token):
            raise InvalidValue("a token is 1 to 256 visible ASCII characters", param=param)


def _view(world: World) -> WorldView:
    world.caught_up()
    return WorldView(
        name=world.name,
        scenario=world.scenario.name,
        seed=world.seed,
        now=world.now,
        mode=world.pacer.settings.mode,
        accounts=len(world.simulation.accounts),
        ttl=None if world.time_to_live is None else format_duration(world.time_to_live.ms),
    )
