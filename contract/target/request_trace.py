"""The requests that led to where the suite is, as lines for a shell."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

BODY_BYTES_MAX = 2_000
"""A longer body is not written out."""

_is_plain = re.compile(rb"[\x20-\x7e]*").fullmatch

Pair = tuple[str, str]
Secrets = Mapping[str, str]
"""What must not be told, and the name of the shell variable that stands for it."""


@dataclass(slots=True)
class SentRequest:
    """One request, and the status of its answer once there is one."""

    method: str
    path: str
    headers: Sequence[Pair]
    content: bytes | None = None
    status: int | None = None

    @property
    def only_looks(self) -> bool:
        """Whether it is the suite looking behind the API, which changes nothing."""
        return self.method == "GET" and self.path.startswith("/_sim/")

    @property
    def acts(self) -> bool:
        """Whether it is more than a look or a new start."""
        return self.method not in ("GET", "HEAD") and self.path != "/_sim/reset"

    def curl(self, secrets: Secrets) -> str:
        """A `curl` of the same request against `$URL`; what was given to the suite in secret is told by its name."""
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
    """What was sent since the test, or the example of a generated one, began."""

    def __init__(self) -> None:
        self._sent: list[SentRequest] = []
        self._worlds: dict[str, SentRequest] = {}

    def begin(self) -> None:
        """What was sent before has nothing to do with what comes."""
        self._sent.clear()

    @property
    def sent(self) -> Sequence[SentRequest]:
        """The requests so far."""
        return tuple(self._sent)

    def resume(self, sent: Sequence[SentRequest]) -> None:
        """What comes builds on these requests of earlier."""
        self._sent = [*sent]

    def add(self, method: str, path: str, headers: Iterable[Pair], content: bytes | None) -> SentRequest:
        """A request is about to be sent."""
        sent = SentRequest(method, path, tuple(headers), content)
        self._sent.append(sent)
        return sent

    def made_worlds(self, tokens: Iterable[str]) -> None:
        """The latest request made a world that these tokens lead to: it belongs before all requests there."""
        self._worlds.update(dict.fromkeys(tokens, self._sent[-1]))

    def curls(self, secrets: Secrets) -> list[str]:
        """The requests in order, behind those that made their worlds; without worlds in which nothing was done, and of
        the suite's looks behind the API only the last, if all ended with one."""
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
        """The request that made the world of another, if one of the suite did."""
        tokens = (value.removeprefix("Bearer ") for _, value in request.headers)
        return next((self._worlds[token] for token in tokens if token in self._worlds), None)


def redacted(text: str, secrets: Secrets) -> str:
    """A text without the secrets, for somebody to read."""
    return "".join(f"${secrets[part]}" if part in secrets else part for part in _parts(text, secrets))


def _header(name: str, value: str, secrets: Secrets) -> str:
    secret = value.removeprefix("Bearer ")
    if secret in secrets:
        return f'"{name}: {value.removesuffix(secret)}${secrets[secret]}"'
    return _hiding(secrets, f"{name}: {value}" if value else f"{name};")


def _hiding(secrets: Secrets, text: str) -> str:
    """A text as bash reads it, with each secret by its name."""
    parts = _parts(text, secrets)
    return "".join(f'"${secrets[part]}"' if part in secrets else shlex.quote(part) for part in parts) or "''"


def _parts(text: str, secrets: Secrets) -> list[str]:
    """A text cut into secrets and what is between them; of two that overlap the longer one counts."""
    if not secrets:
        return [text]
    longest_first = sorted(secrets, key=len, reverse=True)
    return [part for part in re.split(f"({'|'.join(map(re.escape, longest_first))})", text) if part]


def _quoted(content: bytes, secrets: Secrets) -> str:
    """The body as bash reads it; a long one is only hinted at."""
    if len(content) > BODY_BYTES_MAX:
        return shlex.quote(f"{redacted(repr(content[:100]), secrets)}... ({len(content)} bytes in all)")
    if _is_plain(content):
        return _hiding(secrets, content.decode())
    return f"$'{''.join(map(_byte, content))}'"


def _byte(byte: int) -> str:
    plain = _is_plain(bytes([byte])) is not None and byte not in b"\\'"
    return chr(byte) if plain else f"\\x{byte:02x}"
