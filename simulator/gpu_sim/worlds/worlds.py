"""All worlds of a server, and how a token finds its own."""

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count
from pathlib import Path

from msgspec import Struct

from ..core.kernel.errors import AccountExists, Refusal
from ..core.kernel.names import did_you_mean
from ..core.simulation import Simulation
from ..scenario_files.library import ScenarioLibrary
from .request_log import REQUESTS_KEPT, RequestLog
from .retention import KEEP_DEFAULT
from .sqlite_store import SqliteStore, StateUnusable, Sync, explained
from .state_file import StateFile
from .world import Profile, World, WorldNotFound

DEFAULT_WORLD = "default"
ORPHANS_KEPT = 10_000
"""How many tokens of deleted worlds are remembered, the latest."""


class WorldExists(Refusal):
    """A world of that name is already there. Choose another name, or leave it out to have one made up."""

    code = "world_exists"


class DefaultWorldKept(Refusal):
    """The world `default` cannot be deleted. Reset it instead."""

    code = "default_world_kept"


class Place(Struct, frozen=True):
    """Where a token leads: a world and an account in it."""

    world: World
    account: str


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
        """How many ended rentals worlds hold that are made later."""
        self.by_name: dict[str, World] = {}
        self._requests_kept = requests_kept
        self.by_header: dict[bytes, Place] = {}
        """Places by the plain form of the Authorization header, for the requests that come most often."""
        self._places: dict[str, Place] = {}
        self._orphans: dict[str, None] = {}
        self._numbers = count(1)
        self.on_token: list[Callable[[str], None]] = []
        """Who is told of each token as it comes, or comes again."""

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
            self.free_token(token, param=param)
            if first.setdefault(token, account) != account:
                raise AccountExists(f'the token is that of "{first[token]}" as well', param=param)
        self.by_name[world.name] = world
        world.requests = RequestLog(self._requests_kept)
        for spec in world.scenario.accounts:
            self.open_account(world, spec.name, self.free_token(tokens.get(spec.name)))

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
        self._orphan(world.tokens)
        self._readmit(world, {})
        await world.drop()

    def place(self, token: str) -> Place | None:
        """Where a token leads, or None."""
        return self._places.get(token)

    @property
    def tokens(self) -> Collection[str]:
        """All tokens that lead somewhere."""
        return self._places.keys()

    def open_account(self, world: World, account: str, token: str) -> None:
        """Give an account its token, which is free."""
        assert token not in self._places, token
        self._orphans.pop(token, None)
        self._places[token] = self.by_header[f"Bearer {token}".encode()] = Place(world, account)
        world.tokens[token] = account
        for notify in self.on_token:
            notify(token)

    def free_token(self, token: str | None, *, param: str = "token") -> str:
        """The token, which nobody has, or a fresh one. Raises AccountExists for a taken one."""
        if token is None:
            return f"si_{secrets.token_hex(16)}"
        if token in self._places:
            raise AccountExists("the token is taken", param=param)
        return token

    def is_free(self, token: str) -> bool:
        """Whether nobody has the token."""
        return token not in self._places

    def is_orphan(self, token: str) -> bool:
        """Whether the token is one of the latest that went with their world, and leads nowhere since."""
        return token in self._orphans

    def _orphan(self, tokens: Iterable[str]) -> None:
        self._orphans.update(dict.fromkeys(tokens))
        while len(self._orphans) > ORPHANS_KEPT:
            del self._orphans[next(iter(self._orphans))]

    def keep_in_file(self, world: World, path: Path, sync: Sync) -> None:
        """Keep a world in a state file, and go on with the run in it if there is one. Raises StateUnusable."""
        state_file = StateFile(SqliteStore.open(path, lambda store: world.begin_in(StateFile(store)), sync=sync))
        try:
            with explained(path):
                world.keep_in(state_file)
                tokens = state_file.tokens()
        except StateUnusable:
            state_file.close()
            raise
        self._readmit(world, tokens)

    def stop(self) -> None:
        """The server is about to end."""
        for world in self.by_name.values():
            world.stop()

    def close(self) -> None:
        """The server has ended."""
        for world in self.by_name.values():
            world.close()

    async def reset(self, world: World) -> None:
        """Reset a world: accounts that came after the start are gone, and their tokens with them. Raises
        WorldNotFound or StateUnavailable."""
        tokens = _Tokens(self, world)
        await world.reset(tokens)
        self._readmit(world, tokens.chosen)

    async def restore(self, world: World, document: bytes) -> None:
        """Let a world become that of a snapshot. Its accounts keep their tokens, and new ones get one. Raises
        SnapshotInvalid, WorldNotFound or StateUnavailable."""
        tokens = _Tokens(self, world)
        await world.restore(document, tokens)
        self._readmit(world, tokens.chosen)

    def _readmit(self, world: World, tokens: Mapping[str, str]) -> None:
        for token in world.tokens:
            del self._places[token]
            del self.by_header[f"Bearer {token}".encode()]
        world.tokens.clear()
        for token, account in tokens.items():
            self.open_account(world, account, token)


class _Tokens:
    """Chooses the tokens of a world that begins anew, when it does: those that its accounts have, or fresh ones."""

    def __init__(self, worlds: Worlds, world: World) -> None:
        self._worlds = worlds
        self._world = world
        self.chosen: dict[str, str] = {}

    def __call__(self, simulation: Simulation) -> dict[str, str]:
        world, worlds = self._world, self._worlds
        known = {account: token for token, account in world.tokens.items()}
        opening = {spec.name: spec.token for spec in world.scenario.accounts if world.name == DEFAULT_WORLD}
        self.chosen = {}
        for name in simulation.accounts:
            # Where it has none now: the one it had in an earlier life of the world, unless somebody has that by now.
            had = (world.former_tokens.get(name), opening.get(name))
            token = known.get(name) or next((t for t in had if t is not None and worlds.is_free(t)), None)
            self.chosen[token or worlds.free_token(None)] = name
        world.former_tokens.update(known)
        return self.chosen
