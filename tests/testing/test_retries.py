"""Which rents are taken for retries of a 402, by the order in which they came to the server."""

from datetime import UTC, datetime

import pytest
from gpu_sim.testing import Request
from gpu_sim.testing.retries import retried_after_402

BODY = {"gpu_model": "RTX 4090", "provider_id": "vast-ai", "region": "Quebec, CA", "model_id": "m", "docker_image": "d"}


def refused(seq: int, request_id: str, key: str | None = None, minute: int = 0) -> Request:
    """A rent refused with 402, the one with that number in the log."""
    return Request(
        seq=seq,
        at=datetime(2026, 1, 1, 0, minute, tzinfo=UTC),
        duration_ms=0.1,
        account="alice",
        operation="rent_gpu",
        method="POST",
        path="/v1/gpu/rent",
        query="",
        status=402,
        error="insufficient_credit",
        fault=None,
        rental_id=None,
        provider_id=BODY["provider_id"],
        gpu_model=BODY["gpu_model"],
        region=BODY["region"],
        request_id=request_id,
        idempotency_key=key,
        body=BODY,
        body_bytes=20,
    )


@pytest.mark.parametrize(
    ("came", "retries"),
    [
        ([1, 2, 3], [2, 3]),
        ([2, 1, 3], [3]),  # the second came before the first and was answered after it
        ([3, 1, 2], []),  # all came before the first answer
    ],
)
def test_what_came_before_the_402_was_answered_is_no_retry(came: list[int], retries: list[int]) -> None:
    requests = [refused(seq, f"req_0123456789ab_{number}") for seq, number in enumerate(came, 1)]
    assert [request.seq for request in retried_after_402(requests, (), ())] == retries


def test_ids_of_the_client_say_nothing_of_the_order() -> None:
    requests = [refused(1, "second"), refused(2, "first")]
    assert [request.seq for request in retried_after_402(requests, (), ())] == [2]


@pytest.mark.parametrize(
    ("key", "minute", "retries"), [("one", 0, [2]), (None, 0, [2]), ("two", 0, []), ("two", 1, [2])]
)
def test_another_key_at_the_same_instant_is_a_rent_of_its_own(key: str | None, minute: int, retries: list[int]) -> None:
    requests = [refused(1, "a", "one"), refused(2, "b", key, minute)]
    assert [request.seq for request in retried_after_402(requests, (), ())] == retries
