"""The world of a test: what each call does, with the clients that people use, and what it refuses."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import httpx
import pytest
import requests
from gpu_sim.client import control_client
from gpu_sim.testing import GpuSim, ServerRefused

from ..support import loopback

OFFER = {"gpu_model": "RTX 4090", "provider_id": "vast-ai", "region": "Quebec, CA"}
RENT = {**OFFER, "model_id": "m", "docker_image": "d"}
START = datetime(2026, 1, 1, tzinfo=UTC)


def rented(sim: GpuSim) -> str:
    """A rental of the client's."""
    headers = {"authorization": f"Bearer {sim.token}"}
    answer = loopback.post(f"{sim.base_url}/v1/gpu/rent", json=RENT, headers=headers)
    rental_id: str = answer.raise_for_status().json()["rental_id"]
    return rental_id


def deleted(sim: GpuSim, rental_id: str) -> None:
    headers = {"authorization": f"Bearer {sim.token}"}
    loopback.delete(f"{sim.base_url}/v1/gpu/rentals/{rental_id}", headers=headers).raise_for_status()


def with_requests(sim: GpuSim) -> int:
    headers = {"authorization": f"Bearer {sim.token}"}
    return requests.post(f"{sim.base_url}/v1/gpu/rent", json=RENT, headers=headers, timeout=10).status_code


def with_httpx(sim: GpuSim) -> int:
    headers = {"authorization": f"Bearer {sim.token}"}
    return loopback.post(f"{sim.base_url}/v1/gpu/rent", json=RENT, headers=headers).status_code


def with_aiohttp(sim: GpuSim) -> int:
    async def rent() -> int:
        headers = {"authorization": f"Bearer {sim.token}"}
        async with (
            aiohttp.ClientSession(sim.base_url, headers=headers) as session,
            session.post("/v1/gpu/rent", json=RENT) as answer,
        ):
            return answer.status

    return asyncio.run(rent())


@pytest.mark.parametrize("rent", [with_requests, with_httpx, with_aiohttp])
def test_any_client_can_rent(gpu_sim: GpuSim, rent: Callable[[GpuSim], int]) -> None:
    assert rent(gpu_sim) == 201
    assert [rental.status for rental in gpu_sim.rentals()] == ["provisioning"]


def test_the_clock_can_be_moved_from_a_coroutine_while_a_request_is_under_way(gpu_sim: GpuSim) -> None:
    gpu_sim.fault({"delay": "30m", "clock": "virtual"}, on="list_offers")

    async def listed() -> int:
        headers = {"authorization": f"Bearer {gpu_sim.token}"}
        async with aiohttp.ClientSession(gpu_sim.base_url, headers=headers) as session:
            asked = asyncio.create_task(_status(session))
            for _ in range(1_000):
                await asyncio.sleep(0)
            gpu_sim.advance("1h")
            return await asked

    assert asyncio.run(asyncio.wait_for(listed(), 30)) == 200


async def _status(session: aiohttp.ClientSession) -> int:
    async with session.get("/v1/gpu/offers") as answer:
        return answer.status


def test_a_fault_is_whatever_a_rule_can_be(gpu_sim: GpuSim) -> None:
    name = gpu_sim.fault(
        {"respond": 302, "after": True, "headers": {"location": "/login", "set-cookie": ["a=1", "b=2"]}},
        on={"operation": "rent_gpu", "provider": "vast-ai"},
        when={"times": 1, "per": "world"},
        name="login",
    )
    gpu_sim.fault({"delay": "10m", "clock": "virtual", "delay_of": "answer"})
    headers = {"authorization": f"Bearer {gpu_sim.token}"}
    answer = loopback.post(f"{gpu_sim.base_url}/v1/gpu/rent", json=RENT, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (302, "/login")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert answer.headers["x-sim-fault"] == f"{name}, fault-1"
    assert len(gpu_sim.rentals()) == 1
    assert gpu_sim.now == START + timedelta(minutes=10)


def test_the_clock_moves_by_to_and_until(gpu_sim: GpuSim) -> None:
    assert gpu_sim.now == START
    gpu_sim.advance("15m")
    gpu_sim.advance(timedelta(seconds=0.25))
    assert gpu_sim.now == START + timedelta(minutes=15, milliseconds=250)
    gpu_sim.advance(to=START + timedelta(hours=1))
    gpu_sim.advance(to="2026-01-01T02:00:00Z")
    assert gpu_sim.now == START + timedelta(hours=2)
    rental_id = rented(gpu_sim)
    events = gpu_sim.advance(until={"rental": rental_id, "status": "running"})
    assert (events[-1]["type"], gpu_sim.now) == ("rental_running", START + timedelta(hours=2, minutes=1))
    assert gpu_sim.advance(until="next_event", limit=timedelta(hours=1))[0]["type"] == "rental_terminated"


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda sim: sim.advance(), TypeError, "exactly one of by, to and until"),
        (lambda sim: sim.advance("1m", until="next_event"), TypeError, "exactly one of by, to and until"),
        (lambda sim: sim.advance("1m", limit="2m"), TypeError, "limit goes with until"),
        (lambda sim: sim.advance(15), TypeError, 'by: expected a duration such as "15m" or a timedelta, got 15'),
        (lambda sim: sim.advance(timedelta(seconds=-1)), ValueError, "by: the clock never goes back"),
        (lambda sim: sim.advance(timedelta(microseconds=1)), ValueError, "by: whole milliseconds"),
        (lambda sim: sim.advance(to=3), TypeError, "to: expected an instant"),
        (lambda sim: sim.advance(to=datetime(2027, 1, 1)), ValueError, "to: a datetime needs a time zone"),  # noqa: DTZ001  # that is the point
        (lambda sim: sim.credit(0.1), TypeError, 'amount: expected dollars such as "25.00"'),
        (lambda sim: sim.credit("1", "alicia"), ValueError, 'account: no account "alicia"; did you mean "alice"?'),
        (lambda sim: sim.fault("reset"), TypeError, "effect: expected a mapping"),
        (lambda sim: sim.interrupt(7), TypeError, "rental_id: expected the id of a rental, got 7"),
    ],
)
def test_a_bad_argument_is_named(
    gpu_sim: GpuSim, call: Callable[[Any], object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as raised:
        call(gpu_sim)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("call", "status", "says"),
    [
        (lambda sim: sim.advance("soon"), 400, "by: expected a duration"),
        (lambda sim: sim.advance(to="2020-01-01T00:00:00Z"), 400, "the clock never goes back"),
        (lambda sim: sim.advance(until={"rental": "x", "status": "running"}), 404, 'no rental "x"'),
        (lambda sim: sim.fault({"respnd": 503}), 400, 'did you mean "respond"?'),
        (lambda sim: sim.fault({"respond": 503}, on="rent"), 400, 'did you mean "rent_gpu"?'),
        (lambda sim: sim.fault({"respond": 503}, when={"tims": 1}), 400, 'did you mean "times"?'),
        (lambda sim: sim.refuse_connections("2m"), 400, "for must be above 0s and at most 1m"),
        (lambda sim: sim.refuse_connections("1s", connections="kept"), 400, 'did you mean "keep"?'),
        (lambda sim: sim.touch("rent_x"), 404, 'no rental "rent_x"'),
        (lambda sim: sim.call("POST", "market/outage", {"provider": "gpc"}), 400, 'did you mean "gcp"?'),
    ],
)
def test_what_the_server_refuses_says_what_the_server_said(
    gpu_sim: GpuSim, call: Callable[[GpuSim], object], status: int, says: str
) -> None:
    with pytest.raises(ServerRefused) as raised:
        call(gpu_sim)
    assert raised.value.status == status
    assert says in str(raised.value)


def test_money_is_exact(gpu_sim: GpuSim) -> None:
    rental_id = rented(gpu_sim)
    account = gpu_sim.accounts()["alice"]
    assert (account.held, account.available) == (Decimal("0.071750"), Decimal("99.928250"))
    gpu_sim.advance("5m")
    deleted(gpu_sim, rental_id)
    assert gpu_sim.balance == Decimal("99.928250")
    assert gpu_sim.credit(Decimal("0.071750")).balance == gpu_sim.balance == 100
    assert gpu_sim.credit("1", "alice").balance == gpu_sim.credit(1).balance - 1
    entries = gpu_sim.ledger()
    assert [entry.kind for entry in entries][1:3] == ["hold_placed", "rental_settled"]
    assert all(sum(leg.amount for leg in entry.postings) == 0 for entry in entries)


def test_a_rental_is_used_and_taken_back(gpu_sim: GpuSim) -> None:
    rental_id = rented(gpu_sim)
    gpu_sim.advance("15m")
    assert gpu_sim.touch(rental_id).status == "running"
    gpu_sim.advance("10m")
    taken = gpu_sim.interrupt(rental_id)
    assert (taken.status, taken.termination_reason) == ("terminated", "interrupted")
    assert taken.billed_amount == Decimal("0.114800")  # 24 minutes at $0.287 an hour
    with pytest.raises(ServerRefused, match="409"):
        gpu_sim.interrupt(rental_id)


def test_nobody_listens_until_the_test_says_so_or_is_over(gpu_sim: GpuSim) -> None:
    with loopback.Client(base_url=gpu_sim.base_url, headers={"authorization": f"Bearer {gpu_sim.token}"}) as pooled:
        assert pooled.get("/v1/gpu/offers").status_code == 200
        for connections in ("reset", "close"):
            gpu_sim.refuse_connections(timedelta(minutes=1), connections=connections)
            with pytest.raises(httpx.ConnectError):
                pooled.get("/v1/gpu/offers")
            gpu_sim.advance("1m")
            gpu_sim.accept_connections()
            assert pooled.get("/v1/gpu/offers").status_code == 200
        gpu_sim.refuse_connections("1m", connections="keep")
        assert pooled.get("/v1/gpu/offers").status_code == 200
        with pytest.raises(httpx.ConnectError):
            with_httpx(gpu_sim)
        gpu_sim.leave()
        assert with_httpx(gpu_sim) == 201


def test_a_fault_meets_the_client_and_is_seen_in_the_log(gpu_sim: GpuSim) -> None:
    name = gpu_sim.fault({"respond": 503}, on={"operation": "rent_gpu"}, when={"times": 1}, name="busy")
    assert (name, with_httpx(gpu_sim), with_httpx(gpu_sim)) == ("busy", 503, 201)
    assert [(request.status, request.fault) for request in gpu_sim.requests] == [(503, "busy"), (201, None)]
    assert gpu_sim.requests[0].body == RENT


@pytest.mark.gpu_sim(step="20s")
def test_with_a_step_a_client_that_polls_gets_on(gpu_sim: GpuSim) -> None:
    rental_id = rented(gpu_sim)
    headers = {"authorization": f"Bearer {gpu_sim.token}"}
    for _ in range(3):
        seen = loopback.get(f"{gpu_sim.base_url}/v1/gpu/rentals/{rental_id}", headers=headers).json()
    assert seen["status"] == "running"


@pytest.mark.gpu_sim(step=timedelta(seconds=1.5))
def test_a_step_may_be_a_timedelta(gpu_sim: GpuSim) -> None:
    rented(gpu_sim)
    assert gpu_sim.now == START + timedelta(seconds=1.5)


@pytest.mark.gpu_sim(step="1s", scenario="low-credit")
def test_after_a_reset_the_world_is_at_its_start(gpu_sim: GpuSim) -> None:
    before = gpu_sim.accounts(), gpu_sim.ledger(), gpu_sim.report()
    gpu_sim.credit("5")
    rental_id = rented(gpu_sim)
    gpu_sim.fault({"respond": 503})
    gpu_sim.advance("3h")
    assert (with_httpx(gpu_sim), loopback.get(f"{gpu_sim.base_url}/v1/gpu/offers").status_code) == (503, 401)
    assert gpu_sim.report().unauthorized == 1
    gpu_sim.reset()
    assert gpu_sim.now == START
    assert (gpu_sim.accounts(), gpu_sim.ledger(), gpu_sim.report()) == before
    assert (gpu_sim.rentals(), gpu_sim.requests) == ([], [])
    gpu_sim.credit("5")
    assert rented(gpu_sim) == rental_id  # the same luck, no fault
    assert gpu_sim.now == START + timedelta(seconds=1)


def test_lists_are_read_whole_and_by_filters(gpu_sim: GpuSim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_client, "PAGE", 2)
    first = rented(gpu_sim)
    deleted(gpu_sim, first)
    gpu_sim.advance("1h")
    second = rented(gpu_sim)
    assert [rental.rental_id for rental in gpu_sim.rentals()] == [first, second]
    assert [rental.rental_id for rental in gpu_sim.rentals(status="terminated")] == [first]
    assert [rental.rental_id for rental in gpu_sim.rentals(status=("provisioning", "running"))] == [second]
    assert [rental.rental_id for rental in gpu_sim.rentals(since=timedelta(minutes=30))] == [second]
    assert [rental.rental_id for rental in gpu_sim.rentals(rental_id=first, provider="vast-ai", since=START)] == [first]
    assert gpu_sim.rentals(region="Quebec, CA", account="alice", since="2026-01-01T02:00:00Z") == []
    events = gpu_sim.events()
    assert [event["seq"] for event in events] == [*range(1, len(events) + 1)]
    created = gpu_sim.events(type="rental_created", account="alice")
    assert [event["rental_id"] for event in created] == [first, second]
    assert {event["type"] for event in gpu_sim.events(type=["hold_placed", "rental_settled"], rental_id=first)} == {
        "hold_placed",
        "rental_settled",
    }
    ledger = gpu_sim.ledger()
    assert [entry for entry in ledger if entry.kind == "hold_placed"] == gpu_sim.ledger(type="hold_placed")
    assert len(ledger) > len(gpu_sim.ledger(account="alice", rental_id=(first, second), since="30m")) > 0


def test_a_filter_that_is_none_is_named(gpu_sim: GpuSim) -> None:
    with pytest.raises(ServerRefused, match='did you mean "running"'):
        gpu_sim.rentals(status="runing")
    with pytest.raises(TypeError, match="account: expected text or several texts"):
        gpu_sim.events(account=[])
    with pytest.raises(TypeError, match="since: expected an instant"):
        gpu_sim.ledger(since=5)  # type: ignore[arg-type]  # which is what is refused
    with pytest.raises(ValueError, match="since: a datetime needs a time zone"):
        gpu_sim.rentals(since=datetime(2026, 1, 1))  # noqa: DTZ001  # which is what is refused


@pytest.mark.gpu_sim(scenario={"name": "nobody", "extends": "calm", "accounts": []})
def test_without_an_account_there_is_no_token(gpu_sim: GpuSim) -> None:
    with pytest.raises(ValueError, match="no account"):
        _ = gpu_sim.token
    assert gpu_sim.report().problems == ()


def test_a_story_is_told_whatever_the_world_answers(gpu_sim: GpuSim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_sim, "call", lambda *_, **__: b"[")
    assert "nothing more is known" in gpu_sim.story()
    assert "such a world: gpu-sim serve" in gpu_sim.story()
