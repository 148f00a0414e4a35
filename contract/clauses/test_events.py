"""Price changes, outages and failed provisioning, in `eventful.yaml`: F6, F19, F20, A3, A13, A20."""

import pytest

from ..model.charges import charge_of
from ..model.fresh_world import ALICE, PROVISIONING_MS, reset_world
from ..target.instants import HOUR, MINUTE
from ..target.money import amount, dollars
from ..target.target import Target
from .situations import EXAMPLE, ended, instant, refused, rented, running, seen, touch

PRICE_RISES = 5 * MINUTE
BACK_AGAIN = 25 * MINUTE
CIVO = {**EXAMPLE, "gpu_model": "B200", "provider_id": "civo", "region": "New York, US"}
GCP = {**EXAMPLE, "gpu_model": "H100", "provider_id": "gcp", "region": "us-central1, US"}

VERDA = {**EXAMPLE, "gpu_model": "V100", "provider_id": "verda", "region": "Finland, FI"}
SLOW_PROVISIONING = 3 * HOUR


@pytest.fixture(name="market")
def eventful_market(eventful_world: Target) -> Target:
    """The eventful world, at its start."""
    reset_world(eventful_world)
    return eventful_world


def listed_price(market: Target) -> str:
    """The price of the example offer as listed now."""
    [row] = [row for row in market.offers(gpu_model="RTX 4090", provider="vast-ai") if row["region"] == "Quebec, CA"]
    return str(row["price_per_gpu_hour"])


def test_f6_the_list_shows_the_current_price(market: Target) -> None:
    market.advance(PRICE_RISES - 1)
    assert listed_price(market) == "0.287"
    market.advance(1)
    assert listed_price(market) == "0.861"
    market.advance(60 * MINUTE)
    assert listed_price(market) == "0.287"


def test_f19_being_provisioned_is_not_being_idle(market: Target) -> None:
    rental_id = rented(market, **VERDA)["rental_id"]
    market.advance(SLOW_PROVISIONING - 1)
    assert seen(market, rental_id)["status"] == "provisioning"
    market.advance(15 * MINUTE)
    assert seen(market, rental_id)["status"] == "running"
    market.advance(1)
    assert seen(market, rental_id)["termination_reason"] == "idle_timeout"


def test_f20_a_hold_expires_while_the_rental_is_provisioned(market: Target) -> None:
    before = market.accounts()[ALICE]
    rental = rented(market, **VERDA)
    market.advance(2 * HOUR - 1)
    assert market.accounts()[ALICE].held == dollars(rental["hold_amount"])
    market.advance(1)
    assert market.accounts()[ALICE] == before
    assert ended(market, rental["rental_id"])["billed_amount"] == "0.000000"
    assert market.accounts()[ALICE] == before


def test_a3_a_rental_keeps_the_price_that_it_was_rented_at(market: Target) -> None:
    rental = running(market)
    market.advance_to(instant(rental, "created_at") + PRICE_RISES)
    assert seen(market, rental["rental_id"])["price_per_gpu_hour"] == "0.287"
    touch(market, rental["rental_id"])
    market.advance_to(instant(rental, "started_at") + 1000_000)
    assert ended(market, rental["rental_id"])["billed_amount"] == amount(charge_of(dollars("0.287"), 1, 1000))


def test_a3_a_later_rental_pays_the_later_price(market: Target) -> None:
    market.advance(PRICE_RISES)
    rental = rented(market)
    assert (rental["price_per_gpu_hour"], rental["hold_amount"]) == ("0.861", "0.215250")


def test_a13_a_provider_that_is_out_is_not_listed_and_cannot_be_rented_from(market: Target) -> None:
    assert len(market.offers(provider="civo")) == 1
    market.advance(PRICE_RISES)
    assert market.offers(provider="civo") == []
    answer = market.rent(CIVO)
    refused(answer, 409, "offer_unavailable")
    assert answer.headers.get("x-should-retry") != "false"
    market.advance_to(market.now() + BACK_AGAIN - PRICE_RISES)
    assert len(market.offers(provider="civo")) == 1
    assert market.rent(CIVO).status == 201


def test_a20_failed_provisioning_costs_nothing(market: Target) -> None:
    before = market.accounts()[ALICE]
    free = market.offers(provider="gcp")
    rental = rented(market, **GCP)
    market.advance(PROVISIONING_MS - 1)
    assert seen(market, rental["rental_id"])["status"] == "provisioning"
    market.advance(1)
    found = seen(market, rental["rental_id"])
    assert (found["status"], found["termination_reason"]) == ("terminated", "provisioning_failed")
    assert (found["started_at"], found["billed_amount"]) == (None, "0.000000")
    assert instant(found, "terminated_at") == market.now()
    assert market.accounts()[ALICE] == before
    assert market.offers(provider="gcp") == free


def test_a20_a_delete_after_that_changes_nothing(market: Target) -> None:
    rental = rented(market, **GCP)
    market.advance(PROVISIONING_MS)
    found = seen(market, rental["rental_id"])
    assert ended(market, rental["rental_id"]) == found
