"""Effects of faults: what happens to the command of a request, and what the client gets for it. Records only."""

import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import Struct

from ..kernel.quantities import NO_RETRY_AFTER, Duration, RetryAfter, Share
from ..kernel.randomness import PPM
from .distributions import Distribution

Form = Literal["api", "problem", "text", "html", "empty"]
"""Forms of an injected answer's body: the API's error envelope, problem details (RFC 9457), a line of plain text, a
gateway's page in HTML, nothing."""

BODY_BYTES_MAX = 64 << 10
HEADERS_MAX = 32
HEADER_VALUE_MAX = 1024
WHITESPACE_MAX = 64 << 10

WITHOUT_BODY = (204, 205, 304)
"""Statuses whose answers have no body (RFC 9110)."""

WITH_RETRY_AFTER = (429, 503)
"""Statuses that have a Retry-After unless the effect says otherwise."""

HeaderValue = str | int | tuple[str, ...] | None
"""The value of a header, several for as many lines of it, or null for none."""

_OWNED = {
    "date": "the server writes it",
    "transfer-encoding": 'the server frames the body; "content-length": null lets it send chunks',
    "upgrade": "it would change the protocol",
    "x-request-id": "it says which request this was",
    "x-sim-fault": "it says which rules acted",
    "x-sim-now": "it says the virtual time",
}
_is_header_name = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}").fullmatch
_is_header_value = re.compile(r"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?|").fullmatch
_VALUES_ALLOWED = f"""must be at most {HEADER_VALUE_MAX} characters of Latin-1 without line ends and other control \
characters, and without blanks around it"""
_RESTRICTED: dict[str, tuple[Callable[[str], object], str]] = {
    "content-length": (re.compile(r"[0-9]{1,9}").fullmatch, "one number of at most 9 digits, or null for none"),
    "connection": (re.compile(r"(?i)close|keep-alive").fullmatch, "close or keep-alive, or null for none"),
}


class Drip(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An answer in pieces of so many bytes, with a pause after each."""

    bytes: int
    """The bytes of a piece, 1 or more."""
    every: Duration
    """The pause after a piece, in wall time."""

    def __post_init__(self) -> None:
        if self.bytes < 1:
            raise ValueError("bytes must be at least 1")
        if self.every < 1:
            raise ValueError("every must be above 0s")


class RateLimit(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A token bucket in virtual time: `limit` requests at once, refilled evenly by `limit` in `per`.

    There is one for each account, or for each rental where the rule counts `per: rental`, or a single one that all
    accounts of the world have `shared`.
    """

    limit: int
    """The requests that may come at once, 1 to 1000000000."""
    per: Duration
    """The virtual time in which as many may come again."""
    shared: bool = False
    """True for one bucket that all accounts of the world share."""

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= 1_000_000_000:
            raise ValueError("limit must be between 1 and 1000000000")
        if self.per < 1:
            raise ValueError("per must be above 0s")


class FaultEffect(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The fault that a request meets: a delay, what becomes of its command, what becomes of its answer, or all three.

    The answer is the command's own, or with `respond` or `rate_limit` another; `hang`, `reset` and `lose_response`
    withhold it, and the other kinds spoil it.
    """

    respond: int | None = None
    """The status, 200 to 599, of an answer in place of the command's; below 400 it has no body unless one is given."""
    retry_after: RetryAfter | None = None
    """The Retry-After of that answer: 1s unless given for 429 and 503, true for a rate limit; `none` leaves it out."""
    retry_after_as: Literal["seconds", "date", "epoch", "negative"] | None = None
    """The form of the Retry-After, `seconds` unless given; `date`, `epoch` (seconds since 1970) and `negative` are
    forms that clients meet too."""
    delay: Distribution | None = None
    """The delay; those of all rules that act add up, to a minute of wall time at the most."""
    clock: Literal["wall", "virtual"] | None = None
    """The clock of the delay, `wall` unless given; a virtual one moves a manual clock."""
    hang: Duration | None = None
    """Silence for so long, a minute at the most, and then the connection is closed."""
    reset: bool = False
    """True for a TCP reset in place of the answer."""
    truncate: Share | None = None
    """The share of the body that is sent before the connection is closed, or hangs, or is reset."""
    malformed: bool = False
    """True for a body whose last byte is a comma."""
    drip: Drip | None = None
    """Sends the body in pieces."""
    rate_limit: RateLimit | None = None
    """Acts on the requests above this rate alone: they get 429, or what `respond` says."""
    lose_response: bool = False
    """True for a command that happens and a connection that is reset, or `respond` in place of its answer."""
    duplicate: bool = False
    """True for a command that arrives twice; the client gets the first answer."""
    after: bool | None = None
    """True if the command happens before its answer is withheld or replaced, false unless given; an answer that is
    only spoiled is that of a command that happens."""
    delay_of: Literal["request", "answer"] | None = None
    """The part that the delay holds up: the `request` before its command, unless given, or the `answer`."""
    form: Form | None = None
    """The body in place of the API's error (`api`): `problem` (RFC 9457), `text`, `html` as of a gateway, `empty`."""
    body: str | dict[str, Any] | list[Any] | None = None  # any JSON: it is sent as it is and never looked into
    """The body itself, as text or JSON, at most 64 KB."""
    headers: dict[str, HeaderValue] | None = None
    """Headers that replace those of the answer: a list sends one several times, null leaves it out."""
    whitespace: int | None = None
    """Bytes of whitespace before the body, as proxies send to keep a connection alive; 1 to 65536."""
    gzip: bool = False
    """True for a compressed body, which `content-encoding` says."""

    KINDS: ClassVar[tuple[str, ...]] = (
        "respond",
        "hang",
        "reset",
        "truncate",
        "malformed",
        "drip",
        "rate_limit",
        "lose_response",
        "duplicate",
        "whitespace",
        "gzip",
        "headers",
    )

    def __post_init__(self) -> None:
        for problem in (*self._wrong_values(), *self._wrong_combinations(), *_header_problems(self.headers or {})):
            raise ValueError(problem)

    @property
    def kind(self) -> str:
        """The first of the kinds that it is, or `delay` where it is nothing else."""
        return (*self._given(self.KINDS), "delay")[0]

    @property
    def delays_alone(self) -> bool:
        """True where it is a delay and nothing else."""
        return self.kind == "delay"

    @property
    def replaces_answer(self) -> bool:
        """True where another answer takes the place of the command's own."""
        return self.respond is not None or self.rate_limit is not None

    @property
    def withholds_answer(self) -> bool:
        """True where nothing of an answer is sent."""
        ends = self.hang is not None or self.reset or (self.lose_response and self.respond is None)
        return ends and self.truncate is None

    @property
    def happens(self) -> bool:
        """True where the command happens."""
        if self.after is not None:
            return self.after
        own = not self.replaces_answer and not self.withholds_answer
        return own or self.lose_response or self.duplicate

    @property
    def has_empty_body(self) -> bool:
        """True where the answer that takes the place of the command's has no body."""
        if self.respond in WITHOUT_BODY or self.form == "empty" or self.body == "":
            return True
        return self.respond is not None and self.respond < 400 and self.form is None and self.body is None

    def _given(self, names: tuple[str, ...]) -> list[str]:
        values = ((name, getattr(self, name)) for name in names)
        return [name for name, value in values if value is not None and value is not False]

    def _wrong_values(self) -> Iterator[str]:
        if not self._given(self.KINDS) and self.delay is None:
            yield f"give one of {', '.join(self.KINDS)} or delay"
        if self.respond is not None and not 200 <= self.respond <= 599:
            yield "respond must be a status from 200 to 599"
        if self.hang == 0:
            yield "hang must be above 0s"
        if self.truncate == PPM:
            yield "truncate must be below 100%: the share of the body that is sent"
        if self.whitespace is not None and not 1 <= self.whitespace <= WHITESPACE_MAX:
            yield f"whitespace must be from 1 to {WHITESPACE_MAX} bytes"
        if self.headers == {}:
            yield "headers must have a header"
        if self.body is not None:
            yield from _body_problems(self.body)

    def _wrong_combinations(self) -> Iterator[str]:
        yield from self._wrong_endings()
        yield from self._wrong_answers()
        if self.delay is None:
            yield from (f"{name} goes with delay" for name in self._given(("clock", "delay_of")))
        if self.delays_alone and self.after is not None:
            yield "after goes with another effect than a delay; to delay what comes after the command: delay_of: answer"
        elif self.after is False:
            for name in self._given(("lose_response", "duplicate")):
                yield f"after: false does not go with {name}: there the command happens"
            if not self.replaces_answer and not self.withholds_answer:
                yield f"after: false does not go with {self.kind}: the answer is the command's own, so that it happens"

    def _wrong_endings(self) -> Iterator[str]:
        """No two ends of one connection, and nothing about an answer of which none is sent."""
        endings = self._given(("hang", "reset", "lose_response"))
        if len(endings) > 1:
            yield f"give one of {' and '.join(endings)}; for a command that happens before, say after: true"
        if self.lose_response and self.truncate is not None and self.respond is None:
            yield "truncate does not go with lose_response: nothing is sent; for a part of it, say reset"
        if self.withholds_answer:
            of_answers = ("respond", "form", "body", "headers", "malformed", "drip", "whitespace", "gzip")
            for name in self._given(of_answers):
                yield f"{name} does not go with {endings[0]}: no answer is sent, unless truncate says how much of one"

    def _wrong_answers(self) -> Iterator[str]:
        if not self.replaces_answer:
            yield from (f"{name} goes with respond or rate_limit" for name in self._given(("form", "body")))
        elif self.body is not None and self.form is not None:
            yield "give one of form and body"
        elif self.respond in WITHOUT_BODY and (self.body is not None or self.form not in (None, "empty")):
            yield f"{self._given(('form', 'body'))[0]} does not go with respond {self.respond}: it has no body"
        elif self.has_empty_body:
            for name in self._given(("truncate", "malformed", "drip", "whitespace", "gzip")):
                yield f"{name} does not go with an answer that has no body"
        if self.retry_after is not None or self.retry_after_as is not None:
            yield from self._wrong_retry_after()

    def _wrong_retry_after(self) -> Iterator[str]:
        has_one = self.rate_limit is not None or self.respond in WITH_RETRY_AFTER
        if not self.replaces_answer or self.withholds_answer:
            yield "retry_after goes with respond or with rate_limit, and with an answer that is sent"
        elif self.retry_after == NO_RETRY_AFTER and self.retry_after_as is not None:
            yield "retry_after_as does not go with retry_after: none"
        elif self.retry_after in (None, NO_RETRY_AFTER) and not has_one:
            yield f"without a retry_after, respond {self.respond} has none: leave the rest out, or give one such as 2s"
        elif self.retry_after_as == "negative" and self.retry_after == 0:
            yield "retry_after 0s has no negative"


def _body_problems(body: str | dict[str, Any] | list[Any]) -> Iterator[str]:
    try:
        length = len(body.encode() if isinstance(body, str) else msgspec.json.encode(body))
    except (ValueError, TypeError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        yield f"body is neither text nor JSON: {error}"
    else:
        if length > BODY_BYTES_MAX:
            yield f"body must be at most {BODY_BYTES_MAX} bytes"


def _header_problems(headers: dict[str, HeaderValue]) -> Iterator[str]:
    """Why these headers cannot be sent: none may end the head of the answer or be the server's own."""
    names: dict[str, str] = {}
    for name, value in headers.items():
        lower, values = name.lower(), header_values(value)
        if _is_header_name(name) is None:
            yield f'headers: "{name[:64]}" is no name of a header: 1 to 64 letters, digits and !#$%&\'*+.^_`|~-'
        if lower in _OWNED:
            yield f"headers: {lower} is the server's: {_OWNED[lower]}"
        if names.setdefault(lower, name) != name:
            yield f"headers: {name} stands there twice; a list sends a header several times"
        if value == ():
            yield f"headers: {name} has an empty list; null sends no {name}"
        if not all(len(each) <= HEADER_VALUE_MAX and _is_header_value(each) for each in values):
            yield f"headers: {name} {_VALUES_ALLOWED}"
        allowed = _RESTRICTED.get(lower)
        if allowed is not None and (len(values) > 1 or not all(map(allowed[0], values))):
            yield f"headers: {lower} is {allowed[1]}"
    if sum(len(header_values(value)) for value in headers.values()) > HEADERS_MAX:
        yield f"headers: at most {HEADERS_MAX} lines"


def header_values(value: HeaderValue) -> tuple[str, ...]:
    """The values that a header of an effect is sent with, line by line; none for null."""
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (str(value),)
