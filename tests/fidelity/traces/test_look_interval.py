"""The interval between a recorder's looks is found from what it wrote."""

import numpy as np
import pytest
from gpu_sim.fidelity.traces.arrays import Marks
from gpu_sim.fidelity.traces.look_interval import find_look_interval
from gpu_sim.fidelity.traces.observation import LookSchedule, observe_series

from ..zone_recordings import chain


def recorded(every_ms: int, *, ticks: int = 8_000, gap_ms: int = 195_000) -> Marks:
    """A zone that is down for some hours at a time, as this recorder writes it."""
    each_second = np.repeat(chain(3, ticks, down=0.1, up=0.1), 195)
    return observe_series(LookSchedule(gap_ms, every_ms, 7), each_second, 1_000) > 0


@pytest.mark.parametrize("every_seconds", [631, 585, 500, 1_000])
def test_the_time_between_looks_is_found(every_seconds: int) -> None:
    found = find_look_interval([recorded(every_seconds * 1_000), recorded(every_seconds * 1_000)], 195)
    assert found == pytest.approx(every_seconds, rel=0.003)


def test_who_looks_at_each_tick_has_the_gap() -> None:
    assert find_look_interval([recorded(195_000)], 195) == 195


def test_few_or_no_changes_show_nothing() -> None:
    assert find_look_interval([recorded(631_000, ticks=200)], 195) == 195
    assert find_look_interval([np.ones(100, np.bool_)], 195) == find_look_interval([], 195) == 195


def test_long_runs_without_a_lattice_are_of_a_slow_zone() -> None:
    lengths = np.random.default_rng(1).integers(9, 200, 100)
    slow = np.repeat(np.arange(100) % 2 == 0, lengths)
    assert find_look_interval([slow], 195) == 195
