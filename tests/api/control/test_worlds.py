"""Worlds over the control plane: created from scenarios, distinguished by tokens, deleted without a trace."""

import asyncio
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from gpu_sim.core.scenario.scenario import AccountSpec, ClockSettings

from ...support.asgi import ALICE, BOB, MANUAL, RENT, START, Answer, Api, scenario
from ...support.scenario_texts import write

WORLDS = "/_sim/worlds"
INLINE = {
    "name": "mine",
    "accounts": [{"name": "carol", "token": "si_own", "balance": "3.00"}],
    "clock": {"mode": "manual"},
}


def create(api: Api, **wanted: Any) -> Answer:
    """Call for a new world."""
    return api.call("POST", WORLDS, wanted)


def created(api: Api, **wanted: Any) -> dict[str, Any]:
    """Create a world and return the answer's body."""
    answer = create(api, **wanted)
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.json()
    assert answer.header("x-sim-now") == made["now"]
    return made


def test_a_world_is_made_of_a_shipped_scenario_and_served_by_its_tokens(api: Api) -> None:
    made = created(api, name="w", scenario="calm", seed=7)
    token = made["tokens"]["alice"]
    assert made == {"world": "w", "seed": 7, "now": START, "tokens": {"alice": token}}
    assert token != ALICE
    assert api.get("/v1/gpu/offers", token=token)["count"] == 79
    assert api.get("/_sim/clock", token=token)["world"] == "w"
    assert api.get("/v1/gpu/offers")["count"] == 1


def test_without_a_name_each_world_gets_one_that_none_has_had(api: Api) -> None:
    created(api, name="world-2")
    assert [created(api)["world"] for _ in range(3)] == ["world-1", "world-3", "world-4"]
    api.call("DELETE", f"{WORLDS}/world-4")
    assert created(api)["world"] == "world-5"


def test_without_a_scenario_it_is_as_the_default_world_was_at_its_start(runner: asyncio.Runner) -> None:
    real = ClockSettings(mode="real")
    api = Api(runner, scenario(), seed=42, clock=MANUAL, profile="documented")
    api.call("PUT", "/_sim/clock", {"mode": "real"})
    api.call("POST", "/_sim/accounts", {"name": "carol"})
    made = created(api)
    world = api.worlds.by_name[made["world"]]
    assert (made["seed"], list(made["tokens"])) == (42, ["alice", "bob"])
    assert (world.scenario, world.pacer.settings, world.profile) == (api.world.scenario, MANUAL, "documented")
    made = created(api, seed=5, clock={"mode": "real"})
    assert (made["seed"], api.worlds.by_name[made["world"]].pacer.settings) == (5, real)
    assert api.worlds.by_name[created(api, scenario="calm")["world"]].profile == "documented"
    assert created(api, scenario="calm")["seed"] == 1


def test_two_worlds_of_one_scenario_and_seed_go_the_same_way_under_other_tokens(api: Api) -> None:
    journals = []
    for _ in range(2):
        token = created(api, scenario="realistic", clock={"mode": "manual"}, seed=3)["tokens"]["alice"]
        api.call("POST", "/v1/gpu/rent", RENT, token=token)
        api.call("POST", "/_sim/clock/advance", {"by": "1d"}, token=token)
        journals.append(api.call("GET", "/_sim/journal", token=token).body)
    assert journals[0] == journals[1]
    assert len(journals[0].splitlines()) > 5


def test_a_world_is_made_of_an_inline_scenario_with_tokens_of_its_own(api: Api) -> None:
    made = created(api, scenario=INLINE | {"extends": "calm"})
    token = made["tokens"]["carol"]
    assert token != "si_own"
    assert api.get("/_sim/accounts", token=token)["data"][0]["balance"] == "3.000000"
    api.call("GET", "/v1/gpu/offers", token="si_own").refused(401, "invalid_token")


@pytest.mark.parametrize(
    ("clock", "shown"),
    [
        ({"mode": "manual", "step": "5s"}, {"mode": "manual", "speed": None, "step": "5s"}),
        ({"mode": "scaled", "speed": 0.001}, {"mode": "scaled", "speed": 0.001, "step": None}),
        ({"mode": "manual", "start": "2001-09-09T01:46:40Z"}, {"now": "2001-09-09T01:46:40.000Z"}),
    ],
)
def test_the_clock_of_a_world_is_given_as_in_a_scenario(api: Api, clock: Any, shown: dict[str, Any]) -> None:
    token = created(api, scenario="calm", clock=clock)["tokens"]["alice"]
    assert api.get("/_sim/clock", token=token).items() >= shown.items()


def test_tokens_are_given_or_minted(api: Api) -> None:
    made = created(api, tokens={"bob": "si_bobs"})
    assert made["tokens"]["bob"] == "si_bobs"
    assert api.get("/_sim/clock", token="si_bobs")["world"] == made["world"]
    assert len(made["tokens"]["alice"]) == len("si_") + 32
    assert api.call("POST", "/_sim/reset", token="si_bobs").status == 200
    assert api.get("/_sim/accounts", token="si_bobs")["data"][0]["token"] == made["tokens"]["alice"]


@pytest.mark.parametrize(
    ("wanted", "status", "code", "param"),
    [
        ({"name": "default"}, 409, "world_exists", "name"),
        ({"name": "w", "tokens": {"bob": ALICE}}, 409, "account_exists", "tokens.bob"),
        ({"name": "w", "tokens": {"alice": "si_x", "bob": "si_x"}}, 409, "account_exists", "tokens.bob"),
        ({"name": "w", "tokens": {"alice": "si_x", "bob": BOB}}, 409, "account_exists", "tokens.bob"),
        ({"name": ""}, 400, "invalid_value", "name"),
        ({"name": "a b"}, 400, "invalid_value", "name"),
        ({"name": "w" * 65}, 400, "invalid_value", "name"),
        ({"name": 5}, 400, "invalid_value", "name"),
        ({"nmae": "w"}, 400, "unknown_field", "nmae"),
        ({"scenario": 5}, 400, "invalid_value", "scenario"),
        ({"scenario": ["calm"]}, 400, "invalid_value", "scenario"),
        ({"scenario": "clam"}, 400, "scenario_invalid", "scenario"),
        ({"scenario": "../calm.yaml"}, 400, "scenario_invalid", "scenario"),
        ({"scenario": "calm.yaml"}, 400, "scenario_invalid", "scenario"),
        ({"scenario": {}}, 400, "scenario_invalid", "scenario"),
        ({"scenario": INLINE | {"acounts": []}}, 400, "scenario_invalid", "scenario.acounts"),
        ({"scenario": INLINE | {"accounts": [{"name": "a b"}]}}, 400, "scenario_invalid", "scenario.accounts[0].name"),
        ({"scenario": INLINE | {"extends": "x.yaml"}}, 400, "scenario_invalid", "scenario.extends"),
        ({"scenario": INLINE | {"market": {"catalog": "x.csv"}}}, 400, "scenario_invalid", "scenario.market.catalog"),
        ({"seed": "5"}, 400, "invalid_value", "seed"),
        ({"seed": 2**63}, 400, "invalid_value", "seed"),
        ({"seed": 1.5}, 400, "invalid_value", "seed"),
        ({"clock": {"mode": "scaled"}}, 400, "invalid_value", "clock"),
        ({"clock": {"mode": "fast"}}, 400, "invalid_value", "clock.mode"),
        ({"clock": {"step": 5}}, 400, "invalid_value", "clock.step"),
        ({"clock": {"pace": 5}}, 400, "unknown_field", "pace"),
        ({"ttl": "0s"}, 400, "invalid_value", "ttl"),
        ({"ttl": "999ms"}, 400, "invalid_value", "ttl"),
        ({"ttl": "ten minutes"}, 400, "invalid_value", "ttl"),
        ({"ttl": 10}, 400, "invalid_value", "ttl"),
        ({"tokens": {"alcie": "si_x"}}, 400, "invalid_value", "tokens.alcie"),
        ({"tokens": {"alice": "si x"}}, 400, "invalid_value", "tokens.alice"),
        ({"tokens": {"alice": ""}}, 400, "invalid_value", "tokens.alice"),
        ({"tokens": ["si_x"]}, 400, "invalid_value", "tokens"),
    ],
)
def test_what_no_world_can_be_made_of_is_refused_and_nothing_is_left_of_it(
    api: Api, wanted: dict[str, Any], status: int, code: str, param: str
) -> None:
    before = api.get(WORLDS)
    with api.unchanged():
        create(api, **wanted).problem(status, code, param)
        assert api.get(WORLDS) == before
        api.call("GET", "/v1/gpu/offers", token="si_x").refused(401, "invalid_token")
    assert api.call("GET", "/_sim/clock?world=w").status == 404
    assert created(api, name="w", tokens={"alice": "si_x"})["world"] == "w"


def test_an_invalid_scenario_is_told_with_its_first_problems(api: Api, tmp_path: Path) -> None:
    many = INLINE | {"acounts": [], "sede": 1, "markt": 1, "bilng": 1, "tmeline": 1, "utnil": 1, "clok": 1}
    detail = create(api, scenario=many).problem(400, "scenario_invalid", "scenario.acounts")["detail"]
    assert 'acounts: unknown key "acounts"; did you mean "accounts"?; sede: unknown key' in detail
    assert detail.endswith("; and 2 more")
    near = create(api, scenario="clam").problem(400, "scenario_invalid", "scenario")["detail"]
    assert 'did you mean "calm"?' in near
    hint = create(api, tokens={"alcie": "x"}).problem(400, "invalid_value", "tokens.alcie")["detail"]
    assert 'did you mean "alice"?' in hint


def deep(levels: int) -> bytes:
    """Call for a world from a document with lists nested this deep."""
    return b'{"scenario": {"name": ' + b"[" * levels + b"]" * levels + b"}}"


def test_an_inline_scenario_is_bounded_in_depth_and_size(api: Api) -> None:
    with api.unchanged():
        for levels, code, param in (
            (40, "scenario_invalid", "scenario.name[0][0]"),
            (64, "invalid_json", None),
            (400_000, "invalid_json", None),
        ):
            api.call("POST", WORLDS, body=deep(levels)).problem(400, code, param)
        api.call("POST", WORLDS, body=b" " * (1 << 20) + b"{}").problem(413, "payload_too_large")
    assert len(api.get(WORLDS)["data"]) == 1


def test_text_is_the_name_of_a_scenario_and_never_yaml(api: Api) -> None:
    laughs = "a: &a [x]\nb: [*a, *a]\nname: x"
    create(api, scenario=laughs).problem(400, "scenario_invalid", "scenario")
    create(api, scenario="x" * 1_000_000).problem(400, "scenario_invalid", "scenario")


def test_a_scenario_of_the_folder_is_found_and_its_problems_are_placed(runner: asyncio.Runner, tmp_path: Path) -> None:
    write(tmp_path, mine="name: mine\nextends: calm\nseed: 8", wrong="name: wrong\nsede: 8")
    api = Api(runner, scenario(), scenario_dir=tmp_path)
    assert created(api, scenario="mine.yaml")["seed"] == 8
    assert created(api, scenario=INLINE | {"extends": "mine.yaml"})["seed"] == 8
    detail = create(api, scenario="wrong.yaml").problem(400, "scenario_invalid", "scenario.sede")["detail"]
    assert detail.startswith("wrong.yaml:2:1: sede: unknown key")
    assert str(tmp_path) not in detail


def test_a_name_taken_while_the_scenario_was_read_is_taken(api: Api) -> None:
    async def both() -> list[Answer]:
        return await asyncio.gather(*(api.send("POST", WORLDS, {"name": "w", "scenario": "calm"}) for _ in range(2)))

    answers = api.runner.run(both())
    assert sorted(answer.status for answer in answers) == [201, 409]
    assert [world["name"] for world in api.get(WORLDS)["data"]] == ["default", "w"]


def test_worlds_are_listed_each_at_its_own_time(api: Api) -> None:
    token = created(api, name="w", scenario="calm", seed=9)["tokens"]["alice"]
    api.call("POST", "/_sim/clock/advance", {"by": "1h"}, token=token)
    api.call("POST", "/_sim/accounts", {"name": "dora"}, token=token)
    both = {"mode": "manual", "accounts": 2, "ttl": None}
    default = {"name": "default", "scenario": "test", "seed": 1, "now": START}
    other = {"name": "w", "scenario": "calm", "seed": 9, "now": "2026-01-01T01:00:00.000Z"}
    for caller in (None, ALICE, token):
        listed = {"data": [default | both, other | both], "total": 2, "has_more": False, "next": None}
        assert api.get(WORLDS, token=caller) == listed
    assert [world["name"] for world in api.get(f"{WORLDS}?world=w")["data"]] == ["w"]
    assert [world["name"] for world in api.get(f"{WORLDS}?order=desc&limit=1")["data"]] == ["w"]
    api.call("GET", f"{WORLDS}?world=x").problem(404, "world_not_found", "world")
    api.call("GET", f"{WORLDS}?name=w").problem(400, "unknown_parameter", "name")


def test_reset_acts_on_one_world_and_on_a_part_of_it(api: Api) -> None:
    token = created(api, name="w", scenario="calm")["tokens"]["alice"]
    api.call("POST", "/_sim/clock/advance", {"by": "1h"}, token=token)
    api.rent()
    with api.unchanged():
        for only in ("requests", "faults", "market", ["market", "requests"]):
            answer = api.call("POST", "/_sim/reset", {"only": only}, token=token)
            assert answer.json()["now"] == "2026-01-01T01:00:00.000Z"
        assert api.call("POST", "/_sim/reset", {}, token=token).json()["now"] == START
        hint = api.call("POST", "/_sim/reset", {"only": "fault"}).problem(400, "invalid_value", "only")["detail"]
        assert 'did you mean "faults"?' in hint
        for only, param in (([], None), (["markt"], "only[0]")):
            api.call("POST", "/_sim/reset", {"only": only}, token=token).problem(400, "invalid_value", param)


def test_a_part_that_is_reset_is_that_part(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(api.world, "requests", Mock(clear=lambda: done.append("requests")))
    token = created(api)["tokens"]["alice"]
    rule = {"name": "busy", "on": {"operation": "rent_gpu"}, "effect": {"respond": 503}}
    for of in (ALICE, token):
        assert api.call("POST", "/_sim/faults", rule, token=of).status == 201
    api.call("POST", "/_sim/reset", {"only": "requests"})
    assert (done, len(api.get("/_sim/faults")["data"])) == (["requests"], 1)
    api.call("POST", "/_sim/reset", {"only": "faults"})
    assert (done, api.get("/_sim/faults")["data"]) == (["requests"], [])
    assert len(api.get("/_sim/faults", token=token)["data"]) == 1
    for of in (ALICE, token):
        assert api.call("POST", "/_sim/market/outage", {}, token=of).status == 201
    api.call("POST", "/_sim/reset", {"only": "market"})
    assert [len(api.get("/_sim/market/acts", token=of)["data"]) for of in (ALICE, token)] == [0, 1]
    assert len(api.get("/v1/gpu/offers")["data"]) > 0
    api.call("POST", "/_sim/reset", {})
    assert done == ["requests", "requests"]


def test_a_world_without_accounts_is_reached_by_its_name(api: Api) -> None:
    made = created(api, name="empty", scenario=INLINE | {"accounts": []})
    assert made["tokens"] == {}
    token = api.call("POST", "/_sim/accounts?world=empty", {"name": "zoe"}).json()["token"]
    assert api.get("/_sim/clock", token=token)["world"] == "empty"


def test_the_tokens_of_a_scenario_are_for_the_default_world_alone(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(accounts=(AccountSpec("alice", "si_test_alice"),)))
    tokens = [created(api, scenario="calm")["tokens"]["alice"] for _ in range(3)]
    assert len({*tokens, "si_test_alice"}) == 4
