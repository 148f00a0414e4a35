"""One rental from rent to end, on any server on which the suite may spend: F7, F8, F10 to F13, A11."""

from ..document.error_codes import RENTED
from ..model.charges import hold_of
from ..target.money import amount
from ..target.target import NotApplicable
from .one_rental import OneRental


def test_f7_the_cheapest_offer_can_be_rented(one_rental: OneRental) -> None:
    answers = one_rental.answers()
    echoed = {name: value for name, value in answers.body.items() if name in answers.rented.json}
    assert answers.rented.json.items() >= echoed.items(), answers.rented


def test_f8_the_hold_covers_the_minimum_session(one_rental: OneRental) -> None:
    """Where the service tells it at all (A18)."""
    answers = one_rental.answers()
    if "hold_amount" not in answers.rented.json:
        raise NotApplicable("the service does not tell the hold")
    assert answers.rented.json["hold_amount"] == amount(hold_of(answers.offer.price, 1)), answers.rented


def test_f10_a_rent_is_answered_with_an_id_and_provisioning(one_rental: OneRental) -> None:
    rented = one_rental.answers().rented
    assert rented.json["rental_id"], rented
    assert rented.json["status"] == "provisioning", rented


def test_a10_a_rent_that_succeeds_is_answered_with_201_or_with_200_or_202(one_rental: OneRental) -> None:
    rented = one_rental.answers().rented
    assert rented.status in RENTED, f"A10: {rented}"


def test_f12_the_rental_can_be_looked_at(one_rental: OneRental) -> None:
    answers = one_rental.answers()
    assert answers.seen.status == 200, answers.seen
    assert answers.seen.json["rental_id"] == answers.rented.json["rental_id"], answers.seen
    assert answers.seen.json["status"] in ("provisioning", "running"), answers.seen


def test_f13_a_delete_terminates_the_rental(one_rental: OneRental) -> None:
    answers = one_rental.answers()
    assert answers.deleted.status == 200, answers.deleted
    assert answers.deleted.json["status"] == "terminated", answers.deleted


def test_f15_the_end_is_billed_as_the_minimum_session(one_rental: OneRental) -> None:
    """It was deleted at once: either it never ran and costs nothing (A5), or the minimum is due and no more."""
    answers = one_rental.answers()
    if not one_rental.is_told:
        raise NotApplicable("the service does not tell the bill")
    if one_rental.spent == 0:
        raise NotApplicable("it was deleted before it ran, and nothing was billed")
    assert one_rental.spent == hold_of(answers.offer.price, 1), answers.seen_after


def test_a11_a_terminated_rental_is_still_there(one_rental: OneRental) -> None:
    answers = one_rental.answers()
    assert answers.seen_after.status == 200, answers.seen_after
    assert answers.seen_after.json == answers.deleted.json, answers.seen_after


def test_a11_a_second_delete_answers_the_same_again(one_rental: OneRental) -> None:
    answers = one_rental.answers()
    assert answers.deleted_again.status == 200, answers.deleted_again
    assert answers.deleted_again.json == answers.deleted.json, answers.deleted_again
