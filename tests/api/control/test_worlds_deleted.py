"""Deleted worlds: nothing is left of them, their advances stop, and requests that waited for them are refused."""

import asyncio
import gc
from typing import Any
from weakref import ref

import pytest
from gpu_sim.worlds import world as world_module

from ...support.asgi import RENT, Answer, Api
from ...support.manual_clock import ShortSlice
from .test_worlds import INLINE, WORLDS, created


def test_a_deleted_world_is_gone_with_its_tokens(api: Api) -> None:
    with api.unchanged():
        tokens = created(api, name="w", scenario=INLINE, tokens={"carol": "si_carol"})["tokens"]
        later = api.call("POST", "/_sim/accounts?world=w", {"name": "dora"}).json()["token"]
        answer = api.call("DELETE", f"{WORLDS}/w")
        assert (answer.status, answer.body) == (204, b"")
        assert answer.header("content-length") is None
        for token in (*tokens.values(), later):
            api.call("GET", "/v1/gpu/offers", token=token).refused(401, "invalid_token")
            api.call("POST", "/_sim/reset", token=token).problem(401, "invalid_token")
        api.call("GET", "/_sim/clock?world=w").problem(404, "world_not_found", "world")
        api.call("DELETE", f"{WORLDS}/w").problem(404, "world_not_found", "world")
    assert [world["name"] for world in api.get(WORLDS)["data"]] == ["default"]
    assert created(api, name="w", scenario=INLINE, tokens={"carol": "si_carol"})["world"] == "w"


def test_an_unknown_world_is_not_deleted_and_the_default_is_kept(api: Api) -> None:
    created(api, name="other")
    with api.unchanged():
        hint = api.call("DELETE", f"{WORLDS}/othr").problem(404, "world_not_found", "world")["detail"]
        assert 'did you mean "other"?' in hint
        api.call("DELETE", f"{WORLDS}/default").problem(409, "default_world_kept")
        api.call("DELETE", f"{WORLDS}/other?force=1").problem(400, "unknown_parameter", "force")
    assert len(api.get(WORLDS)["data"]) == 2


def test_a_world_may_delete_itself(api: Api) -> None:
    token = created(api, name="w")["tokens"]["alice"]
    assert api.call("DELETE", f"{WORLDS}/w", token=token).status == 204


def test_a_new_world_of_an_old_name_lists_its_own_offers(api: Api) -> None:
    for count, market in ((79, "calm"), (1, None), (79, "calm")):
        wanted = {} if market is None else {"scenario": market}
        token = created(api, name="w", **wanted)["tokens"]["alice"]
        for _ in range(2):
            assert api.get("/v1/gpu/offers", token=token)["count"] == count
        assert api.call("DELETE", f"{WORLDS}/w").status == 204


def test_nothing_keeps_the_memory_of_a_deleted_or_reset_world(api: Api) -> None:
    token = created(api, name="w", scenario="realistic", clock={"mode": "manual"})["tokens"]["alice"]
    gc.collect()
    gc.disable()
    try:
        kept: list[ref[Any]] = []
        for again in range(3):
            api.get("/v1/gpu/offers?max_price=1", token=token)
            api.rent(token=token)
            api.call("POST", "/_sim/clock/advance", {"by": "1h"}, token=token)
            kept.append(ref(api.worlds.by_name["w"].simulation))
            if again < 2:
                api.call("POST", "/_sim/reset", token=token)
        kept.append(ref(api.worlds.by_name["w"]))
        api.get("/v1/gpu/offers")
        api.call("DELETE", f"{WORLDS}/w")
        assert [thing() for thing in kept] == [None] * 4
    finally:
        gc.enable()


def test_a_long_advance_in_a_deleted_world_stops_and_whoever_waited_is_refused(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world_module, "Slice", ShortSlice)
    busy = {
        "name": "busy",
        "accounts": [{"name": "carol"}],
        "market": {"prices": {"activity": 100}},
        "clock": {"mode": "manual"},
    }
    token = created(api, name="w", scenario=busy)["tokens"]["carol"]
    world = api.worlds.by_name["w"]

    async def several() -> list[Answer]:
        async def after(turns: int, *call: Any, **options: Any) -> Answer:
            for _ in range(turns):
                await asyncio.sleep(0)
            return await api.send(*call, **options)

        return await asyncio.gather(
            after(0, "POST", "/_sim/clock/advance", {"by": "3650d"}, token=token),
            after(1, "GET", "/v1/gpu/offers", token=token),
            after(1, "POST", "/v1/gpu/rent", RENT, token=token),
            after(1, "POST", "/_sim/clock/advance", {"by": "1s"}, token=token),
            after(1, "POST", "/_sim/reset", token=token),
            after(1, "PUT", "/_sim/clock", {"mode": "real"}, token=token),
            after(1, "GET", "/_sim/journal?world=w"),
            after(2, "DELETE", f"{WORLDS}/w"),
            after(3, "GET", "/v1/gpu/offers", token=token),
            after(3, "GET", "/v1/gpu/offers"),
        )

    advanced, offers, rent, *controls, deleted, late, other = api.runner.run(several())
    problem = advanced.problem(409, "not_reached")
    assert "the world was deleted" in problem["detail"]
    assert deleted.status == 204
    assert world.simulation.now_ms < 3650 * 86_400_000
    for answer in (offers, rent, late):
        answer.refused(401, "invalid_token")
    for answer in controls:
        answer.problem(404, "world_not_found", "world")
    assert other.status == 200
    assert list(api.worlds.by_name) == ["default"]
    assert len(api.worlds.keyring.by_header) == 2


def test_a_token_of_a_world_deleted_while_the_body_came_leads_nowhere(api: Api) -> None:
    token = created(api, name="w", tokens={"alice": "si_w"})["tokens"]["alice"]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await api.send("DELETE", f"{WORLDS}/w")
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-length", b"2")]
    scope = {"type": "http", "method": "POST", "path": "/v1/gpu/rent", "raw_path": b"/v1/gpu/rent", "query_string": b""}

    async def rent() -> None:
        await api.app(scope | {"headers": headers}, receive, send)

    api.runner.run(rent())
    assert sent[0]["status"] == 401
