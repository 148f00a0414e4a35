"""The documented example to the letter, on the shipped scenarios (F3, F4, F5, F7)."""

import asyncio

import pytest
from gpu_sim import load_scenario
from gpu_sim.core.scenario.scenario import ClockSettings

from ...support.asgi import DOCUMENTED_OFFER, DOCUMENTED_RENT, Api

OFFERS = "/v1/gpu/offers"


@pytest.fixture
def api(runner: asyncio.Runner) -> Api:
    """The scenario `default` at its start."""
    return Api(runner, load_scenario("default"), clock=ClockSettings(mode="manual"))


def test_f3_the_unfiltered_list_counts_79(api: Api) -> None:
    answer = api.get(OFFERS)
    assert (answer["object"], answer["count"], len(answer["data"])) == ("list", 79, 79)


def test_f4_the_documented_query_lists_the_documented_offer(api: Api) -> None:
    found = api.get(f"{OFFERS}?gpu_model=RTX%204090")["data"]
    assert DOCUMENTED_OFFER in found
    assert {offer["gpu_model"] for offer in found} == {"RTX 4090"}


def test_f5_the_documented_filter_for_h100_finds_offers(api: Api) -> None:
    assert api.get(f"{OFFERS}?gpu_model=H100")["count"] > 0


def test_f7_the_documented_body_is_accepted_with_its_placeholder_of_a_key(api: Api) -> None:
    answer = api.call("POST", "/v1/gpu/rent", DOCUMENTED_RENT)
    assert answer.status == 201
    rental = answer.json()
    assert (rental["status"], rental["hold_amount"]) == ("provisioning", "0.071750")


def test_the_first_rental_of_the_example_runs_and_lives_15_minutes_at_least(api: Api) -> None:
    rental_id = api.call("POST", "/v1/gpu/rent", DOCUMENTED_RENT).json()["rental_id"]
    until = {"until": {"rental": rental_id, "status": "running"}, "limit": "1m"}
    assert api.call("POST", "/_sim/clock/advance", until).status == 200
    api.advance("14m59s999ms")
    assert api.rental(rental_id)["status"] == "running"
    assert api.delete(rental_id).json()["billed_amount"] == "0.071750"
    assert api.money()["available"] == "99.928250"


def test_every_offer_has_the_types_of_the_documented_one(api: Api) -> None:
    for offer in api.get(OFFERS)["data"]:
        types = {name: type(value) for name, value in offer.items()}
        assert types == {
            "gpu_model": str,
            "vram_gb": int,
            "provider_id": str,
            "region": str,
            "price_per_gpu_hour": str,
            "interruption_probability": float,
            "spot": bool,
        }
        assert 0 <= offer["interruption_probability"] < 1
        assert offer["spot"] is True


def test_under_calm_a_day_changes_nothing(runner: asyncio.Runner) -> None:
    api = Api(runner, load_scenario("calm"))
    before = api.call("GET", OFFERS).body
    api.advance("1d")
    assert api.call("GET", OFFERS).body == before
