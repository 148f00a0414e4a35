"""Redaction of the request log: tokens, wherever a client put them, and SSH keys are never shown."""

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
    """Redacts all tokens that the server knows or knew, whatever looks like one (`si_…`), and OpenSSH keys."""

    def __init__(self, worlds: Worlds) -> None:
        self._tokens = KnownTokens(worlds.keyring)

    def text(self, text: str) -> str:
        """Redact a text."""
        spans = [*self._tokens.spans(text), *(found.span() for found in _looks_secret(text))]
        if not spans:
            return text
        shown, shown_to = "", 0
        # Spans may overlap, as one token may be part of another: each is cut from where the last one ended.
        for start, end in sorted(spans):
            if start >= shown_to:
                shown += text[shown_to:start] + REDACTED
            shown_to = max(shown_to, end)
        return shown + text[shown_to:]

    def url(self, text: str) -> str:
        """Redact a part of a URL, also where percent escapes hide a secret; it is then unescaped."""
        shown = self.text(text)
        if "%" in shown:
            plain = unquote(shown)
            redacted = self.text(plain)
            if redacted != plain:
                return redacted
        return shown

    def cut(self, text: str, length: int) -> str:
        """Cut a part of a URL to `length` characters. A longer one is redacted first: half a token goes unnoticed."""
        return text if len(text) <= length else self.url(text)[:length]

    def json(self, value: Any) -> Any:
        """Redact decoded JSON; any value named `ssh_key` counts as a secret."""
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
