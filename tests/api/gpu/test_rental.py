"""Getting a rental and terminating it (F11–F13, A5, A11, A18, A23)."""

import asyncio

import pytest
from gpu_sim.core.kernel.quantities import Duration, Factor
from gpu_sim.core.scenario.acts import Act, PriceAct

from ...support.asgi import START, Api, scenario

STARTED = "2026-01-01T00:01:00.000Z"


def test_f11_f12_a_rental_is_provisioning_then_running_then_terminated(api: Api) -> None:
    rental_id = api.rent()
    seen = [api.rental(rental_id)["status"]]
    api.advance("1m")
    seen.append(api.rental(rental_id)["status"])
    api.delete(rental_id)
    seen.append(api.rental(rental_id)["status"])
    assert seen == ["provisioning", "running", "terminated"]


def test_f12_the_status_changes_to_the_millisecond(api: Api) -> None:
    rental_id = api.rent()
    api.advance("59s999ms")
    assert api.rental(rental_id)["status"] == "provisioning"
    api.advance("1ms")
    assert api.rental(rental_id)["status"] == "running"


def test_a18_what_becomes_known_fills_its_fields(api: Api) -> None:
    rental_id = api.rent()
    api.advance("1m")
    running = api.rental(rental_id)
    assert (running["created_at"], running["started_at"]) == (START, STARTED)
    assert [running[name] for name in ("terminated_at", "termination_reason", "billed_amount")] == [None] * 3
    api.advance("5m")
    ended = api.delete(rental_id).json()
    assert ended == running | {
        "status": "terminated",
        "terminated_at": "2026-01-01T00:06:00.000Z",
        "termination_reason": "deleted",
        "billed_amount": "0.071750",
    }


def test_f13_the_time_used_is_billed_and_the_rest_of_the_hold_released(api: Api) -> None:
    rental_id = api.rent()
    api.advance("6m")
    assert api.delete(rental_id).json()["billed_amount"] == "0.071750"
    assert api.money() == {"balance": "0.928250", "available": "0.928250", "held": "0.000000"}


@pytest.mark.parametrize(
    ("after_the_touch", "billed"),
    [("4m", "0.071750"), ("5m", "0.071750"), ("5m1ms", "0.071830"), ("5m1s", "0.071830"), ("14m", "0.114800")],
)
def test_f15_past_the_minimum_every_begun_second_is_billed(api: Api, after_the_touch: str, billed: str) -> None:
    rental_id = api.rent()
    api.advance("11m")
    api.call("POST", f"/_sim/rentals/{rental_id}/touch")
    api.advance(after_the_touch)
    assert api.delete(rental_id).json()["billed_amount"] == billed


def test_a5_a_rental_ended_while_provisioning_costs_nothing(api: Api) -> None:
    rental_id = api.rent()
    ended = api.delete(rental_id).json()
    assert (ended["status"], ended["started_at"], ended["billed_amount"]) == ("terminated", None, "0.000000")
    assert api.money() == {"balance": "1.000000", "available": "1.000000", "held": "0.000000"}


def test_a11_deleting_answers_200_with_the_rental(api: Api) -> None:
    rental_id = api.rent()
    answer = api.delete(rental_id)
    assert answer.status == 200
    assert answer.json() == api.rental(rental_id)


def test_a11_deleting_again_answers_the_same_rental(api: Api) -> None:
    rental_id = api.rent()
    api.advance("20m")
    first = api.delete(rental_id)
    api.advance("1h")
    with api.unchanged():
        again = api.delete(rental_id)
    assert (again.status, again.body) == (200, first.body)
    assert sum(entry["kind"] == "rental_settled" for entry in api.get("/_sim/ledger")["data"]) == 1


def test_a2_an_interrupted_rental_is_terminated_and_says_why(api: Api) -> None:
    rental_id = api.rent()
    api.advance("2m")
    api.call("POST", f"/_sim/rentals/{rental_id}/interrupt")
    ended = api.rental(rental_id)
    assert (ended["status"], ended["termination_reason"]) == ("terminated", "interrupted")
    assert ended["billed_amount"] == "0.004783"


def test_f19_a_rental_that_nobody_uses_is_terminated_and_looking_is_no_use(api: Api) -> None:
    rental_id = api.rent()
    api.advance("1m")
    for _ in range(15):
        assert api.rental(rental_id)["status"] == "running"
        api.advance("1m")
    ended = api.rental(rental_id)
    assert (ended["status"], ended["termination_reason"]) == ("terminated", "idle_timeout")
    assert ended["terminated_at"] == "2026-01-01T00:16:00.000Z"


@pytest.mark.parametrize("name", ["rent_aaaaaaaaaaaaaaaaaaaa", "x", "RENT_", "rent_%00", "..", "a b", "x" * 3000])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a13_an_unknown_or_malformed_id_is_not_found(api: Api, method: str, name: str) -> None:
    with api.unchanged():
        api.call(method, f"/v1/gpu/rentals/{name}").refused(404, "rental_not_found")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a14_an_unknown_parameter_is_refused(api: Api, method: str) -> None:
    rental_id = api.rent()
    with api.unchanged():
        answer = api.call(method, f"/v1/gpu/rentals/{rental_id}?force=true")
        answer.refused(400, "unknown_parameter", "force")


def test_a23_timestamps_are_rfc_3339_in_virtual_time(api: Api) -> None:
    api.advance("123ms")
    api.advance("1d")
    rental_id = api.rent()
    answer = api.call("GET", f"/v1/gpu/rentals/{rental_id}")
    assert answer.json()["created_at"] == answer.header("x-sim-now") == "2026-01-02T00:00:00.123Z"


def test_a3_a_rental_pays_the_price_of_when_it_was_rented(runner: asyncio.Runner) -> None:
    doubled = Act(at=Duration(60_000), price=PriceAct(multiply=Factor(2_000_000)))
    api = Api(runner, scenario(timeline=(doubled,)))
    rental_id = api.rent()
    api.advance("1m")
    assert api.get("/v1/gpu/offers")["data"][0]["price_per_gpu_hour"] == "0.574"
    assert api.rental(rental_id)["price_per_gpu_hour"] == "0.287"
    api.advance("10m")
    assert api.delete(rental_id).json()["billed_amount"] == "0.071750"
