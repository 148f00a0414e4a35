"""The course of work on one rental."""

import pytest
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.experiment.renters import Checkpoint
from gpu_sim.experiments.runs.work_course import Progress, finish_after_ms, progress
from hypothesis import given
from hypothesis import strategies as st


def _checkpoint(every: int, cost: int) -> Checkpoint:
    return Checkpoint(every=Duration(every), cost=Duration(cost))


@pytest.mark.parametrize(
    ("elapsed", "checkpoint", "expected"),
    [
        (0, None, Progress(0, 0, 0, 0)),
        (9, None, Progress(0, 0, 9, 0)),
        (10, None, Progress(0, 0, 10, 0)),
        (60, None, Progress(50, 0, 10, 0)),
        (109, None, Progress(99, 0, 10, 0)),
        (110, None, Progress(100, 100, 10, 0)),
        (500, None, Progress(100, 100, 10, 0)),
        (60, _checkpoint(0, 0), Progress(50, 50, 10, 0)),
        (39, _checkpoint(30, 5), Progress(29, 0, 10, 0)),
        (40, _checkpoint(30, 5), Progress(30, 0, 10, 0)),  # the work is done, and not yet safe
        (44, _checkpoint(30, 5), Progress(30, 0, 10, 4)),
        (45, _checkpoint(30, 5), Progress(30, 30, 10, 5)),
        (50, _checkpoint(30, 5), Progress(35, 30, 10, 5)),
        (124, _checkpoint(30, 5), Progress(99, 90, 10, 15)),
        (125, _checkpoint(30, 5), Progress(100, 100, 10, 15)),  # the end needs no checkpoint
    ],
)
def test_time_goes_to_overhead_work_and_checkpoints(
    elapsed: int, checkpoint: Checkpoint | None, expected: Progress
) -> None:
    """A table of 100 ms of work with 10 ms of overhead."""
    assert progress(elapsed, 100, 10, checkpoint) == expected


@given(left=st.integers(1, 400), overhead=st.integers(0, 50), every=st.integers(0, 60), cost=st.integers(0, 20))
def test_work_ends_when_it_was_foreseen_to(left: int, overhead: int, every: int, cost: int) -> None:
    """A millisecond before, some of it is left; no time is lost on the way."""
    checkpoint = _checkpoint(every, cost if every else 0)
    end = finish_after_ms(left, overhead, checkpoint)
    assert progress(end - 1, left, overhead, checkpoint).done_ms < left
    at_end = progress(end, left, overhead, checkpoint)
    assert at_end.done_ms == at_end.kept_ms == left
    assert at_end.done_ms + at_end.restart_ms + at_end.checkpoint_ms == end
