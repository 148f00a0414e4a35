"""All worlds of a server, and how a token finds its own."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from ..core.kernel.errors import AccountExists, Refusal
from ..core.kernel.names import did_you_mean
from ..core.scenario.scenario import ClockSettings, Scenario
from ..notation import format_duration
from ..scenario_files.library import ScenarioLibrary
from . import reset_and_restore
from .request_log import REQUESTS_KEPT, RequestLog
from .retention import KEEP_DEFAULT
from .state_files.state_file import DEFAULT_OPTIONS, FileOptions, StateFile
from .state_files.state_reader import is_there
from .tokens import Keyring
from .world import Profile, World, WorldNotFound

DEFAULT_WORLD = "default"
EXPIRED_KEPT = 1_000
"""The latest worlds that have expired are remembered, up to so many, to say so to whoever comes back for one."""


class WorldExists(Refusal):
    """A world of that name is already there. Choose another name, or leave it out to have one made up."""

    code = "world_exists"


class DefaultWorldKept(Refusal):
    """The world `default` cannot be deleted. Reset it instead."""

    code = "default_world_kept"


class Worlds:
    """All worlds of a server, the tokens of all of them, and the scenarios that more can be made of."""

    def __init__(
        self,
        library: ScenarioLibrary | None = None,
        *,
        profile: Profile | None = None,
        keep: int = KEEP_DEFAULT,
        requests_kept: int = REQUESTS_KEPT,
    ) -> None:
        self.library = ScenarioLibrary() if library is None else library
        self.profile = profile
        """Which fields a rental has in worlds made later, whatever their scenario says."""
        self.keep = keep
        """The number of ended rentals that worlds made later keep in memory."""
        self.by_name: dict[str, World] = {}
        self._expired: dict[str, str] = {}
        """The reasons for which worlds are gone that nobody deleted, by name, the oldest first."""
        self._requests_kept = requests_kept
        self.keyring = Keyring()
        self._numbers = count(1)
        self._taken_in = count(1)

    def add(self, world: World, tokens: Mapping[str, str] | None = None) -> None:
        """Take a world in, with the tokens of its scenario or with those given by account; an account without one gets
        one minted. Raises WorldExists or AccountExists, and then nothing has changed."""
        if world.name in self.by_name:
            raise WorldExists(f'the world "{world.name}" is there already', param="name")
        self._take_in(world, self._opening_tokens(world.scenario, tokens))

    def open(
        self,
        path: Path,
        scenario: Scenario,
        *,
        seed: int | None = None,
        clock: ClockSettings | None = None,
        options: FileOptions = DEFAULT_OPTIONS,
    ) -> World:
        """Take in the world `default` from its state file, or as a new one that begins the file. Raises StateUnusable,
        and then nothing has changed."""
        seed = scenario.seed if seed is None else seed
        make = partial(World, DEFAULT_WORLD, scenario, seed=seed, clock=clock, profile=self.profile, keep=self.keep)
        if is_there(path):
            saved = StateFile.open(path, scenario, seed, options)
            with _released(saved.state_file):
                world = make(saved=saved)
                self._take_in(world, saved.tokens)
        else:
            # In this order the run is built once: a file has its name only once it is complete, with a run and tokens.
            world, tokens = make(), self._opening_tokens(scenario)
            state_file = StateFile.create(path, world.run, world.pacer.settings, tokens, options)
            with _released(state_file):
                world.keep_in(state_file)
                self._take_in(world, tokens)
        return world

    def _opening_tokens(self, scenario: Scenario, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """The tokens of the scenario's accounts, given or its own or fresh. Raises AccountExists."""
        tokens = given
        if tokens is None:
            tokens = {account.name: account.token for account in scenario.accounts if account.token is not None}
        first: dict[str, str] = {}
        for account, token in tokens.items():
            param = "token" if given is None else f"tokens.{account}"
            self.keyring.free_token(token, param=param)
            if first.setdefault(token, account) != account:
                raise AccountExists(f'the token is that of "{first[token]}" as well', param=param)
        return {spec.name: self.keyring.free_token(tokens.get(spec.name)) for spec in scenario.accounts}

    def _take_in(self, world: World, tokens: Mapping[str, str]) -> None:
        assert world.name not in self.by_name, world.name
        self.by_name[world.name] = world
        world.number = next(self._taken_in)
        self._expired.pop(world.name, None)
        world.requests = RequestLog(self._requests_kept)
        self.keyring.replace(world, tokens)

    def find(self, name: str) -> World:
        """The world of that name. Raises WorldNotFound with the nearest, or with why it is gone."""
        world = self.by_name.get(name)
        if world is None:
            hint = self._expired.get(name) or did_you_mean(name, self.by_name)
            raise WorldNotFound(f'no world "{name}"{hint}', param="world")
        return world

    def free_name(self) -> str:
        """A name for a new world that none has now, nor had when it was made up before."""
        return next(name for number in self._numbers if (name := f"world-{number}") not in self.by_name)

    async def drop(self, world: World) -> None:
        """Delete a world with all that is kept of it; its name and tokens are free at once. Raises DefaultWorldKept."""
        if world.name == DEFAULT_WORLD:
            raise DefaultWorldKept('the world "default" cannot be deleted; reset it instead')
        del self.by_name[world.name]
        self.keyring.drop(world)
        await world.drop()

    async def drop_expired(self) -> None:
        """Delete the worlds for which no call came for as long as they were to live without one."""
        for world in tuple(self.by_name.values()):
            # Asked for each in its turn: while another one was deleted, a call for it may have come.
            life = world.time_to_live
            if life is None or not life.is_over or self.by_name.get(world.name) is not world:
                continue
            self._expired[world.name] = f": it was deleted as no call came for {format_duration(life.ms)} (its ttl)"
            if len(self._expired) > EXPIRED_KEPT:
                del self._expired[next(iter(self._expired))]
            await self.drop(world)

    def stop(self) -> None:
        """Stop what runs in all worlds: the server is about to end."""
        for world in self.by_name.values():
            world.stop()

    def close(self) -> None:
        """Save and close all worlds: the server has ended."""
        for world in self.by_name.values():
            world.close()

    async def reset(self, world: World) -> None:
        """Reset a world: accounts that came after the start are gone, and their tokens with them. Raises
        WorldNotFound or StateUnavailable."""
        self.keyring.replace(world, await reset_and_restore.reset(world, partial(self._tokens_for, world)))

    async def restore(self, world: World, document: bytes) -> None:
        """Let a world become that of a snapshot. Its accounts keep their tokens, and new ones get one. Raises
        SnapshotInvalid, WorldNotFound or StateUnavailable."""
        self.keyring.replace(world, await reset_and_restore.restore(world, document, partial(self._tokens_for, world)))

    def _tokens_for(self, world: World, accounts: Iterable[str]) -> dict[str, str]:
        # Only the world `default` has the tokens that its scenario names: another may be one of many from one scenario.
        opening = {spec.name: spec.token for spec in world.scenario.accounts if world.name == DEFAULT_WORLD}
        return self.keyring.chosen(world, accounts, opening)


@contextmanager
def _released(state_file: StateFile) -> Iterator[None]:
    """Close the file where the start is broken off, by whatever that may be."""
    try:
        yield
    except BaseException:
        state_file.release()
        raise
