"""Where the clock of a saved world goes on: while no server ran, time went by or stood still."""

from pathlib import Path
from typing import Literal

from msgspec import Struct

from ...core.kernel.clock import CALENDAR_END, Calendar, epoch_ms
from ...core.scenario.scenario import ClockSettings
from ...core.simulation import Simulation
from ...wall_clock import Pacer
from .refusals import StateUnusable, damaged
from .rows import ClockRow

OnResume = Literal["catch-up", "stand"]


class Resumption(Struct, frozen=True):
    """A clock that goes on: its settings, where it stood and where it is to be by now, in virtual ms."""

    clock: ClockSettings
    stood_ms: int
    target_ms: int
    stands: bool
    """True where no time has gone by since it stood."""


def resumption(
    path: Path, simulation: Simulation, clock: ClockSettings, row: ClockRow, wall_ms: int, on_resume: OnResume
) -> Resumption:
    """The way on of a clock that was last written down so, at this wall time. Raises StateUnusable for a clock that is
    nowhere in the calendar, or that time would take beyond its end."""
    last_ms = epoch_ms(CALENDAR_END) - simulation.start_epoch_ms
    if not 0 <= row.now_ms <= last_ms:
        raise damaged(path, f"the clock in it stands at {row.now_ms:,} ms")
    # Beyond what was last written down where the clock alone did so much that its events were saved.
    stood_ms = max(row.now_ms, simulation.now_ms)
    if on_resume == "stand":
        return Resumption(clock, stood_ms, stood_ms, stands=True)
    target_ms = max(row.now_ms + Pacer(clock).in_virtual_ms(max(0, wall_ms - row.wall_ms)), stood_ms)
    if target_ms > last_ms:
        stood = Calendar(simulation.start_epoch_ms).instant(stood_ms)
        raise StateUnusable(
            f"{path}: to catch up with the time that went by since {stood} would take the clock past the end of the "
            "calendar; --on-resume stand goes on from there instead"
        )
    return Resumption(clock, stood_ms, target_ms, stands=False)
