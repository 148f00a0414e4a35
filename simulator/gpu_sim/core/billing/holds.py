"""Credit holds: their amounts and their expiry (F8, F20)."""

from typing import Literal

from msgspec import Struct

from ..kernel.clock import SECOND_MS
from ..kernel.money import cost_micros
from ..scenario.scenario import BillingSettings

HoldStatus = Literal["active", "settled", "expired"]


class Hold(Struct, eq=False, gc=False):
    """The credit reserved for one rental, in micro-dollars. It ends once: settled or expired."""

    amount_micros: int
    status: HoldStatus = "active"

    def end(self, status: Literal["settled", "expired"]) -> int:
        """End the hold and return what it still reserved: its amount, or 0 where it had expired before."""
        if self.status == "expired":
            assert status == "settled"
            return 0
        assert self.status == "active", self.status
        self.status = status
        return self.amount_micros


def hold_micros(price_micros_per_hour: int, gpu_count: int, billing: BillingSettings) -> int:
    """The cost of the minimum session: price × GPUs / 4 for 15 minutes, exact there (F8, F18, A7)."""
    return cost_micros(price_micros_per_hour, gpu_count, billing.minimum // SECOND_MS)


def expires_at_ms(placed_ms: int, billing: BillingSettings) -> int | None:
    """The first instant at which a hold no longer reserves (F20, A21), or None where holds do not expire."""
    return None if billing.hold_expiry is None else placed_ms + billing.hold_expiry
