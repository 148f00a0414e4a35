"""Answers of the API as a renter reads them: of a refusal its status, its code, and its Retry-After."""

from collections.abc import Iterable

import msgspec

from .market_client import Refusal

ANSWER_LOST = Refusal(0, "answer_lost")
"""No whole answer came: the request may have taken effect."""

REFUSED_FROM = 400
"""Answers from this status on are refusals."""

_PLAUSIBLE_SECONDS = 24 * 3600
"""A Retry-After above this is no span of seconds that anybody waits: an instant, written where a span should be."""


class _Error(msgspec.Struct):
    code: str


class _Envelope(msgspec.Struct):
    error: _Error


_decode = msgspec.json.Decoder(_Envelope).decode


def refusal_in(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Refusal:
    """The refusal that an answer with a status of 400 or more tells of; its code is `status_N` where none is named."""
    try:
        code = _decode(body).error.code
    except msgspec.MsgspecError:
        code = f"status_{status}"
    named = dict(headers)
    written = named.get(b"retry-after", b"")
    seconds = int(written) if written.isdigit() and int(written) <= _PLAUSIBLE_SECONDS else None
    return Refusal(
        status,
        code,
        None if seconds is None else seconds * 1000,
        retry_helps=status not in (400, 404, 422) and named.get(b"x-should-retry") != b"false",
    )
