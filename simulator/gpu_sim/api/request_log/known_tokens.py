"""Finding tokens in a text: those that lead somewhere on this server, and those that did."""

import re
from collections.abc import Callable, Iterator, Mapping

from ...worlds.tokens import Keyring

_rest = re.compile(r"[A-Za-z0-9_-]*").match


class KnownTokens:
    """Finds every token of every world, and the latest of those that were taken from an account or went with their
    world: what was logged while they led somewhere still has them."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._lengths: Mapping[str, tuple[int, ...]] = {}
        self._firsts = _any_of("")

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """The spans of tokens in a text, in order, extended over adjacent token characters, and so may overlap."""
        keyring = self._keyring
        if keyring.lengths is not self._lengths:  # seldom: compiling takes longer than searching
            self._lengths = keyring.lengths
            self._firsts = _any_of("".join(self._lengths))
        end = 0
        for first in self._firsts(text):
            start = first.start()
            for length in self._lengths[first[0]]:
                if end < start + length <= len(text) and keyring.knows(text[start : start + length]):
                    rest = _rest(text, start + length)
                    assert rest is not None
                    end = rest.end()
                    yield start, end
                    break


def _any_of(characters: str) -> Callable[[str], Iterator[re.Match[str]]]:
    """Finds every place of these characters."""
    return re.compile(f"[{re.escape(characters)}]" if characters else r"(?!)").finditer
