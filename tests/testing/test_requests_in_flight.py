"""Requests that are still being answered when a test asks for a verdict: they are waited for, or said."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from gpu_sim.testing import GpuSim, ServerRefused

from ..support import loopback
from ..support.asgi import RENT


@contextmanager
def rent_without_an_answer(sim: GpuSim, times: int = 1, then: str = "") -> Iterator[socket.socket]:
    """A rent that has been sent, or several at once and what comes behind them, with the connection open until the end
    of the block."""
    host, port = sim.base_url.removeprefix("http://").split(":")
    body = json.dumps(RENT).encode()
    head = (
        f"POST /v1/gpu/rent HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {sim.token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall((head.encode() + body) * times + then.encode())
        yield connection


def rent(sim: GpuSim) -> str:
    headers = {"authorization": f"Bearer {sim.token}"}
    rental_id: str = loopback.post(f"{sim.base_url}/v1/gpu/rent", json=RENT, headers=headers).json()["rental_id"]
    return rental_id


def delete(sim: GpuSim, rental_id: str) -> None:
    headers = {"authorization": f"Bearer {sim.token}"}
    loopback.delete(f"{sim.base_url}/v1/gpu/rentals/{rental_id}", headers=headers).raise_for_status()


def rent_twice_and_delete_one(sim: GpuSim) -> None:
    """A client that gives up on its first rent, which is served late all the same, and sends it again without a key."""
    sim.fault({"delay": "500ms"}, on="rent_gpu", when={"times": 1})
    with rent_without_an_answer(sim):
        pass
    # A fault rule counts in the order of arrival, which is that of the server: the first must have come by now.
    while not (sim.in_flight or sim.requests):
        pass
    delete(sim, rent(sim))


def test_a_rent_that_its_client_gave_up_on_is_in_the_report(gpu_sim: GpuSim) -> None:
    rent_twice_and_delete_one(gpu_sim)
    report = gpu_sim.report()
    assert (report.rents, len(report.never_deleted)) == (2, 1)
    assert report.problems == (f"{report.never_deleted[0].rental_id} (RTX 4090, vast-ai) is still provisioning",)


def test_a_rent_that_its_client_gave_up_on_is_in_what_is_verified(gpu_sim: GpuSim) -> None:
    rent_twice_and_delete_one(gpu_sim)
    with pytest.raises(ServerRefused, match="exactly 1 expected, 2 found") as refused:
        gpu_sim.call("POST", "requests/verify", {"match": {"operation": "rent_gpu"}, "exactly": 1})
    assert refused.value.code == "not_held"
    assert len(gpu_sim.rentals()) == 2


@pytest.mark.parametrize("wait", ["0s", timedelta(milliseconds=20)])
def test_what_is_not_over_in_time_is_a_problem(gpu_sim: GpuSim, wait: str | timedelta) -> None:
    gpu_sim.fault({"hang": "30s"}, on="rent_gpu", name="silent")
    with rent_without_an_answer(gpu_sim):
        while not (gpu_sim.in_flight and gpu_sim.in_flight[0].fault):
            pass
        report = gpu_sim.report(wait=wait)
        (request,) = report.in_flight
        assert (request.operation, request.fault, request.gpu_model) == ("rent_gpu", "silent", "RTX 4090")
        (problem,) = report.problems
        assert problem == f"1 rent is still being answered: {request}"
        assert str(request).startswith("POST /v1/gpu/rent (RTX 4090, vast-ai, Quebec, CA) for ")
        assert str(request).endswith(" s (fault silent)")
        assert f"- {problem}" in str(report)
        assert "POST /v1/gpu/rent (RTX 4090, vast-ai, Quebec, CA) for " in gpu_sim.story()


def test_what_came_just_before_the_question_is_waited_for(gpu_sim: GpuSim) -> None:
    for count in range(1, 21):
        with rent_without_an_answer(gpu_sim):
            report = gpu_sim.report()
            assert report.rents + report.error_codes.get("offer_unavailable", 0) == count


def test_what_waits_behind_another_request_on_its_connection_is_in_flight_too(gpu_sim: GpuSim) -> None:
    gpu_sim.fault({"delay": "300ms"}, on="rent_gpu")
    with rent_without_an_answer(gpu_sim, times=3):
        while not gpu_sim.in_flight and not gpu_sim.requests:
            pass
        report = gpu_sim.report(wait="0s")
        assert len(report.in_flight) + report.rents == 3
        assert {request.gpu_model for request in report.in_flight} == {"RTX 4090"}
        gpu_sim.call("POST", "requests/verify", {"match": {"operation": "rent_gpu"}, "exactly": 3})
        assert gpu_sim.report().in_flight == ()


def test_what_waits_on_a_connection_that_ends_is_not_waited_for(gpu_sim: GpuSim) -> None:
    gpu_sim.fault({"delay": "300ms"}, on="rent_gpu")
    with rent_without_an_answer(gpu_sim, times=3):
        while not gpu_sim.in_flight and not gpu_sim.requests:
            pass
    gpu_sim.call("POST", "requests/verify", {"match": {"operation": "rent_gpu"}, "exactly": 1, "wait": "30s"})
    assert gpu_sim.in_flight == []


def test_a_question_does_not_wait_for_what_waits_behind_it(gpu_sim: GpuSim) -> None:
    ask = f"GET /_sim/requests?world={gpu_sim.world}&wait=30s HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    behind = f"GET /v1/gpu/offers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gpu_sim.token}\r\n\r\n"
    with rent_without_an_answer(gpu_sim, then=ask + behind) as connection:
        received = b""
        while received.count(b"HTTP/1.1 200 OK") < 2:
            more = connection.recv(65_536)
            assert more, received
            received += more
    assert b'"in_flight":{"total":0,"data":[]}' in received


def test_a_report_may_come_from_another_thread_than_the_clock(gpu_sim: GpuSim) -> None:
    gpu_sim.fault({"delay": "1h", "clock": "virtual"}, on="rent_gpu")
    with rent_without_an_answer(gpu_sim):
        assert gpu_sim.report().rents == 1
    assert gpu_sim.in_flight == []


@pytest.mark.parametrize(
    ("wait", "error", "says"),
    [
        (5, TypeError, "wait: expected a duration"),
        (timedelta(seconds=-1), ValueError, "wait: nobody waits backwards"),
        ("31s", ServerRefused, "wait is at most 30s"),
        ("soon", ServerRefused, "wait: expected a duration"),
    ],
)
def test_a_wait_that_cannot_be_is_named(
    gpu_sim: GpuSim, wait: str | timedelta, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        gpu_sim.report(wait=wait)


def test_errors_are_told_apart_by_their_codes(gpu_sim: GpuSim) -> None:
    gpu_sim.fault({"respond": 503}, on="list_offers")
    gpu_sim.call("POST", "market/outage", {"provider": "vast-ai"})
    headers = {"authorization": f"Bearer {gpu_sim.token}"}
    with loopback.Client(base_url=gpu_sim.base_url, headers=headers) as http:
        http.get("/v1/gpu/offers")
        http.post("/v1/gpu/rent", json=RENT)
        http.post("/v1/gpu/rent", json=RENT)
    report = gpu_sim.report()
    assert report.error_codes == {"injected_fault": 1, "offer_unavailable": 2}
    assert "errors: 2 x 409, 1 x 503 (1 x injected_fault, 2 x offer_unavailable)" in str(report)
    last = gpu_sim.requests[-1]
    assert (last.error, last.provider_id, last.gpu_model, last.region) == (
        *("offer_unavailable", "vast-ai", "RTX 4090", "Quebec, CA"),
    )
    assert str(last).endswith("POST /v1/gpu/rent (RTX 4090, vast-ai, Quebec, CA) -> 409 offer_unavailable")
