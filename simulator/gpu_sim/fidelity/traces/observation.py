"""Looking at a market as the recorder of a trace did: now and then, holding what was seen until the next look.

The published recording has ticks of 195 s, but its values change only every 631 s: it was looked at that often, and
what happens between two looks is not in it. A simulated market is compared with it after being looked at likewise.
"""

import numpy as np
from msgspec import Struct

from .arrays import Whole


class LookSchedule(Struct, frozen=True):
    """Looks at `first_look_ms`, then every `observe_every_ms`, and writes a value every `gap_ms`; `first_look_ms` lies
    before the second look. With `observe_every_ms` equal to `gap_ms` each tick is looked at.
    """

    gap_ms: int
    observe_every_ms: int
    first_look_ms: int = 0

    def __post_init__(self) -> None:
        if self.gap_ms < 1 or self.observe_every_ms < 1 or not 0 <= self.first_look_ms < self.observe_every_ms:
            raise ValueError("a recorder has a gap and a time between looks ≥ 1 ms, and looks first before its second")

    def seen_ms(self, length_ms: int) -> Whole:
        """For each tick that starts within `length_ms`, the instant of the look whose value it holds.

        Ticks before the first look hold the state of instant 0.
        """
        ticks_ms = np.arange(0, length_ms, self.gap_ms, dtype=np.int64)
        late_ms = (ticks_ms - self.first_look_ms) % self.observe_every_ms
        looks_ms: Whole = np.maximum(ticks_ms - late_ms, 0)
        return looks_ms


def observe_changes(recorder: LookSchedule, changes_ms: Whole, *, up_at_start: bool, length_ms: int) -> Whole:
    """The values that a recorder writes of something that is up (1) or down (0) and changes at these instants, in
    order.

    At the instant of a change the new state is seen; two changes at one instant cancel. Raises ValueError where an
    instant is before the one before it.
    """
    if np.any(np.diff(changes_ms) < 0):
        raise ValueError("the instants of changes are out of order")
    changes = np.searchsorted(changes_ms, recorder.seen_ms(length_ms), side="right")
    return (changes + int(up_at_start)) % 2


def observe_series(recorder: LookSchedule, values: Whole, step_ms: int) -> Whole:
    """The values that a recorder writes of a series that holds `values[i]` from i × `step_ms` on until the next."""
    return values[recorder.seen_ms(len(values) * step_ms) // step_ms]
