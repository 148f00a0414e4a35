"""Counters of requests by operation, status and duration."""

import pytest
from gpu_sim.api.request_log.traffic import BOUNDS_NS, RULES_COUNTED_MAX, Traffic
from gpu_sim.worlds.request_log import NO_OFFER, KeptRequest


def test_bounds_go_from_50_microseconds_to_10_seconds() -> None:
    assert (BOUNDS_NS[0], BOUNDS_NS[-1]) == (50_000, 10_000_000_000)
    assert list(BOUNDS_NS) == sorted(set(BOUNDS_NS))


@pytest.mark.parametrize(
    ("span_ns", "bucket"),
    [(0, 0), (49_999, 0), (50_000, 0), (50_001, 1), (100_000, 1), (10_000_000_000, 16), (10_000_000_001, 17)],
)
def test_a_bucket_includes_its_bound(span_ns: int, bucket: int) -> None:
    traffic = Traffic()
    traffic.count("rent_gpu", 201, span_ns)
    counted = traffic.by_operation["rent_gpu"]
    assert [number for number, count in enumerate(counted.buckets) if count] == [bucket]
    assert counted.total_ns == span_ns


def test_requests_are_counted_by_operation_and_status() -> None:
    traffic = Traffic()
    for operation, status in (("rent_gpu", 201), ("rent_gpu", 409), ("rent_gpu", 201), (None, 404)):
        traffic.count(operation, status, 1_000)
    assert {name: counted.by_status for name, counted in traffic.by_operation.items()} == {
        "rent_gpu": {201: 2, 409: 1},
        None: {404: 1},
    }
    assert traffic.by_operation["rent_gpu"].total_ns == 3_000


def test_each_rule_that_acted_on_a_request_is_counted() -> None:
    traffic = Traffic()
    for fault in ("slow, lost", "slow", ""):
        traffic.uncounted.append(kept(fault))
    traffic.count_pending()
    assert traffic.faults == {"slow": 2, "lost": 1}


def kept(fault: str) -> KeptRequest:
    """A request that these rules acted on."""
    return KeptRequest("", 1, "alice", "rent_gpu", "POST", "/", b"", 0, "", fault, "", NO_OFFER, b"r", b"", b"")


def test_faults_are_counted_by_rule_up_to_a_number_of_rules() -> None:
    traffic = Traffic()
    for number in (*range(RULES_COUNTED_MAX + 2), 0):
        traffic.count_fault(f"rule-{number}")
    assert len(traffic.faults) == RULES_COUNTED_MAX + 1
    assert (traffic.faults["rule-0"], traffic.faults["rule-1"], traffic.faults["other"]) == (2, 1, 2)
