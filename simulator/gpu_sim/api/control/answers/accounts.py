"""Answers about accounts and the ledger."""

from typing import Literal

from msgspec import Struct

from .texts import AmountText, InstantText


class AccountView(Struct, frozen=True):
    """An account with its balance, available and held credit (F16)."""

    name: str
    token: str
    """The bearer token of its clients."""
    balance: AmountText
    available: AmountText
    """The balance less what is held."""
    held: AmountText
    """The sum of its active holds."""


class PostingView(Struct, frozen=True):
    """One signed leg of an entry."""

    account: str
    """The ledger account: `<name>/available`, `<name>/held`, `revenue` or `funding`."""
    amount: AmountText


class EntryView(Struct, frozen=True):
    """A ledger entry with its postings, which sum to zero."""

    seq: int
    """Its number in the ledger, from 1."""
    at: InstantText
    kind: Literal["credit_added", "hold_placed", "hold_expired", "rental_settled", "opening_balance"]
    """`opening_balance` sums up the entries that are no longer in memory."""
    account: str | None
    rental_id: str | None
    postings: list[PostingView]
