"""Concurrent clients of a real server: rentals never exceed credit or capacity, and each is settled once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from gpu_sim import serve_in_thread
from gpu_sim.core.kernel.quantities import Money
from gpu_sim.core.scenario.scenario import AccountSpec, Scenario
from gpu_sim.server.serving import Ready

from ...support import loopback
from ...support.asgi import ALICE, BOB, RENT, scenario
from ...support.builders import market, offer

RENT_PATH = "/v1/gpu/rent"
HOLD = 71_750


def conditions(alice: int, capacity: int) -> Scenario:
    """The conditions in which Alice has this credit, Bob plenty, and the offer this capacity."""
    accounts = (AccountSpec("alice", ALICE, Money(alice)), AccountSpec("bob", BOB, Money(10**9)))
    return scenario(accounts=accounts, market=market(offer(capacity=capacity)))


def at_once(server: Ready, *calls: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]) -> list[httpx.Response]:
    """Make all calls at the same time, each on its own connection."""

    async def run() -> list[httpx.Response]:
        async with loopback.AsyncClient(base_url=server.url, timeout=30) as client:
            return await asyncio.gather(*(call(client) for call in calls))

    return asyncio.run(run())


def rent(
    token: str = ALICE, key: str | None = None, **changes: Any
) -> Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]:
    """Rent the documented GPU."""
    headers = {"authorization": f"Bearer {token}"} | ({} if key is None else {"idempotency-key": key})
    return lambda client: client.post(RENT_PATH, json=RENT | changes, headers=headers)


def delete(rental_id: str) -> Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]:
    """Terminate a rental of Alice."""
    headers = {"authorization": f"Bearer {ALICE}"}
    return lambda client: client.delete(f"/v1/gpu/rentals/{rental_id}", headers=headers)


def seen(server: Ready, what: str) -> Any:
    """Get a list of the control plane."""
    return loopback.get(f"{server.url}/_sim/{what}?limit=1000").json()["data"]


def statuses(answers: list[httpx.Response]) -> dict[int, int]:
    """The number of answers by status."""
    return dict(Counter(answer.status_code for answer in answers))


def test_parallel_rents_succeed_exactly_as_often_as_there_is_credit() -> None:
    with serve_in_thread(conditions(7 * HOLD + HOLD - 1, 100)) as server:
        answers = at_once(server, *[rent()] * 30)
        assert statuses(answers) == {201: 7, 402: 23}
        assert {a.json()["error"]["amount_needed"] for a in answers if a.status_code == 402} == {"0.000001"}
        alice = seen(server, "accounts")[0]
        assert (alice["available"], alice["held"]) == ("0.071749", "0.502250")
        assert len(seen(server, "rentals")) == 7


def test_parallel_rents_succeed_exactly_as_often_as_there_are_gpus() -> None:
    with serve_in_thread(conditions(10**9, 5)) as server:
        answers = at_once(server, *[rent(), rent(BOB)] * 10, *[rent(gpu_count=6)] * 3)
        assert statuses(answers) == {201: 5, 409: 18}
        offered = seen(server, "market")[0]
        assert (offered["free"], offered["listed"]) == (0, False)


def test_parallel_rents_under_one_key_are_one_rental() -> None:
    with serve_in_thread(conditions(10**9, 100)) as server:
        answers = at_once(server, *[rent(key="k")] * 20)
        assert statuses(answers) == {201: 20}
        assert len({answer.content for answer in answers}) == 1
        assert sum(answer.headers.get("idempotent-replayed") == "true" for answer in answers) == 19
        assert len(seen(server, "rentals")) == 1


def test_parallel_deletes_settle_once() -> None:
    with serve_in_thread(conditions(10**9, 100)) as server:
        (rented,) = at_once(server, rent())
        loopback.post(f"{server.url}/_sim/clock/advance", json={"by": "10m"})
        answers = at_once(server, *[delete(rented.json()["rental_id"])] * 20)
        assert statuses(answers) == {200: 20}
        assert len({answer.content for answer in answers}) == 1
        kinds = Counter(entry["kind"] for entry in seen(server, "ledger"))
        assert kinds == {"credit_added": 2, "hold_placed": 1, "rental_settled": 1}
        alice = seen(server, "accounts")[0]
        assert (alice["balance"], alice["held"]) == ("999.928250", "0.000000")


def test_rents_and_deletes_at_once_leave_the_books_in_order() -> None:
    with serve_in_thread(conditions(3 * HOLD, 100)) as server:
        ids = [answer.json()["rental_id"] for answer in at_once(server, *[rent()] * 3)]
        calls = [call for id_ in ids for call in (rent(), delete(id_), rent(BOB))]
        answers = at_once(server, *calls, *calls)
        assert set(statuses(answers)) <= {200, 201, 402}
        live = [rental for rental in seen(server, "rentals") if rental["status"] != "terminated"]
        for name, account in zip(("alice", "bob"), seen(server, "accounts"), strict=True):
            held = sum(int(rental["hold_amount"].replace(".", "")) for rental in live if rental["account"] == name)
            assert int(account["held"].replace(".", "")) == held
        assert seen(server, "market")[0]["free"] == 100 - len(live)


def test_an_advance_and_deletes_at_once_bill_what_had_run() -> None:
    with serve_in_thread(conditions(10**9, 100)) as server:
        (rented,) = at_once(server, rent())
        rental_id = rented.json()["rental_id"]
        loopback.post(f"{server.url}/_sim/clock/advance", json={"by": "5m"})
        advance = {"by": "5m"}
        at_once(
            server,
            delete(rental_id),
            lambda client: client.post("/_sim/clock/advance", json=advance),
            delete(rental_id),
        )
        (rental,) = seen(server, "rentals")
        assert (rental["status"], rental["billed_amount"]) == ("terminated", "0.071750")
        assert len([entry for entry in seen(server, "ledger") if entry["kind"] == "rental_settled"]) == 1
