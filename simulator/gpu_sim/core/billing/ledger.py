"""Double-entry, append-only accounts in micro-dollars.

A customer's credit is `<name>/available` plus `<name>/held` (F16); the system has `revenue` and `funding`.
Each entry kind is a struct that knows its postings; they sum to zero.
"""

from collections.abc import Callable
from itertools import accumulate

from msgspec import Struct

from ..kernel.quantities import Natural

Posting = tuple[str, int]
"""A ledger account and a signed amount in micro-dollars."""

REVENUE = "revenue"
FUNDING = "funding"


def available(account: str) -> str:
    """The ledger account of what a customer may spend."""
    return f"{account}/available"


def held(account: str) -> str:
    """The ledger account of what a customer's active holds reserve."""
    return f"{account}/held"


class CreditAdded(Struct, frozen=True, gc=False, tag="credit_added", tag_field="type"):
    """funding → available."""

    at: int
    account: str
    amount_micros: int

    rental_id = None

    def postings(self) -> tuple[Posting, ...]:
        return (FUNDING, -self.amount_micros), (available(self.account), self.amount_micros)


class HoldPlaced(Struct, frozen=True, gc=False, tag="hold_placed", tag_field="type"):
    """available → held (F8)."""

    at: int
    account: str
    rental_id: str
    amount_micros: int

    def postings(self) -> tuple[Posting, ...]:
        return (available(self.account), -self.amount_micros), (held(self.account), self.amount_micros)


class HoldExpired(Struct, frozen=True, gc=False, tag="hold_expired", tag_field="type"):
    """held → available (F20); the rental continues."""

    at: int
    account: str
    rental_id: str
    amount_micros: int

    def postings(self) -> tuple[Posting, ...]:
        return (held(self.account), -self.amount_micros), (available(self.account), self.amount_micros)


class RentalSettled(Struct, frozen=True, gc=False, tag="rental_settled", tag_field="type"):
    """held −H, revenue +C, available +(H−C): capture, release and any debit in one entry (F13, A8).

    H is 0 where the hold has expired: then all of the charge is debited from the available balance.
    """

    at: int
    account: str
    rental_id: str
    hold_micros: int
    charge_micros: int

    def postings(self) -> tuple[Posting, ...]:
        return (
            (held(self.account), -self.hold_micros),
            (REVENUE, self.charge_micros),
            (available(self.account), self.hold_micros - self.charge_micros),
        )


Entry = CreditAdded | HoldPlaced | HoldExpired | RentalSettled


class LedgerState(Struct, frozen=True):
    """The balances of the ledger accounts, and how many entries made them."""

    balances: dict[str, int]
    entries: Natural


class Ledger:
    """Balances and the entries that made them. `on_entry` gets each entry after it is posted.

    `opening` are the balances before the first entry that is held; `dropped` entries made them.
    """

    __slots__ = ("_balances", "_on_entry", "dropped", "entries", "opening")

    def __init__(self, on_entry: Callable[[Entry], None]) -> None:
        self.entries: list[Entry] = []
        self.opening: dict[str, int] = {REVENUE: 0, FUNDING: 0}
        self.dropped = 0
        self._balances = dict(self.opening)
        self._on_entry = on_entry

    def available(self, account: str) -> int:
        """The amount that the customer may spend, in micro-dollars; below zero when a charge went past it (A9)."""
        return self._balances.get(available(account), 0)

    def held(self, account: str) -> int:
        """The amount that the customer's active holds reserve, in micro-dollars."""
        return self._balances.get(held(account), 0)

    def balance(self, account: str) -> int:
        """The customer's credit: available plus held (F16)."""
        return self.available(account) + self.held(account)

    def post(self, entry: Entry) -> None:
        """Write an entry. The caller has checked it: from here on nothing can fail."""
        balances, total = self._balances, 0
        for account, amount in entry.postings():
            balances[account] = balances.get(account, 0) + amount
            total += amount
        assert total == 0, entry
        self.entries.append(entry)
        self._on_entry(entry)

    def drop(self, count: int) -> None:
        """Drop the oldest entries, and add their postings to the opening balances."""
        for entry in self.entries[:count]:
            for account, amount in entry.postings():
                self.opening[account] = self.opening.get(account, 0) + amount
        del self.entries[:count]
        self.dropped += count

    def state(self) -> LedgerState:
        """Its part of a snapshot."""
        return LedgerState(dict(self._balances), self.dropped + len(self.entries))

    def restore(self, state: LedgerState, latest: list[Entry]) -> None:
        """Restore from `state`; `latest` are the last of its entries, where they are known."""
        self._balances = dict(state.balances)
        self.opening = dict(state.balances)
        self.entries = list(latest)
        self.dropped = state.entries - len(latest)
        # The state has the balances after `latest`: without its postings they are those before.
        for entry in latest:
            for account, amount in entry.postings():
                self.opening[account] -= amount

    def audit(self) -> None:
        """Assert that the stored balances follow from the entries, and that all sums to zero."""
        folded = dict(self.opening)
        for entry in self.entries:
            assert len(entry.postings()) >= 2, entry
            assert sum(amount for _, amount in entry.postings()) == 0, entry
            for account, amount in entry.postings():
                folded[account] = folded.get(account, 0) + amount
        assert folded == self._balances, (folded, self._balances)
        assert sum(folded.values()) == 0, folded
        assert all(amount >= 0 for name, amount in folded.items() if name.endswith("/held")), folded
        times = [entry.at for entry in self.entries]
        assert times == list(accumulate(times, max)), "entries out of order"
