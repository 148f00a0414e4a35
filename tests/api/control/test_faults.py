"""Fault rules on the control plane: shapes, counters and refusals."""

import asyncio
from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Share
from gpu_sim.core.scenario.fault_effects import FaultEffect
from gpu_sim.core.scenario.fault_rules import FaultRule, FaultTarget, FaultWhen
from gpu_sim.worlds.faults import reset_faults

from ...support.asgi import ALICE, BOB, RENT, Api, scenario
from ...support.builders import market, offer

LOST: dict[str, Any] = {
    "name": "lost",
    "on": {"operation": "rent_gpu"},
    "effect": {"lose_response": True},
    "when": {"probability": "5%"},
}
NEW = {"hits": 0, "spent": 0, "accounts": {}}
EFFECTS: list[dict[str, Any]] = [
    {"respond": 503, "retry_after": "2s"},
    {"respond": 429, "retry_after": "1s", "retry_after_as": "negative"},
    {"delay": "2s"},
    {"delay": {"lognormal": {"median": "1s", "p95": "4s"}}, "clock": "virtual"},
    {"hang": "30s"},
    {"reset": True},
    {"truncate": "50%"},
    {"malformed": True},
    {"drip": {"bytes": 100, "every": "100ms"}},
    {"rate_limit": {"limit": 10, "per": "1m"}},
    {"lose_response": True},
    {"duplicate": True},
    {"respond": 500, "after": True},
    {"respond": 503, "retry_after": "none"},
    {"respond": 302, "headers": {"location": "/x", "set-cookie": ["a", "b"], "content-type": None, "age": 3}},
    {"respond": 200, "body": {"a": [1, None, 2.5, {"b": True}]}},
    {"respond": 200, "body": "text"},
    {"respond": 502, "form": "html"},
    {"delay": "2s", "delay_of": "answer"},
    {"whitespace": 10, "gzip": True},
    {"rate_limit": {"limit": 10, "per": "1m", "shared": True}, "respond": 503},
]


def post(api: Api, **rule: Any) -> dict[str, Any]:
    answer = api.call("POST", "/_sim/faults", rule)
    assert answer.status == 201, answer.body
    shown: dict[str, Any] = answer.json()
    return shown


def shown(api: Api) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = api.get("/_sim/faults")["data"]
    return data


def test_a_rule_is_shown_as_it_was_posted_with_its_counters(api: Api) -> None:
    assert post(api, **LOST) == LOST | NEW
    assert shown(api) == [LOST | NEW]


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: next(iter(effect)))
def test_every_effect_is_shown_so_that_it_can_be_posted_again(api: Api, effect: dict[str, Any]) -> None:
    rule = post(api, name="a", effect=effect)
    again = post(api, **{key: rule[key] for key in ("name", "on", "effect", "when")})
    assert rule == again
    assert rule["effect"] == effect


def test_a_rule_without_a_name_gets_the_next_that_is_free(api: Api) -> None:
    post(api, name="fault-2", effect={"reset": True})
    names = [post(api, effect={"reset": True})["name"] for _ in range(3)]
    assert names == ["fault-1", "fault-3", "fault-4"]


def test_hits_and_injections_are_counted_for_each_account(api: Api) -> None:
    post(api, name="few", on={"operation": "list_offers"}, effect={"respond": 503}, when={"times": 1})
    for token in (ALICE, BOB, ALICE, BOB):
        api.call("GET", "/v1/gpu/offers", token=token)
    (rule,) = shown(api)
    assert (rule["hits"], rule["spent"]) == (4, 2)
    assert rule["accounts"] == {"alice": {"hits": 2, "spent": 1}, "bob": {"hits": 2, "spent": 1}}


def test_hits_and_injections_are_counted_for_each_rental_or_for_the_world(api: Api) -> None:
    post(api, name="looks", on={"operation": "get_rental"}, effect={"respond": 404}, when={"times": 1, "per": "rental"})
    post(api, name="third", effect={"respond": 503}, when={"every": 3, "per": "world"})
    first, second = api.rent(), api.rent(token=BOB)
    statuses = [api.call("GET", f"/v1/gpu/rentals/{id_}").status for id_ in (first, first, second, "none")]
    assert statuses == [404, 200, 404, 503]
    looks, third = shown(api)
    assert looks["when"] == {"times": 1, "per": "rental"}
    assert (looks["hits"], looks["spent"], looks["accounts"]) == (2, 1, {})
    assert looks["rentals"] == {first: {"hits": 2, "spent": 1}}
    assert (third["hits"], third["spent"], third["accounts"]) == (6, 1, {})
    assert "rentals" not in third


def test_a_rule_posted_again_starts_at_zero_in_its_old_place(api: Api) -> None:
    post(api, name="a", effect={"respond": 503}, when={"times": 1})
    post(api, name="b", effect={"respond": 500})
    assert [api.call("GET", "/v1/gpu/offers").status for _ in range(2)] == [503, 500]
    post(api, name="a", effect={"respond": 503}, when={"times": 1})
    assert [rule["name"] for rule in shown(api)] == ["a", "b"]
    assert [api.call("GET", "/v1/gpu/offers").status for _ in range(2)] == [503, 500]


def test_a_rule_removed_is_gone(api: Api) -> None:
    post(api, **LOST)
    answer = api.call("DELETE", "/_sim/faults/lost")
    assert (answer.status, answer.body, answer.header("content-length")) == (204, b"", None)
    assert shown(api) == []
    api.call("DELETE", "/_sim/faults/lost").problem(404, "fault_not_found")


def test_an_unknown_name_comes_with_the_nearest(api: Api) -> None:
    post(api, **LOST)
    problem = api.call("DELETE", "/_sim/faults/lots").problem(404, "fault_not_found")
    assert 'did you mean "lost"?' in problem["detail"]


def test_the_list_can_be_taken_in_parts(api: Api) -> None:
    for name in ("a", "b", "c"):
        post(api, name=name, effect={"reset": True})
    assert [rule["name"] for rule in api.get("/_sim/faults?after=a&limit=1")["data"]] == ["b"]


@pytest.mark.parametrize(
    ("change", "code", "param", "says"),
    [
        ({"nmae": "x"}, "unknown_field", "nmae", 'did you mean "name"?'),
        ({"on": {"operatoin": "rent_gpu"}}, "unknown_field", "operatoin", 'did you mean "operation"?'),
        ({"on": {"operation": "rnt_gpu"}}, "invalid_value", "on.operation", 'did you mean "rent_gpu"?'),
        ({"on": {"operation": "create_chat_completion"}}, "invalid_value", "on.operation", "is not among"),
        ({"on": {"account": "alcie"}}, "invalid_value", "on.account", 'did you mean "alice"?'),
        ({"on": {"provider": "vastai"}}, "invalid_value", "on.provider", 'did you mean "vast-ai"?'),
        ({"on": {"provider": "vast-ai", "gpu_model": "H100"}}, "invalid_value", "on", "no offer matches all"),
        ({"on": {"operation": "list_offers", "region": "Texas, US"}}, "invalid_value", "on", "no single offer"),
        ({"effect": {"respnd": 503}}, "unknown_field", "respnd", 'did you mean "respond"?'),
        ({"effect": {"respond": 199}}, "invalid_value", "effect", "a status from 200 to 599"),
        ({"effect": {}}, "invalid_value", "effect", "or delay"),
        ({"effect": {"reset": True, "respond": 503}}, "invalid_value", "effect", "respond does not go with reset"),
        ({"effect": {"delay": 2}}, "invalid_value", "effect.delay", "expected a duration such as 90s"),
        ({"effect": {"delay": ["2s"]}}, "invalid_value", "effect.delay", "Expected"),
        ({"effect": {"delay": "2"}}, "invalid_value", "effect.delay", "expected a duration"),
        ({"effect": {"delay": {"fixed": 2}}}, "invalid_value", "effect.delay.fixed", "expected a duration"),
        ({"effect": {"drip": {"bytes": 0, "every": "1s"}}}, "invalid_value", "effect.drip", "at least 1"),
        ({"effect": {"duplicate": True}, "on": {"operation": "get_rental"}}, "invalid_value", "effect", "goes with"),
        ({"effect": 5}, "invalid_value", "effect", "Expected"),
        ({"when": {"times": 0}}, "invalid_value", "when", "times must be at least 1"),
        ({"when": {"ttl": "0s"}}, "invalid_value", "when", "ttl must be above 0s"),
        ({"when": {"between": ["2s", "1s"]}}, "invalid_value", "when", "must end after it begins"),
        ({"when": {"between": ["0s", "1s"]}}, "invalid_value", "when.between", "over already"),
        ({"when": {"between": ["1h", "2h"], "ttl": "59m59s"}}, "invalid_value", "when.ttl", "before between begins"),
        ({"when": {"probability": "101%"}}, "invalid_value", "when.probability", "a share"),
        ({"name": "a name"}, "invalid_value", "name", "a name is"),
        ({"when": {"per": "accuont"}}, "invalid_value", "when.per", 'did you mean "account"?'),
        ({"when": {"per": "rental"}}, "invalid_value", "when.per", "rent_gpu concerns no rental yet"),
        (
            {"effect": {"respond": 503, "retry_after": "nine"}},
            "invalid_value",
            "effect.retry_after",
            "expected none or",
        ),
        ({"effect": {"respond": 503, "headers": {"x y": "z"}}}, "invalid_value", "effect", "no name of a header"),
        ({"effect": {"respond": 503, "headers": {"x": True}}}, "invalid_value", "effect.headers[...]", "Expected"),
        ({"effect": {"respond": 503, "form": "htlm"}}, "invalid_value", "effect.form", 'did you mean "html"?'),
        ({"effect": {"truncate": "5%", "after": False}}, "invalid_value", "effect", "the command's own"),
        ({"name": "header"}, "invalid_value", "name", "x-sim-fault says"),
    ],
)
def test_what_is_unknown_or_can_never_match_is_refused(
    runner: asyncio.Runner, change: dict[str, Any], code: str, param: str, says: str
) -> None:
    offers = (offer(), offer("Texas, US", provider_id="gcp", gpu_model="H100"))
    api = Api(runner, scenario(market=market(*offers)))
    api.advance("1s")
    with api.unchanged():
        problem = api.call("POST", "/_sim/faults", LOST | change).problem(400, code, param)
        assert says in problem["detail"]
    assert shown(api) == []


def test_an_effect_is_required(api: Api) -> None:
    api.call("POST", "/_sim/faults", {"name": "x"}).problem(400, "missing_field", "effect")


def test_a_rule_may_be_about_an_account_that_came_later(api: Api) -> None:
    api.call("POST", "/_sim/accounts", {"name": "carol", "token": "si_carol"})
    post(api, on={"account": "carol"}, effect={"respond": 500})
    assert [api.call("GET", "/v1/gpu/offers", token=token).status for token in ("si_carol", BOB)] == [500, 200]


def test_a_reset_of_the_world_brings_the_scenarios_rules_back(runner: asyncio.Runner) -> None:
    never = FaultRule(
        name="never",
        on=FaultTarget(operation="rent_gpu"),
        effect=FaultEffect(respond=503),
        when=FaultWhen(probability=Share(0)),
    )
    api = Api(runner, scenario(faults=(never,)))
    post(api, **LOST)
    api.rent()
    assert [rule["name"] for rule in shown(api)] == ["never", "lost"]
    api.call("POST", "/_sim/reset")
    assert [(rule["name"], rule["hits"]) for rule in shown(api)] == [("never", 0)]


def test_a_reset_of_the_faults_alone_leaves_the_rest(api: Api) -> None:
    rental_id = api.rent()
    post(api, **LOST)
    reset_faults(api.world)
    assert shown(api) == []
    assert api.rental(rental_id)["status"] == "provisioning"


def test_rules_of_one_world_are_not_those_of_another(api: Api) -> None:
    api.add_world("other", scenario(accounts=()))
    answer = api.call("POST", "/_sim/faults?world=other", {"effect": {"respond": 503}})
    assert answer.status == 201
    assert api.call("GET", "/v1/gpu/offers").status == 200
    assert api.call("POST", "/v1/gpu/rent", RENT).status == 201
