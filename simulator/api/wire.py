"""Bytes in and out: bodies read within bounds, strict JSON, query strings, and the checks of their fields."""

import asyncio
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import aclosing
from typing import Any, NoReturn
from unicodedata import category
from urllib.parse import unquote_to_bytes

from starlette.types import Receive, Scope, Send

from ..core.errors import InvalidValue
from ..core.names import did_you_mean
from .problems import (
    InvalidBody,
    InvalidJson,
    MissingField,
    PayloadTooLarge,
    UnknownField,
    UnknownParameter,
    UnsupportedMediaType,
)
from .replies import Reply, Stream

DRAINED_BYTES_MAX = 1 << 20
DRAIN_SECONDS_MAX = 2.0
NESTING_MAX = 64


class Disconnected(Exception):  # no error: the client went away, and nobody is left to tell
    """The client went away before its request was complete."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises PayloadTooLarge as soon as it is known to be above `limit` bytes."""
    declared = body_length(scope)
    if declared == 0:
        return b""
    if declared is not None and declared > limit:
        raise _too_large(limit, more_comes=True)
    chunks: list[bytes] = []
    length = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        length += len(chunk)
        if length > limit:
            raise _too_large(limit, more_comes=more)
        chunks.append(chunk)
    return b"".join(chunks)


def body_length(scope: Scope) -> int | None:
    """The declared length of the body, 0 without one, None where only its end will tell."""
    length = 0
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            return None
    return length


def _too_large(limit: int, *, more_comes: bool) -> PayloadTooLarge:
    return PayloadTooLarge(f"the body is above {limit} bytes", more_comes=more_comes)


async def send_stream(send: Send, receive: Receive, stream: Stream, extra: Iterable[tuple[bytes, bytes]]) -> None:
    """Send an answer in parts as they come, until there are no more or the client goes away."""
    await send({"type": "http.response.start", "status": 200, "headers": [*stream.headers, *extra]})
    sending = asyncio.create_task(_send_parts(send, stream))
    leaving = asyncio.create_task(_until_gone(receive))
    try:
        await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        sending.cancel()
        ended = await asyncio.gather(sending, leaving, return_exceptions=True)
    for failure in ended:
        if isinstance(failure, Exception):
            raise failure
    await send({"type": "http.response.body", "body": b""})


async def _send_parts(send: Send, stream: Stream) -> None:
    async with aclosing(stream.parts):
        async for part in stream.parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_and_drain(
    send: Send, receive: Receive, reply: Reply, extra: Iterable[tuple[bytes, bytes]], *, more_comes: bool
) -> None:
    """Answer a request whose body may still be coming: drain a bounded part of it, so that the client gets to see
    the answer, and close the connection."""
    headers = [*reply.headers, *extra, (b"connection", b"close")]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": True})
    drained = 0
    try:
        async with asyncio.timeout(DRAIN_SECONDS_MAX):
            while more_comes and drained < DRAINED_BYTES_MAX:
                message = await receive()
                drained += len(message.get("body", b""))
                more_comes = message.get("more_body", False)
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})


def decode_json(scope: Scope, body: bytes) -> dict[str, Any]:
    """The object in a JSON body. Raises UnsupportedMediaType, InvalidJson or InvalidBody."""
    check_media(scope)
    return parse_json(body)


def check_media(scope: Scope) -> None:
    """Raises UnsupportedMediaType unless the body is declared as JSON, and as it is."""
    for name, value in scope["headers"]:
        if name == b"content-encoding" and value.lower() != b"identity":
            raise UnsupportedMediaType("the body must not be compressed", param="content-encoding")
    if not declares_json(scope):
        raise UnsupportedMediaType("the body must be application/json", param="content-type")


def declares_json(scope: Scope) -> bool:
    """Whether the body is declared as JSON."""
    media = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            media = value
    return media.partition(b";")[0].strip().lower() == b"application/json"


def parse_json(body: bytes) -> dict[str, Any]:
    """Strict JSON: UTF-8, an object, no key twice, no NaN, no number that a float cannot hold, no lone surrogate."""
    try:
        text = body.decode()
        decoded = _decode(text)
        if "\\u" in text:
            json.dumps(decoded, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise InvalidJson(f"the body is no JSON: {error.msg} at character {error.pos}") from None
    except UnicodeDecodeError as error:
        raise InvalidJson(f"the body is no UTF-8 at byte {error.start}") from None
    except UnicodeEncodeError:
        raise InvalidJson("the body has a lone surrogate") from None
    except RecursionError:
        raise InvalidJson("the body is nested too deeply") from None
    except ValueError as error:
        raise InvalidJson(f"the body is no JSON: {error}") from None
    if not isinstance(decoded, dict):
        raise InvalidBody("the body must be a JSON object")
    if not _is_shallow(decoded):
        raise InvalidJson("the body is nested too deeply")
    return decoded


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    decoded = dict(pairs)
    if len(decoded) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {json.dumps(twice)} stands there twice")
    return decoded


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _whole(text: str) -> int:
    """An integer as Python reads it; of one with more digits than that the first thousand, which no field accepts."""
    return int(text[:1000])


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return number


def _is_shallow(decoded: Any) -> bool:
    level = [decoded]
    for _ in range(NESTING_MAX):
        inner = [value for item in level for value in (item.values() if isinstance(item, dict) else item)]
        level = [value for value in inner if isinstance(value, dict | list)]
        if not level:
            return True
    return False


_is_half_escaped = re.compile(rb"%(?![0-9A-Fa-f]{2})").search


def parse_query(raw: bytes, known: Collection[str], *, refuse_unknown: bool) -> dict[str, str]:
    """The parameters of a query string (A14). Raises UnknownParameter, or InvalidValue for one that is malformed or
    repeated."""
    parameters: dict[str, str] = {}
    for piece in raw.split(b"&"):
        if not piece:
            continue
        key, equals, value = piece.partition(b"=")
        name = _unquote(key, "query")
        if name not in known:
            if refuse_unknown:
                raise UnknownParameter(f'no parameter "{name}"{did_you_mean(name, known)}', param=name)
            continue
        if not equals or not value:
            raise InvalidValue(f"{name} needs a value", param=name)
        if name in parameters:
            raise InvalidValue(f"{name} stands there twice", param=name)
        parameters[name] = _unquote(value, name)
    return parameters


def _unquote(quoted: bytes, param: str) -> str:
    if _is_half_escaped(quoted) is not None:
        raise InvalidValue(f"{param} has a % that escapes nothing", param=param)
    try:
        return unquote_to_bytes(quoted.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise InvalidValue(f"{param} is no UTF-8", param=param) from None


_decode = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole
).decode

Check = Callable[[str, Any], Any]
"""Turns a decoded JSON value into what the field holds, or raises InvalidValue with the field's name."""


def check_fields(
    body: dict[str, Any], required: Mapping[str, Check], optional: Mapping[str, Check], *, refuse_unknown: bool
) -> dict[str, Any]:
    """The checked fields of a body. Raises UnknownField, MissingField or InvalidValue, in this order."""
    known = {**required, **optional}
    if refuse_unknown:
        for name in body:
            if name not in known:
                raise UnknownField(f'no field "{name}"{did_you_mean(name, known)}', param=name)
    for name in required:
        if name not in body:
            raise MissingField(f"{name} is required", param=name)
    return {name: check(name, body[name]) for name, check in known.items() if name in body}


_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode categories of controls, formats (zero width among them), surrogates, unassigned characters, line ends."""


def text(name: str, value: Any) -> str:
    """One line of 1 to 256 visible characters: no controls, nothing of zero width."""
    if not isinstance(value, str):
        raise InvalidValue(f"{name} must be a string", param=name)
    if not 1 <= len(value) <= 256:
        raise InvalidValue(f"{name} must have 1 to 256 characters", param=name)
    if not value.isprintable() and any(category(character) in _INVISIBLE for character in value):
        raise InvalidValue(f"{name} must not have control or invisible characters", param=name)
    return value


def positive_integer(name: str, value: Any) -> int:
    """A JSON integer of at least 1; neither true nor 1.0 nor "1" is one."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValue(f"{name} must be an integer", param=name)
    if value < 1:
        raise InvalidValue(f"{name} must be at least 1", param=name)
    return value


def boolean(name: str, value: Any) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise InvalidValue(f"{name} must be true or false", param=name)
    return value


SSH_KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ssh-dss",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)


def ssh_key(name: str, value: Any) -> str | None:
    """One line: an OpenSSH key type, a space, a non-empty key text (A18). null is absent."""
    if value is None:
        return None
    if not isinstance(value, str) or not value.isprintable():
        raise InvalidValue(f"{name} must be one line of text", param=name)
    kind, _, key = value.partition(" ")
    if kind not in SSH_KEY_TYPES:
        hint = did_you_mean(kind[:64], SSH_KEY_TYPES)
        raise InvalidValue(f"{name} must begin with an OpenSSH key type{hint}", param=name)
    if not key.strip():
        raise InvalidValue(f"{name} has no key after its type", param=name)
    return value
