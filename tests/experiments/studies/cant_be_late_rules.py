"""The rules of Can't Be Late (Wu et al., NSDI '24), run by themselves: no market, no clock, no ledger.

Written down from the paper and its authors' simulator, in whole ms and micro-dollars. What a rental costs is rounded
where it ends, as every bill is, and what runs on goes on in one rental.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

TICK_MS = 195_000
HOUR_MS = 3_600_000
WORK_MS = 48 * HOUR_MS

Rules = Literal["on_demand", "greedy", "uniform_progress"]
Place = Literal["spot", "on demand"]


class Window(NamedTuple):
    """One row of a study: the zone at each tick, what both kinds cost per hour, and the job's terms."""

    up: Sequence[bool]
    spot_micros: int
    on_demand_micros: int
    overhead_ms: int
    deadline_ms: int

    def price_micros(self, place: Place) -> int:
        """The price per hour there."""
        return self.spot_micros if place == "spot" else self.on_demand_micros


def cost_micros(rules: Rules, window: Window) -> int:
    """The cost of the job under the rules, in micro-dollars."""
    done_ms = left_over_ms = tick = cost = rented_ticks = 0
    last: Place | None = None
    while True:
        if last is not None:
            work_ms = max(TICK_MS - left_over_ms, 0)
            left_over_ms -= TICK_MS - work_ms
            done_ms += min(work_ms, WORK_MS - done_ms)
        if WORK_MS - done_ms <= 1:
            return cost + _bill(window, last, rented_ticks)
        is_up = tick < len(window.up) and window.up[tick]
        now = None if last == "spot" and not is_up else last
        chosen = _chosen(rules, window, tick * TICK_MS, done_ms, left_over_ms, last, now, is_up=is_up)
        if chosen != now or chosen != last:
            cost += _bill(window, last, rented_ticks)
            rented_ticks = 0
            left_over_ms = window.overhead_ms if chosen is not None else left_over_ms
        if chosen is not None:
            rented_ticks += 1
        last, tick = chosen, tick + 1


def _chosen(
    rules: Rules,
    window: Window,
    now_ms: int,
    done_ms: int,
    left_over_ms: int,
    last: Place | None,
    now: Place | None,
    *,
    is_up: bool,
) -> Place | None:
    left_ms, deadline_ms, overhead_ms = WORK_MS - done_ms, window.deadline_ms, window.overhead_ms
    time_ms = (deadline_ms - now_ms) // TICK_MS * TICK_MS
    need_1_ms = -(-(left_ms + overhead_ms) // TICK_MS) * TICK_MS
    need_2_ms = -(-(left_ms + 2 * overhead_ms) // TICK_MS) * TICK_MS
    chosen: Place | None = "on demand" if rules == "on_demand" else "spot" if is_up else None
    if rules == "uniform_progress":
        if done_ms * deadline_ms < now_ms * WORK_MS:
            chosen = "spot" if is_up else "on demand"
        is_ahead = (now_ms + 2 * overhead_ms) * WORK_MS < done_ms * deadline_ms
        if now == "on demand" and not (is_up and is_ahead):
            chosen = "on demand"
    if rules != "on_demand":
        if need_2_ms >= time_ms and now != "spot":
            chosen = "on demand"
        if need_1_ms >= time_ms:
            chosen = "spot" if now == "spot" and left_over_ms == 0 else "on demand"
    if need_1_ms >= time_ms:
        chosen = "spot" if last == "spot" and left_over_ms == 0 else "on demand"
    return None if chosen == "spot" and not is_up else chosen


def _bill(window: Window, place: Place | None, ticks: int) -> int:
    """What a rental of so many ticks is billed, rounded to the nearest micro-dollar, halves up."""
    if place is None:
        return 0
    seconds = ticks * TICK_MS // 1000
    return (2 * window.price_micros(place) * seconds + 3600) // 7200
