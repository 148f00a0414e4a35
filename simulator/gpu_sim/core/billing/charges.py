"""The charge of a session, by the reason of its end (F13, F15, A4–A7), and the exhaustion of credit (A9)."""

from collections.abc import Sequence

from msgspec import Struct

from ..events import Reason
from ..kernel.clock import SECOND_MS, ceil_seconds
from ..kernel.money import cost_micros
from ..scenario.scenario import BillingSettings


class Session(Struct, frozen=True, gc=False):
    """A running session: the price per GPU and hour that it locked (A3), its GPUs, and its start in ms."""

    price_micros_per_hour: int
    gpu_count: int
    running_ms: int


def billed_seconds(reason: Reason, running_ms: int | None, ended_ms: int, billing: BillingSettings) -> int:
    """The seconds that a session is billed for, given when it began to run (None: never) and when it ended."""
    minimum = billing.minimum // SECOND_MS
    if running_ms is None:
        pays_minimum = reason == "deleted" and billing.cancelled_provisioning == "minimum"
        return minimum if pays_minimum else 0
    used = ceil_seconds(ended_ms - running_ms)
    if reason in ("interrupted", "operator") and billing.interrupted == "actual":
        return used
    return max(minimum, used)


def exhausted_at_ms(
    balance_micros: int, sessions: Sequence[Session], now_ms: int, billing: BillingSettings
) -> int | None:
    """The first whole second after `now_ms` at which the sessions' accrued charges exceed the balance.

    A session accrues what it would be charged if it were ended then, the minimum included. None without sessions.
    """
    if not sessions:
        return None
    minimum = billing.minimum // SECOND_MS

    def exceeds(second: int) -> bool:
        accrued = sum(
            cost_micros(
                session.price_micros_per_hour,
                session.gpu_count,
                max(minimum, ceil_seconds(second * SECOND_MS - session.running_ms)),
            )
            for session in sessions
        )
        return accrued > balance_micros

    # Charges never fall with time: double the span until they exceed the balance, then halve it down to the second.
    first = now_ms // SECOND_MS + 1
    if exceeds(first):
        return first * SECOND_MS
    span = 1
    while not exceeds(first + span):
        span *= 2
    low, high = first + span // 2, first + span  # exceeds(high), and not at first + span // 2 where span > 1
    while low < high:
        middle = (low + high) // 2
        if exceeds(middle):
            high = middle
        else:
            low = middle + 1
    return low * SECOND_MS
