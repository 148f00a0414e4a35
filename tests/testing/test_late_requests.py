"""Requests that outlive their test: no other test's records have them."""

import socket

from gpu_sim.testing import GpuSim, GpuSimServer
from gpu_sim.testing.world_request import WorldRequest

from ..support import loopback


def listed(sim: GpuSim) -> int:
    """The status of a list of offers."""
    headers = {"authorization": f"Bearer {sim.token}"}
    return loopback.get(f"{sim.base_url}/v1/gpu/offers", headers=headers).status_code


def knows_of_none(sim: GpuSim) -> bool:
    return not sim.requests and not sim.report().problems and "no requests" in sim.story()


def test_a_request_under_way_when_its_world_ends_is_refused_and_in_no_other_record(
    gpu_sim_server: GpuSimServer,
) -> None:
    first = gpu_sim_server.new_world(WorldRequest())
    host, port = first.base_url.removeprefix("http://").split(":")
    head = f"POST /v1/gpu/rent HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {first.token}\r\ncontent-length: 2\r\n"
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(f"{head}connection: close\r\n\r\n{{".encode())
        gpu_sim_server.retire(first)
        second, third = (gpu_sim_server.new_world(WorldRequest()) for _ in range(2))
        gpu_sim_server.retire(second)  # and with it the first world ends
        connection.sendall(b"}")
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert knows_of_none(second)
    assert knows_of_none(third)
    gpu_sim_server.retire(third)


def test_a_request_that_ends_in_the_next_tests_time_is_in_its_own_world(gpu_sim_server: GpuSimServer) -> None:
    first = gpu_sim_server.new_world(WorldRequest())
    gpu_sim_server.retire(first)
    second = gpu_sim_server.new_world(WorldRequest())
    assert listed(first) == 200
    assert [request.status for request in first.requests] == [200]
    assert knows_of_none(second)
    gpu_sim_server.retire(second)


def test_a_request_that_comes_after_its_world_is_refused_and_in_no_other_record(gpu_sim_server: GpuSimServer) -> None:
    first, second = (gpu_sim_server.new_world(WorldRequest()) for _ in range(2))
    first.end()
    assert listed(first) == 401
    assert knows_of_none(second)
    gpu_sim_server.retire(second)
