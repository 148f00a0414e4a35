"""The tokens that a server knows, and those that it knew: where they stand in a text."""

import re
from collections.abc import Callable, Iterator

from ...worlds.worlds import Worlds

FORMER_KEPT = 10_000
"""How many tokens are remembered that lead nowhere any more, the latest; it may be twice as many for a while."""

_rest = re.compile(r"[A-Za-z0-9_-]*").match


class KnownTokens:
    """Every token of every world, and the latest of those that were taken from an account or went with their world:
    what was logged while they led somewhere still has them."""

    def __init__(self, worlds: Worlds) -> None:
        self._worlds = worlds
        self._tokens: dict[str, None] = {}
        self._lengths: dict[str, list[int]] = {}
        """How long tokens are that begin with a character, longest first."""
        self._firsts = _any_of("")
        for token in worlds.tokens:
            self._take(token)
        worlds.on_token.append(self._came)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where tokens stand in a text, in order; what could be part of one goes with it, so that they may overlap."""
        end = 0
        for first in self._firsts(text):
            start = first.start()
            for length in self._lengths[first[0]]:
                if end < start + length <= len(text) and text[start : start + length] in self._tokens:
                    rest = _rest(text, start + length)
                    assert rest is not None
                    end = rest.end()
                    yield start, end
                    break

    def _came(self, token: str) -> None:
        self._take(token)
        if len(self._tokens) > len(self._worlds.tokens) + 2 * FORMER_KEPT:
            self._forget()

    def _take(self, token: str) -> None:
        self._tokens.pop(token, None)
        self._tokens[token] = None
        lengths = self._lengths.get(token[0])
        if lengths is None:
            lengths = self._lengths[token[0]] = []
            self._firsts = _any_of("".join(self._lengths))
        if len(token) not in lengths:
            lengths.append(len(token))
            lengths.sort(reverse=True)

    def _forget(self) -> None:
        """Keep all that lead somewhere, and the latest of the others."""
        places = self._worlds.tokens
        former = [token for token in self._tokens if token not in places]
        kept = [*former[-FORMER_KEPT:], *(token for token in self._tokens if token in places)]
        self._tokens, self._lengths = {}, {}
        for token in kept:
            self._take(token)


def _any_of(characters: str) -> Callable[[str], Iterator[re.Match[str]]]:
    """Finds every place of these characters."""
    return re.compile(f"[{re.escape(characters)}]" if characters else r"(?!)").finditer
