"""What a request log must not show: tokens, wherever a client put them, and SSH keys."""

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import unquote

from ..worlds import Worlds
from .wire import SSH_KEY_TYPES

REDACTED = "[redacted]"

_SSH_KEY = rf"(?:{'|'.join(map(re.escape, SSH_KEY_TYPES))})[ +]+\S+"
_SHAPED_LIKE_ONE = r"(?<![A-Za-z0-9])si_"


class Redactor:
    """Replaces every token that a server knows, all that looks like one (`si_…`), and OpenSSH keys."""

    def __init__(self, worlds: Worlds) -> None:
        self._worlds = worlds
        self._tokens: tuple[str, ...] = ()
        self._secret = _pattern(())

    def text(self, text: str) -> str:
        """A text without secrets."""
        tokens = tuple(self._worlds.tokens)
        if tokens != self._tokens:
            self._tokens, self._secret = tokens, _pattern(tokens)
        return self._secret.sub(REDACTED, text)

    def url(self, text: str) -> str:
        """Part of a URL; where escapes hide a secret, it is shown without escapes."""
        shown = self.text(text)
        if "%" in shown:
            plain = unquote(shown)
            redacted = self.text(plain)
            if redacted != plain:
                return redacted
        return shown

    def json(self, value: Any) -> Any:
        """Decoded JSON; whatever stands under the name `ssh_key` is a secret."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(item) for item in value]
        if isinstance(value, dict):
            return {
                self.text(name): REDACTED if name == "ssh_key" and item is not None else self.json(item)
                for name, item in value.items()
            }
        return value


def _pattern(tokens: Collection[str]) -> re.Pattern[str]:
    """Longest first, so that no token is taken for a shorter one that it begins with; what follows goes with it."""
    known = [re.escape(token) for token in sorted(tokens, key=len, reverse=True)]
    return re.compile(rf"(?:{'|'.join((*known, _SHAPED_LIKE_ONE))})[A-Za-z0-9_-]*|{_SSH_KEY}")
