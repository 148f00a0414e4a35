"""`gpu-sim serve` with one planted defect: `python serve.py DEFECT [options of serve]`, or `--list`.

The contract suite must catch every one of them. Each function plants its defect in the modules of this process.
"""

import sys
from collections.abc import Callable
from typing import Any

import msgspec

from simulator.api import front, gpu, listing, problems
from simulator.api.wire import parse_query
from simulator.cli import main
from simulator.core import billing, holds, idempotency, offers, rentals
from simulator.core.errors import InsufficientCredit, Refusal
from simulator.core.idempotency import Key
from simulator.core.ledger import RentalSettled
from simulator.core.offer_rentals import RentPlan
from simulator.core.rental import Rental
from simulator.core.simulation import Simulation


def plant(owner: object, name: str, defect: object) -> None:
    """Put the defect where the sound piece was."""
    assert hasattr(owner, name), name
    setattr(owner, name, defect)


def minimum_is_a_second_short() -> None:
    """F15: a session of a second is billed for 899."""
    sound = billing.billed_seconds

    def billed_seconds(*arguments: Any) -> int:
        seconds = sound(*arguments)
        return 899 if seconds == 900 else seconds

    plant(rentals, "billed_seconds", billed_seconds)


def hold_is_valid_at_its_expiry() -> None:
    """A21: the hold still reserves at 7,200,000 ms."""
    sound = holds.expires_at_ms

    def expires_at_ms(*arguments: Any) -> int | None:
        expiry = sound(*arguments)
        return None if expiry is None else expiry + 1

    plant(rentals, "expires_at_ms", expires_at_ms)


def filters_are_joined_by_or() -> None:
    """F5: an offer that matches any of the filters is listed."""
    sound = listing._filter

    def compose(self: Any, query: bytes) -> problems.Reply:
        parameters = parse_query(query, listing.PARAMETERS, refuse_unknown=self._refuse_unknown)
        matching = [sound(self._rows, name, value) for name, value in parameters.items()] or [self._rows]
        rows = [row for row in self._rows if any(row in chosen for chosen in matching)]
        body = b'{"object":"list","count":%d,"data":[%b]}' % (len(rows), b",".join(row[5] for row in rows))
        return problems.Reply(200, body, ((b"content-type", b"application/json"),))

    plant(listing.Listing, "_compose", compose)


def max_price_is_exclusive() -> None:
    """F5: an offer at exactly the maximum is left out."""
    sound = listing._filter

    def filter_(rows: list[listing.Row], name: str, value: str) -> list[listing.Row]:
        kept = sound(rows, name, value)
        if name == "max_price":
            limit = listing._decimal(name, value) * 1_000_000
            kept = [row for row in kept if row[0] < limit]
        return kept

    plant(listing, "_filter", filter_)


def count_is_of_all_offers() -> None:
    """F3: the count ignores the filters."""
    sound = listing.Listing._compose

    def compose(self: Any, query: bytes) -> problems.Reply:
        answer = msgspec.json.decode(sound(self, query).body)
        answer["count"] = len(self._rows)
        return problems.json_reply(200, answer)

    plant(listing.Listing, "_compose", compose)


def capacity_is_not_returned() -> None:
    """F13: the GPUs of a rental that ended stay taken."""

    def give_back(self: offers.Market, offer: offers.Offer, gpu_count: int) -> None:
        pass

    plant(offers.Market, "give_back", give_back)


def rentals_are_visible_to_everybody() -> None:
    """A13: another account's rental is answered."""
    sound = rentals.Rentals.find

    def find(self: rentals.Rentals, rental_id: str, account: str | None = None) -> Rental:
        return sound(self, rental_id)

    plant(rentals.Rentals, "find", find)


def amount_needed_is_the_whole_hold() -> None:
    """F17: what is available already is not taken off."""
    sound = rentals.Rentals.check_rent

    def check_rent(self: rentals.Rentals, command: Any) -> RentPlan:
        try:
            return sound(self, command)
        except InsufficientCredit as refusal:
            there = max(0, self._ledger.available(command.account))
            needed = refusal.amount_needed_micros + there
            raise InsufficientCredit(refusal.message, amount_needed_micros=needed) from None

    plant(rentals.Rentals, "check_rent", check_rent)


def a_reused_key_takes_any_body() -> None:
    """A17: the first answer comes again whatever the body."""
    sound = idempotency.Keys.find

    def find(self: idempotency.Keys, account: str, key: Key, now_ms: int) -> str | None:
        stored = self._stored.get((account, key.text))
        known = key if stored is None else Key(key.text, stored.key.fingerprint)
        return sound(self, account, known, now_ms)

    plant(idempotency.Keys, "find", find)


def interruptions_are_billed_the_minimum() -> None:
    """A6: the time used is not what is billed."""
    sound = billing.billed_seconds

    def billed_seconds(reason: Any, *arguments: Any) -> int:
        return sound("deleted" if reason == "interrupted" else reason, *arguments)

    plant(rentals, "billed_seconds", billed_seconds)


def a_touch_is_no_activity() -> None:
    """A19: the idle time does not start anew."""

    def touch(self: rentals.Rentals, rental: Rental) -> None:
        pass

    plant(rentals.Rentals, "touch", touch)


def errors_have_no_code() -> None:
    """A12: the envelope lacks a key."""
    sound = problems.api_problem

    def api_problem(refusal: Refusal) -> problems.Reply:
        reply = sound(refusal)
        content = msgspec.json.decode(reply.body)
        del content["error"]["code"]
        return problems.json_reply(reply.status, content)

    plant(front, "api_problem", api_problem)


def deleting_again_bills_again() -> None:
    """A11: a second DELETE settles a second time."""
    sound = gpu.terminate_rental

    async def terminate_rental(exchange: Any) -> problems.Reply:
        simulation: Simulation = exchange.world.simulation
        rental = simulation.rentals.by_id.get(front.rental_id_in(exchange.scope["path"]))
        if rental is not None and rental.terminated_ms is not None and rental.billed_micros:
            charge = rental.billed_micros
            simulation.ledger.post(RentalSettled(simulation.now_ms, rental.account, rental.rental_id, 0, charge))
        return await sound(exchange)

    plant(gpu, "terminate_rental", terminate_rental)


DEFECTS: dict[str, Callable[[], None]] = {
    defect.__name__: defect
    for defect in (
        minimum_is_a_second_short,
        hold_is_valid_at_its_expiry,
        filters_are_joined_by_or,
        max_price_is_exclusive,
        count_is_of_all_offers,
        capacity_is_not_returned,
        rentals_are_visible_to_everybody,
        amount_needed_is_the_whole_hold,
        a_reused_key_takes_any_body,
        interruptions_are_billed_the_minimum,
        a_touch_is_no_activity,
        errors_have_no_code,
        deleting_again_bills_again,
    )
}


if __name__ == "__main__":
    if sys.argv[1] == "--list":
        print(*DEFECTS)
    else:
        DEFECTS[sys.argv[1]]()
        main(["serve", *sys.argv[2:]], prog_name="gpu-sim")
