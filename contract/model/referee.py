"""The referee: compares an answer with the model's prediction."""

from collections.abc import Iterable
from typing import Any

from ..document.error_codes import RENTED
from ..target.money import amount
from ..target.target import Answer
from .reference_model import Model, Prediction
from .rental_history import Rental

DOCUMENTED_FIELDS = frozenset({"rental_id", "status"})


def judge(prediction: Prediction, answer: Answer, succeed_with: Iterable[int] = (200,)) -> bool:
    """Returns True for a success, False for a refusal. Raises AssertionError if the prediction did not come true."""
    if answer.status in succeed_with:
        assert prediction.either or prediction.must_succeed, f"must fail with {sorted(prediction.codes)}: {answer}"
        return True
    assert not prediction.must_succeed, f"must succeed: {answer}"
    assert answer.error["code"] in prediction.codes, f"must fail with {sorted(prediction.codes)}: {answer}"
    return False


def judge_rent(model: Model, prediction: Prediction, answer: Answer) -> bool:
    """Judge the answer to a rent. Returns True if it made a new rental."""
    if not judge(prediction, answer, RENTED):
        if prediction.amount_needed is not None:
            assert answer.error["amount_needed"] == amount(prediction.amount_needed), f"F17: {answer}"
        if answer.status == 409:
            pointless = answer.headers.get("x-should-retry") == "false"
            assert pointless == prediction.permanent, f"A16: x-should-retry is wrong: {answer}"
        return False
    replayed = answer.headers.get("idempotent-replayed") == "true"
    assert replayed == (prediction.replay is not None), f"A17: idempotent-replayed is wrong: {answer}"
    if prediction.replay is not None:
        assert answer.json == prediction.replay.first_answer, f"A17: not the first answer: {answer}"
    assert answer.sim_now == model.now, f"A23: it is not {model.now}: {answer}"
    return not replayed


def judge_rental(rental: Rental, now: int, seen: dict[str, Any]) -> None:
    """Raises AssertionError if a rental in an answer is not the model's."""
    expected = rental.view(now)
    names = set(seen) - {"ssh"}
    assert names in (DOCUMENTED_FIELDS, set(expected)), f"A18: the keys of neither profile: {seen}"
    for name in sorted(names):
        assert seen[name] == expected[name], f"{name} must be {expected[name]!r}: {seen}"
    if names != DOCUMENTED_FIELDS:
        assert ("ssh" in seen) == (rental.request.get("ssh_key") is not None), f"A18: ssh is wrong: {seen}"


def acted_rightly(status: str, answered: int) -> bool:
    """True if this status may answer a touch or an interruption of such a rental. While it is provisioned, both may."""
    return answered in {"provisioning": (200, 409), "running": (200,), "terminated": (409,)}[status]
