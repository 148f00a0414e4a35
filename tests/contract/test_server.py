"""Requests and answers of the contract suite: waiting for a service that says 429, and telling why one is unfit."""

import time
from collections.abc import Iterator

import httpx
import pytest

from contract.target.server import Unanswered
from contract.target.target import Target


def replies(*given: httpx.Response) -> httpx.MockTransport:
    """Answers in this order."""
    order: Iterator[httpx.Response] = iter(given)
    return httpx.MockTransport(lambda _: next(order))


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the suite would have waited."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


@pytest.mark.parametrize(("asked", "seconds"), [("7", 7), (None, 1), ("900", 60), ("x", 1)])
def test_a_live_service_that_says_429_is_waited_for(asked: str | None, seconds: int, slept: list[float]) -> None:
    headers = {} if asked is None else {"retry-after": asked}
    transport = replies(httpx.Response(429, headers=headers), httpx.Response(200))
    assert Target("http://live", "t", transport=transport, is_live=True).exchange("GET", "/").status == 200
    assert slept == [seconds]


def test_it_is_not_waited_for_for_ever(slept: list[float]) -> None:
    target = Target("http://live", "t", transport=replies(*[httpx.Response(429)] * 4), is_live=True)
    assert target.exchange("GET", "/").status == 429
    assert len(slept) == 3


def test_a_simulator_that_says_429_is_heard(slept: list[float]) -> None:
    assert Target("http://sim", "t", transport=replies(httpx.Response(429))).exchange("GET", "/").status == 429
    assert slept == []


@pytest.mark.parametrize(("status", "said"), [(200, None), (500, None), (401, "http://x does not know the token")])
def test_a_server_is_unfit_that_does_not_know_the_token(status: int, said: str | None) -> None:
    assert Target("http://x/", "t", transport=replies(httpx.Response(status))).why_unfit() == said


def test_capabilities_are_asked_for_one_by_one_and_once() -> None:
    transport = replies(httpx.Response(200, json={"worlds": []}), httpx.Response(404, json={}), httpx.Response(200))
    target = Target("http://x", "t", transport=transport)
    assert [target.can(name) for name in ("reset", "clock", "worlds", "clock")] == [True, False, False, False]


def test_a_control_plane_that_is_left_alone_is_not_asked() -> None:
    target = Target("http://x", "t", transport=replies(), is_live=True)
    assert not target.has_control


def test_an_answer_that_says_yes_to_everything_is_no_control_plane() -> None:
    assert not Target("http://x", "t", transport=replies(httpx.Response(200, json={"ok": True}))).has_control


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut")])
def test_a_request_without_an_answer_is_told_as_that(failure: httpx.TransportError) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise failure

    target = Target("http://x", "t", transport=httpx.MockTransport(fail))
    with pytest.raises(Unanswered, match=f"no answer to GET /y: {type(failure).__name__}"):
        target.exchange("GET", "/y")
    assert "does not answer" in str(target.why_unfit())


def test_a_path_in_the_address_is_no_part_of_the_apis_paths() -> None:
    target = Target("http://x/base/", "t", transport=replies(httpx.Response(200)))
    assert target.exchange("GET", "/v1/gpu/offers", query=[("a", "b")]).path == "/v1/gpu/offers?a=b"
    assert target.trace.curls({"t": "TOKEN"}) == [
        'curl -si "$URL"\'/v1/gpu/offers?a=b\' -H "authorization: Bearer $TOKEN"  # 200'
    ]
