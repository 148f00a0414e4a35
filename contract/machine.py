"""Random histories of two accounts on one server, every answer of which the model foretells.

The times come from the deadlines of the rentals: one millisecond before, at, and one after. After each step
money, ledger and rentals must be the model's (F11, F15 to F20, A2 to A9, A16, A17, A21).
"""

import json
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from .books import Books, expected_entries
from .instants import MINUTE, SECOND
from .model import Model, failure
from .money import MICRO, dollars
from .referee import judge, judge_rent, judge_rental
from .stage import ALICE, BOB, learn_world
from .strategies import BOUNDARY, Wish, Wrong, filters, spelled, wishes, wrong_queries, wrong_rents
from .target import Answer, Target

ACCOUNTS = st.sampled_from([ALICE, ALICE, BOB])
KEYS = st.none() | st.none() | st.sampled_from(["k1", "k2"])
BUSY_STEP = 14 * MINUTE


class RentalMachine(RuleBasedStateMachine):
    """The rules; `target` needs the control plane and a world in which nothing happens by itself."""

    rented: Bundle[str] = Bundle("rented")

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target
        self.model: Model
        self.tokens: dict[str, str]
        self.books = Books()

    @initialize()
    def begin(self) -> None:
        """Reset the world."""
        self.model, self.tokens = learn_world(self.target)
        self.books.read(self.target.ledger())

    # Offers.

    @rule(data=st.data(), account=ACCOUNTS)
    def list_offers(self, data: st.DataObject, account: str) -> None:
        """A list holds exactly the offers that match and have free GPUs (F5, F6, A14, A15)."""
        chosen = data.draw(filters(self.model.offers), label="filters")
        answer = self.send(account, "GET", "/v1/gpu/offers", query=list(chosen.items()))
        assert answer.status == 200, answer
        rows = self.model.listed(chosen)
        assert answer.json == {"object": "list", "count": len(rows), "data": rows}, (
            f"F5: not the offers: {answer}"
        )

    @rule(query=wrong_queries(), account=ACCOUNTS)
    def list_wrongly(self, query: tuple[tuple[tuple[str, str], ...], frozenset[str]], account: str) -> None:
        """A wrong parameter is refused (A14)."""
        pairs, codes = query
        judge(failure(*codes), self.send(account, "GET", "/v1/gpu/offers", query=list(pairs)))

    # Rents.

    @rule(target=rented, wish=wishes(), account=ACCOUNTS, key=KEYS)
    def rent(self, wish: Wish, account: str, key: str | None) -> MultipleResults[str]:
        """A valid rent succeeds, or fails for the one reason that the model knows."""
        return self.try_rent(account, wish.body(self.model.offers), key)

    @rule(target=rented, wish=wishes(), account=ACCOUNTS, offset=st.sampled_from(BOUNDARY))
    def rent_and_wait(self, wish: Wish, account: str, offset: int) -> MultipleResults[str]:
        """A rent, and then the time until it runs, more or less a millisecond (F11)."""
        rented = self.try_rent(account, wish.body(self.model.offers), None)
        if rented.values:
            self.go_to(self.model.now + self.model.provisioning_ms + offset)
        return rented

    @rule(wish=wishes(), wrong=wrong_rents(), account=ACCOUNTS, key=KEYS)
    def rent_wrongly(self, wish: Wish, wrong: Wrong, account: str, key: str | None) -> None:
        """A body with one defect is refused for it, whatever else holds (A13)."""
        judge(failure(*wrong.codes), self.post_rent(account, wrong.body(wish.body(self.model.offers)), key))

    @precondition(lambda self: bool(self.model.keys))
    @rule(target=rented, pick=st.integers(0, 9), change=st.sampled_from(["org/model", "org/other"]))
    def retry(self, pick: int, change: str) -> MultipleResults[str]:
        """A key used again: the same answer for the same body, a refusal for another (A17)."""
        account, key = sorted(self.model.keys)[pick % len(self.model.keys)]
        body = {**self.model.keys[account, key][0], "model_id": change}
        return self.try_rent(account, body, key, respelled=True)

    @rule(target=rented, wish=wishes())
    def rent_what_credit_lacks(self, wish: Wish) -> MultipleResults[str]:
        """After a 402 the amount it names is exactly what helps (F17)."""
        body = wish.body(self.model.offers)
        needed = self.model.predict_rent(BOB, body, None).amount_needed
        if needed is None:
            return self.try_rent(BOB, body, None)
        self.try_rent(BOB, body, None)
        self.add_credit(BOB, needed - MICRO)
        self.try_rent(BOB, body, None)
        self.add_credit(BOB, MICRO)
        return self.try_rent(BOB, body, None)

    # Rentals.

    @rule(rental_id=rented, account=ACCOUNTS)
    def look(self, rental_id: str, account: str) -> None:
        """The owner sees the rental, others do not (F12, A13)."""
        answer = self.send(account, "GET", f"/v1/gpu/rentals/{rental_id}")
        if judge(self.model.predict_read(account, rental_id), answer):
            judge_rental(self.model.rentals[rental_id], self.model.now, answer.json)

    @rule(rental_id=rented, account=ACCOUNTS)
    def terminate(self, rental_id: str, account: str) -> None:
        """The owner ends it, at once and once only; others cannot (F13, A11)."""
        answer = self.send(account, "DELETE", f"/v1/gpu/rentals/{rental_id}")
        if judge(self.model.predict_read(account, rental_id), answer):
            self.model.cut(rental_id, "deleted")
            judge_rental(self.model.rentals[rental_id], self.model.now, answer.json)

    @rule(rental_id=rented)
    def touch(self, rental_id: str) -> None:
        """Activity moves the idle timeout of a running rental (A19)."""
        rental = self.model.rentals[rental_id]
        status, done = rental.status(self.model.now), self.target.touch(rental_id).status_code
        assert acted_rightly(status, done), f"A19: touching a {status} rental: {done}"
        if done == 200:
            rental.touches.append(self.model.now)

    @rule(rental_id=rented)
    def interrupt(self, rental_id: str) -> None:
        """The market takes a running GPU back (A2)."""
        status, done = self.status(rental_id), self.target.interrupt(rental_id).status_code
        assert acted_rightly(status, done), f"A2: interrupting a {status} rental: {done}"
        if done == 200:
            self.model.cut(rental_id, "interrupted")

    # Credit and time.

    @rule(account=ACCOUNTS, value=st.sampled_from(["0.000001", "0.05", "1.000000", "25.00"]))
    def credit(self, account: str, value: str) -> None:
        """Credit is available at once (F14, F16)."""
        self.target.credit(account, dollars(value))
        self.model.credits[account] += dollars(value)

    @rule(ms=st.integers(1, 10_000))
    def advance(self, ms: int) -> None:
        """A little time."""
        self.target.advance(ms)
        self.model.now += ms

    @precondition(lambda self: bool(self.model.deadlines()))
    @rule(pick=st.integers(0, 1) | st.integers(0, 30), offset=st.sampled_from(BOUNDARY))
    def advance_to_deadline(self, pick: int, offset: int) -> None:
        """Just before, at, or just after one of the coming deadlines (A21)."""
        deadlines = self.model.deadlines()
        self.go_to(max(self.model.now, deadlines[pick % len(deadlines)] + offset))

    @rule(
        rental_id=rented,
        seconds=st.sampled_from([0, 900, 901]) | st.integers(0, 2000),
        offset=st.sampled_from(BOUNDARY),
    )
    def use_for_a_while(self, rental_id: str, seconds: int, offset: int) -> None:
        """Keep a rental busy until it has run for so long (F15, F19)."""
        self.use_until(rental_id, self.model.rentals[rental_id].started_if_alive + seconds * SECOND + offset)

    @rule(rental_id=rented, offset=st.sampled_from(BOUNDARY))
    def use_until_hold_expires(self, rental_id: str, offset: int) -> None:
        """Keep a rental busy for as long as its hold lasts (F19, F20)."""
        self.use_until(rental_id, self.model.rentals[rental_id].hold_expiry + offset)

    # What must be so after every step.

    @invariant()
    def money_is_as_foretold(self) -> None:
        """Balance, holds and available balance of every account (F14, F16)."""
        seen = self.target.accounts()
        for name in self.tokens:
            account = seen[name]
            assert account.available == account.balance - account.held, f"F16: {account}"
            held, balance = self.model.held(name), self.model.balance(name)
            assert account.held == held, f"F8, F20: {held} must be held: {account}"
            assert account.balance == balance, f"F15: the balance must be {balance}: {account}"

    @invariant()
    def ledger_is_as_foretold(self) -> None:
        """The ledger balances, folds to the accounts, and has each rental's entries once (A8)."""
        self.books.read(self.target.ledger(after=self.books.last_seq))
        for name in self.tokens:
            assert self.books.balance(name) == self.model.balance(name), (
                f"A8: balance of {name} in the ledger"
            )
            assert self.books.held(name) == self.model.held(name), f"A8: holds of {name} in the ledger"
        seen, now = self.books.of_rentals(), self.model.now
        foretold = {
            entry for rental in self.model.rentals.values() for entry in expected_entries(rental, now)
        }
        assert seen == foretold, f"A8: too much {seen - foretold}, missing {foretold - seen}"

    @invariant()
    def rentals_are_as_foretold(self) -> None:
        """There are the rentals that were accepted and no others (F11, F13)."""
        rows = self.target.act("GET", "rentals", query=[("limit", "100000")])["data"]
        assert sorted(row["rental_id"] for row in rows) == sorted(self.model.rentals), (
            "A17: the rentals differ"
        )
        for row in rows:
            rental = self.model.rentals[row["rental_id"]]
            expected = {**rental.view(self.model.now), "account": rental.account}
            assert expected.items() <= row.items(), f"must be {expected}: {row}"

    # Parts of rules.

    def send(self, account: str, method: str, path: str, **parts: Any) -> Answer:
        """One request of an account; the clock must not have moved."""
        answer = self.target.send(method, path, token=self.tokens[account], **parts)
        assert answer.sim_now == self.model.now, f"A23: it is not {self.model.now}: {answer}"
        return answer

    def post_rent(
        self, account: str, body: dict[str, Any], key: str | None, *, respelled: bool = False
    ) -> Answer:
        """One rent, if wanted with the same body in other bytes."""
        headers = [("content-type", "application/json")]
        if key is not None:
            headers.append(("idempotency-key", key))
        content = spelled(body) if respelled else json.dumps(body).encode()
        return self.send(account, "POST", "/v1/gpu/rent", headers=headers, content=content)

    def try_rent(
        self, account: str, body: dict[str, Any], key: str | None, *, respelled: bool = False
    ) -> MultipleResults[str]:
        """Foretell, rent, judge, record; gives the new rental, if there is one."""
        prediction = self.model.predict_rent(account, body, key)
        answer = self.post_rent(account, body, key, respelled=respelled)
        if not judge_rent(self.model, prediction, answer):
            return multiple()
        rental = self.model.rented(account, body, key, answer.json)
        judge_rental(rental, self.model.now, answer.json)
        return multiple(rental.rental_id)

    def add_credit(self, account: str, value: Fraction) -> None:
        """Credit, unless it is none."""
        if value:
            self.target.credit(account, value)
            self.model.credits[account] += value

    def go_to(self, instant: int) -> None:
        """Move both clocks."""
        self.target.advance_to(instant)
        self.model.now = instant

    def use_until(self, rental_id: str, instant: int) -> None:
        """Move on to an instant, if that is to come, with activity often enough; stop if the rental ends."""
        while self.status(rental_id) != "terminated" and self.model.now < instant:
            self.go_to(min(instant, self.model.now + BUSY_STEP))
            self.touch(rental_id)

    def status(self, rental_id: str) -> str:
        """The status that the model foretells."""
        return self.model.rentals[rental_id].status(self.model.now)


def acted_rightly(status: str, answered: int) -> bool:
    """Whether an act on a rental of this status may be answered so; while it is provisioned, either way."""
    return answered in {"provisioning": (200, 409), "running": (200,), "terminated": (409,)}[status]


def machine_for(target: Target) -> type[RentalMachine]:
    """The machine, bound to a target: Hypothesis makes one anew for each example."""

    class BoundMachine(RentalMachine):
        def __init__(self) -> None:
            super().__init__(target)

    return BoundMachine
