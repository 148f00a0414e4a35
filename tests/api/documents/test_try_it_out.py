"""In the viewer, "Try it out" and "Execute" work at the first click, for every call of both documents."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from gpu_sim import load_scenario
from gpu_sim.scenario_files.load import shipped_scenarios

from ...support.asgi import Answer, Api, scenario
from .prefilled import Prefilled, prefilled

NOT_THERE_YET = {
    "get_rental": "a world begins without a rental; the example is the id that the first rent gets",
    "terminate_rental": "likewise",
    "interrupt_rental": "likewise",
    "touch_rental": "likewise",
    "move_rental": "likewise",
    "hide_rental": "likewise",
    "delete_world": "a server begins with `default` alone, which is kept; the example is the name of the next",
    "get_act": "no act is in force; the example is what the next outage is called",
    "end_act": "likewise",
    "remove_fault": "most scenarios have no fault rule; the example is the name of the next",
}
"""Operations that a fresh world answers with 404, as nothing that they could be about is there."""


IN_PROCESS = {"get_listening", "refuse", "listen"}
"""Operations on the server, which the application has none of in these tests."""


def requests(api: Api, query: str = "") -> list[Prefilled]:
    """The requests of both documents, as the page asks for them now."""
    targets = (f"/openapi.json{query}", f"/_sim/openapi.json{query}")
    return [each for target in targets for each in prefilled(api.get(target, token=None))]


def token_of(api: Api, query: str = "") -> str:
    """The token that the page fills in."""
    page = api.call("GET", f"/docs{query}", token=None).body.decode()
    return page.partition('data-token="')[2].partition('"')[0]


def execute(api: Api, request: Prefilled, token: str) -> Answer:
    """What the viewer sends when "Execute" is pressed."""
    assert not request.unfilled, request
    return api.call(request.method, request.target, request.body, token=token, headers=request.headers)


def answers_of_each(make: Callable[[], Api]) -> dict[str, tuple[Prefilled, Answer]]:
    """Each request of a page as the first that its world gets: the worlds are alike."""
    page = make()
    token = token_of(page)
    return {request.operation: (request, execute(make(), request, token)) for request in requests(page)}


@pytest.mark.parametrize("name", ["default", "bad-week", "nine-zones"])
def test_each_call_works_in_a_fresh_world(runner: asyncio.Runner, name: str) -> None:
    conditions = load_scenario(name)
    answers = answers_of_each(lambda: Api(runner, conditions))
    for operation, (request, answer) in answers.items():
        if operation in IN_PROCESS:
            answer.problem(409, "no_server")
        elif operation in NOT_THERE_YET:
            assert answer.status in (404, 200, 204), (request, answer)
        else:
            assert 200 <= answer.status < 300, (request, answer.body)
    assert set(answers) >= set(NOT_THERE_YET)


def test_each_call_works_where_there_is_what_it_can_be_about(runner: asyncio.Runner) -> None:
    def busy() -> Api:
        api = Api(runner, scenario())
        api.rent()
        api.advance("10m")
        assert api.call("POST", "/_sim/worlds", {}).status == 201
        assert api.call("POST", "/_sim/market/price", {"multiply": 2}).status == 201
        assert api.call("POST", "/_sim/faults", {"effect": {"delay": "1ms"}}).status == 201
        return api

    for request, answer in answers_of_each(busy).values():
        assert request.operation in IN_PROCESS or 200 <= answer.status < 300, (request, answer.body)


def test_what_is_not_there_yet_is_there_after_the_call_that_makes_it(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario())
    of = {request.operation: request for request in requests(api)}
    for make, *uses in (
        ("rent_gpu", "get_rental", "hide_rental", "interrupt_rental"),
        ("create_world", "delete_world"),
        ("add_fault", "remove_fault"),
        ("begin_outage", "get_act", "end_act"),
    ):
        for operation in (make, *uses):
            answer = execute(api, of[operation], token_of(api))
            assert 200 <= answer.status < 300, (operation, answer.body)


@pytest.mark.parametrize("name", sorted(shipped_scenarios()))
def test_token_and_offer_are_those_of_the_scenario(runner: asyncio.Runner, name: str) -> None:
    api = Api(runner, load_scenario(name))
    of = {request.operation: request for request in requests(api)}
    token = token_of(api)
    assert token
    assert api.call("GET", of["list_offers"].target, token=token).json()["count"] >= 1
    if not api.world.faults.operations:
        assert execute(api, of["rent_gpu"], token).status == 201


def test_a_page_of_another_world_is_filled_with_what_works_there(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario())
    made = api.call("POST", "/_sim/worlds", {"name": "other", "scenario": "nine-zones", "seed": 7}).json()
    token = token_of(api, "?world=other")
    assert token in made["tokens"].values()
    of = {request.operation: request for request in requests(api, "?world=other")}
    assert execute(api, of["rent_gpu"], token).status == 201
    assert execute(api, of["get_rental"], token).status == 200
    page = api.call("GET", "/docs?world=other", token=None).body.decode()
    assert 'href="_sim/scenario?world=other"' in page
    assert "world=default" not in page


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_a_world_that_is_not_there_is_not_found(api: Api, path: str) -> None:
    api.call("GET", f"{path}?world=gone", token=None).refused(404, "not_found", "world")


def test_nobody_is_given_a_fault_a_key_or_an_id_that_they_did_not_ask_for(api: Api) -> None:
    assert [request for request in requests(api) if request.headers] == []


def test_the_link_leads_to_a_scenario_that_makes_the_same_world(runner: asyncio.Runner) -> None:
    api = Api(runner, load_scenario("bad-week"))
    link: dict[str, Any] = api.get("/_sim/scenario?world=default", token=None)
    assert api.call("POST", "/_sim/worlds", {"name": "again", "scenario": link}).status == 201
    assert api.get("/_sim/scenario?world=again") == link
    assert api.get("/_sim/market?world=again") == api.get("/_sim/market")
