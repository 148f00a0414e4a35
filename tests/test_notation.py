"""Quantities as text: what is read exactly, and what is refused with an example."""

from decimal import Decimal
from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import (
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
from gpu_sim.notation import (
    format_begin,
    format_duration,
    format_retry_after,
    format_share,
    format_size,
    parse_availability,
    parse_begin,
    parse_bound,
    parse_duration,
    parse_factor,
    parse_instant,
    parse_money,
    parse_price,
    parse_retry_after,
    parse_share,
    parse_size,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "span_ms"),
    [
        ("0s", 0),
        ("1ms", 1),
        ("250ms", 250),
        ("90s", 90_000),
        ("15m", 900_000),
        ("2h", 7_200_000),
        ("1d", 86_400_000),
        ("1h30m", 5_400_000),
        ("1m1ms", 60_001),
        ("1d2h3m4s5ms", 93_784_005),
        ("36500d", 36_500 * 86_400_000),
    ],
)
def test_a_duration_is_whole_milliseconds(text: str, span_ms: int) -> None:
    parsed = parse_duration(text)
    assert parsed == span_ms
    assert type(parsed) is Duration


@pytest.mark.parametrize(
    "value",
    [
        "",
        "15",
        "15 m",
        " 15m",
        "15m ",
        "m",
        "1.5h",
        "-1s",
        "30m1h",
        "1m1m",
        "1w",
        "15M",
        "١s",
        "36501d",
        "1ms1s",
        "9" * 5000,
        15,
        1.5,
        True,
        None,
        ["15m"],
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a duration such as 90s, 15m, 1h30m or 250ms.*, got "):
        parse_duration(value)


@pytest.mark.parametrize(
    ("span_ms", "text"),
    [(0, "0s"), (250, "250ms"), (1_500, "1s500ms"), (90_000, "1m30s"), (900_000, "15m"), (5_400_000, "1h30m")],
)
def test_a_duration_is_written_without_units_that_are_zero(span_ms: int, text: str) -> None:
    assert format_duration(span_ms) == text


@pytest.mark.parametrize(("text", "span_ms"), [("none", -1), ("0s", 0), ("1500ms", 1_500), ("10m", 600_000)])
def test_a_retry_after_is_a_duration_or_none(text: str, span_ms: int) -> None:
    parsed = parse_retry_after(text)
    assert (parsed, type(parsed)) == (span_ms, RetryAfter)
    assert parse_retry_after(format_retry_after(span_ms)) == span_ms


@pytest.mark.parametrize("value", ["None", "never", "", "-1s", None, 1, True])
def test_what_is_no_retry_after_is_refused_with_an_example(value: Any) -> None:
    with pytest.raises(ValueError, match="expected none or a duration such as 90s"):
        parse_retry_after(value)


@pytest.mark.parametrize(("text", "place_ms"), [("drawn", -1), ("0s", 0), ("36h", 129_600_000)])
def test_the_begin_of_a_recording_is_a_duration_or_drawn(text: str, place_ms: int) -> None:
    parsed = parse_begin(text)
    assert (parsed, type(parsed)) == (place_ms, RecordingBegin)
    assert parse_begin(format_begin(place_ms)) == place_ms
    with pytest.raises(ValueError, match='expected drawn or a duration such as 90s, 15m, 1h30m or 250ms, got "random"'):
        parse_begin("random")


@given(st.integers(0, 36_500 * 86_400_000))
def test_a_duration_that_was_written_is_read_as_the_same(span_ms: int) -> None:
    assert parse_duration(format_duration(span_ms)) == span_ms


@pytest.mark.parametrize(
    ("value", "millionths"),
    [
        (0, 0),
        (3, 3_000_000),
        (0.985, 985_000),
        (Decimal("-0.000001"), -1),
        ("98.5%", 985_000),
        ("-0.0001%", -1),
        ("25.00", 25_000_000),
        ("-5", -5_000_000),
        (10**12, 10**18),
    ],
)
def test_a_bound_is_a_number_a_share_or_dollars(value: Any, millionths: int) -> None:
    parsed = parse_bound(value)
    assert (parsed, type(parsed)) == (millionths, Bound)


@pytest.mark.parametrize(
    "value", ["", "x", "+1", "1e3", "5 %", "0.0000001", 0.0000001, "0.00001%", None, True, [], 10**12 + 1]
)
def test_what_is_no_bound_is_refused_with_an_example(value: Any) -> None:
    with pytest.raises(ValueError, match=r'^expected a number such as 0.985, 98.5% or "25.00" with at most 6 decimals'):
        parse_bound(value)


@pytest.mark.parametrize(
    ("text", "micros"),
    [("0", 0), ("25.00", 25_000_000), ("0.000001", 1), ("1000000000000", 10**18), ("0.1", 100_000)],
)
def test_money_is_exact_to_the_micro_dollar(text: str, micros: int) -> None:
    parsed = parse_money(text)
    assert parsed == micros
    assert type(parsed) is Money


@pytest.mark.parametrize(
    "value",
    ["", "-1", "+1", "1e3", ".5", "1.", "$5", "1,000", "0.0000001", "1000000000000.000001", "NaN", "٣", 25, 0.1, None],
)
def test_what_is_no_money_is_refused_with_an_example(value: Any) -> None:
    with pytest.raises(ValueError, match=r'^expected dollars as text in quotes .* such as "25.00".*, got '):
        parse_money(value)


@given(st.integers(0, 10**18))
def test_every_amount_with_six_decimals_is_read_back(micros: int) -> None:
    assert parse_money(f"{micros // 10**6}.{micros % 10**6:06d}") == micros


@pytest.mark.parametrize(("text", "micros"), [("0.287", 287_000), ("0.001", 1_000), ("3", 3_000_000)])
def test_a_price_is_a_multiple_of_a_tenth_of_a_cent(text: str, micros: int) -> None:
    parsed = parse_price(text)
    assert parsed == micros
    assert type(parsed) is Price


@pytest.mark.parametrize("value", ["0", "0.000", "0.0001", "0.2870", "-0.1", "1000000.001", 0.287, None])
def test_what_is_no_price_is_refused_with_an_example(value: Any) -> None:
    with pytest.raises(ValueError, match=r'^expected dollars per GPU and hour .* such as "0.287".*, got '):
        parse_price(value)


@pytest.mark.parametrize(
    ("value", "ppm"),
    [
        ("0%", 0),
        ("5%", 50_000),
        ("0.0001%", 1),
        ("99.9999%", 999_999),
        ("100%", 1_000_000),
        (0, 0),
        (1, 1_000_000),
        (0.05, 50_000),
        (0.000001, 1),
        (Decimal("0.8"), 800_000),
    ],
)
def test_a_share_is_exact_to_the_millionth(value: Any, ppm: int) -> None:
    parsed = parse_share(value)
    assert parsed == ppm
    assert type(parsed) is Share


@pytest.mark.parametrize(
    "value",
    [
        *("5", "5 %", "-5%", "100.0001%", "0.00001%", "101%", "", 2, -1, 1.0000001, 0.0000001, True, None),
        *(float("nan"), float("inf"), Decimal("1e-999999999"), Decimal("0.05" + "0" * 40 + "1"), 10**1000),
    ],
)
def test_what_is_no_share_or_finer_than_a_millionth_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a share such as 5% or 0.05, .*, got "):
        parse_share(value)


def test_an_availability_is_always_or_a_share_above_nothing() -> None:
    assert [parse_availability(value) for value in ("always", "81%", 0.5, "100%")] == [10**6, 810_000, 500_000, 10**6]
    assert type(parse_availability("81%")) is Availability


@pytest.mark.parametrize("value", ["0%", 0, "never", "Always", None, 1.5])
def test_what_is_no_availability_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected always or a share above 0% such as 81%, got "):
        parse_availability(value)


def test_a_share_is_written_as_it_is_read() -> None:
    for ppm, text in ((0, "0%"), (50_000, "5%"), (125, "0.0125%"), (1, "0.0001%"), (123_400, "12.34%")):
        assert format_share(ppm) == text
        assert parse_share(text) == ppm
    assert format_share(1_000_000) == "100%"


@given(st.integers(0, 1_000_000))
def test_every_share_is_read_from_percent_decimal_and_float(ppm: int) -> None:
    share = Decimal(ppm).scaleb(-6)
    assert parse_share(f"{ppm // 10_000}.{ppm % 10_000:04d}%") == parse_share(share) == parse_share(float(share)) == ppm


@pytest.mark.parametrize(
    ("value", "ppm"),
    [(0, 0), (3, 3_000_000), (1.5, 1_500_000), (Decimal("0.25"), 250_000), ("60", 60_000_000), (10**6, 10**12)],
)
def test_a_factor_is_exact_to_the_millionth(value: Any, ppm: int) -> None:
    parsed = parse_factor(value)
    assert parsed == ppm
    assert type(parsed) is Factor


@pytest.mark.parametrize("value", [-1, 1_000_001, 0.0000001, "1e3", "x", "", True, None, float("nan"), 1e300])
def test_what_is_no_factor_is_refused_with_an_example(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a factor such as 3 or 1.5 .*, got "):
        parse_factor(value)


@pytest.mark.parametrize(
    ("text", "epoch_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-01T00:00:00Z", 1_767_225_600_000),
        ("2026-01-01T00:00:00.001Z", 1_767_225_600_001),
        ("2026-01-01T00:00:00.5Z", 1_767_225_600_500),
        ("2026-01-01T00:00:00.123000000Z", 1_767_225_600_123),
        ("2026-01-01T02:00:00+02:00", 1_767_225_600_000),
        ("2025-12-31T19:00:00-05:00", 1_767_225_600_000),
    ],
)
def test_an_instant_is_in_milliseconds_whatever_its_zone(text: str, epoch_ms: int) -> None:
    parsed = parse_instant(text)
    assert parsed == epoch_ms
    assert type(parsed) is Instant


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:01Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00.0001Z",
        "1969-12-31T23:59:59Z",
        "9000-01-01T00:00:00Z",
        1_767_225_600,
        None,
    ],
)
def test_what_is_no_instant_with_a_zone_is_refused_with_an_example(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected an instant with its zone, .* such as 2026-01-01T00:00:00Z"):
        parse_instant(value)


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [("0GB", 0), ("9GB", 9_000), ("1.5GB", 1_500), ("0.001GB", 1), ("0.250GB", 250), ("10000GB", 10_000_000)],
)
def test_a_size_is_exact_to_the_megabyte(text: str, megabytes: int) -> None:
    parsed = parse_size(text)
    assert parsed == megabytes
    assert type(parsed) is Size


@pytest.mark.parametrize(
    "value",
    ["", "9", "9 GB", "GB", "9gb", "9MB", "9TB", "-1GB", ".5GB", "1.GB", "0.0001GB", "10000.001GB", "٣GB", 9, None],
)
def test_what_is_no_size_is_refused_with_an_example(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a size such as 9GB or 1.5GB .*, got "):
        parse_size(value)


@given(st.integers(0, 10_000_000))
def test_a_size_that_was_written_is_read_as_the_same(megabytes: int) -> None:
    assert parse_size(format_size(megabytes)) == megabytes


def test_a_size_is_written_without_decimals_that_are_zero() -> None:
    assert [format_size(size) for size in (0, 1, 1_500, 9_000, 10_000)] == ["0GB", "0.001GB", "1.5GB", "9GB", "10GB"]


def test_a_long_value_is_not_repeated_in_full() -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        parse_duration("x" * 100_000)
    assert len(str(refused.value)) < 200
