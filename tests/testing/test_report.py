"""The verdict on the client: what counts against it, and what does not."""

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal

import httpx
import pytest
from gpu_sim.testing import GpuSim
from gpu_sim.testing.server import GpuSimServer
from gpu_sim.testing.world_request import WorldRequest

from ..support import loopback

OTHER = {"gpu_model": "RTX 4090", "provider_id": "vast-ai", "region": "Quebec, CA"}
POOR = pytest.mark.gpu_sim(scenario="low-credit")


class Client:
    """The requests of a client, whatever they answer."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def rent(self, **changed: object) -> httpx.Response:
        body = {**OTHER, "model_id": "m", "docker_image": "d", **changed}
        return self._http.post("/v1/gpu/rent", json=body)

    def delete(self, rental_id: str) -> httpx.Response:
        return self._http.delete(f"/v1/gpu/rentals/{rental_id}")


@pytest.fixture
def client(gpu_sim: GpuSim) -> Iterator[Client]:
    headers = {"authorization": f"Bearer {gpu_sim.token}"}
    with loopback.Client(base_url=gpu_sim.base_url, headers=headers) as http:
        yield Client(http)


def test_a_client_that_cleans_up_has_no_problems(gpu_sim: GpuSim, client: Client) -> None:
    rental_id = client.rent().json()["rental_id"]
    gpu_sim.advance("5m")
    client.delete(rental_id)
    report = gpu_sim.report()
    assert (report.rents, report.spent, report.held) == (1, Decimal("0.071750"), Decimal(0))
    assert not report.problems
    assert str(report) == "1 rents, 0 interrupted, $0.071750 spent, $0.000000 held\nerrors: none"


BUSY = {
    "name": "busy",
    "extends": "calm",
    "accounts": [{"name": "alice", "balance": "100"}, {"name": "bob", "balance": "100"}],
    "timeline": [
        {"at": at, "rent": {"as": name, "account": account, **OTHER}}
        for at, name, account in [("1m", "hers", "alice"), ("2m", "his", "bob"), ("2m", "other", "bob")]
    ],
}


@pytest.mark.gpu_sim(scenario=BUSY)
def test_what_the_scenario_rents_is_not_the_clients(gpu_sim: GpuSim, client: Client) -> None:
    rental_id = client.rent().json()["rental_id"]
    gpu_sim.advance("5m")
    client.delete(rental_id)
    gpu_sim.interrupt(gpu_sim.rentals()[1].rental_id)
    assert len(gpu_sim.rentals()) == 4
    report = gpu_sim.report()
    assert (report.rents, report.interrupted, report.left_running) == (1, 0, ())
    assert (report.spent, report.held) == (Decimal("0.071750"), Decimal(0))
    assert not report.problems


def test_a_report_says_which_requests_it_does_not_know(gpu_sim: GpuSim, client: Client) -> None:
    client.rent()
    for _ in range(1_000):
        client.delete("rent_x")
    report = gpu_sim.report()
    assert (report.rents, report.requests_dropped) == (0, 1)
    assert str(report).endswith("the first 1 requests, and what they rented, are not known any more")


def test_what_is_left_running_is_named(gpu_sim: GpuSim, client: Client) -> None:
    first = client.rent().json()["rental_id"]
    gpu_sim.advance("5m")
    second = client.rent().json()["rental_id"]
    report = gpu_sim.report()
    assert [(rental.rental_id, rental.status) for rental in report.left_running] == [
        (first, "running"),
        (second, "provisioning"),
    ]
    assert report.held == Decimal("0.143500")
    assert f"{second} (RTX 4090, vast-ai) is still provisioning" in str(report)


def test_a_rental_that_idled_out_was_never_deleted(gpu_sim: GpuSim, client: Client) -> None:
    first = client.rent().json()["rental_id"]
    assert [rental.rental_id for rental in gpu_sim.report().never_deleted] == [first]
    gpu_sim.advance("1h")
    report = gpu_sim.report()
    assert ([rental.rental_id for rental in report.never_deleted], report.left_running) == ([first], ())
    assert report.problems == (f"{first} (RTX 4090, vast-ai) was never deleted and idled out",)


def test_a_late_deletion_is_one_and_a_refused_one_is_none(gpu_sim: GpuSim, client: Client) -> None:
    late, refused = (client.rent().json()["rental_id"] for _ in range(2))
    gpu_sim.fault({"respond": 503}, on="terminate_rental", when={"times": 1})
    client.delete(refused)
    gpu_sim.advance("1h")
    client.delete(late)
    assert [rental.rental_id for rental in gpu_sim.report().never_deleted] == [refused]


@pytest.mark.parametrize("by", ["interruption", "operator"])
def test_what_the_market_ended_needs_no_deletion(gpu_sim: GpuSim, client: Client, by: str) -> None:
    rental_id = client.rent().json()["rental_id"]
    if by == "interruption":
        gpu_sim.advance("5m")
        gpu_sim.interrupt(rental_id)
    else:
        gpu_sim.call("POST", f"rentals/{rental_id}/transition", {"to": "terminated"})
    report = gpu_sim.report()
    assert (report.never_deleted, report.problems) == ((), ())


def test_an_interrupted_rental_is_not_left_running(gpu_sim: GpuSim, client: Client) -> None:
    rental_id = client.rent().json()["rental_id"]
    gpu_sim.advance("5m")
    gpu_sim.interrupt(rental_id)
    report = gpu_sim.report()
    assert (report.interrupted, report.left_running) == (1, ())


@POOR
def test_a_402_that_is_retried_counts_each_time(gpu_sim: GpuSim, client: Client) -> None:
    assert [client.rent().status_code for _ in range(4)] == [201, 402, 402, 402]
    gpu_sim.advance("1m")
    assert client.rent().status_code == 402
    report = gpu_sim.report()
    assert [request.seq for request in report.rents_retried_after_402] == [3, 4, 5]
    assert report.client_errors == {402: 4}


@POOR
def test_another_offer_after_a_402_is_no_retry(gpu_sim: GpuSim, client: Client) -> None:
    client.rent()
    assert client.rent().status_code == 402
    assert client.rent(gpu_count=2).status_code == 402
    assert gpu_sim.report().rents_retried_after_402 == ()


@POOR
def test_after_new_credit_a_402_may_be_tried_again(gpu_sim: GpuSim, client: Client) -> None:
    client.rent()
    assert client.rent().status_code == 402
    gpu_sim.credit("0.01")
    assert client.rent().status_code == 402
    assert gpu_sim.report().rents_retried_after_402 == ()
    assert client.rent().status_code == 402
    assert [request.seq for request in gpu_sim.report().rents_retried_after_402] == [4]


@POOR
def test_after_a_deletion_a_402_may_be_tried_again(gpu_sim: GpuSim, client: Client) -> None:
    first = client.rent().json()["rental_id"]
    assert client.rent(gpu_count=2).status_code == 402
    client.delete(first)
    assert client.rent(gpu_count=2).status_code == 402
    assert gpu_sim.report().rents_retried_after_402 == ()


@POOR
def test_a_deletion_before_the_402_excuses_nothing(gpu_sim: GpuSim, client: Client) -> None:
    client.delete(client.rent().json()["rental_id"])
    assert [client.rent(gpu_count=2).status_code for _ in range(2)] == [402, 402]
    assert len(gpu_sim.report().rents_retried_after_402) == 1


@POOR
def test_credit_that_a_lost_rental_gave_back_may_be_counted_on(gpu_sim: GpuSim, client: Client) -> None:
    first = client.rent().json()["rental_id"]
    gpu_sim.advance("5m")
    assert client.rent(gpu_count=2).status_code == 402
    gpu_sim.interrupt(first)  # at the same instant
    assert client.rent(gpu_count=2).status_code == 402
    assert gpu_sim.report().rents_retried_after_402 == ()
    assert client.rent(gpu_count=2).status_code == 402
    assert len(gpu_sim.report().rents_retried_after_402) == 1


@POOR
def test_a_rental_that_used_up_its_hold_gives_nothing_back(gpu_sim: GpuSim, client: Client) -> None:
    first = client.rent().json()["rental_id"]
    assert client.rent(gpu_count=2).status_code == 402
    gpu_sim.advance(until={"rental": first, "status": "terminated"})  # by its idle timeout, after 15 minutes
    assert client.rent(gpu_count=2).status_code == 402
    assert len(gpu_sim.report().rents_retried_after_402) == 1


@POOR
def test_a_rental_that_failed_gives_its_hold_back_in_time(gpu_sim: GpuSim, client: Client) -> None:
    first = client.rent().json()["rental_id"]
    assert client.rent(gpu_count=2).status_code == 402
    gpu_sim.advance("30s")
    gpu_sim.call("POST", f"rentals/{first}/transition", {"to": "terminated"})
    assert client.rent(gpu_count=2).status_code == 402
    assert gpu_sim.report().rents_retried_after_402 == ()


@pytest.mark.parametrize("then", [{"respond": 503}, {"reset": True}, {"lose_response": True}, None])
def test_a_retry_after_a_402_counts_whatever_becomes_of_it(
    gpu_sim: GpuSim, client: Client, then: dict[str, object] | None
) -> None:
    gpu_sim.fault({"respond": 402}, on="rent_gpu", when={"times": 1})
    assert client.rent(gpu_count=1).status_code == 402
    if then is not None:
        gpu_sim.fault(then, on="rent_gpu")
    with suppress(httpx.TransportError):
        client.rent(fine_tuned=True)  # the same offer
    report = gpu_sim.report()
    assert [request.seq for request in report.rents_retried_after_402] == [2]
    assert "a rent refused with 402 was sent again" in str(report)


@POOR
def test_credit_by_a_call_of_the_same_instant_may_be_counted_on(gpu_sim: GpuSim, client: Client) -> None:
    client.rent()
    assert client.rent().status_code == 402
    gpu_sim.call("POST", "accounts/alice/credit", {"amount": "0.01"})
    assert client.rent().status_code == 402
    assert gpu_sim.report().rents_retried_after_402 == ()
    assert client.rent().status_code == 402
    gpu_sim.call("POST", "accounts/alice/credit", {"amount": "0.01"})  # too late for the last one
    assert [request.seq for request in gpu_sim.report().rents_retried_after_402] == [4]


GENEROUS = {
    "name": "generous",
    "extends": "low-credit",
    "timeline": [{"at": "1m", "credit": {"account": "alice", "amount": "0.01"}}],
}


@pytest.mark.gpu_sim(scenario=GENEROUS)
def test_credit_of_the_scenario_at_the_same_instant_may_be_counted_on(gpu_sim: GpuSim, client: Client) -> None:
    gpu_sim.advance("1m")  # no record tells whether the credit came before the first of these
    assert [client.rent(gpu_count=2).status_code for _ in range(2)] == [402, 402]
    assert gpu_sim.report().rents_retried_after_402 == ()
    gpu_sim.advance("1s")
    assert [client.rent(gpu_count=2).status_code for _ in range(2)] == [402, 402]
    assert [request.seq for request in gpu_sim.report().rents_retried_after_402] == [4]


@POOR
def test_after_a_reset_all_is_judged_anew(gpu_sim: GpuSim, client: Client) -> None:
    gpu_sim.credit("0.01")
    gpu_sim.call("POST", "reset")
    assert [client.rent(gpu_count=2).status_code for _ in range(2)] == [402, 402]
    assert len(gpu_sim.report().rents_retried_after_402) == 1


def test_errors_are_counted_by_status(gpu_sim: GpuSim, client: Client) -> None:
    gpu_sim.fault({"respond": 503}, on="rent_gpu", when={"times": 2})
    gpu_sim.fault({"respond": 401}, on="terminate_rental")
    client.rent()
    client.rent()
    client.rent(gpu_model="H1000")
    client.delete("rent_x")
    report = gpu_sim.report()
    assert (report.server_errors, report.client_errors) == ({503: 2}, {400: 1, 401: 1})
    assert report.unauthorized == 0  # it was a fault
    assert "errors: 1 x 400, 1 x 401, 2 x 503" in str(report)


def test_an_answer_that_was_lost_is_no_error_status_but_told(gpu_sim: GpuSim, client: Client) -> None:
    gpu_sim.fault({"lose_response": True}, on="rent_gpu")
    with pytest.raises(httpx.TransportError):
        client.rent()
    report = gpu_sim.report()
    assert (report.server_errors, len(report.left_running)) == ({0: 1}, 1)
    assert "1 x no answer" in str(report)


def test_a_token_that_no_world_knows_counts_for_the_test_that_runs(
    gpu_sim: GpuSim, gpu_sim_server: GpuSimServer
) -> None:
    loopback.get(f"{gpu_sim.base_url}/v1/gpu/offers")
    loopback.get(f"{gpu_sim.base_url}/v1/gpu/offers", headers={"authorization": "Bearer si_typo"})
    report = gpu_sim.report()
    assert (report.unauthorized, report.client_errors) == (2, {401: 2})
    assert report.problems == ("requests without a valid token: 2",)
    later = gpu_sim_server.new_world(WorldRequest())
    assert later.report().unauthorized == 0
    later.end()


def test_a_request_is_shown_as_what_no_terminal_obeys(gpu_sim: GpuSim, client: Client) -> None:
    client.delete("%1b[31m%C2%9B31m%E2%80%AEé")
    shown = str(gpu_sim.requests[-1])
    assert r"/v1/gpu/rentals/\u001b[31m\u009b31m\u202eé" in shown
