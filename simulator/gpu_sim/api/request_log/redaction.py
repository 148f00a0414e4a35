"""What a request log must not show: tokens, wherever a client put them, and SSH keys."""

import re
from typing import Any
from urllib.parse import unquote

from ...worlds.worlds import Worlds
from ..fields import SSH_KEY_TYPES
from .known_tokens import KnownTokens

REDACTED = "[redacted]"

_looks_secret = re.compile(
    rf"(?<![A-Za-z0-9])si_[A-Za-z0-9_-]*|(?:{'|'.join(map(re.escape, SSH_KEY_TYPES))})[ +]+\S+"
).finditer


class Redactor:
    """Replaces every token that a server knows or knew, all that looks like one (`si_…`), and OpenSSH keys."""

    def __init__(self, worlds: Worlds) -> None:
        self._tokens = KnownTokens(worlds)

    def text(self, text: str) -> str:
        """A text without secrets."""
        spans = [*self._tokens.spans(text), *(found.span() for found in _looks_secret(text))]
        if not spans:
            return text
        shown, shown_to = "", 0
        for start, end in sorted(spans):
            if start >= shown_to:
                shown += text[shown_to:start] + REDACTED
            shown_to = max(shown_to, end)
        return shown + text[shown_to:]

    def url(self, text: str) -> str:
        """Part of a URL; where escapes hide a secret, it is shown without escapes."""
        shown = self.text(text)
        if "%" in shown:
            plain = unquote(shown)
            redacted = self.text(plain)
            if redacted != plain:
                return redacted
        return shown

    def cut(self, text: str, length: int) -> str:
        """The beginning of part of a URL. A long one is redacted first: half a token would be taken for none later."""
        return text if len(text) <= length else self.url(text)[:length]

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
