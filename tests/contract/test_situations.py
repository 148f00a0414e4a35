"""Comparing lists of offers: a market that stands is judged, one that moves or is empty is not applicable."""

from typing import Any

import httpx
import pytest

from contract.clauses.situations import unchanged_offers
from contract.target.target import NotApplicable, Target


def listing(*prices: str) -> httpx.Response:
    """The offers list with these prices."""
    rows: list[dict[str, Any]] = [{"price_per_gpu_hour": price} for price in prices]
    return httpx.Response(200, json={"object": "list", "count": len(rows), "data": rows})


def target(*answers: httpx.Response) -> Target:
    """A server that answers in this order."""
    order = iter(answers)
    return Target("http://x", "t", transport=httpx.MockTransport(lambda _: next(order)))


def test_what_does_not_hold_in_a_market_that_stands_has_failed() -> None:
    market = target(listing("0.100"), listing("0.100"))
    with pytest.raises(AssertionError, match="wrong"), unchanged_offers(market) as rows:
        assert rows == [], "wrong"
    assert len(market.trace.sent) == 1


def test_what_does_not_hold_in_a_market_that_moved_meanwhile_is_not_judged() -> None:
    with (
        pytest.raises(NotApplicable, match="moved"),
        unchanged_offers(target(listing("0.100"), listing("0.200"))) as rows,
    ):
        assert rows == [], "wrong"


def test_without_an_offer_nothing_can_be_compared() -> None:
    with pytest.raises(NotApplicable, match="no offer is listed"), unchanged_offers(target(listing())):
        raise AssertionError("nothing to compare")


def test_what_holds_is_not_looked_at_again() -> None:
    with unchanged_offers(target(listing("0.100"))) as rows:
        assert len(rows) == 1
