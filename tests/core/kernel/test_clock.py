"""Virtual time and its calendar form."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from gpu_sim.core.kernel.clock import DEFAULT_START, Calendar, ceil_seconds, epoch_ms, format_instant


def test_a_manual_clock_starts_in_2026() -> None:
    assert format_instant(epoch_ms(DEFAULT_START)) == "2026-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("epoch", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
        (1_767_225_600_999, "2026-01-01T00:00:00.999Z"),
        (1_767_232_799_999, "2026-01-01T01:59:59.999Z"),
    ],
)
def test_a23_an_instant_is_rfc_3339_in_utc_with_milliseconds(epoch: int, text: str) -> None:
    assert format_instant(epoch) == text
    assert epoch_ms(datetime.fromisoformat(text)) == epoch


def test_an_instant_of_another_time_zone_is_the_same_instant() -> None:
    eastern = timezone(timedelta(hours=-5))
    assert epoch_ms(datetime(2025, 12, 31, 19, tzinfo=eastern)) == epoch_ms(datetime(2026, 1, 1, tzinfo=UTC))


def test_parts_of_a_millisecond_are_cut_off() -> None:
    assert epoch_ms(datetime(1970, 1, 1, 0, 0, 0, 1_999, tzinfo=UTC)) == 1


@pytest.mark.parametrize(
    ("span_ms", "seconds"), [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (899_999, 900), (900_001, 901)]
)
def test_a7_seconds_are_rounded_up(span_ms: int, seconds: int) -> None:
    assert ceil_seconds(span_ms) == seconds


def test_a_calendar_shows_times_since_its_start() -> None:
    calendar = Calendar(999)
    shown = [calendar.instant(at_ms) for at_ms in (0, 0, 1, 1_000, 2_001, 1, 90_000)]
    assert shown == [format_instant(999 + at_ms) for at_ms in (0, 0, 1, 1_000, 2_001, 1, 90_000)]
    assert shown[:3] == ["1970-01-01T00:00:00.999Z", "1970-01-01T00:00:00.999Z", "1970-01-01T00:00:01.000Z"]
