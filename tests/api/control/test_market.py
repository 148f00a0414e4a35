"""Acts on the market through the control plane: prices, outages, capacity, interruptions, provisioning, vanishing."""

import asyncio
from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Availability, Duration
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.acts import Act, OutageAct
from gpu_sim.core.scenario.market_settings import AvailabilitySettings, ChurnSettings, ChurnTerms, InterruptionSettings
from gpu_sim.core.scenario.scenario import ClockSettings

from ...support.asgi import BOB, RENT, START, Answer, Api, scenario
from ...support.builders import market, offer

TWO = market(offer(), offer("Texas, US", provider_id="runpod"))
KINDS: dict[str, dict[str, Any]] = {
    "price": {"set": "0.500"},
    "outage": {},
    "capacity": {"set": 0},
    "interrupt": {},
    "provisioning": {"outcome": "stuck"},
    "vanish": {},
}
"""Each kind of act with its required fields."""


@pytest.fixture
def two(runner: asyncio.Runner) -> Api:
    """A server over two offers, with an act in its timeline."""
    acts = (Act(at=Duration(3_600_000), outage=OutageAct()),)
    return Api(runner, scenario(market=TWO, timeline=acts))


def push(api: Api, kind: str, **fields: Any) -> Answer:
    """Begin an act now."""
    return api.call("POST", f"/_sim/market/{kind}", fields)


@pytest.mark.parametrize("kind", KINDS)
def test_an_act_that_begins_is_told_with_its_number_its_time_and_what_it_meets(two: Api, kind: str) -> None:
    two.advance("1s")
    asked = KINDS[kind] | ({} if kind == "interrupt" else {"for": "10m"}) | {"provider": "VAST-AI"}
    answer = push(two, kind, **asked)
    assert answer.status == 201
    assert answer.json() == {
        "act": 1,
        "name": f"{kind}-1",
        "kind": kind,
        "at": "2026-01-01T00:00:01.000Z",
        "until": None if kind == "interrupt" else "2026-01-01T00:10:01.000Z",
        "offers": 1,
        "rentals": 0,
        "ended": [],
        "notified": 0,
        "withdrawn": 0,
    }
    again = push(two, kind, **KINDS[kind]).json()
    assert (again["act"], again["until"], again["offers"]) == (2, None, 2)
    events = two.get("/_sim/events?after=4")["data"]
    assert [(event["type"], event["act"], event["kind"]) for event in events] == [
        ("act_started", number, kind) for number in (1, 2)
    ]


def test_prices_are_set_or_multiplied_and_are_what_they_were_when_that_is_over(two: Api) -> None:
    push(two, "price", provider="vast-ai", set="0.500", **{"for": "10m"})
    push(two, "price", region="texas, us", multiply=1.5)

    def prices() -> list[str]:
        return [shown["price_per_gpu_hour"] for shown in two.get("/v1/gpu/offers")["data"]]

    assert prices() == ["0.431", "0.500"]
    two.advance("9m59s999ms")
    assert prices() == ["0.431", "0.500"]
    two.advance("1ms")
    assert prices() == ["0.287", "0.431"]


def test_a_price_that_is_raised_can_be_capped_at_the_on_demand_price(two: Api) -> None:
    push(two, "price", provider="runpod", multiply=10, capped=True)
    push(two, "price", provider="vast-ai", multiply=10, capped=False)
    shown = two.get("/v1/gpu/offers")["data"]
    assert [each["price_per_gpu_hour"] for each in shown] == ["0.410", "2.870"]


def test_prices_multiplied_again_and_again_end_at_a_million_dollars_and_then_at_a_refusal(two: Api) -> None:
    answers = [push(two, "price", provider="runpod", multiply=1_000_000) for _ in range(101)]
    assert {answer.status for answer in answers[:-1]} == {201}
    problem = answers[-1].problem(400, "invalid_value")
    assert problem["detail"].startswith('100 acts lie over "runpod|RTX 4090|Texas, US" already')
    shown = two.get("/v1/gpu/offers")["data"]
    assert [each["price_per_gpu_hour"] for each in shown] == ["0.287", "1000000.000"]
    two.call("POST", "/v1/gpu/rent", RENT | {"provider_id": "runpod", "region": "Texas, US"}).refused(
        402, "insufficient_credit"
    )
    assert push(two, "price", provider="runpod", set="0.500").status == 201


def test_the_market_says_which_offers_are_down_and_which_have_left(runner: asyncio.Runner) -> None:
    """Each offer is up two thirds of the time, and present half of it: within a day all four cases occur."""
    brief = ChurnTerms(stays=Duration(3_600_000), away=Duration(3_600_000))
    moving = market(
        *(offer(f"region-{number}") for number in range(8)),
        interruptions=InterruptionSettings(mode="realistic"),
        availability=AvailabilitySettings(all=Availability(660_000)),
        churn=ChurnSettings(all=brief),
    )
    api = Api(runner, scenario(market=moving))
    found = set()
    for _ in range(24):
        api.advance("1h")
        for shown in api.get("/_sim/market")["data"]:
            found.add((shown["down"], shown["away"], shown["listed"]))
    assert found == {(False, False, True), (True, False, False), (False, True, False), (True, True, False)}


def test_an_outage_hides_offers_and_refuses_rents_and_takes_what_runs_if_asked_to(two: Api) -> None:
    first = two.rent()
    two.advance("1m")
    assert push(two, "outage", provider="vast-ai", **{"for": "20m"}).json()["rentals"] == 0
    assert two.rental(first)["status"] == "running"
    two.call("POST", "/v1/gpu/rent", RENT).refused(409, "offer_unavailable")
    assert [shown["provider_id"] for shown in two.get("/v1/gpu/offers")["data"]] == ["runpod"]
    assert push(two, "outage", provider="vast-ai", interrupt=True).json()["rentals"] == 1
    shown = two.rental(first)
    assert (shown["termination_reason"], shown["billed_amount"]) == ("interrupted", "0.000000")


def test_capacity_is_cut_and_comes_back(two: Api) -> None:
    push(two, "capacity", provider="vast-ai", set=0, **{"for": "1m"})
    two.call("POST", "/v1/gpu/rent", RENT).refused(409, "offer_unavailable")
    two.advance("1m")
    two.rent()
    assert two.get("/_sim/market")["data"][0]["free"] == 3


def test_a_share_of_the_rentals_is_interrupted_rounded_up(two: Api) -> None:
    ids = [two.rent(token=BOB) for _ in range(3)]
    answer = push(two, "interrupt", share="50%").json()
    assert [answer[name] for name in ("kind", "until", "offers", "rentals", "notified")] == ["interrupt", None, 2, 2, 0]
    assert [two.rental(id_, token=BOB)["status"] for id_ in ids].count("terminated") == 2
    assert push(two, "interrupt", share=0).json()["rentals"] == 0
    assert push(two, "interrupt").json()["rentals"] == 1


def test_provisioning_gets_stuck_or_fails_and_the_market_says_so(two: Api) -> None:
    waits, fails = two.rent(), two.call("POST", "/v1/gpu/rent", RENT | {"provider_id": "runpod", "region": "Texas, US"})
    push(two, "provisioning", provider="vast-ai", outcome="stuck", **{"for": "10m"})
    push(two, "provisioning", provider="runpod", outcome="fails")
    assert [shown["provisioning"] for shown in two.get("/_sim/market")["data"]] == ["stuck", "fails"]
    two.advance("9m59s999ms")
    assert two.rental(waits)["status"] == "provisioning"
    assert two.rental(fails.json()["rental_id"])["termination_reason"] == "provisioning_failed"
    two.advance("1ms")
    assert two.rental(waits)["started_at"] == "2026-01-01T00:10:00.000Z"
    assert [shown["provisioning"] for shown in two.get("/_sim/market")["data"]] == [None, "fails"]


def test_an_act_that_fails_what_is_stuck_says_how_many_that_ended(two: Api) -> None:
    two.rent()
    push(two, "provisioning", outcome="stuck")
    two.advance("2m")
    assert push(two, "provisioning", outcome="fails").json()["rentals"] == 1
    assert two.money() == {"balance": "1.000000", "available": "1.000000", "held": "0.000000"}


def test_vanished_rentals_are_not_found_by_the_api_and_are_billed_all_the_same(two: Api) -> None:
    key = [("idempotency-key", "k")]
    first = two.call("POST", "/v1/gpu/rent", RENT, headers=key)
    rental_id = first.json()["rental_id"]
    push(two, "vanish", provider="vast-ai", **{"for": "10m"})
    two.call("GET", f"/v1/gpu/rentals/{rental_id}").refused(404, "rental_not_found")
    two.delete(rental_id).refused(404, "rental_not_found")
    again = two.call("POST", "/v1/gpu/rent", RENT, headers=key)
    assert (again.status, again.body, again.header("idempotent-replayed")) == (201, first.body, "true")
    assert two.rent() != rental_id
    assert [shown["vanished"] for shown in two.get("/_sim/rentals")["data"]] == [True, True]
    assert [shown["vanish"] for shown in two.get("/_sim/market")["data"]] == [True, False]
    two.advance("10m")
    assert two.rental(rental_id)["started_at"] == "2026-01-01T00:01:00.000Z"
    two.advance("6m")
    assert two.rental(rental_id)["billed_amount"] == "0.071750"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("selector", "param", "says"),
    [
        ({"provider": "vast"}, "provider", 'did you mean "vast-ai"?'),
        ({"region": "Texas"}, "region", 'did you mean "Texas, US"?'),
        ({"gpu_model": "RTX 4091"}, "gpu_model", 'did you mean "RTX 4090"?'),
        ({"provider": "runpod", "region": "Quebec, CA"}, None, "no offer matches all of these"),
    ],
)
def test_a_selector_that_means_no_offer_is_refused(
    two: Api, kind: str, selector: dict[str, str], param: str | None, says: str
) -> None:
    with two.unchanged():
        problem = push(two, kind, **KINDS[kind], **selector).problem(400, "invalid_value", param)
        assert says in problem["detail"]


@pytest.mark.parametrize(
    ("kind", "fields", "code", "param"),
    [
        ("price", {}, "invalid_value", None),
        ("price", {"set": "1", "multiply": 2}, "invalid_value", None),
        ("price", {"set": 1}, "invalid_value", "set"),
        ("price", {"set": "1", "capped": True}, "invalid_value", None),
        ("price", {"multiply": 2, "capped": 1}, "invalid_value", "capped"),
        ("price", {"multiply": 2, "capped": None}, "invalid_value", "capped"),
        ("price", {"set": "1", "capped": None}, "invalid_value", "capped"),
        ("price", {"set": "1", "fro": "1m"}, "unknown_field", "fro"),
        ("outage", {"for": "0s"}, "invalid_value", None),
        ("outage", {"for": 60}, "invalid_value", "for"),
        ("outage", {"interrupt": "yes"}, "invalid_value", "interrupt"),
        ("outage", {"interrupt": None}, "invalid_value", "interrupt"),
        ("capacity", {}, "missing_field", "set"),
        ("capacity", {"set": 10**30}, "invalid_value", None),
        ("capacity", {"set": -1}, "invalid_value", None),
        ("capacity", {"set": True}, "invalid_value", "set"),
        ("interrupt", {"share": "101%"}, "invalid_value", "share"),
        ("interrupt", {"for": "1m"}, "unknown_field", "for"),
        ("provisioning", {}, "missing_field", "outcome"),
        ("provisioning", {"outcome": "stuk"}, "invalid_value", "outcome"),
        ("vanish", {"provider_id": "vast-ai"}, "unknown_field", "provider_id"),
    ],
)
def test_a_field_that_cannot_be_is_refused(
    two: Api, kind: str, fields: dict[str, Any], code: str, param: str | None
) -> None:
    with two.unchanged():
        push(two, kind, **fields).problem(400, code, param)


def test_an_act_that_outlasts_the_calendar_has_no_end_to_show(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(clock=ClockSettings(mode="manual", start=None)))
    assert push(api, "outage", **{"for": "36500d"}).json()["until"] == "2125-12-08T00:00:00.000Z"
    late = api.world.last_ms - 1_000
    api.world.simulation.advance(late)
    assert push(api, "outage", **{"for": "1s"}).json()["until"] == "9999-01-01T00:00:00.000Z"
    assert push(api, "outage", **{"for": "1001ms"}).json()["until"] is None


def test_a_run_with_called_acts_is_replayed_from_its_journal(two: Api) -> None:
    two.rent()
    for kind, fields in KINDS.items():
        push(two, kind, **fields)
        two.advance("20s")
    two.advance("1h")
    exported = two.call("GET", "/_sim/journal").body
    assert exported.count(b'"command":"play_act"') == len(KINDS)
    assert replay(exported)[1] is None


def acts(api: Api, query: str = "") -> Any:
    """The acts that are listed."""
    return api.get(f"/_sim/market/acts{query}")["data"]


def test_acts_in_force_are_listed_with_what_they_do_to_which_offers_from_when_to_when(two: Api) -> None:
    two.advance("1s")
    push(two, "price", name="sale", provider="VAST-AI", multiply=0.5, **{"for": "10m"})
    sale = {
        "name": "sale",
        "act": 1,
        "kind": "price",
        "state": "in_force",
        "source": "call",
        "selector": {"provider": "VAST-AI"},
        "parameters": {"multiply": 0.5, "capped": False},
        "since": "2026-01-01T00:00:01.000Z",
        "until": "2026-01-01T00:10:01.000Z",
        "offers": 1,
        "offer_names": ["vast-ai|RTX 4090|Quebec, CA"],
    }
    assert acts(two) == [sale]
    assert two.get("/_sim/market/acts/sale") == sale
    two.advance("2h")
    (planned,) = acts(two)
    assert (planned["name"], planned["act"], planned["source"], planned["until"]) == ("outage-0", 0, "timeline", None)
    assert (planned["since"], planned["offers"]) == ("2026-01-01T01:00:00.000Z", 2)


def test_acts_are_found_by_state_kind_and_offer_and_page_by_page(two: Api) -> None:
    push(two, "capacity", set=1, provider="runpod", name="a")
    push(two, "vanish", name="b")
    push(two, "price", set="0.500", region="quebec, ca", name="c")
    for query, names in (
        ("", ["a", "b", "c"]),
        ("?state=in_force&limit=2", ["a", "b"]),
        ("?after=b", ["c"]),
        ("?kind=vanish", ["b"]),
        ("?provider=RUNPOD", ["a", "b"]),
        ("?region=Quebec,%20CA", ["b", "c"]),
        ("?state=scheduled", ["outage-0"]),
        ("?state=scheduled&kind=price", []),
    ):
        assert [act["name"] for act in acts(two, query)] == names, query
    for query, hint in (("state=schedule", "scheduled"), ("kind=outages", "outage"), ("provider=vast", "vast-ai")):
        answer = two.call("GET", f"/_sim/market/acts?{query}")
        assert f'did you mean "{hint}"?' in answer.problem(400, "invalid_value", query.partition("=")[0])["detail"]


def test_an_act_is_ended_by_its_name_and_what_lies_beneath_shows_again(two: Api) -> None:
    push(two, "price", set="0.400", provider="vast-ai", name="low", **{"for": "1h"})
    push(two, "price", set="0.900", provider="vast-ai", name="high")

    def seen() -> tuple[str, list[str]]:
        first = two.get("/_sim/market?provider=vast-ai")["data"][0]
        return first["price_per_gpu_hour"], first["acts"]

    assert seen() == ("0.900", ["low", "high"])
    assert two.call("DELETE", "/_sim/market/acts/high").status == 204
    assert seen() == ("0.400", ["low"])
    with two.unchanged():
        problem = two.call("DELETE", "/_sim/market/acts/lo").problem(404, "act_not_found")
        assert problem["detail"] == 'no act "lo" is in force; did you mean "low"?'
        two.call("GET", "/_sim/market/acts/high").problem(404, "act_not_found")
    ended = two.get("/_sim/events")["data"][-1]
    assert ended == {
        "seq": ended["seq"],
        "at": START,
        "type": "act_ended",
        "act": 2,
        "name": "high",
        "kind": "price",
        "selector": {"provider": "vast-ai"},
        "parameters": {"set": "0.900", "capped": False},
        "until": None,
        "ended_by": "operator",
    }


def test_an_act_of_a_name_in_force_takes_its_place_and_says_so(two: Api) -> None:
    push(two, "outage", name="x")
    assert push(two, "capacity", set=2, name="x").json()["ended"] == ["x"]
    assert [(act["name"], act["kind"]) for act in acts(two)] == [("x", "capacity")]
    with two.unchanged():
        push(two, "vanish", name="outage-0").problem(409, "act_exists", "name")
        push(two, "vanish", name="no name").problem(400, "invalid_value", "name")
