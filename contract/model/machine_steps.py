"""The steps of the state machine, each done on the server and in the model, and the invariants after each."""

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from hypothesis.stateful import MultipleResults, RuleBasedStateMachine, initialize, invariant, multiple

from ..target.instants import MINUTE
from ..target.target import Answer, Target
from .fresh_world import ALICE, learn_world
from .ledger_view import LedgerView, expected_entries
from .referee import acted_rightly, judge_rent, judge_rental
from .reference_model import Model
from .rental_history import Offer
from .strategies import spelled

BUSY_STEP = 14 * MINUTE
"""Less than the idle timeout: activity this often keeps a rental alive (F19)."""


class ModelledWorld:
    """A world of the server, its reference model, and its ledger as read so far."""

    def __init__(self, target: Target, offers: Sequence[Offer]) -> None:
        self.target = target
        self.model, self.tokens = learn_world(target, offers)
        self.ledger = LedgerView()
        self.ledger.read(target.ledger())


class MachineSteps(RuleBasedStateMachine):
    """One or two worlds of the same scenario, each with its model. `offers` are those at the scenario's start. The
    rules, which act on the world `here`, are in `machine.py`."""

    def __init__(self, target: Target, other_world: Target | None, offers: Sequence[Offer]) -> None:
        super().__init__()
        self._offers = offers
        self._targets = [target] if other_world is None else [target, other_world]
        self.worlds: list[ModelledWorld] = []

    @initialize()
    def begin(self) -> None:
        """Reset the worlds, and see that all offers of the start are listed again."""
        self._targets[0].trace.begin()
        self.worlds = [ModelledWorld(target, self._offers) for target in self._targets]
        for _ in self.worlds:
            self.see_offers(ALICE, {})
            self.worlds.reverse()

    @property
    def here(self) -> ModelledWorld:
        """The world that the rules act on."""
        return self.worlds[0]

    @property
    def target(self) -> Target:
        """Its server, with the token of one of its accounts."""
        return self.here.target

    @property
    def model(self) -> Model:
        """Its reference model."""
        return self.here.model

    @property
    def tokens(self) -> dict[str, str]:
        """The tokens of its accounts."""
        return self.here.tokens

    @property
    def ledger(self) -> LedgerView:
        """Its ledger as read so far."""
        return self.here.ledger

    # Invariants: they are checked after every step.

    @invariant()
    def money_is_as_predicted(self) -> None:
        """Balance, held and available credit of every account are the model's (F14, F16)."""
        seen = self.target.accounts()
        for name in self.tokens:
            account = seen[name]
            assert account.available == account.balance - account.held, f"F16: {account}"
            held, balance = self.model.held(name), self.model.balance(name)
            assert account.held == held, f"F8, F20: {held} must be held: {account}"
            assert account.balance == balance, f"F15: the balance must be {balance}: {account}"

    @invariant()
    def ledger_is_as_predicted(self) -> None:
        """The ledger balances, sums up to the accounts, and has each entry of each rental once (A8)."""
        self.ledger.read(self.target.ledger(after=self.ledger.last_seq))
        for name in self.tokens:
            assert self.ledger.balance(name) == self.model.balance(name), f"A8: balance of {name} in the ledger"
            assert self.ledger.held(name) == self.model.held(name), f"A8: holds of {name} in the ledger"
        seen, now = self.ledger.of_rentals(), self.model.now
        predicted = {entry for rental in self.model.rentals.values() for entry in expected_entries(rental, now)}
        assert seen == predicted, f"A8: too much {seen - predicted}, missing {predicted - seen}"

    @invariant()
    def rentals_are_as_predicted(self) -> None:
        """The server has the rentals that were accepted and no others, each as in the model (F11, F13)."""
        rows = self.target.items("rentals")
        assert sorted(row["rental_id"] for row in rows) == sorted(self.model.rentals), "A17: the rentals differ"
        for row in rows:
            rental = self.model.rentals[row["rental_id"]]
            expected = {**rental.view(self.model.now), "account": rental.account}
            assert expected.items() <= row.items(), f"must be {expected}: {row}"

    # Parts of the rules.

    def send(self, account: str, method: str, path: str, **parts: Any) -> Answer:
        """Send one request of an account. The clock must not have moved."""
        answer = self.target.send(method, path, token=self.tokens[account], **parts)
        assert answer.sim_now == self.model.now, f"A23: it is not {self.model.now}: {answer}"
        return answer

    def post_rent(self, account: str, body: dict[str, Any], key: str | None, *, respelled: bool = False) -> Answer:
        """Send a rent; `respelled` sends the same body in other bytes."""
        headers = [("content-type", "application/json")]
        if key is not None:
            headers.append(("idempotency-key", key))
        content = spelled(body) if respelled else json.dumps(body).encode()
        return self.send(account, "POST", "/v1/gpu/rent", headers=headers, content=content)

    def try_rent(
        self, account: str, body: dict[str, Any], key: str | None, *, respelled: bool = False
    ) -> MultipleResults[str]:
        """Predict, rent, judge, record. Returns the new rental's id, if there is one."""
        prediction = self.model.predict_rent(account, body, key)
        answer = self.post_rent(account, body, key, respelled=respelled)
        if not judge_rent(self.model, prediction, answer):
            return multiple()
        rental = self.model.record_rent(account, body, key, answer.json)
        judge_rental(rental, self.model.now, answer.json)
        self.see_offer_of(rental.rental_id)
        return multiple(rental.rental_id)

    def see_offers(self, account: str, chosen: dict[str, str]) -> None:
        """List with these filters. Exactly the model's offers must come."""
        answer = self.send(account, "GET", "/v1/gpu/offers", query=list(chosen.items()))
        assert answer.status == 200, answer
        rows = self.model.listed(chosen)
        assert answer.json == {"object": "list", "count": len(rows), "data": rows}, f"F5: not the offers: {answer}"

    def see_offer_of(self, rental_id: str) -> None:
        """List the offer of a rental that has just taken or returned GPUs: it is listed if some are free (F6)."""
        row = self.model.rentals[rental_id].offer.row
        self.see_offers(ALICE, {"gpu_model": row["gpu_model"], "provider": row["provider_id"]})

    def add_credit(self, account: str, value: Fraction) -> None:
        """Add credit on the server and in the model. The server refuses zero, so zero adds nothing."""
        if value:
            self.target.credit(account, value)
            self.model.credits[account] += value

    def go_to(self, instant: int) -> None:
        """Move the clocks of server and model to an instant."""
        self.target.advance_to(instant)
        self.model.now = instant

    def touch_rental(self, rental_id: str) -> None:
        """Touch a rental, which must succeed if it runs (A19)."""
        rental = self.model.rentals.get(rental_id)
        if rental is None:
            assert self.target.touch(rental_id).status == 404, f"{rental_id} is of another world"
            return
        status, done = rental.status(self.model.now), self.target.touch(rental_id).status
        assert acted_rightly(status, done), f"A19: touching a {status} rental: {done}"
        if done == 200:
            rental.touches.append(self.model.now)

    def use_until(self, rental_id: str, instant: int) -> None:
        """Move to an instant unless it is past, with activity often enough that no idle timeout comes. Stops if the
        rental ends."""
        while self.status(rental_id) != "terminated" and self.model.now < instant:
            self.go_to(min(instant, self.model.now + BUSY_STEP))
            self.touch_rental(rental_id)

    def status(self, rental_id: str) -> str:
        """The status that the model predicts."""
        return self.model.rentals[rental_id].status(self.model.now)
