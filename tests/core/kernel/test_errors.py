"""Refusals carry stable codes, and each of them can be provoked."""

import pytest
from gpu_sim.core.kernel import errors
from gpu_sim.core.kernel.errors import InsufficientCredit, InvalidValue, OfferUnavailable, Refusal

CODES = {
    "InvalidValue": "invalid_value",
    "InsufficientCredit": "insufficient_credit",
    "OfferNotFound": "offer_not_found",
    "OfferUnavailable": "offer_unavailable",
    "RentalNotFound": "rental_not_found",
    "RentalNotInState": "rental_not_in_state",
    "AccountNotFound": "account_not_found",
    "AccountExists": "account_exists",
    "IdempotencyKeyReused": "idempotency_key_reused",
    "FaultNotFound": "fault_not_found",
    "ActNotFound": "act_not_found",
    "ActExists": "act_exists",
    "JournalInvalid": "journal_invalid",
    "JournalDropped": "journal_dropped",
    "SnapshotInvalid": "snapshot_invalid",
}


def test_every_refusal_has_its_stable_code() -> None:
    core = [refusal for refusal in Refusal.__subclasses__() if refusal.__module__ == errors.__name__]
    assert {refusal.__name__: refusal.code for refusal in core} == CODES


@pytest.mark.parametrize("name", CODES)
def test_every_refusal_is_in_the_tree_that_opens_the_module_and_says_what_to_do(name: str) -> None:
    assert errors.__doc__ is not None
    assert f"── {name}\n" in errors.__doc__
    assert getattr(errors, name).__doc__


def test_a_refusal_says_what_and_where() -> None:
    refusal = InvalidValue("no such model", param="gpu_model")
    assert (str(refusal), refusal.message, refusal.param) == ("no such model", "no such model", "gpu_model")


def test_a_refusal_for_money_says_how_much_is_missing() -> None:
    refusal = InsufficientCredit("too little", amount_needed_micros=1)
    assert (refusal.amount_needed_micros, refusal.param) == (1, None)


def test_a_refusal_for_capacity_says_whether_to_come_again() -> None:
    assert OfferUnavailable("full", retry_helps=True).retry_helps
    assert OfferUnavailable("too many", retry_helps=False, param="gpu_count").param == "gpu_count"
