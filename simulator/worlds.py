"""Worlds: isolated simulations with their clocks and tokens, and how a token finds its own."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from itertools import count
from typing import Literal

from msgspec import Struct

from .core.clock import CALENDAR_END, DEFAULT_START, SECOND_MS, YEAR_MS, epoch_ms, format_instant
from .core.commands import Command
from .core.errors import AccountExists, Refusal
from .core.idempotency import Key
from .core.names import did_you_mean
from .core.rental import Rental
from .core.scenario import ClockSettings, Scenario
from .core.simulation import Accepted, Simulation
from .pacing import Pacer, Slice, wall_epoch_ms
from .scenario_shelf import ScenarioShelf

DEFAULT_WORLD = "default"
ADVANCE_MS_MAX = 10 * YEAR_MS
_STEPS_PER_LOOK = 8

Profile = Literal["extended", "documented"]


class WorldNotFound(Refusal):
    """No world of that name, or none any more. Create it, or choose one of `GET /_sim/worlds`."""

    code = "world_not_found"


class WorldExists(Refusal):
    """A world of that name is already there. Choose another name, or leave it out to have one made up."""

    code = "world_exists"


class DefaultWorldKept(Refusal):
    """The world `default` cannot be deleted. Reset it instead."""

    code = "default_world_kept"


class World:
    """One simulation under one clock. Its tokens name its accounts."""

    def __init__(
        self,
        name: str,
        scenario: Scenario,
        *,
        seed: int | None = None,
        clock: ClockSettings | None = None,
        profile: Profile | None = None,
    ) -> None:
        self.name = name
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        self.profile: Profile = scenario.api.profile if profile is None else profile
        self.tokens: dict[str, str] = {}
        self.first_clock = scenario.clock if clock is None else clock
        """The settings of the clock at the start, and again after a reset."""
        self.requests: list[object] = []
        self.stopping = False
        """The server or the world is about to end: a long run stops where it is."""
        self.is_dropped = False
        """The world was deleted: whoever waited for it finds it gone."""
        self._turn = asyncio.Lock()
        self._shown_second = -1
        self._shown_prefix = ""
        self._start()

    def _start(self) -> None:
        clock = self.first_clock
        start: int | None = clock.start if clock.start is not None else self.scenario.clock.start
        if start is None:
            start = epoch_ms(DEFAULT_START) if clock.mode == "manual" else wall_epoch_ms()
        self.simulation = Simulation(self.scenario, seed=self.seed, start_epoch_ms=start)
        self.pacer = Pacer(clock)
        self.last_ms = epoch_ms(CALENDAR_END) - start
        """Where the clock stops, in ms since the start: the end of the calendar."""

    @property
    def now(self) -> str:
        """Virtual time as RFC 3339 (A23)."""
        return self.instant(self.simulation.now_ms)

    def instant(self, at_ms: int) -> str:
        """An instant of the simulation as RFC 3339 (A23). Most that are asked for lie in one second."""
        second, millisecond = divmod(self.simulation.start_epoch_ms + at_ms, SECOND_MS)
        if second != self._shown_second:
            self._shown_second = second
            self._shown_prefix = format_instant(second * SECOND_MS)[:-4]
        return f"{self._shown_prefix}{millisecond:03d}Z"

    async def catch_up(self, *, api_request: bool = False) -> None:
        """Let the clock go where it should be by now, and one `step` further for an API request under a manual clock
        that has one. Waits for its turn: where to go is asked only then. Raises WorldNotFound."""
        async with self._turn:
            self._check_kept()
            await self._catch_up(api_request=api_request)

    async def _catch_up(self, *, api_request: bool = False) -> None:
        now, step = self.simulation.now_ms, self.pacer.settings.step
        target = now + step if api_request and step is not None else self.pacer.target_ms(now)
        if target > now:
            await self._run(min(target, self.last_ms))

    def caught_up(self) -> bool:
        """`catch_up` for an API request where that takes a moment only: False says that it takes longer."""
        if self._turn.locked() or self.pacer.settings.step is not None:
            return False
        now = self.simulation.now_ms
        target = self.pacer.target_ms(now)
        return target <= now or (target < self.last_ms and self._runs_quickly(target))

    def _runs_quickly(self, target_ms: int) -> bool:
        step = self.simulation.step
        return not step(target_ms) or any(not step(target_ms) for _ in range(_STEPS_PER_LOOK))

    async def advance(self, target_ms: Callable[[], int], done: Callable[[], bool] | None = None) -> None:
        """Move the clock to where `target_ms` says, which is asked once it is this advance's turn, or only until
        `done` says so. A running clock goes on from there, ahead by as much. Raises WorldNotFound."""
        async with self._turn:
            self._check_kept()
            began = self.simulation.now_ms
            await self._run(target_ms(), done)
            self.pacer.skip(self.simulation.now_ms - began)

    async def _run(self, to_ms: int, done: Callable[[], bool] | None = None) -> None:
        """Run what is due up to `to_ms` in slices, between which other requests are answered."""
        slice_ = Slice()
        steps = 0
        while not self.stopping and (done is None or not done()) and self.simulation.step(to_ms):
            steps += 1
            if steps % _STEPS_PER_LOOK == 0 and slice_.is_over():
                await asyncio.sleep(0)
                slice_ = Slice()

    def execute(self, command: Command, key: Key | None = None) -> Rental | None:
        """`apply(check(command))`. Raises what `check` raises."""
        return self.apply(self.check(command, key))

    def check(self, command: Command, key: Key | None = None) -> Accepted:
        """Whether a command can happen now. Raises a Refusal."""
        return self.simulation.check(command, key)

    def apply(self, accepted: Accepted) -> Rental | None:
        """Let an accepted command happen. No `await` may stand between `check` and this."""
        return self.simulation.apply(accepted)

    async def change_clock(self, settings: ClockSettings) -> None:
        """Go on by other settings, from where the clock is: time does not jump. Raises WorldNotFound."""
        async with self._turn:
            self._check_kept()
            await self._catch_up()
            self.pacer.change(settings, self.simulation.now_ms)

    async def reset(self) -> None:
        """Back to just after the scenario was loaded: same seed, same ids, the first clock. Raises WorldNotFound."""
        async with self._turn:
            self._check_kept()
            self.simulation.close()
            self._start()
            self.requests.clear()
            self.reset_faults()

    def reset_faults(self) -> None:
        """Back to the rules of the scenario, none of them spent."""

    async def drop(self) -> None:
        """End the world: what runs stops where it is, whoever waits is refused, and its memory is free once the last
        request that is about it is answered."""
        self.stopping = self.is_dropped = True
        async with self._turn:
            self.simulation.close()

    def wait_ns(self) -> int | None:
        """Nanoseconds of wall time until the clock gets to the next event: 0 where it is due by now, None where none
        will ever come by itself, or somebody is moving the clock just now."""
        if self.stopping or self._turn.locked() or self.pacer.settings.mode == "manual":
            return None
        due_ms = self.simulation.next_due_ms
        return None if due_ms is None or due_ms > self.last_ms else self.pacer.wait_ns(due_ms)

    def _check_kept(self) -> None:
        if self.is_dropped:
            raise WorldNotFound(f'the world "{self.name}" was deleted', param="world")


class Place(Struct, frozen=True):
    """Where a token leads: a world and an account in it."""

    world: World
    account: str


class Worlds:
    """All worlds of a server, the tokens of all of them, and the scenarios that more can be made of."""

    def __init__(self, shelf: ScenarioShelf | None = None, *, profile: Profile | None = None) -> None:
        self.shelf = ScenarioShelf() if shelf is None else shelf
        self.profile = profile
        """Which fields a rental has in worlds made later, whatever their scenario says."""
        self.by_name: dict[str, World] = {}
        self.by_header: dict[bytes, Place] = {}
        """Places by the plain form of the Authorization header, for the requests that come most often."""
        self._places: dict[str, Place] = {}
        self._numbers = count(1)

    def add(self, world: World, tokens: Mapping[str, str] | None = None) -> None:
        """Take a world in, with the tokens of its scenario or with those given by account; an account without one gets
        one minted. Raises WorldExists or AccountExists, and then nothing has changed."""
        if world.name in self.by_name:
            raise WorldExists(f'the world "{world.name}" is there already', param="name")
        given = tokens is not None
        if tokens is None:
            tokens = {account.name: account.token for account in world.scenario.accounts if account.token is not None}
        first: dict[str, str] = {}
        for account, token in tokens.items():
            param = f"tokens.{account}" if given else "token"
            self.check_token(token, param=param)
            if first.setdefault(token, account) != account:
                raise AccountExists(f'the token is that of "{first[token]}" as well', param=param)
        self.by_name[world.name] = world
        self._admit(world, tokens)

    def find(self, name: str) -> World:
        """The world of that name. Raises WorldNotFound with the nearest."""
        world = self.by_name.get(name)
        if world is None:
            raise WorldNotFound(f'no world "{name}"{did_you_mean(name, self.by_name)}', param="world")
        return world

    def free_name(self) -> str:
        """A name for a new world that none has now, nor had when it was made up before."""
        return next(name for number in self._numbers if (name := f"world-{number}") not in self.by_name)

    async def drop(self, world: World) -> None:
        """Delete a world with all that is kept of it; its name and tokens are free at once. Raises DefaultWorldKept."""
        if world.name == DEFAULT_WORLD:
            raise DefaultWorldKept('the world "default" cannot be deleted; reset it instead')
        del self.by_name[world.name]
        self._forget_tokens(world)
        await world.drop()

    def place(self, token: str) -> Place | None:
        """Where a token leads, or None."""
        return self._places.get(token)

    def open_account(self, world: World, account: str, token: str | None) -> str:
        """Give an account its token, minted where none is asked for. Raises AccountExists for a taken one."""
        token = token if token is not None else f"si_{secrets.token_hex(16)}"
        self.check_token(token)
        self._places[token] = self.by_header[f"Bearer {token}".encode()] = Place(world, account)
        world.tokens[token] = account
        return token

    def stop(self) -> None:
        """The server is about to end."""
        for world in self.by_name.values():
            world.stopping = True

    def check_token(self, token: str, *, param: str = "token") -> None:
        """Raises AccountExists where the token is taken."""
        if token in self._places:
            raise AccountExists("the token is taken", param=param)

    async def reset(self, world: World) -> None:
        """Reset a world: accounts that came after the start are gone, and their tokens with them. Raises
        WorldNotFound."""
        await world.reset()
        kept = {account: token for token, account in world.tokens.items()}
        self._forget_tokens(world)
        self._admit(world, kept)

    def _admit(self, world: World, tokens: Mapping[str, str]) -> None:
        for account in world.scenario.accounts:
            self.open_account(world, account.name, tokens.get(account.name))

    def _forget_tokens(self, world: World) -> None:
        for token in world.tokens:
            del self._places[token]
            del self.by_header[f"Bearer {token}".encode()]
        world.tokens.clear()
