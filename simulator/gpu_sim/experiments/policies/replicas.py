"""The number of rentals that are wanted, and those to end where there are more."""

from collections.abc import Sequence

from ..renting.sight import RentalSeen, Situation


def wanted(seen: Situation) -> int:
    """One rental for a job, for a service as many as it wants replicas."""
    return 1 if seen.job is not None else seen.replicas


def surplus(rentals: Sequence[RentalSeen], count: int, now_ms: int) -> list[RentalSeen]:
    """The `count` rentals to end first: those that are not ready yet, then the newest."""
    newest_first = list(rentals[::-1])
    newest_first.sort(key=lambda rental: rental.is_ready(now_ms))
    return newest_first[:count]
