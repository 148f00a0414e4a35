"""Injected answers: the envelope (A12), codes (A13), Retry-After (A24)."""

import asyncio
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import pytest
from gpu_sim.core.kernel.quantities import Duration, Factor, RetryAfter
from gpu_sim.core.scenario.fault_effects import FaultEffect, RateLimit
from gpu_sim.core.scenario.fault_rules import FaultRule
from gpu_sim.core.scenario.scenario import ClockSettings
from gpu_sim.wall_clock import wall_epoch_ms

from ...support.asgi import MANUAL, RENT, Answer, Api, scenario

OFFERS = ("GET", "/v1/gpu/offers")
RENTAL = ("GET", "/v1/gpu/rentals/x")
DELETION = ("DELETE", "/v1/gpu/rentals/x")
RENTING = ("POST", "/v1/gpu/rent")


def asked(api: Api, words: str, call: tuple[str, str] = RENTING) -> Answer:
    return api.call(*call, RENT if call is RENTING else None, headers=[("x-sim", words)])


@pytest.mark.parametrize(
    ("status", "call", "code", "type_"),
    [
        (400, RENTING, "injected_fault", "invalid_request_error"),
        (401, RENTING, "invalid_token", "authentication_error"),
        (402, RENTING, "insufficient_credit", "insufficient_credit_error"),
        (403, RENTING, "injected_fault", "permission_error"),
        (404, OFFERS, "not_found", "not_found_error"),
        (404, RENTING, "offer_not_found", "not_found_error"),
        (404, RENTAL, "rental_not_found", "not_found_error"),
        (404, DELETION, "rental_not_found", "not_found_error"),
        (409, RENTING, "offer_unavailable", "conflict_error"),
        (409, DELETION, "injected_fault", "conflict_error"),
        (413, RENTING, "payload_too_large", "invalid_request_error"),
        (415, RENTING, "unsupported_media_type", "invalid_request_error"),
        (422, RENTING, "idempotency_key_reused", "invalid_request_error"),
        (429, OFFERS, "rate_limited", "rate_limit_error"),
        (500, OFFERS, "injected_fault", "api_error"),
        (503, RENTAL, "injected_fault", "api_error"),
        (599, RENTAL, "injected_fault", "api_error"),
    ],
)
def test_a12_an_injected_error_is_in_the_apis_envelope(
    api: Api, status: int, call: tuple[str, str], code: str, type_: str
) -> None:
    with api.unchanged():
        answer = asked(api, f"respond={status}", call)
        error = answer.refused(status, code)
    assert error["type"] == type_
    assert answer.header("x-sim-fault") == "header"
    assert answer.header("x-sim-now")
    assert answer.header("x-request-id")
    assert (answer.header("www-authenticate") is not None) is (status == 401)
    assert ("amount_needed" in error) is (status == 402)


@pytest.mark.parametrize("status", [status for status in HTTPStatus if status >= 400])
def test_every_status_can_be_injected_and_only_429_and_503_say_when_to_come_again(api: Api, status: HTTPStatus) -> None:
    answer = asked(api, f"respond={status.value}")
    assert answer.status == status
    assert answer.header("retry-after") == ("1" if status in (429, 503) else None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("retry_after=2s", "2"),
        ("retry_after=1500ms", "2"),
        ("retry_after=0s", "0"),
        ("retry_after=10m", "600"),
        ("retry_after=5s; retry_after_as=seconds", "5"),
        ("retry_after=5s; retry_after_as=negative", "-5"),
        ("retry_after_as=negative", "-1"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_what_the_rule_says_however_absurd(api: Api, status: int, words: str, expected: str) -> None:
    assert asked(api, f"respond={status}; {words}").header("retry-after") == expected


def test_retry_after_may_be_a_date_of_the_wall(api: Api) -> None:
    before = wall_epoch_ms() // 1000
    said = asked(api, "respond=503; retry_after=1h; retry_after_as=date").header("retry-after")
    assert said is not None
    assert said.endswith("GMT")
    assert before + 3600 <= parsedate_to_datetime(said).timestamp() <= wall_epoch_ms() // 1000 + 3600


def limited(runner: asyncio.Runner, clock: ClockSettings, **fields: object) -> list[Answer]:
    """Make two requests under a limit of one per minute."""
    effect = FaultEffect(rate_limit=RateLimit(1, Duration(60_000)), **fields)  # type: ignore[arg-type]  # fields vary
    api = Api(runner, scenario(faults=(FaultRule(name="limit", effect=effect),)), clock=clock)
    return [api.call(*OFFERS) for _ in range(2)]


@pytest.mark.parametrize(
    ("clock", "least", "most"),
    [
        (MANUAL, 60, 60),
        (ClockSettings(mode="manual", step=Duration(5_000)), 1, 1),
        (ClockSettings(), 1, 60),
        (ClockSettings(mode="scaled", speed=Factor(10_000_000)), 1, 6),
    ],
    ids=["manual", "step", "real", "scaled"],
)
def test_a24_a_rate_limit_says_truly_how_long_to_wait_on_the_wall(
    runner: asyncio.Runner, clock: ClockSettings, least: int, most: int
) -> None:
    passed, refused = limited(runner, clock)
    assert (passed.status, passed.header("x-sim-fault")) == (200, None)
    refused.refused(429, "rate_limited")
    assert refused.header("x-sim-fault") == "limit"
    assert least <= int(refused.header("retry-after") or 0) <= most


def test_a_rate_limit_may_say_something_absurd_instead(runner: asyncio.Runner) -> None:
    _, refused = limited(runner, MANUAL, retry_after=RetryAfter(600_000), retry_after_as="negative")
    assert refused.header("retry-after") == "-600"


def test_a_client_that_waits_as_long_as_it_is_told_gets_through(runner: asyncio.Runner) -> None:
    rule = FaultRule(name="limit", effect=FaultEffect(rate_limit=RateLimit(3, Duration(60_000))))
    api = Api(runner, scenario(faults=(rule,)))
    for _ in range(5):
        while (answer := api.call(*OFFERS)).status == 200:
            pass
        api.advance(f"{answer.header('retry-after')}s")
        assert api.call(*OFFERS).status == 200
