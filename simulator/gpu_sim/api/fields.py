"""Checks of the fields of a body and of the parameters of a query string."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from unicodedata import category
from urllib.parse import unquote_to_bytes

from ..core.kernel.errors import InvalidValue
from ..core.kernel.names import did_you_mean
from .problems import MissingField, UnknownField, UnknownParameter

Check = Callable[[str, Any], Any]
"""Checks a field's decoded JSON value and returns it. Raises InvalidValue with the field's name."""


def check_fields(
    body: dict[str, Any], required: Mapping[str, Check], optional: Mapping[str, Check], *, refuse_unknown: bool
) -> dict[str, Any]:
    """Check and return the fields of a body. Raises UnknownField, MissingField or InvalidValue, in this order."""
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
"""Unicode categories of control, format (zero width), surrogate, private and unassigned characters, and line ends."""


def text(name: str, value: Any) -> str:
    """Check a line of 1 to 256 visible characters: no controls, none of zero width."""
    if not isinstance(value, str):
        raise InvalidValue(f"{name} must be a string", param=name)
    if not 1 <= len(value) <= 256:
        raise InvalidValue(f"{name} must have 1 to 256 characters", param=name)
    # `isprintable` is quick and clears almost all text; it also turns down unusual spaces, which are allowed here.
    if not value.isprintable() and any(category(character) in _INVISIBLE for character in value):
        raise InvalidValue(f"{name} must not have control or invisible characters", param=name)
    return value


def positive_integer(name: str, value: Any) -> int:
    """Check a JSON integer of at least 1; neither true nor 1.0 nor "1" is one."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValue(f"{name} must be an integer", param=name)
    if value < 1:
        raise InvalidValue(f"{name} must be at least 1", param=name)
    return value


def boolean(name: str, value: Any) -> bool:
    """Check that a value is true or false."""
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
    """Check a public key in OpenSSH form, on one line: type, space, key (A18). null counts as absent."""
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


_is_half_escaped = re.compile(rb"%(?![0-9A-Fa-f]{2})").search


def parse_query(raw: bytes, known: Collection[str], *, refuse_unknown: bool) -> dict[str, str]:
    """Decode the parameters of a query string (A14).

    Raises UnknownParameter, or InvalidValue for one that is malformed or repeated.
    """
    parameters: dict[str, str] = {}
    for name, value in query_pairs(raw):
        if name not in known:
            if refuse_unknown:
                raise UnknownParameter(f'no parameter "{name}"{did_you_mean(name, known)}', param=name)
            continue
        if name in parameters:
            raise stands_twice(name)
        parameters[name] = parameter_text(name, value)
    return parameters


def query_pairs(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """The names in a query string, each with its value as it is written, empty where there is none. Raises InvalidValue
    for a name that is malformed."""
    for piece in raw.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            yield _unquote(name, "query"), value


def parameter_text(name: str, value: bytes) -> str:
    """Decode the value of a query parameter. Raises InvalidValue where it is malformed or absent."""
    if not value:
        raise InvalidValue(f"{name} needs a value", param=name)
    return _unquote(value, name)


def stands_twice(name: str) -> InvalidValue:
    """The refusal of a parameter that may stand once, and does not."""
    return InvalidValue(f"{name} stands there twice", param=name)


def _unquote(quoted: bytes, param: str) -> str:
    if _is_half_escaped(quoted) is not None:
        raise InvalidValue(f"{param} has a % that escapes nothing", param=param)
    try:
        return unquote_to_bytes(quoted.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise InvalidValue(f"{param} is no UTF-8", param=param) from None
