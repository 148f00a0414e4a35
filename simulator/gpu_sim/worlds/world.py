"""A world: one isolated simulation with its faults, under one clock, and the state file that it is saved in."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import msgspec

from ..core.accepted import Accepted
from ..core.commands import Command
from ..core.kernel.clock import CALENDAR_END, DEFAULT_START, YEAR_MS, Calendar, epoch_ms
from ..core.kernel.errors import Refusal
from ..core.rentals.idempotency import Key
from ..core.rentals.rental import Rental
from ..core.run import Run, new_run
from ..core.scenario.scenario import ClockSettings, Scenario, canonical
from ..wall_clock import Pacer, Slice, wall_epoch_ms
from .advance_events import AdvanceEvents
from .catch_up import catch_up
from .request_log import RequestLog
from .retention import KEEP_DEFAULT, Retention
from .snapshot import WorldState, encode_world
from .state_files.input import Input
from .state_files.persistence import NoStateFile, Persistence
from .state_files.refusals import StateUnavailable
from .state_files.state_file import SavedWorld
from .string_pool import StringPool
from .time_to_live import TimeToLive
from .watchers import Watcher

ADVANCE_MS_MAX = 10 * YEAR_MS
_STEPS_PER_LOOK = 8
"""Steps between two looks at the wall clock, and about as many as a request waits for without giving way to others."""

Profile = Literal["extended", "documented"]


class WorldNotFound(Refusal):
    """No world of that name, or none any more. Create it, or choose one of `GET /_sim/worlds`."""

    code = "world_not_found"


class World:
    """One simulation under one clock."""

    def __init__(
        self,
        name: str,
        scenario: Scenario,
        *,
        seed: int | None = None,
        clock: ClockSettings | None = None,
        profile: Profile | None = None,
        keep: int = KEEP_DEFAULT,
        saved: SavedWorld | None = None,
    ) -> None:
        """A world at its start, or one `saved` of this scenario and seed, which goes on."""
        self.name = name
        self.number = 0
        """Its number among all worlds that its server ever had."""
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        self.profile: Profile = scenario.api.profile if profile is None else profile
        self._keep = keep
        self.retention = Retention(keep)
        self.state_file: Persistence = NoStateFile() if saved is None else saved.state_file
        self.first_clock = scenario.clock if clock is None else clock
        """The settings of the clock at the start, and again after a reset."""
        self._insists_on_clock = clock is not None
        self.time_to_live: TimeToLive | None = None
        """The time after which it is deleted where no call came; None where it stays until somebody deletes it."""
        self.requests = RequestLog()
        self.watchers: list[Watcher] = []
        """Clients waiting for changes; each is notified after whatever may have changed something."""
        self.string_pool = StringPool()
        self.stopping = False
        """The server or the world is about to end: a long run stops where it is."""
        self.is_dropped = False
        """The world was deleted: whoever waited for it finds it gone."""
        self._turn = asyncio.Lock()
        if saved is None:
            run, self.pacer = self.at_start()
            self._take_up(run)
        else:
            self._take_up(saved.run)
            self._resume(saved)

    def at_start(self) -> tuple[Run, Pacer]:
        """A new run of the world's scenario and seed, and the clock for it."""
        clock = self.first_clock
        start: int | None = clock.start if clock.start is not None else self.scenario.clock.start
        if start is None:
            start = epoch_ms(DEFAULT_START) if clock.mode == "manual" else wall_epoch_ms()
        return new_run(self.scenario, seed=self.seed, start_epoch_ms=start), Pacer(clock)

    def _take_up(self, run: Run) -> None:
        self.simulation, self.faults = run
        self.last_ms = epoch_ms(CALENDAR_END) - self.simulation.start_epoch_ms
        """The end of the calendar in ms since the start: the clock stops there."""
        self._calendar = Calendar(self.simulation.start_epoch_ms)

    @property
    def now(self) -> str:
        """Virtual time as RFC 3339 (A23)."""
        return self._calendar.instant(self.simulation.now_ms)

    def instant(self, at_ms: int) -> str:
        """An instant of the simulation as RFC 3339 (A23)."""
        return self._calendar.instant(at_ms)

    @property
    def lag_ms(self) -> int:
        """The distance in virtual ms from the clock to where it should be by now."""
        now = self.simulation.now_ms
        return min(self.pacer.target_ms(now), max(now, self.last_ms)) - now

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until nobody else moves the clock or the run, and keep it so within the block. Raises WorldNotFound
        where the world has been deleted meanwhile."""
        async with self._turn:
            if self.is_dropped:
                raise WorldNotFound(f'the world "{self.name}" was deleted', param="world")
            yield

    async def catch_up(self, *, api_request: bool = False) -> None:
        """Let the clock go where it should be by now, and one `step` further for an API request under a manual clock
        that has one. Waits for its turn: where to go is asked only then. Raises WorldNotFound or
        StateUnavailable."""
        async with self.turn():
            await self._catch_up(api_request=api_request)

    async def _catch_up(self, *, api_request: bool = False) -> None:
        now, step = self.simulation.now_ms, self.pacer.settings.step
        target = now + step if api_request and step is not None else self.pacer.target_ms(now)
        if target > now:
            target = min(target, self.last_ms)
            if step is not None:  # a running clock is found again by the wall time that has gone by; this one is not
                self._commit_clock(target)
            await self._run(target)

    def caught_up(self) -> bool:
        """`catch_up` for an API request where that takes a moment only: False says that it takes longer."""
        if self._turn.locked():
            return False
        pacer = self.pacer
        if pacer.rests():
            return True
        if pacer.settings.step is not None:
            return False
        now = self.simulation.now_ms
        target = pacer.target_ms(now)
        if target > now and (target >= self.last_ms or not self._runs_quickly(target)):
            return False
        pacer.rest(target)
        return True

    def _runs_quickly(self, target_ms: int) -> bool:
        step = self.simulation.step
        if not step(target_ms):
            return True
        done = any(not step(target_ms) for _ in range(_STEPS_PER_LOOK))
        self._look_back()
        return done

    async def advance(self, target_ms: Callable[[], int], done: Callable[[], bool] | None = None) -> AdvanceEvents:
        """Advance to `target_ms()`, evaluated when this call's turn comes, or until `done()`; returns the events of
        that time. A running clock goes on from there, ahead by as much.
        Raises WorldNotFound or StateUnavailable, and then nothing has moved."""
        async with self.turn():
            began, target = self.simulation.now_ms, target_ms()
            advance_events = AdvanceEvents(self.simulation)
            # Before it moves, so that a refusal moves nothing. Where it will stop early nobody knows yet.
            self._commit_clock(target if done is None else began)
            try:
                await self._run(target, done, advance_events)
            finally:  # also where the client has gone meanwhile: the time that was run has gone by
                self.pacer.skip(self.simulation.now_ms - began)
            if done is not None:
                self.state_file.follow_clock(self.simulation.now_ms, self.pacer.settings)
            return advance_events

    async def _run(
        self, to_ms: int, done: Callable[[], bool] | None = None, advance_events: AdvanceEvents | None = None
    ) -> None:
        """Run what is due up to `to_ms` in slices, between which other requests are answered."""
        slice_ = Slice()
        steps = 0
        while not self.stopping and (done is None or not done()) and self.simulation.step(to_ms):
            steps += 1
            if steps % _STEPS_PER_LOOK == 0 and slice_.is_over():
                self._look_back(advance_events)
                await asyncio.sleep(0)
                slice_ = Slice()
        self._look_back(advance_events)

    def _look_back(self, advance_events: AdvanceEvents | None = None) -> None:
        """Save, drop and announce what is due after a command or a stretch of time."""
        if advance_events is not None:
            advance_events.take()
        self.tidy()
        if self.watchers:
            self.notify()

    def wait_ns(self) -> int | None:
        """Nanoseconds of wall time until the clock gets to the next event: 0 where it is due by now, None where none
        will ever come by itself, or somebody is moving the clock just now."""
        if self.stopping or self._turn.locked() or self.pacer.settings.mode == "manual":
            return None
        due_ms = self.simulation.next_due_ms
        return None if due_ms is None or due_ms > self.last_ms else self.pacer.wait_ns(due_ms)

    def execute(self, command: Command, key: Key | None = None) -> Rental | None:
        """`apply(check(command))`. Raises what `check` raises."""
        return self.apply(self.check(command, key))

    def check(self, command: Command, key: Key | None = None) -> Accepted:
        """Accept a command, without applying it. Raises a Refusal where it cannot be applied now."""
        return self.simulation.check(command, key)

    def apply(self, accepted: Accepted, *, token: tuple[str, str] | None = None) -> Rental | None:
        """Apply an accepted command, once it is in the state file if there is one, with the token and account that it
        opens. No `await` may stand between `check` and this. Raises StateUnavailable: then nothing was applied."""
        if accepted.leaves_a_line:
            self.commit(Input(accepted.command, accepted.key), token)
        rental = self.simulation.apply(accepted)
        self._look_back()
        return rental

    # Memory and file

    def journal(self) -> Iterator[bytes]:
        """The journal; see `Persistence.journal`. Raises JournalDropped where its first lines are gone."""
        return self.state_file.journal(self.simulation)

    def keep_in(self, state_file: Persistence) -> None:
        """Save this world in `state_file` from now on, which begins with the world as it is."""
        self.state_file = state_file
        self.tidy()

    def _resume(self, saved: SavedWorld) -> None:
        """Let time go on from where it was saved: while no server ran it went by as the clock then ran."""
        way_on = saved.resumption
        self.pacer = Pacer(way_on.clock, now_ms=way_on.target_ms)
        catch_up(self, way_on.target_ms, saved.report)
        if self._insists_on_clock:  # what has gone by was by the clock before
            self.pacer.change(self.first_clock, self.simulation.now_ms)
        if self._insists_on_clock or way_on.stands:
            self.state_file.follow_clock(self.simulation.now_ms, self.pacer.settings)
        self.tidy()

    @property
    def run(self) -> Run:
        """The run as it is now."""
        return Run(self.simulation, self.faults)

    def tidy(self) -> None:
        """Save what is due, and drop from memory what is beyond the bound."""
        # In this order: what has just been saved need not stay in memory any longer.
        self.state_file.follow(self.run)
        self.retention.drop(self.simulation, self.state_file.unsaved(self.simulation))

    def commit(self, input_: Input, token: tuple[str, str] | None = None) -> None:
        """Save an input before it is applied. Raises StateUnavailable: then it must not be."""
        self.state_file.commit(self.simulation.now_ms, input_, self.pacer.settings, token=token)

    def _commit_clock(self, now_ms: int) -> None:
        self.state_file.commit_clock(now_ms, self.pacer.settings)

    async def change_clock(self, settings: ClockSettings) -> None:
        """Change the clock's settings without a jump in time. Raises WorldNotFound or StateUnavailable."""
        async with self.turn():
            await self._catch_up()
            before = self.pacer.settings
            self.pacer.change(settings, self.simulation.now_ms)
            try:
                self._commit_clock(self.simulation.now_ms)
            except StateUnavailable:
                self.pacer.change(before, self.simulation.now_ms)
                raise

    def snapshot(self) -> bytes:
        """The whole world as a document that `restore` takes."""
        return self._document(self.run, self.pacer)

    def snapshot_at_start(self) -> bytes:
        """The same of a world that is like this one was just after its scenario was loaded."""
        return self._document(*self.at_start())

    def _document(self, run: Run, pacer: Pacer) -> bytes:
        start_epoch_ms = run.simulation.start_epoch_ms
        state = msgspec.Raw(run.state())
        return encode_world(WorldState(self.seed, start_epoch_ms, canonical(self.scenario), pacer.settings, state))

    def begin(self, run: Run, pacer: Pacer, tokens: Mapping[str, str], *, base: bytes = b"") -> None:
        """Go on with another run in place of this one, within a `turn`. Raises StateUnavailable, and then nothing has
        changed."""
        self.state_file.begin(run, pacer.settings, tokens, base)
        # From here on nothing can fail: file and memory are of the same run.
        self.retention = Retention(self._keep)
        self.simulation.close()
        self.pacer = pacer
        self._take_up(run)
        self.notify()

    def notify(self) -> None:
        """Wake all watchers."""
        for watcher in self.watchers:
            watcher.notify()

    # The end

    def stop(self) -> None:
        """The server is about to end. May be called from a signal handler or another thread."""
        self.stopping = True
        for watcher in tuple(self.watchers):
            watcher.notify_threadsafe()

    async def drop(self) -> None:
        """End the world: what runs stops where it is, whoever waits is refused, and its memory is free once the last
        request that is about it is answered."""
        self.stopping = self.is_dropped = True
        self.notify()
        async with self._turn:
            self.simulation.close()

    def close(self) -> None:
        """Save where the world is, as far as the file takes it, and close the file."""
        self.state_file.close(self.run, self.pacer.settings)
