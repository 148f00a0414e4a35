"""Snapshots over the control plane: all state comes back, tokens stay, and a damaged snapshot changes nothing."""

import asyncio
import json
import re
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from gpu_sim import __version__
from gpu_sim.core.scenario.market_settings import InterruptionSettings
from gpu_sim.core.scenario.scenario import BillingSettings, ClockSettings
from gpu_sim.worlds import snapshot as world_snapshot
from gpu_sim.worlds.retention import Retention

from ...support.asgi import ALICE, BOB, MANUAL, RENT, Answer, Api, scenario
from ...support.builders import market, offer

SNAPSHOT = "/_sim/snapshot"


@pytest.fixture
def api(runner: asyncio.Runner) -> Api:
    """A server over a market with many events."""
    conditions = scenario(
        market=market(offer(capacity=9, probability_ppm=400_000), interruptions=InterruptionSettings()),
        billing=BillingSettings(idle_timeout=None),
    )
    return Api(runner, conditions)


def take(api: Api) -> bytes:
    answer = api.call("GET", SNAPSHOT)
    assert answer.status == 200
    return answer.body


def put(api: Api, snapshot: bytes, **options: Any) -> Answer:
    return api.call("PUT", SNAPSHOT, body=snapshot, **options)


def lines_since(api: Api, seq: int) -> list[str]:
    events = api.get(f"/_sim/events?after={seq}&limit=100000")["data"]
    return [json.dumps(event) for event in events]


def test_restore_then_advance_is_advance(api: Api) -> None:
    for _ in range(6):
        api.rent(token=BOB)
    api.advance("40m")
    snapshot, seq = take(api), api.world.simulation.events_total
    before = api.call("GET", "/_sim/rentals").body
    api.advance("5h")
    then, money = lines_since(api, seq), api.money("bob")
    assert put(api, snapshot).status == 200
    assert api.get("/_sim/clock")["now"] == "2026-01-01T00:40:00.000Z"
    assert api.call("GET", "/_sim/rentals").body == before
    api.advance("5h")
    assert lines_since(api, seq) == then
    assert then
    assert api.money("bob") == money
    api.world.simulation.ledger.audit()


def test_it_names_no_tokens(api: Api) -> None:
    assert b"si_" not in take(api)


def test_the_tokens_of_the_target_stay_and_new_accounts_get_one(api: Api, runner: asyncio.Runner) -> None:
    api.call("POST", "/_sim/accounts", {"name": "carol", "token": "si_carol"})
    snapshot = take(api)
    other = Api(runner, scenario(name="other"), seed=4)
    other.call("POST", "/_sim/accounts", {"name": "dave", "token": "si_dave"})
    assert put(other, snapshot).status == 200
    accounts = {account["name"]: account["token"] for account in other.get("/_sim/accounts")["data"]}
    assert (accounts["alice"], accounts["bob"]) == (ALICE, BOB)
    assert accounts["carol"].startswith("si_")
    assert accounts["carol"] != "si_carol"
    assert "dave" not in accounts
    assert other.call("GET", "/v1/gpu/offers", token=accounts["carol"]).status == 200
    assert other.call("GET", "/v1/gpu/offers", token="si_dave").status == 401


def test_a_world_becomes_that_of_the_snapshot_scenario_seed_and_clock_included(
    api: Api, runner: asyncio.Runner
) -> None:
    api.call("PUT", "/_sim/clock", {"mode": "manual", "step": "5s"})
    rental_id = api.rent()
    snapshot = take(api)
    other = Api(runner, scenario(name="other"), seed=4, clock=ClockSettings(mode="real"))
    put(other, snapshot)
    clock = other.get("/_sim/clock")
    assert (clock["mode"], clock["step"]) == ("manual", "5s")
    assert (other.world.seed, other.world.scenario.name) == (1, "test")
    assert other.rental(rental_id)["status"] == "provisioning"
    other.call("POST", "/_sim/reset", {})
    assert other.get("/_sim/health")["seed"] == 1


def test_the_offers_list_is_that_of_the_snapshot(api: Api) -> None:
    snapshot = take(api)
    for _ in range(9):
        api.rent(token=BOB)
    assert api.get("/v1/gpu/offers")["count"] == 0
    put(api, snapshot)
    assert api.get("/v1/gpu/offers")["count"] == 1


@pytest.mark.parametrize("options", [{"indent": 2}, {}, {"ensure_ascii": False}])
def test_white_space_and_escapes_may_change(api: Api, options: dict[str, Any]) -> None:
    odd = 'modèle-日本 \\u00e9 "<&>" /' + "é" + 220 * "😀"  # more escapes in a row than are read at once
    assert api.call("POST", "/v1/gpu/rent", RENT | {"model_id": odd}).status == 201
    snapshot = take(api)
    seen = api.call("GET", "/_sim/rentals").body
    assert put(api, json.dumps(json.loads(snapshot), **options).encode()).status == 200
    assert api.call("GET", "/_sim/rentals").body == seen
    assert take(api).partition(b'"checksum"')[0] == snapshot.partition(b'"checksum"')[0]
    browsers = snapshot.replace(b"<&>", rb"\u003c\u0026\u003E").replace(b" /", rb" \/")
    assert browsers != snapshot
    assert put(api, browsers).status == 200


def test_its_journal_begins_with_where_it_came_from(api: Api) -> None:
    api.rent()
    api.advance("10m")
    total = api.world.simulation.events_total
    put(api, take(api))
    header = json.loads(api.call("GET", "/_sim/journal").body.splitlines()[0])
    assert header["restored_from"]["at"] == 600_000
    assert header["restored_from"]["events"] == total


def changed(document: bytes, **fields: Any) -> bytes:
    return json.dumps(json.loads(document) | fields).encode()


def nested(depth: int) -> bytes:
    """A document whose world is nested so deep, under the right checksum."""
    world = b"[" * depth + b"]" * depth
    head = {"snapshot": world_snapshot.FORMAT, "version": __version__, "checksum": world_snapshot._checksum(world)}
    return json.dumps(head).encode()[:-1] + b',"world":' + world + b"}"


def replaced(snapshot: bytes, key: bytes, value: bytes) -> bytes:
    """The snapshot with a value of its world in the place of another, and the right checksum."""
    before, _, world = snapshot.partition(b',"world":')
    world = re.sub(b'"%b":("[^"]*"|[0-9]+|{}|\\[\\])' % key, b'"%b":%b' % (key, value), world[:-1], count=1)
    checksum = world_snapshot._checksum(world).encode()
    return re.sub(rb'"checksum":"\w+"', b'"checksum":"%b"' % checksum, before) + b',"world":' + world + b"}"


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str | None]] = {
    "a foreign format": (lambda snapshot: changed(snapshot, snapshot=99), "snapshot"),
    "a foreign version": (lambda snapshot: changed(snapshot, version="0.0.1"), "version"),
    "a broken checksum": (lambda snapshot: changed(snapshot, checksum="00"), "checksum"),
    "a changed balance": (lambda snapshot: snapshot.replace(b"99928250", b"99928251"), "checksum"),
    "half of it": (lambda snapshot: snapshot[: len(snapshot) // 2], None),
    "an empty object": (lambda _: b"{}", None),
    "nothing": (lambda _: b"", None),
    "white space": (lambda _: b" " * 100, None),
    "no end": (lambda snapshot: snapshot[:-1], "checksum"),
    "nested lists": (lambda _: nested(100_000), None),
    "nested lists and white space": (lambda _: nested(100_000).replace(b"[[", b"[ ["), None),
    "a nested run": (lambda snapshot: replaced(snapshot, b"faults", b"[" * 50_000 + b"]" * 50_000), None),
    "a nested seed": (lambda snapshot: replaced(snapshot, b"seed", b"[" * 50_000 + b"]" * 50_000), None),
    "one field too many": (lambda snapshot: changed(snapshot, more=1), "checksum"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_foreign_or_damaged_changes_nothing(api: Api, damage: str) -> None:
    api.rent(token=BOB)
    snapshot = take(api)
    breaks, param = DAMAGES[damage]
    assert breaks(snapshot) != snapshot
    api.rent(token=BOB)
    with api.unchanged():
        put(api, breaks(snapshot)).problem(400, "snapshot_invalid", param)


def test_white_space_and_escapes_may_not_change_in_a_very_large_one(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = take(api)
    monkeypatch.setattr(world_snapshot, "RESPELT_BYTES_MAX", 1_000)
    assert put(api, snapshot + b"\n").status == 200
    with api.unchanged():
        put(api, json.dumps(json.loads(snapshot)).encode()).problem(400, "snapshot_invalid", "checksum")


def test_a_snapshot_is_decoded_beside_the_event_loop(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, threads = world_snapshot.decode_world, []

    def decode_world(document: bytes) -> world_snapshot.WorldState:
        threads.append(threading.current_thread())
        return decode(document)

    monkeypatch.setattr("gpu_sim.worlds.reset_and_restore.decode_world", decode_world)
    snapshot = take(api)
    for document, status in ((snapshot, 200), (snapshot[:-1], 400)):
        assert put(api, document).status == status
    assert threading.main_thread() not in threads
    assert len(threads) == 2


def test_what_is_no_snapshot_is_never_decoded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    decode = msgspec.json.decode

    def counting(document: Any, **options: Any) -> Any:
        decoded.append(len(document))
        return decode(document, **options)

    monkeypatch.setattr(msgspec.json, "decode", counting)
    head = b'{"snapshot":3,"version":"%b","checksum":"x","world":' % __version__.encode()
    for junk in (b"[" * 5_000_000, b'{"a":[' + b"1," * 2_000_000 + b"1]}", head + b"[" * 5_000_000 + b"]}"):
        put(api, junk).problem(400, "snapshot_invalid", "checksum" if junk.startswith(head) else None)
    assert max(decoded) < 1_000


def test_one_that_was_made_to_fit_its_checksum_and_makes_no_sense_changes_nothing(api: Api) -> None:
    document = json.loads(take(api))
    document["world"]["scenario"]["accounts"].append({"name": "no name", "token": None, "balance": 1})
    document["checksum"] = world_snapshot._checksum(msgspec.json.encode(document["world"]))
    with api.unchanged():
        put(api, json.dumps(document).encode()).problem(400, "snapshot_invalid", "world")


@pytest.mark.parametrize("start", [-1, 10**18, 253_370_764_799_999])
def test_one_outside_the_calendar_changes_nothing(api: Api, start: int) -> None:
    api.advance("1h")
    document = json.loads(take(api))
    document["world"]["start_epoch_ms"] = start
    document["checksum"] = world_snapshot._checksum(msgspec.json.encode(document["world"]))
    with api.unchanged():
        put(api, json.dumps(document).encode()).problem(400, "snapshot_invalid", "world")


def test_it_must_be_declared_as_json(api: Api) -> None:
    put(api, take(api), media="text/plain").problem(415, "unsupported_media_type", "content-type")


def test_a_snapshot_may_be_larger_than_other_bodies(api: Api) -> None:
    snapshot = take(api)
    assert put(api, snapshot + b" " * (2 << 20)).status == 200
    api.call("PUT", "/_sim/clock", body=b" " * ((1 << 20) + 1)).problem(413, "payload_too_large")


def test_only_a_put_of_json_may_be_as_large_as_a_snapshot(api: Api) -> None:
    for method, media in (("POST", "application/json"), ("GET", "application/json"), ("PUT", "text/plain")):
        large = api.call(method, SNAPSHOT, body=b" " * ((1 << 20) + 1), media=media)
        large.problem(413, "payload_too_large")
    large = put(api, b" " * ((1 << 20) + 1), host="evil.example")
    large.problem(403, "control_refused", "host")


def test_a_world_takes_only_its_own_snapshot_or_another_that_is_named(api: Api) -> None:
    api.add_world("other", scenario(name="other", accounts=()))
    snapshot = take(api)
    api.rent()
    assert put(api, snapshot, token=None).status == 400
    assert api.call("PUT", f"{SNAPSHOT}?world=other", body=snapshot, token=None).status == 200
    assert api.world.simulation.rentals.created == 1


def test_the_first_lines_of_a_journal_that_were_let_go_are_410(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(clock=MANUAL))
    api.world.retention = Retention(1)
    for _ in range(4):
        api.delete(api.rent(token=BOB), token=BOB)
    gone = api.call("GET", "/_sim/journal").problem(410, "journal_dropped")
    assert "--state" in gone["detail"]
    assert "--keep" in gone["detail"]
    entries = api.get("/_sim/ledger")["data"]
    first, second = entries[0], entries[1]
    assert (first["kind"], first["account"], first["rental_id"]) == ("opening_balance", None, None)
    assert second["seq"] == first["seq"] + 1
    assert {p["account"] for p in first["postings"]} >= {"bob/available", "bob/held", "revenue", "funding"}
    assert sum(int(p["amount"].replace(".", "")) for p in first["postings"]) == 0
    events = api.get("/_sim/events")["data"]
    assert events[0]["seq"] == api.world.simulation.events_dropped + 1
    assert len(api.get("/_sim/rentals")["data"]) == 2


def test_the_opening_line_counts_as_one_of_the_page(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(clock=MANUAL))
    api.world.retention = Retention(1)
    for _ in range(4):
        api.delete(api.rent(token=BOB), token=BOB)
    assert api.get("/_sim/ledger?limit=0")["data"] == []
    first = api.get("/_sim/ledger?limit=1")["data"]
    assert [entry["kind"] for entry in first] == ["opening_balance"]
    rest = api.get(f"/_sim/ledger?after={first[0]['seq']}")["data"]
    assert [entry["seq"] for entry in rest] == list(range(first[0]["seq"] + 1, first[0]["seq"] + 1 + len(rest)))


def test_an_account_that_comes_back_has_the_token_that_it_had(api: Api) -> None:
    """Unless another account has it by then."""
    for name in ("carol", "dave"):
        api.call("POST", "/_sim/accounts", {"name": name, "token": f"si_{name}"})
    snapshot = take(api)
    api.call("POST", "/_sim/reset", {})
    assert api.call("GET", "/v1/gpu/offers", token="si_carol").status == 401
    api.call("POST", "/_sim/worlds", {"name": "w", "scenario": "calm", "tokens": {"alice": "si_dave"}})
    put(api, snapshot)
    accounts = {account["name"]: account["token"] for account in api.get("/_sim/accounts")["data"]}
    assert accounts["carol"] == "si_carol"
    assert accounts["dave"] not in ("si_dave", None)
    assert api.call("GET", "/v1/gpu/offers", token="si_carol").status == 200
    assert api.worlds.keyring.place("si_dave") is not None


def test_an_account_of_the_scenario_comes_back_with_its_token(api: Api, runner: asyncio.Runner) -> None:
    own = take(api)
    without_alice = Api(runner, scenario(name="other", accounts=()))
    put(api, without_alice.call("GET", SNAPSHOT, token=None).body)
    assert api.call("GET", "/v1/gpu/offers").status == 401
    assert api.call("PUT", f"{SNAPSHOT}?world=default", body=own, token=None).status == 200
    assert api.call("GET", "/v1/gpu/offers").status == 200


def test_an_advance_until_a_rental_ends_sees_it_end_though_it_is_let_go_at_once(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(clock=MANUAL, market=market(offer(capacity=99))))
    api.world.retention = Retention(1)
    ids = [api.rent(token=BOB) for _ in range(20)]
    wanted = {"until": {"rental": ids[0], "status": "terminated"}}
    answer = api.call("POST", "/_sim/clock/advance", wanted)
    assert answer.status == 200, answer.body
    assert ids[0] not in api.world.simulation.rentals.by_id
