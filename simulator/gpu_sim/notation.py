"""The notation of quantities in scenario files and on the control plane: `15m`, `"25.00"`, `5%`, an instant.

Every parser takes a value as YAML or JSON delivers it and raises ValueError with a message that says what is
expected and gives an example. Decimals are read exactly; what is finer than the unit of a quantity is refused.
`encode_quantity` is the inverse of `decode_quantity`: what it writes is read as the same quantity.
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

from .core.kernel.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, epoch_ms, format_instant
from .core.kernel.money import MICROS_PER_DOLLAR, PRICE_MICROS_MAX, format_price, format_usd
from .core.kernel.quantities import (
    DRAWN_BEGIN,
    NO_RETRY_AFTER,
    Availability,
    Bound,
    Duration,
    Factor,
    Instant,
    Money,
    Price,
    RecordingBegin,
    RetryAfter,
    Share,
    Size,
)
from .core.scenario.experiment.expectation import decimal_text
from .core.scenario.provisioning_parts import MEGABYTES_MAX

DURATION_PATTERN = r"(?=\d)(\d{1,12}d)?(\d{1,12}h)?(\d{1,12}m)?(\d{1,12}s)?(\d{1,12}ms)?"
MONEY_PATTERN = r"\d{1,13}(\.\d{1,6})?"
PRICE_PATTERN = r"\d{1,7}(\.\d{1,3})?"
SHARE_PATTERN = r"\d{1,3}(\.\d{1,4})?%"
FACTOR_PATTERN = r"\d{1,7}(\.\d{1,6})?"
BOUND_PATTERN = r"-?\d{1,13}(\.\d{1,6})?|-?\d{1,13}(\.\d{1,4})?%"
SIZE_PATTERN = r"\d{1,5}(\.\d{1,3})?GB"
INSTANT_PATTERN = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"

DURATION_DAYS_MAX = 36_500
MONEY_DOLLARS_MAX = 10**12
PRICE_DOLLARS_MAX = PRICE_MICROS_MAX // MICROS_PER_DOLLAR
FACTOR_MAX = 10**6
BOUND_MAX = 10**12
SIZE_GIGABYTES_MAX = MEGABYTES_MAX // 1_000
_YEARS = range(1970, 9000)

_DIGITS_MAX = 400  # more than a JSON number can have
_MILLION = 1_000_000
_UNITS = (("d", DAY_MS), ("h", HOUR_MS), ("m", MINUTE_MS), ("s", SECOND_MS), ("ms", 1))

_duration = re.compile(DURATION_PATTERN, re.ASCII).fullmatch
_money = re.compile(MONEY_PATTERN, re.ASCII).fullmatch
_price = re.compile(PRICE_PATTERN, re.ASCII).fullmatch
_share = re.compile(SHARE_PATTERN, re.ASCII).fullmatch
_factor = re.compile(FACTOR_PATTERN, re.ASCII).fullmatch
_bound = re.compile(BOUND_PATTERN, re.ASCII).fullmatch
_size = re.compile(SIZE_PATTERN, re.ASCII).fullmatch
_instant = re.compile(INSTANT_PATTERN, re.ASCII).fullmatch

_Value = object
_T = TypeVar("_T")


def parse_duration(value: _Value) -> Duration:
    """A span in whole milliseconds: `15m`, `90s`, `250ms`, `2h`, `1d`, `1h30m`; the larger unit comes first."""
    expected = "a duration such as 90s, 15m, 1h30m or 250ms"
    matched = _duration(value) if isinstance(value, str) else None
    if matched is None:
        _refuse(value, expected)
    parts = zip(matched.groups(), _UNITS, strict=True)
    span_ms = sum(int(part.removesuffix(unit)) * unit_ms for part, (unit, unit_ms) in parts if part is not None)
    if span_ms > DURATION_DAYS_MAX * DAY_MS:
        _refuse(value, f"{expected}, at most {DURATION_DAYS_MAX}d")
    return Duration(span_ms)


def format_duration(span_ms: int) -> str:
    """A span ≥ 0 in milliseconds as `parse_duration` reads it, without units that are zero: 5400000 -> "1h30m"."""
    text = ""
    for unit, unit_ms in _UNITS:
        count, span_ms = divmod(span_ms, unit_ms)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def parse_retry_after(value: _Value) -> RetryAfter:
    """The span of a Retry-After header in milliseconds, from a duration, or `none` for no such header."""
    return NO_RETRY_AFTER if value == "none" else RetryAfter(_duration_or("none", value))


def format_retry_after(span_ms: int) -> str:
    """The inverse of `parse_retry_after`."""
    return "none" if span_ms == NO_RETRY_AFTER else format_duration(span_ms)


def parse_begin(value: _Value) -> RecordingBegin:
    """The place in a recording at which it begins in milliseconds, from a duration, or `drawn` for one by the seed."""
    return DRAWN_BEGIN if value == "drawn" else RecordingBegin(_duration_or("drawn", value))


def format_begin(begin_ms: int) -> str:
    """The inverse of `parse_begin`."""
    return "drawn" if begin_ms == DRAWN_BEGIN else format_duration(begin_ms)


def _duration_or(word: str, value: _Value) -> Duration:
    """A duration where a word could stand as well."""
    try:
        return parse_duration(value)
    except ValueError as error:
        raise ValueError(str(error).replace("expected ", f"expected {word} or ", 1)) from None


def parse_money(value: _Value) -> Money:
    """An amount ≥ 0 in micro-dollars, from dollars as text: `"25.00"`, at most six decimals."""
    expected = 'dollars as text in quotes with at most 6 decimals, such as "25.00"'
    if not isinstance(value, str) or _money(value) is None:
        _refuse(value, expected)
    dollars = Decimal(value)
    if dollars > MONEY_DOLLARS_MAX:
        _refuse(value, f"{expected}, at most {MONEY_DOLLARS_MAX}")
    return Money(int(dollars * _MILLION))


def parse_price(value: _Value) -> Price:
    """A price > 0 per GPU and hour in micro-dollars, from dollars as text: `"0.287"`, at most three decimals (A7)."""
    expected = 'dollars per GPU and hour as text in quotes, above 0, with at most 3 decimals, such as "0.287"'
    if not isinstance(value, str) or _price(value) is None:
        _refuse(value, expected)
    dollars = Decimal(value)
    if not 0 < dollars <= PRICE_DOLLARS_MAX:
        _refuse(value, f"{expected}, at most {PRICE_DOLLARS_MAX}")
    return Price(int(dollars * _MILLION))


def parse_share(value: _Value) -> Share:
    """A share in parts per million, from `5%` or a number between 0 and 1."""
    expected = "a share such as 5% or 0.05, from 0% to 100% in steps of 0.0001%"
    if isinstance(value, str) and _share(value) is not None:
        share: Decimal | None = Decimal(value[:-1]).scaleb(-2)
    else:
        share = _decimal(value)
    if share is None or not 0 <= share <= 1:
        _refuse(value, expected)
    return Share(_parts_per_million(share, value, expected))


def parse_availability(value: _Value) -> Availability:
    """A share above 0 in parts per million, from `81%`, a number between 0 and 1, or `always`."""
    expected = "always or a share above 0% such as 81%"
    if value == "always":
        return Availability(_MILLION)
    try:
        share = parse_share(value)
    except ValueError:
        share = Share(0)
    if share == 0:
        _refuse(value, expected)
    return Availability(share)


def format_share(parts_per_million: int) -> str:
    """A share in parts per million as `parse_share` reads it: 50000 -> "5%", 125 -> "0.0125%"."""
    whole, rest = divmod(parts_per_million, 10_000)
    return f"{whole}.{rest:04}".rstrip("0").rstrip(".") + "%"


def parse_factor(value: _Value) -> Factor:
    """A factor ≥ 0 in parts per million, from a number such as `3` or `1.5`, which may be text."""
    expected = "a factor such as 3 or 1.5 with at most 6 decimals"
    factor = Decimal(value) if isinstance(value, str) and _factor(value) is not None else _decimal(value)
    if factor is None or not 0 <= factor <= FACTOR_MAX:
        _refuse(value, f"{expected}, from 0 to {FACTOR_MAX}")
    return Factor(_parts_per_million(factor, value, expected))


def format_factor(parts_per_million: int) -> int | float:
    """A factor in parts per million as `parse_factor` reads it: 3000000 -> 3, 1500000 -> 1.5."""
    # A float has 15 exact decimal digits, and the largest factor has 7 before and 6 behind the point.
    whole, rest = divmod(parts_per_million, _MILLION)
    return parts_per_million / _MILLION if rest else whole


def parse_bound(value: _Value) -> Bound:
    """A number in millionths, from `0.985`, `98.5%` or, as money is written, `"25.00"`."""
    expected = 'a number such as 0.985, 98.5% or "25.00" with at most 6 decimals'
    if isinstance(value, str):
        if _bound(value) is None:
            _refuse(value, expected)
        number: Decimal | None = Decimal(value.removesuffix("%")).scaleb(-2 if value.endswith("%") else 0)
    else:
        number = _decimal(value)
    if number is None or abs(number) > BOUND_MAX:
        _refuse(value, f"{expected}, from -{BOUND_MAX} to {BOUND_MAX}")
    return Bound(_parts_per_million(number, value, expected))


def parse_size(value: _Value) -> Size:
    """A size ≥ 0 in megabytes, from gigabytes: `9GB`, `1.5GB`, at most three decimals."""
    expected = "a size such as 9GB or 1.5GB with at most 3 decimals"
    if not isinstance(value, str) or _size(value) is None:
        _refuse(value, expected)
    gigabytes = Decimal(value.removesuffix("GB"))
    if gigabytes > SIZE_GIGABYTES_MAX:
        _refuse(value, f"{expected}, at most {SIZE_GIGABYTES_MAX}GB")
    return Size(int(gigabytes * 1_000))


def format_size(megabytes: int) -> str:
    """A size in megabytes as `parse_size` reads it: 1500 -> "1.5GB"."""
    whole, rest = divmod(megabytes, 1_000)
    return f"{whole}.{rest:03}".rstrip("0").rstrip(".") + "GB"


def parse_instant(value: _Value) -> Instant:
    """A point in time in milliseconds since 1970, from RFC 3339 with a zone: `2026-01-01T00:00:00Z`."""
    expected = "an instant with its zone, to the millisecond, such as 2026-01-01T00:00:00Z"
    matched = _instant(value) if isinstance(value, str) else None
    if matched is None or (matched[1] or "")[4:].strip("0"):
        _refuse(value, expected)
    try:
        instant = datetime.fromisoformat(matched[0])
    except ValueError as error:
        raise ValueError(f"expected {expected}: {error}") from None
    if instant.year not in _YEARS:
        _refuse(value, f"{expected}, from {_YEARS.start} to {_YEARS.stop - 1}")
    return Instant(epoch_ms(instant))


_PARSERS: dict[type, Callable[[_Value], int]] = {
    Duration: parse_duration,
    RetryAfter: parse_retry_after,
    RecordingBegin: parse_begin,
    Instant: parse_instant,
    Money: parse_money,
    Price: parse_price,
    Share: parse_share,
    Availability: parse_availability,
    Factor: parse_factor,
    Bound: parse_bound,
    Size: parse_size,
}


def decode_quantity(type_: type[Any], value: Any) -> Any:
    """The `dec_hook` of msgspec for the quantities of the core. Raises ValueError as their parsers do."""
    parser = _PARSERS.get(type_)
    if parser is None:
        raise NotImplementedError(f"{type_.__name__} is no quantity")
    return parser(value)


_FORMATS: dict[type, Callable[[int], str | int | float]] = {
    Duration: format_duration,
    RetryAfter: format_retry_after,
    RecordingBegin: format_begin,
    Instant: format_instant,
    Money: format_usd,
    Price: format_price,
    Share: format_share,
    Availability: format_share,
    Factor: format_factor,
    Bound: decimal_text,
    Size: format_size,
}


def encode_quantity(quantity: object) -> str | int | float:
    """The `enc_hook` of msgspec for the quantities of the core: text, but a factor is a number."""
    write = _FORMATS.get(type(quantity))
    if write is None or not isinstance(quantity, int):
        raise NotImplementedError(f"{type(quantity).__name__} is no quantity")
    return write(quantity)


def is_duration_alone(value: object) -> bool:
    """True for a value that is no mapping where a distribution is expected: it is a duration and stands for
    `{fixed: …}`, so that a wrong one is refused as a duration."""
    return value is not None and not isinstance(value, dict | list)


def fixed_document(duration: _T) -> dict[str, _T]:
    """The distribution that a duration alone stands for, as documents write it out."""
    return {"fixed": duration}


def write_out_distribution(value: object) -> object:
    """A distribution of a document, written out where it is a duration alone."""
    return fixed_document(value) if is_duration_alone(value) else value


def shorten_distribution(document: dict[str, object]) -> object:
    """The inverse of `write_out_distribution`: a fixed distribution as a duration alone."""
    return document.get("fixed", document)


def _decimal(value: _Value) -> Decimal | None:
    """A number as it is written, or None for what is no number of a reasonable size."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite():
        return None
    exponent = exact.as_tuple().exponent
    return exact if isinstance(exponent, int) and exponent >= -_DIGITS_MAX and exact.adjusted() <= _DIGITS_MAX else None


def _parts_per_million(number: Decimal, value: _Value, expected: str) -> int:
    numerator, denominator = number.as_integer_ratio()
    parts, rest = divmod(numerator * _MILLION, denominator)
    if rest:
        _refuse(value, expected)
    return parts


def _refuse(value: _Value, expected: str) -> NoReturn:
    raise ValueError(f"expected {expected}, got {_shown(value)}")


def _shown(value: _Value) -> str:
    """A value as a message repeats it, however long it is."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value[:40]}"'
    if isinstance(value, int):
        return str(Decimal(value))[:40]
    return str(value)[:40] if isinstance(value, float | Decimal) else "what is no scalar"
