"""Fields of the control plane that the API does not show: provisioning, notices, offers that go down."""

import asyncio
from typing import Any

from gpu_sim.core.kernel.quantities import Availability, Duration, Share
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.market_settings import (
    AvailabilitySettings,
    InterruptionSettings,
    NoticeSettings,
    ProvisioningSettings,
    ProvisioningTerms,
)
from gpu_sim.core.scenario.provisioning_parts import Parts, PerGigabyte
from gpu_sim.core.scenario.scenario import BillingSettings

from ...support.asgi import Api, scenario
from ...support.builders import market, offer

PARTS = Parts(boot=fixed(10_000), pull=PerGigabyte(fixed(1_000)))
"""Ten seconds of provisioning, and nine more for an image that is not listed."""


def provisioned(runner: asyncio.Runner, *, never_ready: int = 0) -> Api:
    """A server whose provisioning has phases and never fails."""
    terms = ProvisioningTerms(parts=PARTS, failure=Share(0), never_ready=Share(never_ready))
    return Api(runner, scenario(market=market(provisioning=ProvisioningSettings(all=terms))))


def shown(api: Api, target: str = "rentals") -> dict[str, Any]:
    """The first item of a list of the control plane."""
    first: dict[str, Any] = api.get(f"/_sim/{target}")["data"][0]
    return first


def events_of(api: Api, type_: str) -> list[dict[str, Any]]:
    """The events of one type, as the control plane shows them."""
    return [event for event in api.get("/_sim/events?limit=1000")["data"] if event["type"] == type_]


def test_f11_the_phase_is_shown_here_and_only_here(runner: asyncio.Runner) -> None:
    api = provisioned(runner)
    rental_id = api.rent()
    seen = []
    for by in ("0s", "9s999ms", "1ms", "8s999ms", "1ms"):
        api.advance(by)
        seen.append((api.rental(rental_id)["status"], shown(api)["phase"]))
    assert seen == [("provisioning", each) for each in ("boot", "boot", "pull", "pull")] + [("running", None)]
    assert "phase" not in api.rental(rental_id)
    assert [
        (event["at"][17:], event["phase"], event["rental_id"]) for event in events_of(api, "provisioning_phase_began")
    ] == [
        ("00.000Z", "boot", rental_id),
        ("10.000Z", "pull", rental_id),
    ]


def test_the_next_event_of_a_rental_that_is_provisioned_by_parts_is_its_next_phase(runner: asyncio.Runner) -> None:
    api = provisioned(runner)
    api.rent()
    answer = api.call("POST", "/_sim/clock/advance", {"until": "next_event"}).json()
    assert [event["type"] for event in answer["events"]] == ["provisioning_phase_began"]
    assert answer["now"] == "2026-01-01T00:00:10.000Z"


def test_a_rental_that_is_never_ready_is_waited_for_in_vain_and_can_be_ended_or_forced(runner: asyncio.Runner) -> None:
    api = provisioned(runner, never_ready=1_000_000)
    given_up, forced = api.rent(), api.rent()
    wait = {"until": {"rental": given_up, "status": "running"}, "limit": "10m"}
    assert api.call("POST", "/_sim/clock/advance", wait).status == 409
    assert (shown(api)["status"], shown(api)["phase"]) == ("provisioning", "pull")
    api.delete(given_up)
    assert (shown(api)["phase"], api.rental(given_up)["billed_amount"]) == (None, "0.000000")
    moved = api.call("POST", f"/_sim/rentals/{forced}/transition", {"to": "running"}).json()
    assert (moved["status"], moved["phase"]) == ("running", None)


def noticed(runner: asyncio.Runner, notice: str) -> tuple[Api, str]:
    """A rental of an offer that is interrupted soon, right after its notice if it gets one, else after its end."""
    settings = market(
        offer(probability_ppm=999_999, provider_class="hyperscaler"),
        interruptions=InterruptionSettings(shared=Share(0)),
        notices=NoticeSettings(all=Duration(120_000 if notice == "two minutes" else 0)),
    )
    api = Api(runner, scenario(market=settings, billing=BillingSettings(idle_timeout=None)))
    rental_id = api.rent()
    assert shown(api)["interruption_notice"] is None
    for _ in range(100):
        api.call("POST", "/_sim/clock/advance", {"until": "next_event"})
        if events_of(api, "interruption_notified") or api.rental(rental_id)["status"] == "terminated":
            return api, rental_id
    raise AssertionError("nothing was interrupted")


def test_a_notice_is_shown_with_its_instant_and_that_of_the_interruption(runner: asyncio.Runner) -> None:
    api, rental_id = noticed(runner, "two minutes")
    assert api.rental(rental_id)["status"] == "running"
    [event] = events_of(api, "interruption_notified")
    assert set(event) == {"seq", "at", "type", "account", "rental_id", "interrupts_at"}
    notice = shown(api)["interruption_notice"]
    assert notice == {"at": event["at"], "interrupts_at": event["interrupts_at"]}
    assert "interruption_notice" not in api.rental(rental_id)
    api.advance("2m")
    ended = api.rental(rental_id)
    assert (ended["termination_reason"], ended["terminated_at"]) == ("interrupted", notice["interrupts_at"])
    assert shown(api)["interruption_notice"] == notice


def test_without_a_notice_none_is_shown(runner: asyncio.Runner) -> None:
    api, rental_id = noticed(runner, "none")
    assert api.rental(rental_id)["termination_reason"] == "interrupted"
    assert shown(api)["interruption_notice"] is None


def test_the_notice_survives_a_snapshot(runner: asyncio.Runner) -> None:
    api, _ = noticed(runner, "two minutes")
    notice = shown(api)["interruption_notice"]
    snapshot = api.get("/_sim/snapshot")
    api.call("POST", "/_sim/reset")
    assert api.get("/_sim/rentals")["data"] == []
    assert api.call("PUT", "/_sim/snapshot", snapshot).status == 200
    assert shown(api)["interruption_notice"] == notice


def test_the_market_shows_which_offers_are_down_and_how_much_of_the_time_they_are_to_be_had(
    runner: asyncio.Runner,
) -> None:
    offers = [offer(f"region-{number}", probability_ppm=300_000) for number in range(20)]
    settings = market(
        *offers,
        offer("never lost", probability_ppm=0),
        interruptions=InterruptionSettings(mode="realistic"),
        availability=AvailabilitySettings(marketplace=Availability(300_000)),
    )
    api = Api(runner, scenario(market=settings, journal="full"))
    market_ = api.get("/_sim/market")["data"]
    listed = {each["region"] for each in api.get("/v1/gpu/offers")["data"]}
    assert {each["region"] for each in market_ if not each["down"]} == listed
    assert len(listed) < 15
    assert [each["availability"] for each in market_] == [0.3] * 20 + [1.0]
    assert all(each["listed"] != each["down"] and each["outage"] is False for each in market_)
    api.advance("1d")
    assert {event["type"] for event in events_of(api, "offer_went_down")} == {"offer_went_down"}
    assert set(events_of(api, "offer_came_back")[0]) == {"seq", "at", "type", "provider_id", "gpu_model", "region"}


def test_an_interruption_shows_the_number_of_rentals_that_it_takes_or_the_share(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario())
    for fields in ({"count": 2}, {"share": "50%"}, {}):
        assert api.call("POST", "/_sim/market/interrupt", fields).status == 201
    shown_of = [event["parameters"] for event in events_of(api, "act_started")]
    assert [(each.get("count"), each.get("share")) for each in shown_of] == [(2, None), (None, "50%"), (None, "100%")]
