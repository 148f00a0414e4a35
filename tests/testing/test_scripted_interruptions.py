"""Interruptions that a test scripts and ends that it holds back: what the client sees, and what a test can find out."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from gpu_sim.testing import GpuSim, ServerRefused

from ..support import loopback
from ..support.asgi import RENT

NOTICED: dict[str, Any] = {"name": "n", "extends": "calm", "market": {"notices": {"all": "2m"}}}
NO_IDLENESS = {"name": "held", "extends": "calm", "billing": {"idle_timeout": "none"}}


def call(sim: GpuSim, method: str, path: str, **about: Any) -> dict[str, Any]:
    """A request of the client, and the body of its answer."""
    headers = {"authorization": f"Bearer {sim.token}"}
    answer = loopback.request(method, f"{sim.base_url}/v1/gpu/{path}", headers=headers, **about)
    body: dict[str, Any] = answer.raise_for_status().json()
    return body


def running(sim: GpuSim) -> str:
    """A rental of the client's that runs."""
    rental_id: str = call(sim, "POST", "rent", json=RENT)["rental_id"]
    sim.advance("5m")
    return rental_id


def control(sim: GpuSim, path: str, body: object) -> dict[str, Any]:
    answer: dict[str, Any] = msgspec.json.decode(sim.call("POST", path, body))
    return answer


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events if event["type"].startswith(("interruption_", "rental_terminated"))]


def test_a_rental_is_notified_and_gone_two_minutes_later(gpu_sim: GpuSim) -> None:
    rental_id = running(gpu_sim)
    shown = control(gpu_sim, f"rentals/{rental_id}/interrupt", {"notice": "2m"})
    assert shown["status"] == "running"
    assert shown["interruption_notice"] == {
        "at": "2026-01-01T00:05:00.000Z",
        "interrupts_at": "2026-01-01T00:07:00.000Z",
    }
    gpu_sim.advance("119999ms")
    assert call(gpu_sim, "GET", f"rentals/{rental_id}")["status"] == "running"
    assert kinds(gpu_sim.advance("1ms")) == ["rental_terminated"]
    assert call(gpu_sim, "GET", f"rentals/{rental_id}")["termination_reason"] == "interrupted"


def test_the_fixture_gives_notice_false_alarms_and_withdraws(gpu_sim: GpuSim) -> None:
    rental_id = running(gpu_sim)
    notice = gpu_sim.interrupt(rental_id, notice=timedelta(minutes=1), false_alarm=True).interruption_notice
    assert notice is not None
    assert notice.interrupts_at - notice.at == timedelta(minutes=1)
    assert kinds(gpu_sim.advance("5m")) == []
    assert gpu_sim.interrupt(rental_id, notice="2m").status == "running"
    assert gpu_sim.interrupt(rental_id, withdraw=True).interruption_notice is None
    assert kinds(gpu_sim.advance("2m")) == []
    with pytest.raises(ServerRefused, match="409"):
        gpu_sim.interrupt(rental_id, withdraw=True)
    assert gpu_sim.interrupt(rental_id).termination_reason == "interrupted"
    assert gpu_sim.report().interrupted == 1


@pytest.mark.gpu_sim(scenario=NOTICED)
def test_the_notices_of_the_market_hold_for_scripted_interruptions(gpu_sim: GpuSim) -> None:
    rental_id = running(gpu_sim)
    act = control(gpu_sim, "market/interrupt", {"provider": "vast-ai", "share": "100%"})
    assert (act["rentals"], act["notified"]) == (0, 1)
    assert call(gpu_sim, "GET", f"rentals/{rental_id}")["status"] == "running"
    gpu_sim.advance("2m")
    assert call(gpu_sim, "GET", f"rentals/{rental_id}")["status"] == "terminated"


@pytest.mark.gpu_sim(
    scenario={
        **NOTICED,
        "timeline": [
            {"at": "10m", "interrupt": {"provider": "vast-ai", "share": "100%"}},
            {"at": "11m", "interrupt": {"withdraw": True}},
            {"at": "20m", "outage": {"interrupt": True, "notice": "30s", "for": "10s"}},
        ],
    }
)
def test_so_do_those_of_a_timeline(gpu_sim: GpuSim) -> None:
    rental_id = running(gpu_sim)
    assert kinds(gpu_sim.advance("6m")) == ["interruption_notified", "interruption_withdrawn"]
    gpu_sim.touch(rental_id)
    assert kinds(gpu_sim.advance("10m")) == ["interruption_notified", "rental_terminated"]
    assert call(gpu_sim, "GET", f"rentals/{rental_id}")["terminated_at"] == "2026-01-01T00:20:30.000Z"


def test_so_many_rentals_are_taken_or_all_where_there_are_fewer(gpu_sim: GpuSim) -> None:
    for _ in range(3):
        running(gpu_sim)
    assert control(gpu_sim, "market/interrupt", {"count": 1})["rentals"] == 1
    act = control(gpu_sim, "market/interrupt", {"count": 9, "notice": "1m"})
    assert (act["rentals"], act["notified"]) == (0, 2)
    act = control(gpu_sim, "market/interrupt", {"count": 9, "notice": "2m"})  # each goes earlier than that
    assert (act["rentals"], act["notified"]) == (0, 0)
    assert [control(gpu_sim, "market/interrupt", {"count": 1, "withdraw": True})["withdrawn"] for _ in range(3)] == [
        1,
        1,
        0,
    ]


def test_what_was_notified_comes_also_after_a_reset_of_the_market(gpu_sim: GpuSim) -> None:
    rental_id = running(gpu_sim)
    control(gpu_sim, "market/outage", {"interrupt": True, "notice": "2m"})
    gpu_sim.call("POST", "reset", {"only": "market"})
    gpu_sim.advance("2m")
    assert call(gpu_sim, "GET", f"rentals/{rental_id}")["termination_reason"] == "interrupted"


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("market/interrupt", {"count": 1, "share": "50%"}, "either share or count"),
        ("market/interrupt", {"notce": "2m"}, 'did you mean "notice"?'),
        ("market/outage", {"notice": "2m"}, "notice goes with interrupt: true"),
        ("rentals/{}/interrupt", {"notice": "8d"}, "notice must be at most 7d"),
        ("rentals/{}/interrupt", {"false_alarm": True}, "give notice, such as 2m"),
        ("rentals/{}/interrupt", {"withdraw": True, "notice": "1m"}, "withdraw goes without notice"),
        ("rentals/{}/interrupt", {"withdrawn": True}, 'did you mean "withdraw"?'),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(
    gpu_sim: GpuSim, path: str, body: dict[str, object], reason: str
) -> None:
    rental_id = running(gpu_sim)
    with pytest.raises(ServerRefused) as refused:
        gpu_sim.call("POST", path.format(rental_id), body)
    assert refused.value.status == 400
    assert reason in str(refused.value)


def test_a_snapshot_between_notice_and_loss_goes_on_alike(gpu_sim: GpuSim) -> None:
    rental_id = running(gpu_sim)
    gpu_sim.interrupt(rental_id, notice="2m")
    saved = msgspec.json.decode(gpu_sim.call("GET", "snapshot"))
    first = gpu_sim.advance("10m")
    gpu_sim.call("PUT", "snapshot", saved)
    again = gpu_sim.advance("10m")
    assert [event["type"] for event in again] == [event["type"] for event in first]
    assert [event["at"] for event in again] == [event["at"] for event in first]


# A DELETE that does not end it


@pytest.mark.gpu_sim(scenario=NO_IDLENESS)
def test_a_delete_is_answered_as_always_and_the_rental_runs_on_until_it_is_released(gpu_sim: GpuSim) -> None:
    rental_id = running(gpu_sim)
    assert control(gpu_sim, f"rentals/{rental_id}/transition", {"to": "terminated", "hold": True})["end_held_back"]
    answered = call(gpu_sim, "DELETE", f"rentals/{rental_id}")
    said = ("status", "termination_reason", "terminated_at", "billed_amount")
    assert [answered[name] for name in said] == ["terminated", "deleted", "2026-01-01T00:05:00.000Z", "0.071750"]
    looked = call(gpu_sim, "GET", f"rentals/{rental_id}")
    assert [looked[name] for name in said] == ["running", None, None, None]
    gpu_sim.advance("1h")
    assert call(gpu_sim, "DELETE", f"rentals/{rental_id}") == answered
    assert gpu_sim.rentals()[0].status == "running"
    shown = control(gpu_sim, f"rentals/{rental_id}/transition", {"to": "terminated", "hold": False})
    assert (shown["status"], shown["termination_reason"], shown["end_held_back"]) == ("terminated", "deleted", False)
    assert (shown["held_delete_at"], shown["billed_amount"]) == ("2026-01-01T00:05:00.000Z", "0.306133")
    assert call(gpu_sim, "DELETE", f"rentals/{rental_id}") == call(gpu_sim, "GET", f"rentals/{rental_id}")
    assert gpu_sim.ledger()[-1].kind == "rental_settled"
    assert gpu_sim.balance == Decimal("99.693867")


def test_a_client_that_trusts_such_a_delete_is_told_of_the_rental_that_it_left(gpu_sim: GpuSim) -> None:
    rental_id = running(gpu_sim)
    gpu_sim.call("POST", f"rentals/{rental_id}/transition", {"to": "terminated", "hold": True})
    call(gpu_sim, "DELETE", f"rentals/{rental_id}")
    assert any(rental_id in problem for problem in gpu_sim.report().problems)


@pytest.mark.gpu_sim(profile="documented")
def test_the_documented_answer_says_terminated_and_no_more(gpu_sim: GpuSim) -> None:
    rental_id = running(gpu_sim)
    gpu_sim.call("POST", f"rentals/{rental_id}/transition", {"to": "terminated", "hold": True})
    assert call(gpu_sim, "DELETE", f"rentals/{rental_id}") == {"rental_id": rental_id, "status": "terminated"}
    assert call(gpu_sim, "GET", f"rentals/{rental_id}") == {"rental_id": rental_id, "status": "running"}


def test_deleted_while_it_was_provisioned_it_was_said_to_be_free_of_charge(gpu_sim: GpuSim) -> None:
    rental_id = call(gpu_sim, "POST", "rent", json={**RENT, "ssh_key": "ssh-ed25519 AAAA"})["rental_id"]
    gpu_sim.call("POST", f"rentals/{rental_id}/transition", {"to": "terminated", "hold": True})
    answered = call(gpu_sim, "DELETE", f"rentals/{rental_id}")
    assert (answered["started_at"], answered["billed_amount"]) == (None, "0.000000")
    gpu_sim.advance("10m")
    assert call(gpu_sim, "GET", f"rentals/{rental_id}")["status"] == "running"
    assert call(gpu_sim, "DELETE", f"rentals/{rental_id}") == answered


def test_a_delete_can_also_be_refused_for_a_while(gpu_sim: GpuSim) -> None:
    rental_id = running(gpu_sim)
    gpu_sim.fault({"respond": 409}, on={"operation": "terminate_rental"}, when={"between": ["0s", "15m"]})
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        call(gpu_sim, "DELETE", f"rentals/{rental_id}")
    gpu_sim.advance("10m")
    assert call(gpu_sim, "DELETE", f"rentals/{rental_id}")["status"] == "terminated"
