"""The wall time that a world lives without a call."""

import pytest
from gpu_sim.worlds.time_to_live import TimeToLive

from ..support.manual_clock import ManualClock


@pytest.fixture
def wall() -> ManualClock:
    return ManualClock()


def test_it_is_over_once_no_call_has_come_for_so_long(wall: ManualClock) -> None:
    life = TimeToLive(60_000, wall=wall)
    wall.goes(59.999)
    assert not life.is_over
    wall.goes(0.001)
    assert life.is_over


def test_it_begins_anew_where_the_last_of_its_calls_ends(wall: ManualClock) -> None:
    life = TimeToLive(60_000, wall=wall)
    life.begin_call()
    life.begin_call()
    wall.goes(3_600)
    assert not life.is_over
    life.end_call()
    wall.goes(3_600)
    assert not life.is_over
    life.end_call()
    wall.goes(59.999)
    assert not life.is_over
    wall.goes(0.001)
    assert life.is_over
