"""What people have reported of clouds and of the tools that imitate them, staged as it happened to them."""

from typing import Any

from gpu_sim.wall_clock import wall_epoch_ms

from ...support.asgi import ALICE, BOB, RENT, Api

OFFERS = "/v1/gpu/offers"
RENTING = "/v1/gpu/rent"
KEY = [("idempotency-key", "k")]


def post(api: Api, **rule: Any) -> None:
    assert api.call("POST", "/_sim/faults", rule).status == 201


def test_a_machine_is_created_and_the_launch_is_answered_with_an_error(api: Api) -> None:
    """The launch counts as failed, and the machine runs and is billed; only a key finds it again."""
    for effect in ({"lose_response": True, "respond": 500}, {"respond": 500, "after": True}):
        post(api, name="launch", on={"operation": "rent_gpu"}, effect=effect, when={"times": 1})
        before = len(api.get("/_sim/rentals")["data"])
        answer = api.call("POST", RENTING, RENT, headers=[("idempotency-key", f"k{before}")])
        answer.refused(500, "injected_fault")
        rental = api.get("/_sim/rentals")["data"][-1]
        assert len(api.get("/_sim/rentals")["data"]) == before + 1
        again = api.call("POST", RENTING, RENT, headers=[("idempotency-key", f"k{before}")])
        assert (again.status, again.header("idempotent-replayed")) == (201, "true")
        assert again.json()["rental_id"] == rental["rental_id"]
    asked = api.call("POST", RENTING, RENT, headers=[("x-sim", "lose_response; respond=500"), *KEY])
    asked.refused(500, "injected_fault")
    assert len(api.get("/_sim/rentals")["data"]) == 3
    assert api.money()["held"] == "0.215250"


def test_a_429_and_a_503_come_without_retry_after(api: Api) -> None:
    for status in (429, 503):
        post(api, name="bare", effect={"respond": status, "retry_after": "none"}, when={"times": 1})
        for answer in (
            api.call("GET", OFFERS),
            api.call("GET", OFFERS, headers=[("x-sim", f"respond={status}; retry_after=none")]),
        ):
            assert (answer.status, answer.header("retry-after")) == (status, None)


def test_the_wait_is_said_as_an_instant_or_in_a_header_of_the_services_own(api: Api) -> None:
    effect = {"respond": 429, "retry_after": "90s", "retry_after_as": "epoch"}
    post(api, name="epoch", effect=effect, when={"times": 1})
    said = int(api.call("GET", OFFERS).header("retry-after") or 0)
    assert 0 <= said - wall_epoch_ms() // 1000 <= 90
    effect = {"respond": 429, "retry_after": "none", "headers": {"retry-after-ms": "1500"}}
    post(api, name="ms", effect=effect, when={"times": 1})
    answer = api.call("GET", OFFERS)
    assert (answer.header("retry-after"), answer.header("retry-after-ms")) == (None, "1500")


def test_a_limit_is_one_for_all_accounts(api: Api) -> None:
    post(api, name="limit", effect={"rate_limit": {"limit": 2, "per": "1m", "shared": True}})
    asked = [api.call("GET", OFFERS, token=token) for token in (ALICE, BOB, ALICE, BOB)]
    assert [answer.status for answer in asked] == [200, 200, 429, 429]
    assert asked[3].header("retry-after") == "30"
    api.advance("30s")
    assert [api.call("GET", OFFERS, token=token).status for token in (BOB, ALICE)] == [200, 429]


def test_every_rental_is_unknown_for_its_first_looks(api: Api) -> None:
    post(
        api,
        name="not-yet",
        on={"operation": "get_rental"},
        effect={"respond": 404},
        when={"times": 2, "per": "rental"},
    )
    for _ in range(2):
        path = f"/v1/gpu/rentals/{api.rent()}"
        answers = [api.call("GET", path) for _ in range(3)]
        assert [answer.status for answer in answers] == [404, 404, 200]
        answers[0].refused(404, "rental_not_found")
