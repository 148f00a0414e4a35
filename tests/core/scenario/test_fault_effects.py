"""Effects of faults: which combinations mean something, whether the command happens, and what a header may be."""

from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import NO_RETRY_AFTER, Duration, RetryAfter, Share
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.fault_effects import (
    BODY_BYTES_MAX,
    HEADER_VALUE_MAX,
    HEADERS_MAX,
    Drip,
    FaultEffect,
    RateLimit,
)

SECOND = Duration(1_000)
HALF = Share(500_000)
DRIP = Drip(1, SECOND)
LIMIT = RateLimit(1, SECOND)


@pytest.mark.parametrize(
    ("fields", "happens"),
    [
        ({"respond": 500}, False),
        ({"respond": 500, "after": True}, True),
        ({"respond": 500, "after": False}, False),
        ({"respond": 500, "lose_response": True}, True),
        ({"respond": 500, "duplicate": True}, True),
        ({"lose_response": True}, True),
        ({"lose_response": True, "after": True}, True),
        ({"reset": True}, False),
        ({"reset": True, "after": True}, True),
        ({"hang": SECOND}, False),
        ({"hang": SECOND, "after": True}, True),
        ({"hang": SECOND, "duplicate": True}, True),
        ({"rate_limit": LIMIT}, False),
        ({"rate_limit": LIMIT, "after": True}, True),
        ({"rate_limit": LIMIT, "lose_response": True}, True),
        ({"rate_limit": LIMIT, "hang": SECOND}, False),
        ({"duplicate": True}, True),
        ({"truncate": HALF}, True),
        ({"truncate": HALF, "after": True}, True),
        ({"truncate": HALF, "reset": True}, True),
        ({"truncate": HALF, "hang": SECOND}, True),
        ({"truncate": HALF, "respond": 500}, False),
        ({"truncate": HALF, "respond": 500, "after": True}, True),
        ({"malformed": True}, True),
        ({"malformed": True, "respond": 500}, False),
        ({"drip": DRIP}, True),
        ({"drip": DRIP, "respond": 500}, False),
        ({"whitespace": 1}, True),
        ({"gzip": True}, True),
        ({"headers": {"server": "x"}}, True),
        ({"headers": {"server": "x"}, "respond": 500}, False),
        ({"delay": fixed(1)}, True),
    ],
)
def test_each_effect_says_whether_the_command_happens(fields: dict[str, Any], happens: bool) -> None:
    assert FaultEffect(**fields).happens is happens
    assert FaultEffect(**fields, delay=fixed(1)).happens is happens if "delay" not in fields else True


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"respond": 500, "reset": True}, "respond does not go with reset: no answer is sent, unless truncate says"),
        ({"respond": 500, "hang": SECOND}, "respond does not go with hang: no answer is sent"),
        ({"form": "html", "rate_limit": LIMIT, "reset": True}, "form does not go with reset"),
        ({"headers": {"a": "b"}, "lose_response": True}, "headers does not go with lose_response"),
        ({"malformed": True, "hang": SECOND}, "malformed does not go with hang"),
        ({"drip": DRIP, "reset": True}, "drip does not go with reset"),
        ({"hang": SECOND, "reset": True}, "give one of hang and reset; for a command that happens before"),
        ({"lose_response": True, "reset": True}, "give one of reset and lose_response"),
        ({"lose_response": True, "truncate": HALF}, "truncate does not go with lose_response"),
        ({"lose_response": True, "after": False}, "after: false does not go with lose_response: there the command"),
        ({"duplicate": True, "after": False}, "after: false does not go with duplicate"),
        ({"truncate": HALF, "after": False}, "after: false does not go with truncate: the answer is the command's own"),
        ({"headers": {"a": "b"}, "after": False}, "after: false does not go with headers"),
        ({"delay": fixed(1), "after": True}, "after goes with another effect than a delay.* delay_of: answer"),
        ({"delay": fixed(1), "after": False}, "after goes with another effect than a delay"),
        ({"reset": True, "delay_of": "answer"}, "delay_of goes with delay"),
        ({"reset": True, "clock": "wall"}, "clock goes with delay"),
        ({"after": True}, "or delay"),
        ({"form": "html"}, "or delay"),
        ({"form": "html", "malformed": True}, "form goes with respond or rate_limit"),
        ({"body": "x", "truncate": HALF}, "body goes with respond or rate_limit"),
        ({"respond": 500, "body": "x", "form": "html"}, "give one of form and body"),
        ({"respond": 204, "body": "x"}, "body does not go with respond 204: it has no body"),
        ({"respond": 304, "form": "html"}, "form does not go with respond 304"),
        ({"respond": 205, "gzip": True}, "gzip does not go with an answer that has no body"),
        ({"respond": 200, "truncate": HALF}, "truncate does not go with an answer that has no body"),
        ({"respond": 503, "form": "empty", "malformed": True}, "malformed does not go with an answer that has no body"),
        ({"respond": 503, "body": "", "whitespace": 4}, "whitespace does not go with an answer that has no body"),
        ({"malformed": True, "retry_after": RetryAfter(1)}, "retry_after goes with respond or with rate_limit"),
        ({"delay": fixed(1), "retry_after_as": "date"}, "retry_after goes with respond or with rate_limit"),
        ({"rate_limit": LIMIT, "reset": True, "retry_after": RetryAfter(1)}, "and with an answer that is sent"),
        ({"respond": 500, "retry_after": NO_RETRY_AFTER}, "without a retry_after, respond 500 has none"),
        ({"respond": 500, "retry_after_as": "date"}, "without a retry_after, respond 500 has none"),
        (
            {"respond": 503, "retry_after": NO_RETRY_AFTER, "retry_after_as": "date"},
            "does not go with retry_after: none",
        ),
        (
            {"respond": 429, "retry_after": RetryAfter(0), "retry_after_as": "negative"},
            "retry_after 0s has no negative",
        ),
        ({"whitespace": 0}, "whitespace must be from 1 to 65536 bytes"),
        ({"whitespace": 65_537}, "whitespace must be from 1 to 65536 bytes"),
        ({"respond": 500, "body": "x" * (BODY_BYTES_MAX + 1)}, "body must be at most 65536 bytes"),
        ({"respond": 500, "body": {"x": object()}}, "body is neither text nor JSON"),
        ({"respond": 500, "body": "\ud800"}, "body is neither text nor JSON"),
        ({"headers": {}}, "headers must have a header"),
        ({"headers": {"a b": "x"}}, 'headers: "a b" is no name of a header'),
        ({"headers": {"a:": "x"}}, "is no name of a header"),
        ({"headers": {"": "x"}}, "is no name of a header"),
        ({"headers": {"ä": "x"}}, "is no name of a header"),
        ({"headers": {"a\r\nb": "x"}}, "is no name of a header"),
        ({"headers": {"a": "x\r\nset-cookie: y"}}, "headers: a must be at most 1024 characters"),
        ({"headers": {"a": "x\ny"}}, "without line ends"),
        ({"headers": {"a": "x\0y"}}, "without line ends"),
        ({"headers": {"a": "x\n"}}, "without line ends"),
        ({"headers": {"a": " x"}}, "without blanks around it"),
        ({"headers": {"a": "€"}}, "Latin-1"),
        ({"headers": {"a": "x" * (HEADER_VALUE_MAX + 1)}}, "at most 1024"),
        ({"headers": {"a": ()}}, "headers: a has an empty list; null sends no a"),
        ({"headers": {"A": "x", "a": "y"}}, "headers: a stands there twice"),
        ({"headers": {f"h{n}": "x" for n in range(HEADERS_MAX + 1)}}, "headers: at most 32 lines"),
        ({"headers": {"a": ("x",) * (HEADERS_MAX + 1)}}, "headers: at most 32 lines"),
        ({"headers": {"X-Sim-Fault": "x"}}, "headers: x-sim-fault is the server's: it says which rules acted"),
        ({"headers": {"date": "x"}}, "headers: date is the server's"),
        ({"headers": {"transfer-encoding": "chunked"}}, '"content-length": null lets it send chunks'),
        ({"headers": {"content-length": "x"}}, "content-length is one number of at most 9 digits"),
        ({"headers": {"content-length": "-1"}}, "content-length is one number"),
        ({"headers": {"content-length": ("1", "2")}}, "content-length is one number"),
        ({"headers": {"connection": "upgrade"}}, "connection is close or keep-alive"),
    ],
)
def test_what_means_nothing_is_refused_with_the_reason(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        FaultEffect(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"respond": 200, "body": "<html>"},
        {"respond": 204},
        {"respond": 302, "headers": {"location": "/login"}},
        {"respond": 500, "retry_after": RetryAfter(1_000)},
        {"respond": 503, "retry_after": NO_RETRY_AFTER},
        {"rate_limit": LIMIT, "respond": 503, "retry_after": NO_RETRY_AFTER},
        {"rate_limit": LIMIT, "retry_after_as": "epoch"},
        {"respond": 500, "truncate": HALF, "hang": SECOND},
        {"respond": 500, "malformed": True, "whitespace": 5, "gzip": True, "drip": DRIP, "truncate": HALF},
        {"headers": {"retry-after-ms": 1500, "set-cookie": ("a=1", "b=2"), "content-type": None, "x": ""}},
        {"headers": {"content-length": 0, "connection": "Close"}},
        {"headers": {"a": "x" * HEADER_VALUE_MAX, "b": "caf\xe9 \t au lait"}},
        {"respond": 500, "body": "x" * BODY_BYTES_MAX},
        {"delay": fixed(1), "delay_of": "answer", "clock": "virtual"},
    ],
)
def test_what_means_something_is_taken(fields: dict[str, Any]) -> None:
    assert FaultEffect(**fields).happens in (True, False)
