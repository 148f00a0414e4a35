"""Double entry: what each kind of entry moves, and that the whole follows from its parts."""

import pytest
from gpu_sim.core.billing.ledger import (
    FUNDING,
    REVENUE,
    CreditAdded,
    Entry,
    HoldExpired,
    HoldPlaced,
    Ledger,
    RentalSettled,
    available,
    held,
)

CREDIT = CreditAdded(0, "alice", 1_000)
HOLD = HoldPlaced(1, "alice", "r", 300)

TABLE: list[tuple[list[Entry], int, int, int]] = [
    # entries, then available, held, and what the system has earned
    ([], 0, 0, 0),
    ([CREDIT], 1_000, 0, 0),
    ([CREDIT, HOLD], 700, 300, 0),
    ([CREDIT, HOLD, HoldExpired(2, "alice", "r", 300)], 1_000, 0, 0),
    ([CREDIT, HOLD, RentalSettled(2, "alice", "r", 300, 300)], 700, 0, 300),
    ([CREDIT, HOLD, RentalSettled(2, "alice", "r", 300, 0)], 1_000, 0, 0),
    ([CREDIT, HOLD, RentalSettled(2, "alice", "r", 300, 120)], 880, 0, 120),
    ([CREDIT, HOLD, RentalSettled(2, "alice", "r", 300, 450)], 550, 0, 450),
    ([CREDIT, HOLD, RentalSettled(2, "alice", "r", 300, 1_700)], -700, 0, 1_700),
    ([CREDIT, HOLD, HoldExpired(2, "alice", "r", 300), RentalSettled(3, "alice", "r", 0, 450)], 550, 0, 450),
    ([CREDIT, HOLD, HoldPlaced(1, "alice", "s", 200)], 500, 500, 0),
    ([CREDIT, HOLD, HoldPlaced(1, "alice", "s", 200), RentalSettled(2, "alice", "r", 300, 300)], 500, 200, 300),
]


def ledger_of(entries: list[Entry]) -> Ledger:
    ledger = Ledger(lambda _: None)
    for entry in entries:
        ledger.post(entry)
    return ledger


@pytest.mark.parametrize(("entries", "available_micros", "held_micros", "earned"), TABLE)
def test_f16_the_balance_is_what_is_available_and_what_is_held(
    entries: list[Entry], available_micros: int, held_micros: int, earned: int
) -> None:
    ledger = ledger_of(entries)
    assert ledger.available("alice") == available_micros
    assert ledger.held("alice") == held_micros
    assert ledger.balance("alice") == available_micros + held_micros
    ledger.audit()
    revenue = sum(amount for entry in entries for name, amount in entry.postings() if name == REVENUE)
    assert revenue == earned


@pytest.mark.parametrize(
    ("entry", "postings"),
    [
        (CREDIT, {FUNDING: -1_000, "alice/available": 1_000}),
        (HOLD, {"alice/available": -300, "alice/held": 300}),
        (HoldExpired(2, "alice", "r", 300), {"alice/held": -300, "alice/available": 300}),
        (
            RentalSettled(2, "alice", "r", 300, 120),
            {"alice/held": -300, REVENUE: 120, "alice/available": 180},
        ),
    ],
)
def test_each_kind_of_entry_has_its_postings_which_sum_to_zero(entry: Entry, postings: dict[str, int]) -> None:
    assert dict(entry.postings()) == postings
    assert len(entry.postings()) == len(postings) >= 2
    assert sum(amount for _, amount in entry.postings()) == 0


def test_the_system_has_two_accounts_and_a_customer_two() -> None:
    assert (REVENUE, FUNDING) == ("revenue", "funding")
    assert (available("alice"), held("alice")) == ("alice/available", "alice/held")


def test_accounts_do_not_touch_each_other() -> None:
    ledger = ledger_of([CREDIT, CreditAdded(0, "bob", 50), HOLD])
    assert (ledger.available("alice"), ledger.held("alice")) == (700, 300)
    assert (ledger.available("bob"), ledger.held("bob"), ledger.balance("bob")) == (50, 0, 50)


def test_an_account_without_entries_has_nothing() -> None:
    ledger = ledger_of([CREDIT])
    assert (ledger.available("carol"), ledger.held("carol"), ledger.balance("carol")) == (0, 0, 0)


def test_entries_are_in_order_and_each_is_passed_on_once_it_is_posted() -> None:
    seen: list[tuple[Entry, int, int]] = []
    ledger = Ledger(lambda entry: seen.append((entry, len(ledger.entries), ledger.available("alice"))))
    ledger.post(CREDIT)
    ledger.post(HOLD)
    assert ledger.entries == [CREDIT, HOLD]
    assert seen == [(CREDIT, 1, 1_000), (HOLD, 2, 700)]


def test_a_credit_concerns_no_rental() -> None:
    assert CREDIT.rental_id is None


class Crooked(CreditAdded, frozen=True, tag="crooked", tag_field="type"):
    """An entry that makes money from nothing."""

    def postings(self) -> tuple[tuple[str, int], ...]:
        return (available(self.account), self.amount_micros), (held(self.account), 0)


class OneLegged(CreditAdded, frozen=True, tag="one_legged", tag_field="type"):
    """An entry with a single posting, of nothing."""

    def postings(self) -> tuple[tuple[str, int], ...]:
        return ((available(self.account), 0),)


def test_an_entry_that_does_not_sum_to_zero_is_not_posted() -> None:
    ledger = ledger_of([CREDIT])
    with pytest.raises(AssertionError):
        ledger.post(Crooked(1, "alice", 5))
    assert ledger.entries == [CREDIT]


def test_the_audit_finds_an_entry_that_does_not_sum_to_zero() -> None:
    ledger = ledger_of([CREDIT])
    ledger.entries.append(Crooked(1, "alice", 5))
    with pytest.raises(AssertionError, match="Crooked"):
        ledger.audit()


def test_the_audit_finds_an_entry_with_one_leg() -> None:
    ledger = ledger_of([CREDIT])
    ledger.entries.append(OneLegged(1, "alice", 0))
    with pytest.raises(AssertionError, match="OneLegged"):
        ledger.audit()


def test_the_audit_accepts_entries_of_two_legs_and_of_one_instant() -> None:
    ledger_of([CREDIT, CreditAdded(0, "alice", 1), HOLD, HoldPlaced(1, "alice", "s", 1)]).audit()


def test_the_audit_finds_an_entry_that_was_never_posted() -> None:
    ledger = ledger_of([CREDIT])
    ledger.entries.append(HOLD)
    with pytest.raises(AssertionError, match="alice/held"):
        ledger.audit()


def test_the_audit_finds_a_missing_entry() -> None:
    ledger = ledger_of([CREDIT, HOLD])
    ledger.entries.pop()
    with pytest.raises(AssertionError, match="alice/held"):
        ledger.audit()


def test_the_audit_finds_more_released_than_was_held() -> None:
    ledger = ledger_of([CREDIT, HoldExpired(1, "alice", "r", 300)])
    with pytest.raises(AssertionError, match="alice/held"):
        ledger.audit()


def test_the_audit_allows_debt_but_only_on_what_is_available() -> None:
    ledger_of([CREDIT, RentalSettled(1, "alice", "r", 0, 5_000)]).audit()


def test_the_audit_finds_entries_out_of_order() -> None:
    ledger = ledger_of([HOLD, CREDIT])
    with pytest.raises(AssertionError, match=r"^entries out of order$"):
        ledger.audit()


def test_dropped_entries_live_on_in_the_opening_balances() -> None:
    ledger = ledger_of([CREDIT, HOLD, RentalSettled(2, "alice", "r", 300, 120)])
    ledger.drop(1)
    assert (ledger.opening, ledger.dropped) == ({REVENUE: 0, FUNDING: -1_000, available("alice"): 1_000}, 1)
    ledger.drop(1)
    assert (ledger.opening[available("alice")], ledger.opening[held("alice")], ledger.dropped) == (700, 300, 2)
    assert len(ledger.entries) == 1
    assert (ledger.available("alice"), ledger.held("alice")) == (880, 0)
    ledger.audit()
