"""Strict parsing of JSON bodies: unique keys, finite numbers, bounded depth."""

import json
from collections import Counter
from typing import Any, NoReturn

from .problems import InvalidBody, InvalidJson

NESTING_MAX = 64
"""Levels of nesting in a body: far above what any field has, and far below what recursive code stands."""


def parse_json(body: bytes) -> dict[str, Any]:
    """Decode a strict JSON object: UTF-8, no key twice, no NaN, no number beyond a float, no lone surrogate.

    Raises InvalidJson or InvalidBody.
    """
    try:
        text = body.decode()
        decoded = _decode(text)
        if "\\u" in text:  # a lone surrogate can only come from an escape: bytes that decode as UTF-8 have none
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
        # Counted at once: an object may have some hundred thousand keys, and the two that are alike at its end.
        times = Counter(name for name, _ in pairs)
        twice = next(name for name in times if times[name] > 1)
        raise ValueError(f"the key {json.dumps(twice[:64])} stands there twice")
    return decoded


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _whole(text: str) -> int:
    """Decode an integer, of more than a thousand digits only the first thousand: no field accepts either number.

    Python refuses above 4,300 digits, and takes quadratic time up to there.
    """
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


_decode = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole
).decode
