"""Answers that the API never gives but proxies, gateways and limiters do: bodies, headers, Retry-After in any form."""

import asyncio
import gzip
import json
import threading
from typing import Any

import pytest
from gpu_sim.api.faults import spoiling
from gpu_sim.api.transport import InjectedDisconnect
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.fault_effects import FaultEffect, RateLimit
from gpu_sim.core.scenario.fault_rules import FaultRule
from gpu_sim.wall_clock import wall_epoch_ms

from ...support.asgi import RENT, Answer, Api, scenario

OFFERS = "/v1/gpu/offers"
RENTING = "/v1/gpu/rent"


def asked(api: Api, effect: dict[str, Any], method: str = "GET", path: str = OFFERS, content: Any = None) -> Answer:
    """A request that asks for an effect in the long form."""
    return api.call(method, path, content, headers=[("x-sim", json.dumps(effect))])


@pytest.mark.parametrize(
    ("effect", "media", "body"),
    [
        ({"form": "text"}, "text/plain; charset=utf-8", b"503 Service Unavailable\n"),
        ({"form": "empty"}, None, b""),
        ({"body": "upstream connect error"}, "text/plain; charset=utf-8", b"upstream connect error"),
        ({"body": ""}, None, b""),
        ({"body": {"error": "busy", "n": [1, 2.5, None]}}, "application/json", b'{"error":"busy","n":[1,2.5,null]}'),
        ({"body": ["a"]}, "application/json", b'["a"]'),
        ({"body": "<h1>no</h1>", "headers": {"Content-Type": "text/html"}}, "text/html", b"<h1>no</h1>"),
        ({"body": "\u2713"}, "text/plain; charset=utf-8", "\u2713".encode()),
        ({"body": "x", "headers": {"content-type": None}}, None, b"x"),
    ],
)
def test_an_answer_has_the_body_that_the_effect_gives(
    api: Api, effect: dict[str, Any], media: str | None, body: bytes
) -> None:
    answer = asked(api, {"respond": 503} | effect)
    assert (answer.status, answer.header("content-type"), answer.body) == (503, media, body)
    assert answer.header("content-length") == str(len(body))
    assert answer.header("x-sim-fault") == "header"


def test_a_gateways_page_and_problem_details_name_the_status(api: Api) -> None:
    page = asked(api, {"respond": 502, "form": "html"})
    assert page.header("content-type") == "text/html"
    assert b"<title>502 Bad Gateway</title>" in page.body
    problem = asked(api, {"respond": 504, "form": "problem"})
    assert problem.header("content-type") == "application/problem+json"
    assert problem.json() == {
        "type": "about:blank",
        "title": "Gateway Timeout",
        "status": 504,
        "detail": "injected by a fault of the simulator",
    }
    assert asked(api, {"respond": 599, "form": "text"}).body == b"599 Unknown\n"
    asked(api, {"respond": 500, "form": "api"}).refused(500, "injected_fault")


@pytest.mark.parametrize("status", [200, 202, 203, 204, 205, 206, 300, 301, 302, 303, 304, 307, 308])
def test_below_400_an_answer_has_no_body_unless_one_is_given(api: Api, status: int) -> None:
    answer = asked(api, {"respond": status, "headers": {"location": "https://login.example/"}})
    assert (answer.status, answer.body, answer.header("content-type")) == (status, b"", None)
    assert answer.header("content-length") == (None if status == 204 else "0")
    assert answer.header("location") == "https://login.example/"


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ({"respond": 429}, "1"),
        ({"respond": 429, "retry_after": "none"}, None),
        ({"respond": 503, "retry_after": "none"}, None),
        ({"respond": 503, "form": "html", "retry_after": "none"}, None),
        ({"respond": 503, "form": "html"}, "1"),
        ({"respond": 500, "retry_after": "7s"}, "7"),
        ({"respond": 409, "retry_after": "7s"}, "7"),
        ({"respond": 301, "retry_after": "7s"}, "7"),
        ({"respond": 429, "headers": {"retry-after": "soon"}}, "soon"),
        ({"respond": 429, "headers": {"Retry-After": None}}, None),
    ],
)
def test_retry_after_is_there_where_the_effect_says(api: Api, effect: dict[str, Any], expected: str | None) -> None:
    answer = asked(api, effect, "POST", RENTING, RENT)
    assert (answer.status, answer.header("retry-after")) == (effect["respond"], expected)


def test_retry_after_may_be_an_instant_in_seconds_since_1970(api: Api) -> None:
    before = wall_epoch_ms() // 1000
    said = asked(api, {"respond": 503, "retry_after": "1h", "retry_after_as": "epoch"}).header("retry-after")
    assert said is not None
    assert before + 3600 <= int(said) <= wall_epoch_ms() // 1000 + 3600


def test_a_rate_limit_takes_another_status_body_and_no_retry_after(runner: asyncio.Runner) -> None:
    limit = RateLimit(1, Duration(60_000))
    effect = FaultEffect(rate_limit=limit, respond=503, form="html", headers={"retry-after": None, "x-remaining": 0})
    api = Api(runner, scenario(faults=(FaultRule(name="limit", effect=effect),)))
    assert api.call("GET", OFFERS).status == 200
    answer = api.call("GET", OFFERS)
    assert (answer.status, answer.header("retry-after"), answer.header("x-remaining")) == (503, None, "0")
    plain = FaultEffect(rate_limit=limit, respond=503)
    api = Api(runner, scenario(faults=(FaultRule(name="limit", effect=plain),)))
    assert [api.call("GET", OFFERS).header("retry-after") for _ in range(2)] == [None, "60"]


def test_headers_are_put_in_place_of_those_that_are_there_and_behind_them(api: Api) -> None:
    names = [name for name, _ in api.call("GET", OFFERS).headers]
    effect = {"headers": {"Content-Type": "text/json", "set-cookie": ["a=1", "b=2"], "server": "nginx", "x": ""}}
    answer = asked(api, effect)
    assert answer.json()["count"] == 1
    assert [name for name, _ in answer.headers] == [*names, "x-sim-fault", "set-cookie", "set-cookie", "server", "x"]
    assert dict(answer.headers)["content-type"] == "text/json"


def test_whitespace_before_json_leaves_it_json(api: Api) -> None:
    whole = api.call("GET", OFFERS)
    answer = asked(api, {"whitespace": 3_000, "drip": {"bytes": 1_000, "every": "1ms"}})
    assert answer.body[:3_000].strip() == b""
    assert answer.body[3_000:] == whole.body
    assert answer.header("content-length") == str(3_000 + len(whole.body))
    assert len(api.heard) == 2 + (3_000 + len(whole.body)) // 1_000


@pytest.mark.parametrize(("longest", "beside"), [(0, True), (1 << 20, False)])
def test_a_long_body_is_compressed_beside_the_event_loop(
    api: Api, monkeypatch: pytest.MonkeyPatch, longest: int, *, beside: bool
) -> None:
    threads: list[threading.Thread] = []
    compress = gzip.compress

    def compress_there(body: bytes, **options: Any) -> bytes:
        threads.append(threading.current_thread())
        return compress(body, **options)

    monkeypatch.setattr(gzip, "compress", compress_there)
    monkeypatch.setattr(spoiling, "COMPRESSED_AT_ONCE_BYTES_MAX", longest)
    whole, answer = api.call("GET", OFFERS), asked(api, {"gzip": True})
    assert gzip.decompress(answer.body) == whole.body
    assert [thread is not threading.current_thread() for thread in threads] == [beside]


def test_a_compressed_body_that_is_cut_off_is_no_gzip(api: Api) -> None:
    api.heard = []
    with pytest.raises(InjectedDisconnect):
        asked(api, {"gzip": True, "truncate": "50%"})
    start, part = api.heard
    assert (b"content-encoding", b"gzip") in start["headers"]
    with pytest.raises(EOFError):
        gzip.decompress(part["body"])


def test_an_answer_to_head_has_the_headers_alone(api: Api) -> None:
    effect = {"gzip": True, "whitespace": 7, "headers": {"server": "nginx"}}
    plain, answer = api.call("HEAD", OFFERS), asked(api, effect, "HEAD")
    assert answer.header("content-length") == plain.header("content-length")
    assert (answer.header("server"), answer.header("content-encoding")) == ("nginx", None)


def test_a_command_that_has_happened_is_in_the_log_with_its_rental_and_the_answer_that_was_given(api: Api) -> None:
    answer = asked(api, {"respond": 500, "after": True}, "POST", RENTING, RENT)
    answer.refused(500, "injected_fault")
    (rental,) = api.get("/_sim/rentals")["data"]
    (logged,) = api.get("/_sim/requests")["data"]
    assert (logged["status"], logged["rental_id"], logged["fault"]) == (500, rental["rental_id"], "header")


def test_a_refusal_of_the_command_is_replaced_too(api: Api) -> None:
    asked(api, {"respond": 500, "after": True}, "POST", RENTING, {}).refused(500, "injected_fault")
    assert api.get("/_sim/rentals")["data"] == []
