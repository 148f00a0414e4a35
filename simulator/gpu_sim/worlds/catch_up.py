"""Catching up at a start with the time that went by while no server ran."""

from typing import TYPE_CHECKING

from ..wall_clock import NS_PER_MS, stopwatch_ns
from .state_files.state_reader import Report

if TYPE_CHECKING:
    from .world import World

SILENT_NS = 1_000 * NS_PER_MS
"""Most starts take less than this, and need no word."""
BETWEEN_LINES_NS = 5_000 * NS_PER_MS


def catch_up(world: "World", target_ms: int, report: Report) -> None:
    """Run what came due by `target_ms`, and say how far that is if it takes long. Broken off, it has saved what was due
    by then, and the next start goes on from there."""
    due_ns = stopwatch_ns() + SILENT_NS
    while world.simulation.step(target_ms):
        world.tidy()
        if stopwatch_ns() >= due_ns:
            report(
                f"catching up with the time that went by: at {world.now} of {world.instant(target_ms)} "
                "(^C is safe: the next start goes on)"
            )
            due_ns = stopwatch_ns() + BETWEEN_LINES_NS
