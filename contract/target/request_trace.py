"""The request trace: all requests of the current test or example, to be shown as `curl` lines if it fails."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

BODY_BYTES_MAX = 2_000
"""The size up to which a body is written out."""

_is_plain = re.compile(rb"[\x20-\x7e]*").fullmatch

Pair = tuple[str, str]
Secrets = Mapping[str, str]
"""Secrets of the run, each with the name of the shell variable that is shown in its place."""


@dataclass(slots=True)
class SentRequest:
    """One request, and the status of its answer as soon as there is one."""

    method: str
    path: str
    headers: Sequence[Pair]
    content: bytes | None = None
    status: int | None = None

    @property
    def only_looks(self) -> bool:
        """True for a read of the control plane, which changes nothing."""
        return self.method == "GET" and self.path.startswith("/_sim/")

    @property
    def acts(self) -> bool:
        """True if it may change a world, and is no reset."""
        return self.method not in ("GET", "HEAD") and self.path != "/_sim/reset"

    def curl(self, secrets: Secrets) -> str:
        """The `curl` line that sends the same request to `$URL`, with secrets as shell variables."""
        words = ["curl", "-sI" if self.method == "HEAD" else "-si"]
        if self.method not in ("GET", "HEAD") and not (self.method == "POST" and self.content is not None):
            words += ["-X", self.method]
        words.append('"$URL"' + _hiding(secrets, self.path))
        words += [part for name, value in self.headers for part in ("-H", _header(name, value, secrets))]
        if self.content is not None:
            if not any(name.lower() == "content-type" for name, _ in self.headers):
                words += ["-H", "content-type:"]  # curl would declare a form
            words += ["--data-raw", _quoted(self.content, secrets)]
        told = f"  # {self.status}" if self.status is not None else ""
        return " ".join(words) + told


class RequestTrace:
    """The requests since the current test began, or the current example of a generated test."""

    def __init__(self) -> None:
        self._sent: list[SentRequest] = []
        self._worlds: dict[str, SentRequest] = {}

    def begin(self) -> None:
        """Forget the requests so far: a new test or example begins."""
        self._sent.clear()

    @property
    def sent(self) -> Sequence[SentRequest]:
        """The requests so far."""
        return tuple(self._sent)

    def resume(self, sent: Sequence[SentRequest]) -> None:
        """Begin with these requests of earlier, on which the next ones build."""
        self._sent = [*sent]

    def add(self, method: str, path: str, headers: Iterable[Pair], content: bytes | None) -> SentRequest:
        """Add a request that is about to be sent."""
        sent = SentRequest(method, path, tuple(headers), content)
        self._sent.append(sent)
        return sent

    def made_worlds(self, tokens: Iterable[str]) -> None:
        """Remember the latest request as the one that made the world of these tokens: `curls` begins with it."""
        self._worlds.update(dict.fromkeys(tokens, self._sent[-1]))

    def curls(self, secrets: Secrets) -> list[str]:
        """The requests in order as `curl` lines, after those that made their worlds. Left out are worlds in which
        nothing was changed, and reads of the control plane, except one that came last: it showed the failure."""
        acted_on = {id(self._world(request)) for request in self._sent if request.acts}
        acted_on |= {id(self._world(request)) for request in self._sent[-1:]}
        sent = [
            request for request in self._sent[:-1] if not request.only_looks and id(self._world(request)) in acted_on
        ]
        sent += self._sent[-1:]
        made: list[SentRequest] = []
        for world in map(self._world, sent):
            if world is not None and world not in made and world not in sent:
                made.append(world)
        return [request.curl(secrets) for request in (*made, *sent)]

    def _world(self, request: SentRequest) -> SentRequest | None:
        """The request that made the world which this one went to, if the suite made it."""
        tokens = (value.removeprefix("Bearer ") for _, value in request.headers)
        return next((self._worlds[token] for token in tokens if token in self._worlds), None)


def redacted(text: str, secrets: Secrets) -> str:
    """A text with shell variables in place of the secrets."""
    return "".join(f"${secrets[part]}" if part in secrets else part for part in _parts(text, secrets))


def _header(name: str, value: str, secrets: Secrets) -> str:
    secret = value.removeprefix("Bearer ")
    if secret in secrets:
        return f'"{name}: {value.removesuffix(secret)}${secrets[secret]}"'
    return _hiding(secrets, f"{name}: {value}" if value else f"{name};")


def _hiding(secrets: Secrets, text: str) -> str:
    """A text quoted for bash, with shell variables in place of the secrets."""
    parts = _parts(text, secrets)
    return "".join(f'"${secrets[part]}"' if part in secrets else shlex.quote(part) for part in parts) or "''"


def _parts(text: str, secrets: Secrets) -> list[str]:
    """A text cut into secrets and the pieces between them. The longer of two that overlap counts."""
    if not secrets:
        return [text]
    longest_first = sorted(secrets, key=len, reverse=True)
    return [part for part in re.split(f"({'|'.join(map(re.escape, longest_first))})", text) if part]


def _quoted(content: bytes, secrets: Secrets) -> str:
    """A body quoted for bash; of a long one only its beginning and its size."""
    if len(content) > BODY_BYTES_MAX:
        return shlex.quote(f"{redacted(repr(content[:100]), secrets)}... ({len(content)} bytes in all)")
    if _is_plain(content):
        return _hiding(secrets, content.decode())
    return f"$'{''.join(map(_byte, content))}'"


def _byte(byte: int) -> str:
    plain = _is_plain(bytes([byte])) is not None and byte not in b"\\'"
    return chr(byte) if plain else f"\\x{byte:02x}"
