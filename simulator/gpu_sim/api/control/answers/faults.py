"""Answers about fault rules."""

from msgspec import UNSET, Struct, UnsetType

from ....core.scenario.fault_effects import FaultEffect
from ....core.scenario.fault_rules import FaultTarget, FaultWhen


class FaultCounts(Struct, frozen=True):
    """The counts of a rule for one account or rental."""

    hits: int
    """Requests that it is about."""
    spent: int
    """Requests that it was injected into."""


class FaultView(Struct, frozen=True):
    """A rule in the form in which it is posted, with its counters in total and, as it counts, per account or rental."""

    name: str
    on: FaultTarget
    effect: FaultEffect
    when: FaultWhen
    hits: int
    """Requests that it is about."""
    spent: int
    """Requests that it was injected into."""
    accounts: dict[str, FaultCounts]
    """The counts of each account that it has met; empty for a rule that counts per rental or world."""
    rentals: dict[str, FaultCounts] | UnsetType = UNSET
    """The counts of each rental, of a rule that counts per rental."""
