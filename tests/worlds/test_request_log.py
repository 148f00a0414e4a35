"""The ring of requests: its bounds and its numbers."""

import pytest
from gpu_sim.core.scenario.scenario import AccountSpec
from gpu_sim.worlds.request_log import NO_OFFER, KeptRequest, RequestLog
from gpu_sim.worlds.world import World
from gpu_sim.worlds.worlds import Worlds

from ..support.builders import scenario


def request(number: int) -> KeptRequest:
    """A request that is known by its time."""
    return KeptRequest(
        at=str(number),
        span_ns=0,
        account="alice",
        operation="list_offers",
        method="GET",
        path="/v1/gpu/offers",
        query=b"",
        status=200,
        error="",
        fault="",
        rental_id="",
        offer=NO_OFFER,
        request_id=b"req_1",
        idempotency_key=b"",
        body=b"",
    )


def kept(log: RequestLog) -> list[tuple[int, int]]:
    """Number and time of what is kept."""
    return [(seq, int(request.at)) for seq, request in log.numbered()]


@pytest.mark.parametrize(
    ("limit", "added", "expected", "dropped"),
    [
        (3, 0, [], 0),
        (3, 2, [(1, 1), (2, 2)], 0),
        (3, 3, [(1, 1), (2, 2), (3, 3)], 0),
        (3, 4, [(2, 2), (3, 3), (4, 4)], 1),
        (1, 9, [(9, 9)], 8),
        (0, 2, [], 0),
    ],
)
def test_the_latest_are_kept_and_numbers_go_on(
    limit: int, added: int, expected: list[tuple[int, int]], dropped: int
) -> None:
    log = RequestLog(limit)
    for at in range(1, added + 1):
        log.add(request(at))
    assert (kept(log), log.total, log.dropped) == (expected, len(expected) + dropped, dropped)


def test_after_a_clear_numbers_start_again() -> None:
    log = RequestLog(2)
    for at in range(5):
        log.add(request(at))
    log.clear()
    assert (kept(log), log.total, log.dropped) == ([], 0, 0)
    log.add(request(7))
    assert kept(log) == [(1, 7)]


def test_who_reads_is_not_disturbed_by_what_comes_meanwhile() -> None:
    log = RequestLog(2)
    log.add(request(1))
    reading = log.numbered()
    log.add(request(2))
    log.add(request(3))
    assert [seq for seq, _ in reading] == [1]


def test_worlds_share_the_limit_and_nothing_else() -> None:
    worlds = Worlds(requests_kept=2)
    for name in ("default", "other"):
        worlds.add(World(name, scenario(accounts=(AccountSpec("a", f"si_test_{name}"),))))
    first, second = worlds.by_name.values()
    first.requests.add(request(1))
    assert (first.requests.total, second.requests.total) == (1, 0)
    assert first.requests.limit == second.requests.limit == 2
