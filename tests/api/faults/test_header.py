"""The header x-sim: its fields and its refusals."""

import pytest
from gpu_sim.api.faults.header import parse_effect
from gpu_sim.core.kernel.errors import InvalidValue
from gpu_sim.core.kernel.quantities import NO_RETRY_AFTER, Duration, RetryAfter, Share
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.fault_effects import Drip, FaultEffect

from ...support.asgi import RENT, Api

SECOND = Duration(1_000)


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        ("respond=503", FaultEffect(respond=503)),
        ("respond=429; retry_after=2s", FaultEffect(respond=429, retry_after=RetryAfter(2_000))),
        (
            "retry_after_as=date;respond = 503 ;retry_after=1s",
            FaultEffect(respond=503, retry_after=RetryAfter(1_000), retry_after_as="date"),
        ),
        ("lose_response; delay=2s", FaultEffect(lose_response=True, delay=fixed(2_000))),
        ("delay=1s; clock=virtual", FaultEffect(delay=fixed(1_000), clock="virtual")),
        ("truncate=50%", FaultEffect(truncate=Share(500_000))),
        ("drip=100/100ms", FaultEffect(drip=Drip(100, Duration(100)))),
        ("hang=1s", FaultEffect(hang=SECOND)),
        ("reset", FaultEffect(reset=True)),
        ("malformed", FaultEffect(malformed=True)),
        ("duplicate", FaultEffect(duplicate=True)),
        ("respond=500; after", FaultEffect(respond=500, after=True)),
        ("after=true; reset", FaultEffect(reset=True, after=True)),
        ("hang=1s; after=false", FaultEffect(hang=SECOND, after=False)),
        ("lose_response; respond=500", FaultEffect(lose_response=True, respond=500)),
        ("respond=429; retry_after=none", FaultEffect(respond=429, retry_after=NO_RETRY_AFTER)),
        ("respond=503; retry_after_as=epoch", FaultEffect(respond=503, retry_after_as="epoch")),
        ("respond=502; form=html", FaultEffect(respond=502, form="html")),
        ("respond=502; body=bad gateway", FaultEffect(respond=502, body="bad gateway")),
        ("whitespace=65536; gzip", FaultEffect(whitespace=65_536, gzip=True)),
        ("delay=1s; delay_of=answer", FaultEffect(delay=fixed(1_000), delay_of="answer")),
        ('{"respond": 500, "after": true}', FaultEffect(respond=500, after=True)),
        (' {"delay": "1s", "truncate": "50%"}', FaultEffect(delay=fixed(1_000), truncate=Share(500_000))),
        (
            '{"respond": 302, "headers": {"location": "/a;b=c", "x": null}}',
            FaultEffect(respond=302, headers={"location": "/a;b=c", "x": None}),
        ),
        ('{"respond": 500, "body": {"a": ["\\u2713"]}}', FaultEffect(respond=500, body={"a": ["\u2713"]})),
        ('{"drip": {"bytes": 1, "every": "1s"}}', FaultEffect(drip=Drip(1, SECOND))),
    ],
)
def test_its_words_are_those_of_a_rule(text: str, effect: FaultEffect) -> None:
    assert parse_effect(text) == effect


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("respnd=503", 'no fault "respnd"; did you mean "respond"?'),
        ("lose_responce", 'did you mean "lose_response"?'),
        ("", 'no fault ""'),
        ("reset;", 'no fault ""'),
        ("reset; reset", "reset stands there twice"),
        ("delay=1s; delay=1s", "delay stands there twice"),
        ("reset=true", "reset stands alone"),
        ("respond", "respond needs a value"),
        ("respond=", "respond needs a value"),
        ("respond=abc", "Expected `int | null`, got `str` - at `respond`"),
        ("respond=²", "Expected `int | null`, got `str`"),
        ("respond=99999", "Expected `int | null`, got `str`"),
        ("respond=199", "respond must be a status from 200 to 599"),
        ("delay=2", "expected a duration such as 90s"),
        ("delay=2", " - at `delay`"),
        ("drip=100", "drip is bytes/every"),
        ("drip=x/1s", "drip is bytes/every"),
        ("drip=0/1s", "bytes must be at least 1"),
        ("truncate=200%", "expected a share"),
        ("clock=virtul; delay=1s", 'clock: "virtul" is not among virtual, wall; did you mean "virtual"?'),
        ("rate_limit=3", "it takes a rule"),
        ("respond=503; reset", "respond does not go with reset: no answer is sent"),
        ("clock=wall", "or delay"),
        ("respond=500; after=1", "after stands alone, or with true or false"),
        ("gzip=true", "gzip stands alone, without a value"),
        ("headers=x", 'headers takes the long form, which is JSON: x-sim: {"headers": ...}'),
        ("respond=429; retry_after=never", "expected none or a duration such as 90s"),
        ("whitespace=123456", "Expected `int | null`, got `str` - at `whitespace`"),
        ("respond=500; form=xml", 'form: "xml" is not among api, empty, html, problem, text'),
        ('{"respnd": 503}', 'no fault "respnd"; did you mean "respond"?'),
        ('{"respond": 503', "no JSON of an effect"),
        ('{"respond": 503, "respond": 504}', "stands there twice"),
        ('{"respond": "503"}', "Expected `int | null`, got `str` - at `respond`"),
        ('{"rate_limit": {"limit": 1, "per": "1s"}}', "it takes a rule"),
        ('{"delay": {"uniform": {"min": "1s", "max": "2s"}}}', "a delay that is drawn takes a rule"),
        ('{"respond": 500, "headers": {"a": "b\\r\\nc: d"}}', "without line ends"),
    ],
)
def test_what_it_does_not_know_or_makes_no_sense_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        parse_effect(text)
    assert says in refusal.value.message
    assert refusal.value.param == "x-sim"


@pytest.mark.parametrize("headers", [[("x-sim", "respnd=503")], [("x-sim", "reset"), ("x-sim", "malformed")]])
def test_a_request_with_a_malformed_or_repeated_header_is_a_400_and_does_nothing(
    api: Api, headers: list[tuple[str, str]]
) -> None:
    with api.unchanged():
        answer = api.call("POST", "/v1/gpu/rent", RENT, headers=headers)
        answer.refused(400, "invalid_value", "x-sim")
        assert answer.header("x-sim-fault") is None


def test_it_is_looked_at_after_authentication_and_for_the_four_operations_only(api: Api) -> None:
    wrong = [("x-sim", "nonsense")]
    api.call("GET", "/v1/gpu/offers", token=None, headers=wrong).refused(401, "invalid_token")
    api.call("GET", "/v1/nothing", headers=wrong).refused(404, "not_found")
    api.call("PUT", "/v1/gpu/rent", headers=wrong).refused(405, "method_not_allowed")
    assert api.call("GET", "/_sim/clock", headers=wrong).status == 200
    for method, path in (("GET", "offers"), ("HEAD", "offers"), ("GET", "rentals/x"), ("DELETE", "rentals/x")):
        api.call(method, f"/v1/gpu/{path}", headers=wrong).refused(400, "invalid_value", "x-sim")
