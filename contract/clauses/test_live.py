"""One rental's life, which any server can show that may be paid for it: F7, F8, F10 to F13, A11."""

from ..document.error_codes import RENTED
from ..target.money import amount, hold_of
from ..target.target import NotApplicable
from .one_rental import Spending


def test_f7_the_cheapest_offer_can_be_rented(spending: Spending) -> None:
    life = spending.life()
    echoed = {name: value for name, value in life.body.items() if name in life.rented.json}
    assert life.rented.json.items() >= echoed.items(), life.rented


def test_f8_the_hold_covers_the_minimum_session(spending: Spending) -> None:
    """Where the service tells it at all (A18)."""
    life = spending.life()
    if "hold_amount" not in life.rented.json:
        raise NotApplicable("the service does not tell the hold")
    assert life.rented.json["hold_amount"] == amount(hold_of(life.offer.price, 1)), life.rented


def test_f10_a_rent_is_answered_with_an_id_and_provisioning(spending: Spending) -> None:
    rented = spending.life().rented
    assert rented.json["rental_id"], rented
    assert rented.json["status"] == "provisioning", rented


def test_a10_a_rent_that_succeeds_is_answered_with_201_or_with_200_or_202(spending: Spending) -> None:
    rented = spending.life().rented
    assert rented.status in RENTED, f"A10: {rented}"


def test_f12_the_rental_can_be_looked_at(spending: Spending) -> None:
    life = spending.life()
    assert life.seen.status == 200, life.seen
    assert life.seen.json["rental_id"] == life.rented.json["rental_id"], life.seen
    assert life.seen.json["status"] in ("provisioning", "running"), life.seen


def test_f13_a_delete_terminates_the_rental(spending: Spending) -> None:
    life = spending.life()
    assert life.deleted.status == 200, life.deleted
    assert life.deleted.json["status"] == "terminated", life.deleted


def test_f15_the_end_is_billed_as_the_minimum_session(spending: Spending) -> None:
    """It was deleted at once: either it never ran and costs nothing (A5), or the minimum is due and no more."""
    life = spending.life()
    if not spending.is_told:
        raise NotApplicable("the service does not tell the bill")
    if spending.spent == 0:
        raise NotApplicable("it was deleted before it ran, and nothing was billed")
    assert spending.spent == hold_of(life.offer.price, 1), life.seen_after


def test_a11_a_terminated_rental_is_still_there(spending: Spending) -> None:
    life = spending.life()
    assert life.seen_after.status == 200, life.seen_after
    assert life.seen_after.json == life.deleted.json, life.seen_after


def test_a11_a_second_delete_answers_the_same_again(spending: Spending) -> None:
    life = spending.life()
    assert life.deleted_again.status == 200, life.deleted_again
    assert life.deleted_again.json == life.deleted.json, life.deleted_again
