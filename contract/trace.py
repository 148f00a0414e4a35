"""The requests that led to where the suite is, as lines for a shell."""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BODY_BYTES_MAX = 2_000
"""A longer body is not written out."""

_is_plain = re.compile(rb"[\x20-\x7e]*").fullmatch

Pair = tuple[str, str]


@dataclass(slots=True)
class Sent:
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

    def curl(self, token: str) -> str:
        """A `curl` of the same request against `$URL`; the token given to the suite is `$TOKEN`."""
        words = ["curl", "-sI" if self.method == "HEAD" else "-si"]
        if self.method not in ("GET", "HEAD") and not (self.method == "POST" and self.content is not None):
            words += ["-X", self.method]
        words.append('"$URL"' + _hiding(token, self.path))
        words += [part for name, value in self.headers for part in ("-H", _header(name, value, token))]
        if self.content is not None:
            if not any(name.lower() == "content-type" for name, _ in self.headers):
                words += ["-H", "content-type:"]  # curl would declare a form
            words += ["--data-raw", _quoted(self.content)]
        told = f"  # {self.status}" if self.status is not None else ""
        return " ".join(words) + told


class Trace:
    """What was sent since the test, or the example of a generated one, began."""

    def __init__(self) -> None:
        self._sent: list[Sent] = []
        self._worlds: dict[str, Sent] = {}

    def begin(self) -> None:
        """What was sent before has nothing to do with what comes."""
        self._sent.clear()

    @property
    def sent(self) -> Sequence[Sent]:
        """The requests so far."""
        return tuple(self._sent)

    def resume(self, sent: Sequence[Sent]) -> None:
        """What comes builds on these requests of earlier."""
        self._sent = [*sent]

    def add(self, method: str, path: str, headers: Iterable[Pair], content: bytes | None) -> Sent:
        """A request is about to be sent."""
        sent = Sent(method, path, tuple(headers), content)
        self._sent.append(sent)
        return sent

    def made_worlds(self, tokens: Iterable[str]) -> None:
        """The latest request made a world that these tokens lead to: it belongs before all requests there."""
        self._worlds.update(dict.fromkeys(tokens, self._sent[-1]))

    def curls(self, token: str) -> list[str]:
        """The requests in order, behind those that made their worlds; without worlds in which nothing was done, and of
        the suite's looks behind the API only the last, if all ended with one."""
        acted_on = {id(self._world(request)) for request in self._sent if request.acts}
        acted_on |= {id(self._world(request)) for request in self._sent[-1:]}
        sent = [
            request for request in self._sent[:-1] if not request.only_looks and id(self._world(request)) in acted_on
        ]
        sent += self._sent[-1:]
        made: list[Sent] = []
        for world in map(self._world, sent):
            if world is not None and world not in made and world not in sent:
                made.append(world)
        return [request.curl(token) for request in (*made, *sent)]

    def _world(self, request: Sent) -> Sent | None:
        """The request that made the world of another, if one of the suite did."""
        tokens = (value.removeprefix("Bearer ") for _, value in request.headers)
        return next((self._worlds[token] for token in tokens if token in self._worlds), None)


def _header(name: str, value: str, token: str) -> str:
    if token and value == f"Bearer {token}":
        return f'"{name}: Bearer $TOKEN"'
    return _hiding(token, f"{name}: {value}" if value else f"{name};")


def _hiding(token: str, text: str) -> str:
    """A text as bash reads it, with the token by its name."""
    parts = text.split(token) if token else [text]
    return '"$TOKEN"'.join(shlex.quote(part) if part or len(parts) == 1 else "" for part in parts)


def _quoted(content: bytes) -> str:
    """The body as bash reads it; a long one is only hinted at."""
    if len(content) > BODY_BYTES_MAX:
        return shlex.quote(f"{content[:100]!r}... ({len(content)} bytes in all)")
    if _is_plain(content):
        return shlex.quote(content.decode())
    return f"$'{''.join(map(_byte, content))}'"


def _byte(byte: int) -> str:
    plain = _is_plain(bytes([byte])) is not None and byte not in b"\\'"
    return chr(byte) if plain else f"\\x{byte:02x}"
