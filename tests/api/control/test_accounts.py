"""Accounts, credit and the ledger on the control plane (F14, F16)."""

import asyncio
from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Money
from gpu_sim.core.scenario.scenario import AccountSpec

from ...support.asgi import ALICE, BOB, RENT, START, Answer, Api, scenario

ACCOUNTS = "/_sim/accounts"


def create(api: Api, **fields: Any) -> Answer:
    """Create an account."""
    return api.call("POST", ACCOUNTS, fields)


def credit(api: Api, amount: Any, name: str = "alice") -> Answer:
    """Add credit to an account."""
    return api.call("POST", f"{ACCOUNTS}/{name}/credit", {"amount": amount})


def test_accounts_are_listed_with_token_and_money(api: Api) -> None:
    api.rent()
    assert api.get(ACCOUNTS)["data"] == [
        {"name": "alice", "token": ALICE, "balance": "1.000000", "available": "0.928250", "held": "0.071750"},
        {"name": "bob", "token": BOB, "balance": "100.000000", "available": "100.000000", "held": "0.000000"},
    ]


def test_an_account_is_made_as_asked(api: Api) -> None:
    answer = create(api, name="carol", token="si_carol", balance="25.000001")
    assert answer.status == 201
    assert answer.json() == {
        "name": "carol",
        "token": "si_carol",
        "balance": "25.000001",
        "available": "25.000001",
        "held": "0.000000",
    }
    assert api.get(ACCOUNTS)["data"][2] == answer.json()
    assert api.call("POST", "/v1/gpu/rent", RENT, token="si_carol").status == 201


@pytest.mark.parametrize("body", [None, {}])
def test_what_is_not_said_of_an_account_is_made_up(api: Api, body: dict[str, Any] | None) -> None:
    made = [api.call("POST", ACCOUNTS, body).json() for _ in range(3)]
    assert len({account["name"] for account in made}) == 3
    assert len({account["token"] for account in made}) == 3
    assert {account["balance"] for account in made} == {"100.000000"}
    for account in made:
        assert account["token"].startswith("si_")
        assert api.call("GET", "/v1/gpu/offers", token=account["token"]).status == 200


def test_a_made_up_name_is_a_free_one(api: Api) -> None:
    create(api, name="account-3")
    names = [create(api).json()["name"] for _ in range(3)]
    assert len({*names, "account-3"}) == 4


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        ({"name": "alice"}, 409, "account_exists", "name"),
        ({"token": ALICE}, 409, "account_exists", "token"),
        ({"name": "carol", "token": BOB}, 409, "account_exists", "token"),
        ({"name": ""}, 400, "invalid_value", "name"),
        ({"name": "a b"}, 400, "invalid_value", "name"),
        ({"name": "x" * 65}, 400, "invalid_value", "name"),
        ({"name": "é"}, 400, "invalid_value", "name"),
        ({"name": "revenue/x"}, 400, "invalid_value", "name"),
        ({"name": 5}, 400, "invalid_value", "name"),
        ({"token": ""}, 400, "invalid_value", "token"),
        ({"token": "a b"}, 400, "invalid_value", "token"),
        ({"token": "x" * 257}, 400, "invalid_value", "token"),
        ({"token": "é"}, 400, "invalid_value", "token"),
        ({"token": "a\n"}, 400, "invalid_value", "token"),
        ({"token": 5}, 400, "invalid_value", "token"),
        ({"balance": "-1"}, 400, "invalid_value", "balance"),
        ({"balance": 25}, 400, "invalid_value", "balance"),
        ({"balance": "1.0000001"}, 400, "invalid_value", "balance"),
        ({"balance": "1000000000001"}, 400, "invalid_value", "balance"),
        ({"balance": None}, 400, "invalid_value", "balance"),
        ({"held": "1"}, 400, "unknown_field", "held"),
        ({"Name": "carol"}, 400, "unknown_field", "Name"),
    ],
)
def test_an_account_that_cannot_be_is_refused(
    api: Api, fields: dict[str, Any], status: int, code: str, param: str
) -> None:
    with api.unchanged():
        create(api, **fields).problem(status, code, param)


def test_an_account_may_begin_with_nothing(api: Api) -> None:
    assert create(api, name="carol", balance="0").json()["balance"] == "0.000000"
    assert [entry["account"] for entry in api.get("/_sim/ledger")["data"]] == ["alice", "bob"]


def test_credit_is_there_at_once(api: Api) -> None:
    answer = credit(api, "24.000001")
    assert (answer.status, answer.json()) == (200, api.get(ACCOUNTS)["data"][0])
    assert answer.json()["balance"] == "25.000001"


@pytest.mark.parametrize(
    "amount",
    [
        *(
            "0",
            "0.000000",
            "-1",
            "-0",
            "",
            " 1",
            "1 ",
            "1.0000001",
            "1e3",
            "NaN",
            "Infinity",
            "0x10",
            "1,000",
            "$1",
            "١",
            "1.",
        ),
        *("1000000000000.000001", "1" * 30, 1, 1.5, True, None, [], {}, 10**30),
    ],
)
def test_an_amount_that_cannot_be_is_refused(api: Api, amount: Any) -> None:
    with api.unchanged():
        credit(api, amount).problem(400, "invalid_value", "amount")


@pytest.mark.parametrize("amount", ["0.000001", "1", "1.5", "1000000000000"])
def test_an_amount_is_text_of_dollars_with_at_most_six_decimals(api: Api, amount: str) -> None:
    assert credit(api, amount).status == 200


def test_credit_needs_an_amount_and_an_account(api: Api) -> None:
    with api.unchanged():
        api.call("POST", f"{ACCOUNTS}/alice/credit").problem(400, "missing_field", "amount")
        api.call("POST", f"{ACCOUNTS}/alice/credit", {}).problem(400, "missing_field", "amount")
        api.call("POST", f"{ACCOUNTS}/alice/credit", {"amuont": "1"}).problem(400, "unknown_field", "amuont")
        credit(api, "1", "carol").problem(404, "account_not_found")


def test_the_ledger_shows_every_entry_with_its_postings(api: Api) -> None:
    rental_id = api.rent()
    api.advance("6m")
    api.delete(rental_id)
    entries = api.get("/_sim/ledger")["data"]
    assert entries[0] == {
        "seq": 1,
        "at": START,
        "kind": "credit_added",
        "account": "alice",
        "rental_id": None,
        "postings": [
            {"account": "funding", "amount": "-1.000000"},
            {"account": "alice/available", "amount": "1.000000"},
        ],
    }
    assert [(entry["seq"], entry["kind"]) for entry in entries] == [
        (1, "credit_added"),
        (2, "credit_added"),
        (3, "hold_placed"),
        (4, "rental_settled"),
    ]
    assert entries[3] == {
        "seq": 4,
        "at": "2026-01-01T00:06:00.000Z",
        "kind": "rental_settled",
        "account": "alice",
        "rental_id": rental_id,
        "postings": [
            {"account": "alice/held", "amount": "-0.071750"},
            {"account": "revenue", "amount": "0.071750"},
            {"account": "alice/available", "amount": "0.000000"},
        ],
    }


def micros(amount: str) -> int:
    """Convert an amount of the API into whole micro-dollars."""
    return int(amount.replace(".", ""))


def test_every_entry_sums_to_zero_and_the_entries_make_the_balances(api: Api) -> None:
    for hours in (1, 3):
        rental_id = api.rent()
        api.advance(f"{hours}h")
        api.delete(rental_id)
    credit(api, "5")
    api.rent(token=BOB)
    balances: dict[str, int] = {}
    for entry in api.get("/_sim/ledger")["data"]:
        assert sum(micros(posting["amount"]) for posting in entry["postings"]) == 0
        for posting in entry["postings"]:
            balances[posting["account"]] = balances.get(posting["account"], 0) + micros(posting["amount"])
    for name in ("alice", "bob"):
        shown = {part: micros(amount) for part, amount in api.money(name).items()}
        assert shown["available"] == balances[f"{name}/available"]
        assert shown["held"] == balances.get(f"{name}/held", 0)
        assert shown["balance"] == shown["available"] + shown["held"]


@pytest.mark.parametrize(
    ("query", "seqs"),
    [
        ("", [1, 2, 3]),
        ("?limit=2", [1, 2]),
        ("?after=1&limit=1", [2]),
        ("?after=3", []),
        ("?limit=0", []),
        ("?after=99", []),
    ],
)
def test_the_ledger_is_read_in_parts(api: Api, query: str, seqs: list[int]) -> None:
    api.rent()
    assert [entry["seq"] for entry in api.get(f"/_sim/ledger{query}")["data"]] == seqs


def test_accounts_are_read_in_parts(api: Api) -> None:
    for name in ("c", "d"):
        create(api, name=name)

    def names(query: str) -> list[str]:
        return [account["name"] for account in api.get(ACCOUNTS + query)["data"]]

    assert names("?limit=3") == ["alice", "bob", "c"]
    assert names("?after=bob") == ["c", "d"]
    assert names("?after=bob&limit=1") == ["c"]
    assert names("?after=d") == []
    with api.unchanged():
        api.call("GET", f"{ACCOUNTS}?after=e").problem(400, "invalid_value", "after")


def test_an_expired_hold_is_settled_from_the_available_balance(runner: asyncio.Runner) -> None:
    accounts = (AccountSpec("alice", ALICE, Money(1_000_000)),)
    api = Api(runner, scenario(accounts=accounts))
    rental_id = api.rent()
    for _ in range(12):
        api.advance("10m")
        api.call("POST", f"/_sim/rentals/{rental_id}/touch")
    assert api.money() == {"balance": "1.000000", "available": "1.000000", "held": "0.000000"}
    assert api.get("/_sim/rentals")["data"][0]["hold_status"] == "expired"
    assert api.delete(rental_id).json()["billed_amount"] == "0.569217"
    assert api.money() == {"balance": "0.430783", "available": "0.430783", "held": "0.000000"}
    settled = api.get("/_sim/ledger")["data"][-1]["postings"]
    assert [posting["amount"] for posting in settled] == ["0.000000", "0.569217", "-0.569217"]
