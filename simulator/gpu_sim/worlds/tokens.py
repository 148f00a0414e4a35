"""All tokens of a server: where each leads, whose it is, and the latest of those that lead nowhere any more."""

import secrets
from collections.abc import Collection, Iterable, Mapping
from itertools import chain

from msgspec import Struct

from ..core.kernel.errors import AccountExists
from .world import World

FORMER_KEPT = 10_000
"""The latest tokens that lead nowhere any more are remembered, up to so many, and for a while up to twice as many: a
request log may still show them, and so few are not worth going through all tokens for each that goes."""

ORPHANS_KEPT = 10_000
"""The latest tokens of deleted worlds are remembered as such, up to so many."""


class Place(Struct, frozen=True):
    """One account of one world: a token leads there."""

    world: World
    account: str


class _WorldTokens:
    """The tokens of one world by account: those of now, and those that accounts had before it last began anew."""

    __slots__ = ("before", "now")

    def __init__(self) -> None:
        self.now: dict[str, str] = {}
        self.before: dict[str, str] = {}


class Keyring:
    """The one owner of tokens. A token leads to one account of one world of the server, or nowhere."""

    def __init__(self) -> None:
        self.by_header: dict[bytes, Place] = {}
        """Places by the plain form of the Authorization header, for the requests that come most often."""
        self._places: dict[str, Place] = {}
        self._of_world: dict[World, _WorldTokens] = {}
        self._former: dict[str, None] = {}
        self._orphans: dict[str, None] = {}
        self.lengths: Mapping[str, tuple[int, ...]] = {}
        """The lengths of all known tokens by their first character, longest first. Another object once it changes."""

    # Reading

    def place(self, token: str) -> Place | None:
        """The place that a token leads to, or None."""
        return self._places.get(token)

    @property
    def tokens(self) -> Collection[str]:
        """All tokens that lead somewhere."""
        return self._places.keys()

    def tokens_of(self, world: World) -> Mapping[str, str]:
        """The tokens of a world by account, in the order in which the accounts came."""
        known = self._of_world.get(world)
        return {} if known is None else known.now

    def is_free(self, token: str) -> bool:
        """True where nobody has the token."""
        return token not in self._places

    def knows(self, token: str) -> bool:
        """True where the token leads somewhere, or is one of the latest that did."""
        return token in self._places or token in self._former

    def is_orphan(self, token: str) -> bool:
        """True for a token of a recently deleted world that no account has got since."""
        return token in self._orphans

    def free_token(self, token: str | None, *, param: str = "token") -> str:
        """The token, which nobody has, or a fresh one. Raises AccountExists for a taken one."""
        if token is None:
            return f"si_{secrets.token_hex(16)}"
        if token in self._places:
            raise AccountExists("the token is taken", param=param)
        return token

    def chosen(self, world: World, accounts: Iterable[str], opening: Mapping[str, str | None]) -> dict[str, str]:
        """The tokens of a world that begins anew, for these accounts. Each keeps the one it has; one without gets back
        what it had before or at the opening, unless somebody has that by now, or a fresh one. Changes nothing."""
        known = self._of_world.get(world) or _WorldTokens()
        tokens: dict[str, str] = {}
        given: set[str] = set()  # one account may have had before what another has at the opening
        for name in accounts:
            earlier = (known.before.get(name), opening.get(name))
            free = (each for each in earlier if each is not None and self.is_free(each) and each not in given)
            token = known.now.get(name) or next(free, None) or self.free_token(None)
            tokens[name] = token
            given.add(token)
        return tokens

    # Changing

    def open_account(self, world: World, account: str, token: str) -> None:
        """Give an account its token, which is free."""
        assert token not in self._places, token
        self._orphans.pop(token, None)
        self._former.pop(token, None)
        self._places[token] = self.by_header[_header(token)] = Place(world, account)
        self._of_world.setdefault(world, _WorldTokens()).now[account] = token
        known_lengths = self.lengths.get(token[0], ())
        if len(token) not in known_lengths:
            self.lengths = {**self.lengths, token[0]: _longest_first((*known_lengths, len(token)))}

    def replace(self, world: World, tokens: Mapping[str, str]) -> None:
        """Give the world's accounts these tokens in place of all that they had."""
        known = self._of_world.setdefault(world, _WorldTokens())
        for token in known.now.values():
            del self._places[token]
            del self.by_header[_header(token)]
            self._former[token] = None
        # A token that went from one account to another is the later one's.
        gone = set(known.now.values())
        known.before = {account: token for account, token in known.before.items() if token not in gone} | known.now
        known.now = {}
        for account, token in tokens.items():
            self.open_account(world, account, token)
        if len(self._former) > 2 * FORMER_KEPT:
            self._forget_oldest()

    def drop(self, world: World) -> None:
        """Free the tokens of a deleted world, and remember that they went with it."""
        self._orphans.update(dict.fromkeys(self.tokens_of(world).values()))
        while len(self._orphans) > ORPHANS_KEPT:
            del self._orphans[next(iter(self._orphans))]
        self.replace(world, {})
        del self._of_world[world]  # with it goes the last thing here that keeps the world's memory

    def _forget_oldest(self) -> None:
        """Keep the latest former tokens. Rare, as it goes through all tokens to find which lengths are left."""
        self._former = dict.fromkeys([*self._former][-FORMER_KEPT:])
        lengths: dict[str, set[int]] = {}
        for token in chain(self._places, self._former):
            lengths.setdefault(token[0], set()).add(len(token))
        self.lengths = {first: _longest_first(found) for first, found in lengths.items()}


def _header(token: str) -> bytes:
    return f"Bearer {token}".encode()


def _longest_first(lengths: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(lengths, reverse=True))
