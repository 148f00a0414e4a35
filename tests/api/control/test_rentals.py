"""Rentals, events, journal and market on the control plane."""

import asyncio
import json
from typing import Any

import pytest
from gpu_sim.core.journal import FORMAT
from gpu_sim.core.kernel.quantities import Duration, Price
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.acts import Act, OutageAct, PriceAct
from gpu_sim.core.scenario.scenario import ClockSettings

from ...support.asgi import BOB, RENT, START, Api, scenario
from ...support.builders import market, offer


def act(api: Api, rental_id: str, what: str) -> Any:
    """Interrupt a rental, or record activity of it."""
    return api.call("POST", f"/_sim/rentals/{rental_id}/{what}")


def test_rentals_of_all_accounts_are_shown_with_what_the_api_hides(api: Api) -> None:
    mine, theirs = api.rent(), api.rent(token=BOB)
    api.advance("1m")
    api.delete(mine)
    first, second = api.get("/_sim/rentals")["data"]
    assert first == api.rental(mine) | {
        "account": "alice",
        "hold_status": "settled",
        "transitions": [
            {"at": START, "from": None, "to": "provisioning", "reason": None},
            {"at": "2026-01-01T00:01:00.000Z", "from": "provisioning", "to": "running", "reason": None},
            {"at": "2026-01-01T00:01:00.000Z", "from": "running", "to": "terminated", "reason": "deleted"},
        ],
        "phase": None,
        "held_back": False,
        "end_held_back": False,
        "held_delete_at": None,
        "vanished": False,
        "interruption_notice": None,
    }
    assert (second["rental_id"], second["account"], second["hold_status"]) == (theirs, "bob", "active")


def test_rentals_are_shown_in_full_under_the_documented_profile_too(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(), profile="documented")
    api.call("POST", "/v1/gpu/rent", RENT | {"ssh_key": "ssh-rsa A"})
    shown = api.get("/_sim/rentals")["data"][0]
    assert (shown["hold_amount"], shown["ssh"]["user"]) == ("0.071750", "root")


def test_transitions_of_a_rental_that_never_ran_skip_running(api: Api) -> None:
    rental_id = api.rent()
    api.delete(rental_id)
    transitions = api.get("/_sim/rentals")["data"][0]["transitions"]
    assert [(step["from"], step["to"]) for step in transitions] == [
        (None, "provisioning"),
        ("provisioning", "terminated"),
    ]


def test_rentals_are_read_in_parts(api: Api) -> None:
    ids = [api.rent(), api.rent(token=BOB), api.rent()]

    def seen(query: str) -> list[str]:
        return [rental["rental_id"] for rental in api.get(f"/_sim/rentals{query}")["data"]]

    assert seen("") == ids
    assert seen("?limit=2") == ids[:2]
    assert seen(f"?after={ids[0]}") == ids[1:]
    assert seen(f"?after={ids[0]}&limit=1") == ids[1:2]
    assert seen(f"?after={ids[2]}") == []
    api.call("GET", "/_sim/rentals?after=rent_x").problem(400, "invalid_value", "after")


@pytest.mark.parametrize("wait", ["0s", "1m"])
def test_a_live_rental_is_interrupted(api: Api, wait: str) -> None:
    rental_id = api.rent()
    api.advance(wait)
    answer = act(api, rental_id, "interrupt")
    assert answer.status == 200
    assert answer.json() == api.get("/_sim/rentals")["data"][0]
    assert answer.json()["transitions"][-1]["reason"] == "interrupted"
    assert api.get("/_sim/events")["data"][-2]["cause"] == "forced"


def test_the_gpus_of_an_interrupted_rental_come_back_after_the_reclaim(api: Api) -> None:
    rental_id = api.rent()
    act(api, rental_id, "interrupt")
    assert api.get("/_sim/market")["data"][0]["free"] == 3
    api.advance("29m59s999ms")
    assert api.get("/_sim/market")["data"][0]["free"] == 3
    api.advance("1ms")
    assert api.get("/_sim/market")["data"][0]["free"] == 4


def test_a19_a_touch_starts_the_idle_time_anew(api: Api) -> None:
    rental_id = api.rent()
    api.advance("15m")
    assert act(api, rental_id, "touch").status == 200
    api.advance("14m59s999ms")
    assert api.rental(rental_id)["status"] == "running"
    api.advance("1ms")
    assert api.rental(rental_id)["termination_reason"] == "idle_timeout"


def test_an_act_shows_the_ssh_access_of_a_rental_with_a_key(api: Api) -> None:
    rented = api.call("POST", "/v1/gpu/rent", RENT | {"ssh_key": "ssh-rsa A"}).json()
    assert act(api, rented["rental_id"], "interrupt").json()["ssh"] == rented["ssh"]


@pytest.mark.parametrize(
    ("reached", "what"), [("provisioning", "touch"), ("terminated", "touch"), ("terminated", "interrupt")]
)
def test_an_act_that_does_not_fit_the_status_is_refused(api: Api, reached: str, what: str) -> None:
    rental_id = api.rent()
    api.call("POST", "/_sim/clock/advance", {"until": {"rental": rental_id, "status": reached}})
    with api.unchanged():
        act(api, rental_id, what).problem(409, "rental_not_in_state")


@pytest.mark.parametrize("what", ["touch", "interrupt"])
def test_an_act_on_an_unknown_rental_is_refused(api: Api, what: str) -> None:
    with api.unchanged():
        act(api, "rent_x", what).problem(404, "rental_not_found")


def test_an_act_takes_no_fields(api: Api) -> None:
    rental_id = api.rent()
    for what in ("touch", "interrupt"):
        with api.unchanged():
            answer = api.call("POST", f"/_sim/rentals/{rental_id}/{what}", {"reason": "x"})
            answer.problem(400, "unknown_field", "reason")


def test_events_are_numbered_densely_and_read_in_parts(api: Api) -> None:
    api.rent()
    api.advance("1h")
    events = api.get("/_sim/events")["data"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events] == [
        *("account_created", "credit_added", "account_created", "credit_added"),
        *("hold_placed", "rental_created", "rental_running", "rental_terminated", "rental_settled"),
    ]
    assert api.get("/_sim/events?after=4&limit=2")["data"] == events[4:6]
    assert api.get("/_sim/events?after=9")["data"] == []
    assert api.get("/_sim/events?limit=0")["data"] == []


def test_an_event_shows_money_and_prices_as_text(api: Api) -> None:
    rental_id = api.rent()
    placed, created = api.get("/_sim/events?after=4")["data"]
    assert placed == {
        "seq": 5,
        "at": START,
        "type": "hold_placed",
        "account": "alice",
        "rental_id": rental_id,
        "amount": "0.071750",
    }
    assert created["price_per_gpu_hour"] == "0.287"


@pytest.mark.parametrize("path", ["/_sim/events", "/_sim/ledger", "/_sim/rentals", "/_sim/accounts"])
@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("?limit=-1", "invalid_value", "limit"),
        ("?limit=x", "invalid_value", "limit"),
        ("?limit=1.5", "invalid_value", "limit"),
        ("?limit=", "invalid_value", "limit"),
        ("?limit=" + "9" * 16, "invalid_value", "limit"),
        ("?limit=1&limit=1", "invalid_value", "limit"),
        ("?limits=1", "unknown_parameter", "limits"),
    ],
)
def test_a_part_that_cannot_be_is_refused(api: Api, path: str, query: str, code: str, param: str) -> None:
    with api.unchanged():
        api.call("GET", path + query).problem(400, code, param)


@pytest.mark.parametrize("path", ["/_sim/events", "/_sim/ledger"])
@pytest.mark.parametrize("after", ["-1", "x", "1.0", "٣"])
def test_a_seq_that_cannot_be_is_refused(api: Api, path: str, after: str) -> None:
    quoted = "%D9%A3" if after == "٣" else after
    api.call("GET", f"{path}?after={quoted}").problem(400, "invalid_value", "after")


@pytest.mark.parametrize("path", ["/_sim/events", "/_sim/ledger"])
def test_a_huge_part_is_what_there_is(api: Api, path: str) -> None:
    assert api.get(f"{path}?limit={'9' * 15}&after=0") == api.get(path)


def test_the_journal_is_a_file_that_replays_to_the_same_bytes(api: Api) -> None:
    rental_id = api.rent()
    api.advance("90s")
    act(api, rental_id, "touch")
    api.call("POST", "/_sim/accounts/bob/credit", {"amount": "1"})
    api.call("POST", "/_sim/accounts", {"name": "carol", "token": "si_secret"})
    api.advance("1h")
    answer = api.call("GET", "/_sim/journal")
    assert (answer.status, answer.header("content-type")) == (200, "application/x-ndjson")
    simulation, difference = replay(answer.body)
    assert difference is None
    assert len(simulation.events) == len(api.get("/_sim/events")["data"])
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert lines[0]["journal"] == FORMAT
    assert lines[-1] == {"at": 3_690_000, "end": True}
    assert b"si_" not in answer.body
    assert b"default" not in answer.body


def test_refusals_and_advances_leave_no_line_in_the_journal(api: Api) -> None:
    before = api.call("GET", "/_sim/journal").body.splitlines()
    api.call("POST", "/v1/gpu/rent", RENT | {"gpu_count": 99})
    api.advance("1h")
    after = api.call("GET", "/_sim/journal").body.splitlines()
    assert before[:-1] == after[:-1]


def test_the_market_shows_what_the_api_does_not(api: Api) -> None:
    api.rent()
    assert api.get("/_sim/market") == {
        "data": [
            {
                "name": "vast-ai|RTX 4090|Quebec, CA",
                "provider_id": "vast-ai",
                "gpu_model": "RTX 4090",
                "region": "Quebec, CA",
                "vram_gb": 24,
                "provider_class": "marketplace",
                "price_per_gpu_hour": "0.287",
                "process": "constant",
                "process_price_per_gpu_hour": "0.287",
                "on_demand_price_per_gpu_hour": "0.410",
                "interruption_probability": 0.02,
                "capacity": 4,
                "free": 3,
                "listed": True,
                "availability": 1.0,
                "outage": False,
                "down": False,
                "away": False,
                "provisioning": None,
                "vanish": False,
                "acts": [],
            }
        ],
        "total": 1,
        "has_more": False,
        "next": None,
    }


def test_the_market_shows_offers_that_are_out_or_under_an_act(runner: asyncio.Runner) -> None:
    acts = (
        Act(at=Duration(1_000), outage=OutageAct(region="Texas, US")),
        Act(at=Duration(1_000), price=PriceAct(provider="vast-ai", region="Quebec, CA", set=Price(900_000))),
    )
    api = Api(runner, scenario(market=market(offer(), offer("Texas, US")), timeline=acts))
    api.advance("1s")
    quebec, texas = api.get("/_sim/market")["data"]
    assert (texas["outage"], texas["listed"], texas["free"]) == (True, False, 4)
    assert (quebec["price_per_gpu_hour"], quebec["process_price_per_gpu_hour"]) == ("0.900", "0.287")
    assert api.get("/_sim/market?region=TEXAS,%20us")["data"] == [texas]
    assert api.get("/_sim/market?limit=1")["data"] == [quebec]
    nobody = api.call("GET", "/_sim/market?provider=vastai").problem(400, "invalid_value", "provider")
    assert nobody["detail"] == 'no offer has provider "vastai"; did you mean "vast-ai"?'
    api.call("GET", "/_sim/market?min_vram=1").problem(400, "unknown_parameter", "min_vram")


def test_looking_through_the_control_plane_takes_no_step(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(), clock=ClockSettings(mode="manual", step=Duration(5_000)))
    for path in ("clock", "accounts", "ledger", "rentals", "events", "journal", "market"):
        assert api.call("GET", f"/_sim/{path}").header("x-sim-now") == START


def move(api: Api, rental_id: str, **fields: Any) -> Any:
    """Force a transition, hold it back, or release it."""
    return api.call("POST", f"/_sim/rentals/{rental_id}/transition", fields)


def test_a_transition_is_forced(api: Api) -> None:
    rental_id = api.rent()
    answer = move(api, rental_id, to="running")
    assert answer.status == 200
    assert answer.json() == api.get("/_sim/rentals")["data"][0]
    assert answer.json()["started_at"] == START
    api.advance("10s")
    ended = move(api, rental_id, to="terminated").json()
    assert (ended["termination_reason"], ended["billed_amount"]) == ("operator", "0.000797")
    assert api.rental(rental_id)["termination_reason"] == "operator"


def test_a_transition_is_held_back_and_released(api: Api) -> None:
    rental_id = api.rent()
    assert move(api, rental_id, to="running", hold=True).json()["held_back"] is True
    api.advance("5m")
    assert api.rental(rental_id)["status"] == "provisioning"
    shown = move(api, rental_id, to="running", hold=False).json()
    assert (shown["held_back"], shown["started_at"]) == (False, "2026-01-01T00:05:00.000Z")
    types = [event["type"] for event in api.get("/_sim/events")["data"][-3:]]
    assert types == ["transition_held", "transition_released", "rental_running"]


def test_a_rental_vanishes_and_is_back(api: Api) -> None:
    rental_id = api.rent()
    answer = api.call("POST", f"/_sim/rentals/{rental_id}/vanish", {"hidden": True})
    assert (answer.status, answer.json()["vanished"]) == (200, True)
    api.call("GET", f"/v1/gpu/rentals/{rental_id}").refused(404, "rental_not_found")
    api.delete(rental_id).refused(404, "rental_not_found")
    api.advance("1m")
    answer = api.call("POST", f"/_sim/rentals/{rental_id}/vanish", {"hidden": False})
    assert (answer.json()["vanished"], api.rental(rental_id)["status"]) == (False, "running")


@pytest.mark.parametrize(
    ("what", "fields", "code", "param"),
    [
        ("interrupt", {"notice": "2"}, "invalid_value", "notice"),
        ("interrupt", {"withdraw": True, "false_alarm": True, "notice": "2m"}, "invalid_value", None),
        ("transition", {"to": "provisioning"}, "invalid_value", "to"),
        ("transition", {"to": "running", "hold": 1}, "invalid_value", "hold"),
        ("transition", {}, "missing_field", "to"),
        ("transition", {"to": "running", "rental": "r"}, "unknown_field", "rental"),
        ("vanish", {}, "missing_field", "hidden"),
        ("vanish", {"hidden": "yes"}, "invalid_value", "hidden"),
        ("vanish", {"hide": True}, "unknown_field", "hide"),
    ],
)
def test_what_an_operator_cannot_do_to_a_rental_is_refused(
    api: Api, what: str, fields: dict[str, Any], code: str, param: str | None
) -> None:
    rental_id = api.rent()
    with api.unchanged():
        api.call("POST", f"/_sim/rentals/{rental_id}/{what}", fields).problem(400, code, param)


def test_a_move_that_does_not_fit_the_status_is_refused_and_one_of_an_unknown_rental_not_found(api: Api) -> None:
    rental_id = api.rent()
    api.advance("1m")
    with api.unchanged():
        move(api, rental_id, to="running").problem(409, "rental_not_in_state")
        move(api, rental_id, to="running", hold=True).problem(409, "rental_not_in_state")
        move(api, "rent_x", to="running").problem(404, "rental_not_found")
        api.call("POST", "/_sim/rentals/rent_x/vanish", {"hidden": True}).problem(404, "rental_not_found")
    api.delete(rental_id)
    with api.unchanged():
        move(api, rental_id, to="terminated").problem(409, "rental_not_in_state")
