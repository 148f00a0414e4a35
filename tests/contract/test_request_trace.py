"""Requests as lines for a shell: those that matter, spelled so that bash sends the same bytes again."""

import subprocess

import pytest

from contract.target.request_trace import BODY_BYTES_MAX, RequestTrace, SentRequest

JSON = ("content-type", "application/json")
AUTH = ("authorization", "Bearer si_mine")


SECRETS = {"si_mine": "TOKEN", "si_mine too": "ADMIN_TOKEN"}


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        (
            SentRequest("GET", "/v1/gpu/offers", [AUTH]),
            """curl -si "$URL"/v1/gpu/offers -H "authorization: Bearer $TOKEN\"""",
        ),
        (SentRequest("HEAD", "/a?b=c&d='", []), """curl -sI "$URL"'/a?b=c&d='"'"''"""),
        (SentRequest("DELETE", "/x", [], None, 404), 'curl -si -X DELETE "$URL"/x  # 404'),
        (
            SentRequest("POST", "/x", [JSON], b"{}"),
            """curl -si "$URL"/x -H 'content-type: application/json' --data-raw '{}'""",
        ),
        (SentRequest("POST", "/x", [], b"{}"), """curl -si "$URL"/x -H content-type: --data-raw '{}'"""),
        (SentRequest("POST", "/x", []), 'curl -si -X POST "$URL"/x'),
        (SentRequest("PUT", "/x", [], b"1"), 'curl -si -X PUT "$URL"/x -H content-type: --data-raw 1'),
        (
            SentRequest("GET", "/x", [("authorization", "Bearer si_other")]),
            """curl -si "$URL"/x -H 'authorization: Bearer si_other'""",
        ),
        (SentRequest("GET", "/x?token=si_mine", []), """curl -si "$URL"'/x?token='"$TOKEN\""""),
        (SentRequest("GET", "/x", [("a", "Basic si_mine")]), """curl -si "$URL"/x -H 'a: Basic '"$TOKEN\""""),
        (
            SentRequest("POST", "/_sim/reset", [("authorization", "Bearer si_mine"), ("x-sim-admin", "si_mine too")]),
            'curl -si -X POST "$URL"/_sim/reset -H "authorization: Bearer $TOKEN" -H "x-sim-admin: $ADMIN_TOKEN"',
        ),
        (
            SentRequest("PUT", "/x", [JSON], b'"si_mine_bob"'),
            """curl -si -X PUT "$URL"/x -H 'content-type: application/json' --data-raw '"'"$TOKEN"'_bob"'""",
        ),
        (SentRequest("GET", "/x", [("authorization", "")]), """curl -si "$URL"/x -H 'authorization;'"""),
    ],
)
def test_a_request_is_one_line(sent: SentRequest, line: str) -> None:
    assert sent.curl(SECRETS) == line


@pytest.mark.parametrize("content", [b"{}", b"it's", b'{"a": "\xff\\u0000"}', b"\n\t\\", "\u00fc".encode(), b"@file"])
def test_bash_reads_the_same_bytes(content: bytes) -> None:
    line = SentRequest("POST", "/x", [JSON], content).curl({})
    said = line.partition("--data-raw ")[2]
    heard = subprocess.run(["bash", "-c", f"printf %s {said}"], check=True, capture_output=True).stdout
    assert heard == content


def test_a_long_body_is_hinted_at() -> None:
    line = SentRequest("POST", "/x", [JSON], b"x" * (BODY_BYTES_MAX + 1)).curl({})
    assert len(line) < 400
    assert f"({BODY_BYTES_MAX + 1} bytes in all)" in line


def sent(trace: RequestTrace, method: str, path: str, token: str = "") -> None:
    """A request of somebody."""
    trace.add(method, path, [("authorization", f"Bearer {token}")] if token else [], None)


def paths(trace: RequestTrace) -> list[str]:
    """The paths of what is told."""
    return [line.partition('"$URL"')[2].partition(" ")[0] for line in trace.curls({})]


def test_what_began_before_is_forgotten() -> None:
    trace = RequestTrace()
    sent(trace, "GET", "/a")
    trace.begin()
    sent(trace, "GET", "/b")
    assert paths(trace) == ["/b"]


def test_looks_behind_the_api_are_left_out_but_the_last() -> None:
    trace = RequestTrace()
    for path in ("/_sim/ledger", "/v1/gpu/offers", "/_sim/accounts", "/_sim/ledger"):
        sent(trace, "GET", path)
    assert paths(trace) == ["/v1/gpu/offers", "/_sim/ledger"]


def test_a_world_comes_first_and_one_in_which_nothing_was_done_not_at_all() -> None:
    trace = RequestTrace()
    for world in ("one", "two", "idle"):
        sent(trace, "POST", f"/_sim/worlds-{world}", "si_mine")
        trace.made_worlds([f"si_{world}"])
    trace.begin()
    for world in ("one", "two", "idle"):
        sent(trace, "POST", "/_sim/reset", f"si_{world}")
        sent(trace, "GET", f"/v1/{world}", f"si_{world}")
    sent(trace, "POST", "/v1/gpu/rent", "si_two")
    sent(trace, "GET", "/v1/last", "si_one")
    assert paths(trace) == [
        *("/_sim/worlds-one", "/_sim/worlds-two"),
        *("/_sim/reset", "/v1/one", "/_sim/reset", "/v1/two"),
        *("/v1/gpu/rent", "/v1/last"),
    ]


def test_what_builds_on_earlier_requests_tells_them_too() -> None:
    trace = RequestTrace()
    sent(trace, "GET", "/a")
    earlier = trace.sent
    trace.begin()
    trace.resume(earlier)
    sent(trace, "GET", "/b")
    assert paths(trace) == ["/a", "/b"]
