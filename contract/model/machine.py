"""The state machine: random histories of two accounts in two worlds of one server. The model predicts every answer.

Instants are drawn around the deadlines of the rentals: one millisecond before, at, and one after. After each step
money, ledger and rentals must be the model's (F11, F15 to F20, A2 to A9, A16, A17, A21).
"""

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, precondition, rule

from ..target.instants import SECOND
from ..target.money import MICRO, dollars
from ..target.target import Target
from .fresh_world import ALICE, BOB, learn_offers, reset_world
from .machine_steps import MachineSteps
from .referee import acted_rightly, judge, judge_rental
from .reference_model import KEY_LIFE, failure
from .strategies import BOUNDARY, ValidRent, WrongRent, filters, picks, valid_rents, wrong_queries, wrong_rents

ACCOUNTS = st.sampled_from([ALICE, ALICE, BOB])
"""Alice twice as often: she can pay, while Bob is soon refused for lack of credit."""
KEYS = st.none() | st.none() | st.sampled_from(["k1", "k2"])
"""Only two idempotency keys, so that they are used again."""


class RentalMachine(MachineSteps):
    """The rules. `target` needs a control plane, and a world in which nothing happens by itself."""

    rented: Bundle[str] = Bundle("rented")

    # Offers.

    @rule(data=st.data(), account=ACCOUNTS)
    def list_offers(self, data: st.DataObject, account: str) -> None:
        """A list has exactly the offers that match and have free GPUs (F5, F6, A14, A15)."""
        self.see_offers(account, data.draw(filters(self.model.offers), label="filters"))

    @rule(query=wrong_queries(), account=ACCOUNTS)
    def list_wrongly(self, query: tuple[tuple[tuple[str, str], ...], frozenset[str]], account: str) -> None:
        """A wrong parameter is refused (A14)."""
        pairs, codes = query
        judge(failure(*codes), self.send(account, "GET", "/v1/gpu/offers", query=list(pairs)))

    # Rents.

    @rule(target=rented, valid=valid_rents(), account=ACCOUNTS, key=KEYS)
    def rent(self, valid: ValidRent, account: str, key: str | None) -> MultipleResults[str]:
        """A valid rent succeeds, or is refused for the one reason that the model knows."""
        return self.try_rent(account, valid.body(self.model.offers), key)

    @rule(target=rented, valid=valid_rents(), account=ACCOUNTS, offset=st.sampled_from(BOUNDARY))
    def rent_and_wait(self, valid: ValidRent, account: str, offset: int) -> MultipleResults[str]:
        """A rent, and then the time until it becomes running, give or take a millisecond (F11)."""
        rented = self.try_rent(account, valid.body(self.model.offers), None)
        if rented.values:
            self.go_to(self.model.now + self.model.provisioning_ms + offset)
        return rented

    @rule(valid=valid_rents(), wrong=wrong_rents(), account=ACCOUNTS, key=KEYS)
    def rent_wrongly(self, valid: ValidRent, wrong: WrongRent, account: str, key: str | None) -> None:
        """A body with one defect is refused for that defect, whatever else is the case (A13)."""
        judge(failure(*wrong.codes), self.post_rent(account, wrong.body(valid.body(self.model.offers)), key))

    @rule(target=rented, pick=picks(), more=st.integers(0, 1), account=ACCOUNTS)
    def rent_what_is_left(self, pick: int, more: int, account: str) -> MultipleResults[str]:
        """A rent of all GPUs that are free, or of one more than that (F6, A16)."""
        gpus = self.model.free(self.model.offers[pick % len(self.model.offers)]) + more
        return self.try_rent(
            account, ValidRent(pick, extras=(("gpu_count", max(1, gpus)),)).body(self.model.offers), None
        )

    @precondition(lambda self: bool(self.model.keys))
    @rule(
        target=rented,
        pick=st.integers(0, 9),
        change=st.sampled_from(["org/model", "org/other"]),
        wait=st.none() | st.none() | st.none() | st.sampled_from(BOUNDARY),  # mostly none: a day ends all other rentals
    )
    def retry(self, pick: int, change: str, wait: int | None) -> MultipleResults[str]:
        """A key used again, at once or when it expires: the first answer comes, or another body is refused (A17)."""
        account, key = sorted(self.model.keys)[pick % len(self.model.keys)]
        first, rental = self.model.keys[account, key]
        if wait is not None:
            self.go_to(max(self.model.now, rental.created + KEY_LIFE + wait))
        body = {**first, "model_id": change}
        return self.try_rent(account, body, key, respelled=True)

    @rule(target=rented, valid=valid_rents())
    def rent_what_credit_lacks(self, valid: ValidRent) -> MultipleResults[str]:
        """After a 402, credit of the amount that it names is exactly enough (F17)."""
        body = valid.body(self.model.offers)
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
        """The owner sees the rental, other accounts do not (F12, A13)."""
        answer = self.send(account, "GET", f"/v1/gpu/rentals/{rental_id}")
        if judge(self.model.predict_read(account, rental_id), answer):
            judge_rental(self.model.rentals[rental_id], self.model.now, answer.json)

    @rule(rental_id=rented, account=ACCOUNTS)
    def terminate(self, rental_id: str, account: str) -> None:
        """The owner ends the rental, at once and only once; other accounts cannot (F13, A11)."""
        answer = self.send(account, "DELETE", f"/v1/gpu/rentals/{rental_id}")
        if judge(self.model.predict_read(account, rental_id), answer):
            self.model.record_end(rental_id, "deleted")
            judge_rental(self.model.rentals[rental_id], self.model.now, answer.json)
            self.see_offer_of(rental_id)

    @rule(rental_id=rented)
    def touch(self, rental_id: str) -> None:
        """Activity postpones the idle timeout of a running rental (A19)."""
        self.touch_rental(rental_id)

    @rule(rental_id=rented)
    def interrupt(self, rental_id: str) -> None:
        """The market takes a running GPU back (A2)."""
        if rental_id not in self.model.rentals:
            assert self.target.interrupt(rental_id).status == 404, f"{rental_id} is of another world"
            return
        status, done = self.status(rental_id), self.target.interrupt(rental_id).status
        assert acted_rightly(status, done), f"A2: interrupting a {status} rental: {done}"
        if done == 200:
            self.model.record_end(rental_id, "interrupted")
            self.see_offer_of(rental_id)

    # Credit and time.

    @rule(account=ACCOUNTS, value=st.sampled_from(["0.000001", "0.05", "1.000000", "25.00"]))
    def credit(self, account: str, value: str) -> None:
        """Credit is available at once (F14, F16)."""
        self.target.credit(account, dollars(value))
        self.model.credits[account] += dollars(value)

    @rule(ms=st.integers(1, 10_000))
    def advance(self, ms: int) -> None:
        """A little time passes."""
        self.target.advance(ms)
        self.model.now += ms

    @precondition(lambda self: bool(self.model.deadlines()))
    @rule(pick=st.integers(0, 1) | st.integers(0, 30), offset=st.sampled_from(BOUNDARY))
    def advance_to_deadline(self, pick: int, offset: int) -> None:
        """Time passes until just before, at, or just after one of the coming deadlines (A21)."""
        deadlines = self.model.deadlines()
        self.go_to(max(self.model.now, deadlines[pick % len(deadlines)] + offset))

    @precondition(lambda self: len(self.worlds) > 1)
    @rule()
    def go_elsewhere(self) -> None:
        """The rules go on in the other world, with its own time and money. The worlds may share ids (A22)."""
        self.worlds.reverse()

    @rule(
        rental_id=rented,
        seconds=st.sampled_from([0, 900, 901]) | st.integers(0, 2000),
        offset=st.sampled_from(BOUNDARY),
    )
    def use_for_a_while(self, rental_id: str, seconds: int, offset: int) -> None:
        """A rental is kept busy until it has run for `seconds` (F15, F19)."""
        if rental_id in self.model.rentals:
            self.use_until(rental_id, self.model.rentals[rental_id].started_if_alive + seconds * SECOND + offset)

    @rule(rental_id=rented, offset=st.sampled_from(BOUNDARY))
    def use_until_hold_expires(self, rental_id: str, offset: int) -> None:
        """A rental is kept busy until its hold expires (F19, F20)."""
        if rental_id in self.model.rentals:
            self.use_until(rental_id, self.model.rentals[rental_id].hold_expiry + offset)


def machine_for(target: Target, other_world: Target | None) -> type[RentalMachine]:
    """The machine for a world and perhaps another one of the same scenario, as a class: Hypothesis makes an instance
    for each example."""
    reset_world(target)
    offers = learn_offers(target)

    class BoundMachine(RentalMachine):
        def __init__(self) -> None:
            super().__init__(target, other_world, offers)

    return BoundMachine
