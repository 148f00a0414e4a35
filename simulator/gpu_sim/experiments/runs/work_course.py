"""The course of work on one rental: restart overhead first, then work, with a checkpoint after each stretch of it."""

from typing import NamedTuple

from ...core.scenario.experiment.renters import Checkpoint


class Progress(NamedTuple):
    """The ms of a time on a rental by what they went to. Of `done_ms` of work `kept_ms` outlast an interruption."""

    done_ms: int
    kept_ms: int
    restart_ms: int
    checkpoint_ms: int


def progress(elapsed_ms: int, left_ms: int, overhead_ms: int, checkpoint: Checkpoint | None) -> Progress:
    """The progress of work of which `left_ms` were left, after so long on a rental."""
    restart_ms = min(elapsed_ms, overhead_ms)
    busy_ms = min(elapsed_ms - restart_ms, _busy_ms(left_ms, checkpoint))
    if checkpoint is None:
        # All done is done: a job that is over loses nothing any more.
        return Progress(busy_ms, left_ms if busy_ms == left_ms else 0, restart_ms, 0)
    if not checkpoint.every:
        return Progress(busy_ms, busy_ms, restart_ms, 0)
    saved, rest_ms = divmod(busy_ms, checkpoint.every + checkpoint.cost)
    done_ms = saved * checkpoint.every + min(rest_ms, checkpoint.every)
    kept_ms = done_ms if done_ms == left_ms else saved * checkpoint.every
    return Progress(done_ms, kept_ms, restart_ms, busy_ms - done_ms)


def finish_after_ms(left_ms: int, overhead_ms: int, checkpoint: Checkpoint | None) -> int:
    """The time on a rental after which the work that is left will be done, unless it ends before."""
    return overhead_ms + _busy_ms(left_ms, checkpoint)


def _busy_ms(left_ms: int, checkpoint: Checkpoint | None) -> int:
    """The time that the work that is left takes with its checkpoints: none comes after the last stretch."""
    if checkpoint is None or not checkpoint.every or left_ms == 0:
        return left_ms
    return left_ms + (left_ms - 1) // checkpoint.every * checkpoint.cost
