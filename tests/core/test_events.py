"""The closed list of events, as the journal writes them."""

from typing import get_args

import msgspec
from gpu_sim.core.events import (
    Cause,
    Event,
    OfferEvent,
    Reason,
    RentalCreated,
    RentalEvent,
    TransitionHeld,
    TransitionReleased,
)

TAGS = {
    "AccountCreated": "account_created",
    "RentalCreated": "rental_created",
    "ProvisioningPhaseBegan": "provisioning_phase_began",
    "RentalRunning": "rental_running",
    "RentalTouched": "rental_touched",
    "RentalTerminated": "rental_terminated",
    "TransitionHeld": "transition_held",
    "TransitionReleased": "transition_released",
    "DeleteHeld": "delete_held",
    "RentalHidden": "rental_hidden",
    "RentalShown": "rental_shown",
    "ActRefused": "act_refused",
    "GpusReturned": "gpus_returned",
    "ActStarted": "act_started",
    "ActEnded": "act_ended",
    "PriceMoved": "price_moved",
    "CapacityChanged": "capacity_changed",
    "ShockStruck": "shock_struck",
    "OfferWentDown": "offer_went_down",
    "OfferCameBack": "offer_came_back",
    "OfferLeft": "offer_left",
    "OfferReturned": "offer_returned",
    "InterruptionNotified": "interruption_notified",
    "InterruptionWithdrawn": "interruption_withdrawn",
}


def test_every_event_is_written_under_its_name_in_the_past_tense() -> None:
    assert {kind.__name__: kind.__struct_config__.tag for kind in get_args(Event)} == TAGS


def test_every_event_says_first_when_it_was() -> None:
    assert all(kind.__struct_fields__[0] == "at" for kind in get_args(Event))
    assert all(kind.__struct_config__.tag_field == "type" for kind in get_args(Event))


def test_an_event_of_a_rental_or_an_offer_says_next_which_it_is_about() -> None:
    """And no event has these fields without being one of them."""
    firsts: dict[type, tuple[str, ...]] = {
        RentalEvent: ("at", "account", "rental_id"),
        OfferEvent: ("at", "provider_id", "gpu_model", "region"),
    }
    for base, first in firsts.items():
        for kind in get_args(Event):
            assert issubclass(kind, base) == (kind.__struct_fields__[: len(first)] == first), kind


def test_a_rental_ends_for_one_of_six_reasons_and_is_interrupted_by_one_of_three_causes() -> None:
    assert set(get_args(Reason)) == {
        "deleted",
        "idle_timeout",
        "credit_exhausted",
        "interrupted",
        "operator",
        "provisioning_failed",
    }
    assert set(get_args(Cause)) == {"shock", "own", "forced"}


def test_an_event_is_a_json_object() -> None:
    event = get_args(Event)[0](5, "alice")
    assert msgspec.json.encode(event) == b'{"type":"account_created","at":5,"account":"alice"}'


def test_the_fields_that_events_have_in_common_are_written_before_those_of_their_own() -> None:
    event = RentalCreated(7, "alice", "rent_1", "gcp", "H100", "us", 2, 3_000)
    assert msgspec.json.encode(event) == (
        b'{"type":"rental_created","at":7,"account":"alice","rental_id":"rent_1",'
        b'"provider_id":"gcp","gpu_model":"H100","region":"us","gpu_count":2,"price_micros_per_hour":3000}'
    )


def test_a_transition_that_is_held_says_which_unless_it_is_the_one_to_running() -> None:
    assert msgspec.json.encode(TransitionHeld(1, "a", "r")) == (
        b'{"type":"transition_held","at":1,"account":"a","rental_id":"r"}'
    )
    assert msgspec.json.encode(TransitionReleased(1, "a", "r", "terminated")) == (
        b'{"type":"transition_released","at":1,"account":"a","rental_id":"r","to":"terminated"}'
    )
