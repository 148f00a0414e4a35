"""The ledger as the control plane shows it: its own rules, and the entries that a rental must have left (A8)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..target.instants import parse_instant
from ..target.money import dollars
from .rental_history import Rental

KINDS = frozenset({"credit_added", "hold_placed", "hold_expired", "rental_settled"})


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A ledger entry without its sequence number. Postings of zero are left out."""

    at: int
    kind: str
    account: str
    rental_id: str | None
    postings: frozenset[tuple[str, Fraction]]


class LedgerView:
    """The ledger entries read so far, and the sum of their postings by ledger account."""

    def __init__(self) -> None:
        self.sums: dict[str, Fraction] = defaultdict(Fraction)
        self.entries: list[LedgerEntry] = []
        self.last_seq: int | None = None

    def read(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Read the next entries. Each must balance and come after the one before."""
        for row in rows:
            assert self.last_seq is None or row["seq"] > self.last_seq, f"the ledger goes back at {row}"
            self.last_seq = row["seq"]
            entry = _entry(row)
            assert not self.entries or entry.at >= self.entries[-1].at, f"A21: out of order: {row}"
            assert sum(value for _, value in entry.postings) == 0, f"A8: postings do not sum to zero: {row}"
            assert len(row["postings"]) >= 2, f"A8: an entry needs two sides: {row}"
            assert entry.kind in KINDS, f"A8: unknown kind: {row}"
            self.entries.append(entry)
            for account, value in entry.postings:
                self.sums[account] += value

    def held(self, account: str) -> Fraction:
        """The sum of an account's holds."""
        return self.sums[f"{account}/held"]

    def balance(self, account: str) -> Fraction:
        """An account's balance, holds included (F16)."""
        return self.sums[f"{account}/available"] + self.held(account)

    def of_rentals(self) -> set[LedgerEntry]:
        """The entries that belong to a rental. No two may be equal."""
        found = [entry for entry in self.entries if entry.rental_id is not None]
        assert len(set(found)) == len(found), "A8: a ledger entry is there twice"
        return set(found)


def expected_entries(rental: Rental, now: int) -> set[LedgerEntry]:
    """The entries that a rental must have by now: its hold placed, its hold expired if it lasted so long, and one that
    settles it at the end (F8, F20, A8)."""
    available, held = f"{rental.account}/available", f"{rental.account}/held"
    hold, end = rental.hold, rental.end(now)

    def entry(at: int, kind: str, **amounts: Fraction) -> LedgerEntry:
        names = {"available": available, "held": held, "revenue": "revenue"}
        postings = frozenset((names[name], value) for name, value in amounts.items() if value)
        return LedgerEntry(at, kind, rental.account, rental.rental_id, postings)

    found = {entry(rental.created, "hold_placed", available=-hold, held=hold)}
    expired = rental.hold_expiry <= (now if end is None else end[0])
    if expired:
        found.add(entry(rental.hold_expiry, "hold_expired", available=hold, held=-hold))
    charge = rental.charge(now)
    if end is not None and charge is not None:
        kept = Fraction(0) if expired else hold  # an expired hold has gone back already
        found.add(entry(end[0], "rental_settled", available=kept - charge, held=-kept, revenue=charge))
    return found


def _entry(row: Mapping[str, Any]) -> LedgerEntry:
    postings = [(posting["account"], dollars(posting["amount"])) for posting in row["postings"]]
    return LedgerEntry(
        parse_instant(row["at"]),
        row["kind"],
        row["account"],
        row["rental_id"],
        frozenset((account, value) for account, value in postings if value),
    )
