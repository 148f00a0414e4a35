"""Worlds: isolated simulations with their clocks and tokens, and how a token finds its own."""

import asyncio
import secrets
from collections.abc import Callable, Collection
from typing import Literal

from msgspec import Struct

from .core.clock import CALENDAR_END, DEFAULT_START, SECOND_MS, YEAR_MS, epoch_ms, format_instant
from .core.commands import Command
from .core.errors import AccountExists
from .core.idempotency import Key
from .core.rental import Rental
from .core.scenario import ClockSettings, Scenario
from .core.simulation import Accepted, Simulation
from .pacing import Pacer, Slice, wall_epoch_ms
from .request_log import REQUESTS_KEPT, RequestLog
from .watchers import Watcher

DEFAULT_WORLD = "default"
ADVANCE_MS_MAX = 10 * YEAR_MS
_STEPS_PER_LOOK = 8

Profile = Literal["extended", "documented"]


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
        self.requests = RequestLog()
        self.watchers: list[Watcher] = []
        """Those who are told when something happened."""
        self._clock = scenario.clock if clock is None else clock
        self.stopping = False
        """The server is about to end: a long run stops where it is."""
        self._turn = asyncio.Lock()
        self._shown_second = -1
        self._shown_prefix = ""
        self._start()

    def _start(self) -> None:
        start: int | None = self.scenario.clock.start
        if start is None:
            start = epoch_ms(DEFAULT_START) if self._clock.mode == "manual" else wall_epoch_ms()
        self.simulation = Simulation(self.scenario, seed=self.seed, start_epoch_ms=start)
        self.pacer = Pacer(self._clock)
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

    @property
    def lag_ms(self) -> int:
        """How far the clock is behind where it should be by now, in virtual ms."""
        now = self.simulation.now_ms
        return min(self.pacer.target_ms(now), max(now, self.last_ms)) - now

    async def catch_up(self, *, api_request: bool = False) -> None:
        """Let the clock go where it should be by now, and one `step` further for an API request under a manual clock
        that has one. Waits for its turn: where to go is asked only then."""
        async with self._turn:
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
        done = not step(target_ms) or any(not step(target_ms) for _ in range(_STEPS_PER_LOOK))
        if self.watchers:
            self.tell()
        return done

    async def advance(self, target_ms: Callable[[], int], done: Callable[[], bool] | None = None) -> None:
        """Move the clock to where `target_ms` says, which is asked once it is this advance's turn, or only until
        `done` says so. A running clock goes on from there, ahead by as much."""
        async with self._turn:
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
                if self.watchers:
                    self.tell()
                await asyncio.sleep(0)
                slice_ = Slice()
        self.tell()

    def execute(self, command: Command, key: Key | None = None) -> Rental | None:
        """`apply(check(command))`. Raises what `check` raises."""
        return self.apply(self.check(command, key))

    def check(self, command: Command, key: Key | None = None) -> Accepted:
        """Whether a command can happen now. Raises a Refusal."""
        return self.simulation.check(command, key)

    def apply(self, accepted: Accepted) -> Rental | None:
        """Let an accepted command happen. No `await` may stand between `check` and this."""
        rental = self.simulation.apply(accepted)
        if self.watchers:
            self.tell()
        return rental

    async def change_clock(self, settings: ClockSettings) -> None:
        """Go on by other settings, from where the clock is: time does not jump."""
        async with self._turn:
            await self._catch_up()
            self.pacer.change(settings, self.simulation.now_ms)

    async def reset(self) -> None:
        """Back to just after the scenario was loaded: same seed, same ids, the first clock, no request logged."""
        async with self._turn:
            self._start()
            self.requests.clear()
            self.tell()

    def stop(self) -> None:
        """The server is about to end. May be called from a signal handler or another thread."""
        self.stopping = True
        for watcher in tuple(self.watchers):
            watcher.tell_from_outside()

    def tell(self) -> None:
        """Something happened that those who watch should look at."""
        for watcher in self.watchers:
            watcher.tell()


class Place(Struct, frozen=True):
    """Where a token leads: a world and an account in it."""

    world: World
    account: str


class Worlds:
    """All worlds of a server, and the tokens of all of them."""

    def __init__(self, *, requests_kept: int = REQUESTS_KEPT) -> None:
        self.by_name: dict[str, World] = {}
        self._requests_kept = requests_kept
        self.by_header: dict[bytes, Place] = {}
        """Places by the plain form of the Authorization header, for the requests that come most often."""
        self._places: dict[str, Place] = {}

    def add(self, world: World) -> None:
        """Take a world in, with the tokens of its scenario; accounts without one get one minted."""
        self.by_name[world.name] = world
        world.requests = RequestLog(self._requests_kept)
        self._admit(world)

    def place(self, token: str) -> Place | None:
        """Where a token leads, or None."""
        return self._places.get(token)

    @property
    def tokens(self) -> Collection[str]:
        """All tokens that lead somewhere."""
        return self._places.keys()

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
            world.stop()

    def check_token(self, token: str) -> None:
        """Raises AccountExists where the token is taken."""
        if token in self._places:
            raise AccountExists("the token is taken", param="token")

    async def reset(self, world: World) -> None:
        """Reset a world: accounts that came after the start are gone, and their tokens with them."""
        await world.reset()
        kept = {account: token for token, account in world.tokens.items()}
        for token in world.tokens:
            del self._places[token]
            del self.by_header[f"Bearer {token}".encode()]
        world.tokens.clear()
        self._admit(world, kept)

    def _admit(self, world: World, known: dict[str, str] | None = None) -> None:
        for account in world.scenario.accounts:
            token = account.token if account.token is not None else (known or {}).get(account.name)
            self.open_account(world, account.name, token)
