"""Renting: the request, the answer, and the hold (F7–F10, F14–F18, A10, A16, A18)."""

import asyncio
from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Instant, Money
from gpu_sim.core.scenario.scenario import AccountSpec, ApiSettings, BillingSettings, ClockSettings

from ...support.asgi import ALICE, BOB, DOCUMENTED_RENT, MANUAL, RENT, START, Answer, Api, scenario
from ...support.builders import market, offer

RENT_PATH = "/v1/gpu/rent"
HOLD = 71_750


def rent(api: Api, **changes: Any) -> Answer:
    """Rent the documented offer, with some fields changed."""
    return api.call("POST", RENT_PATH, RENT | changes)


def test_a10_a_rent_is_answered_with_201(api: Api) -> None:
    assert rent(api).status == 201


def test_f7_the_documented_body_is_accepted_to_the_letter(api: Api) -> None:
    answer = api.call("POST", RENT_PATH, DOCUMENTED_RENT)
    assert answer.status == 201
    assert answer.json()["ssh"]["user"] == "root"


@pytest.mark.parametrize("field", list(RENT))
def test_f7_every_field_but_the_optional_ones_is_required(api: Api, field: str) -> None:
    with api.unchanged():
        answer = api.call("POST", RENT_PATH, {name: value for name, value in RENT.items() if name != field})
        answer.refused(400, "missing_field", field)


def test_f8_the_hold_is_placed_before_provisioning_begins(api: Api) -> None:
    rental_id = api.rent()
    assert api.rental(rental_id)["status"] == "provisioning"
    assert api.money() == {"balance": "1.000000", "available": "0.928250", "held": "0.071750"}


def test_f10_the_rental_has_an_id_and_is_provisioning(api: Api) -> None:
    answer = rent(api).json()
    assert answer["status"] == "provisioning"
    assert answer["rental_id"].startswith("rent_")


def test_a18_the_extended_profile_is_the_default_and_all_its_keys_are_there(api: Api) -> None:
    answer = rent(api).json()
    assert answer == {
        "rental_id": answer["rental_id"],
        "status": "provisioning",
        **RENT,
        "fine_tuned": False,
        "gpu_count": 1,
        "price_per_gpu_hour": "0.287",
        "hold_amount": "0.071750",
        "created_at": START,
        "started_at": None,
        "terminated_at": None,
        "termination_reason": None,
        "billed_amount": None,
    }


def test_a18_the_documented_profile_has_id_and_status_alone(runner: asyncio.Runner) -> None:
    by_scenario = Api(runner, scenario(api=ApiSettings(profile="documented")))
    by_option = Api(runner, scenario(), profile="documented")
    for api in (by_scenario, by_option):
        answer = api.call("POST", RENT_PATH, DOCUMENTED_RENT).json()
        assert list(answer) == ["rental_id", "status"]
        assert list(api.rental(answer["rental_id"])) == ["rental_id", "status"]
        assert list(api.delete(answer["rental_id"]).json()) == ["rental_id", "status"]


def test_an_option_beats_the_profile_of_the_scenario(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(api=ApiSettings(profile="documented")), profile="extended")
    assert "billed_amount" in rent(api).json()


def test_f9_a_key_gives_ssh_access_that_stays_the_same(api: Api) -> None:
    answer = rent(api, ssh_key="ssh-ed25519 AAAA... user@host").json()
    assert list(answer["ssh"]) == ["host", "port", "user"]
    assert api.rental(answer["rental_id"])["ssh"] == answer["ssh"]
    assert "AAAA" not in api.state().decode()


def test_a_rent_that_has_to_wait_happens_at_the_time_after_the_wait(
    runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(runner, scenario(clock=ClockSettings(mode="real", start=Instant(0))))
    pacer, waited = api.world.pacer, 0

    async def prepare() -> None:
        nonlocal waited
        waited = 90_000

    monkeypatch.setattr(pacer, "_wall_ns", lambda: pacer._anchor_ns + waited * 1_000_000)
    monkeypatch.setattr("gpu_sim.api.decoration.prepare", prepare)
    answer = api.call("POST", RENT_PATH, DOCUMENTED_RENT)
    assert answer.json()["created_at"] == answer.header("x-sim-now") == "1970-01-01T00:01:30.000Z"


@pytest.mark.parametrize("changes", [{}, {"ssh_key": None}])
def test_a18_without_a_key_there_is_no_ssh(api: Api, changes: dict[str, Any]) -> None:
    assert "ssh" not in rent(api, **changes).json()


@pytest.mark.parametrize("fine_tuned", [True, False])
def test_f9_fine_tuned_is_echoed(api: Api, fine_tuned: bool) -> None:
    answer = rent(api, fine_tuned=fine_tuned).json()
    assert answer["fine_tuned"] is fine_tuned
    assert api.rental(answer["rental_id"])["fine_tuned"] is fine_tuned


def test_a14_names_match_whatever_their_case_and_are_echoed_as_in_the_catalogue(api: Api) -> None:
    answer = rent(api, gpu_model="rtx 4090", provider_id="VAST-AI", region="quebec, CA").json()
    assert {name: answer[name] for name in RENT} == RENT


@pytest.mark.parametrize(
    ("field", "value", "nearest"),
    [
        ("gpu_model", "RTX 4091", "RTX 4090"),
        ("gpu_model", "RTX 4090 ", "RTX 4090"),
        ("gpu_model", "RТX 4090", "RTX 4090"),
        ("provider_id", "vast", "vast-ai"),
        ("region", "Quebec", "Quebec, CA"),
        ("region", "x" * 256, None),
    ],
)
def test_a13_a_name_that_the_catalogue_lacks_is_refused_with_the_nearest(
    api: Api, field: str, value: str, nearest: str | None
) -> None:
    with api.unchanged():
        message = rent(api, **{field: value}).refused(400, "invalid_value", field)["message"]
    assert nearest is None or f'did you mean "{nearest}"?' in message


def test_a13_a_combination_that_nobody_offers_is_not_found(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(market=market(offer(), offer("Texas, US", provider_id="runpod"))))
    with api.unchanged():
        rent(api, region="Texas, US").refused(404, "offer_not_found")


def test_f18_two_gpus_cost_twice_as_much(api: Api) -> None:
    answer = rent(api, gpu_count=2).json()
    assert (answer["gpu_count"], answer["price_per_gpu_hour"], answer["hold_amount"]) == (2, "0.287", "0.143500")


@pytest.mark.parametrize("gpu_count", [5, 6, 10**30])
def test_a16_more_gpus_than_the_offer_has_are_refused_for_good(api: Api, gpu_count: int) -> None:
    with api.unchanged():
        answer = rent(api, gpu_count=gpu_count)
    answer.refused(409, "offer_unavailable", "gpu_count")
    assert answer.header("x-should-retry") == "false"


def test_a13_gpus_that_others_use_are_refused_for_now(api: Api) -> None:
    rent(api, gpu_count=3)
    with api.unchanged():
        answer = rent(api, gpu_count=2)
    answer.refused(409, "offer_unavailable")
    assert answer.header("x-should-retry") is None
    assert rent(api, gpu_count=1).status == 201


def poor(runner: asyncio.Runner, balance_micros: int) -> Api:
    """The conditions in which Alice has this balance, and Bob plenty."""
    accounts = (AccountSpec("alice", ALICE, Money(balance_micros)), AccountSpec("bob", BOB, Money(10**12)))
    return Api(runner, scenario(accounts=accounts, clock=MANUAL))


@pytest.mark.parametrize(
    ("balance", "needed"), [(0, "0.071750"), (1, "0.071749"), (HOLD - 1, "0.000001"), (50_000, "0.021750")]
)
def test_f17_too_little_credit_is_refused_with_the_amount_needed(
    runner: asyncio.Runner, balance: int, needed: str
) -> None:
    api = poor(runner, balance)
    with api.unchanged():
        error = rent(api).refused(402, "insufficient_credit")
    assert error["amount_needed"] == needed
    assert error["type"] == "insufficient_credit_error"


@pytest.mark.parametrize("balance", [HOLD, HOLD + 1])
def test_f17_credit_for_exactly_the_hold_is_enough(runner: asyncio.Runner, balance: int) -> None:
    api = poor(runner, balance)
    assert rent(api).status == 201
    assert rent(api).status == (402 if balance - HOLD < HOLD else 201)


def test_f17_the_amount_needed_is_what_makes_the_same_rent_pass(runner: asyncio.Runner) -> None:
    api = poor(runner, 12_345)
    needed = rent(api, gpu_count=2).refused(402, "insufficient_credit")["amount_needed"]
    assert needed == "0.131155"
    assert api.call("POST", "/_sim/accounts/alice/credit", {"amount": needed}).status == 200
    assert rent(api, gpu_count=2).status == 201
    assert api.money()["available"] == "0.000000"


def test_f17_one_micro_dollar_less_is_still_refused_for_that_micro_dollar(runner: asyncio.Runner) -> None:
    api = poor(runner, 12_345)
    api.call("POST", "/_sim/accounts/alice/credit", {"amount": "0.059404"})
    error = rent(api).refused(402, "insufficient_credit")
    assert error["amount_needed"] == "0.000001"


def test_f16_a_hold_counts_against_the_available_balance_only(runner: asyncio.Runner) -> None:
    api = poor(runner, 100_000)
    first = api.rent()
    assert api.money() == {"balance": "0.100000", "available": "0.028250", "held": "0.071750"}
    assert rent(api).refused(402, "insufficient_credit")["amount_needed"] == "0.043500"
    api.delete(first)
    assert rent(api).status == 201


def test_a9_a_debt_is_part_of_the_amount_needed(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(billing=BillingSettings(idle_timeout=None)))
    rental_id = api.rent()
    api.advance("4h1m")
    assert api.delete(rental_id).json()["billed_amount"] == "1.148000"
    assert api.money()["available"] == "-0.148000"
    assert rent(api).refused(402, "insufficient_credit")["amount_needed"] == "0.219750"


def test_unknown_fields_are_ignored_where_the_scenario_says_so(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(api=ApiSettings(unknown_fields="ignore")))
    answer = api.call("POST", f"{RENT_PATH}?debug=1", RENT | {"price": "0.001", "balance": 5})
    assert answer.status == 201
    assert answer.json()["price_per_gpu_hour"] == "0.287"
    assert "price" not in answer.json()
    rental_id = answer.json()["rental_id"]
    assert api.call("GET", f"/v1/gpu/rentals/{rental_id}?x=1").status == 200
    rent(api, gpu_count="1").refused(400, "invalid_value", "gpu_count")
