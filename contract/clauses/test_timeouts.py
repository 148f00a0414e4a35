"""Idle timeout and hold expiry to the millisecond: F19, F20, A19, A21."""

import pytest

from ..model.fresh_world import ALICE, PROVISIONING_MS, another_token
from ..target.instants import HOUR, MINUTE
from ..target.money import dollars
from ..target.target import Target
from .situations import ended, instant, keep_busy, rented, running, seen, touch

IDLE_MS = 15 * MINUTE
HOLD_MS = 2 * HOUR


def test_f19_nothing_sent_for_fifteen_minutes_ends_a_rental(world: Target) -> None:
    before = world.accounts()[ALICE]
    rental = running(world)
    world.advance(IDLE_MS - 1)
    assert seen(world, rental["rental_id"])["status"] == "running"
    world.advance(1)
    found = seen(world, rental["rental_id"])
    assert (found["status"], found["termination_reason"]) == ("terminated", "idle_timeout")
    assert found["billed_amount"] == rental["hold_amount"]
    after = world.accounts()[ALICE]
    assert after.held == 0
    assert after.balance == before.balance - dollars(found["billed_amount"])


def test_f19_the_end_is_at_the_timeout_whenever_it_is_seen(world: Target) -> None:
    rental = running(world)
    world.advance(10 * HOUR)
    found = seen(world, rental["rental_id"])
    assert instant(found, "terminated_at") == instant(found, "started_at") + IDLE_MS


@pytest.mark.parametrize("parts", [[IDLE_MS], [IDLE_MS - 1, 1], [1, IDLE_MS - 2, 1], [IDLE_MS // 3] * 3])
def test_f19_time_in_parts_comes_to_the_same_as_at_once(world: Target, parts: list[int]) -> None:
    """Reading the rental in between changes nothing either."""
    rental = running(world)
    for part in parts:
        world.advance(part)
        seen(world, rental["rental_id"])
    found = seen(world, rental["rental_id"])
    assert (found["termination_reason"], found["billed_amount"]) == ("idle_timeout", rental["hold_amount"])
    assert [entry["kind"] for entry in world.ledger() if entry["rental_id"]] == [
        "hold_placed",
        "rental_settled",
    ]


def test_f19_provisioning_does_not_count_as_idle(world: Target) -> None:
    rental = rented(world)
    world.advance(PROVISIONING_MS + IDLE_MS - 1)
    assert seen(world, rental["rental_id"])["status"] == "running"


def test_a19_activity_begins_the_fifteen_minutes_anew(world: Target) -> None:
    rental_id = running(world)["rental_id"]
    world.advance(IDLE_MS - 1)
    touch(world, rental_id)
    world.advance(IDLE_MS - 1)
    assert seen(world, rental_id)["status"] == "running"
    world.advance(1)
    assert seen(world, rental_id)["termination_reason"] == "idle_timeout"


def test_a19_looking_is_no_activity(world: Target) -> None:
    rental_id = running(world)["rental_id"]
    world.advance(IDLE_MS - 1)
    seen(world, rental_id)
    world.offers()
    world.advance(1)
    assert seen(world, rental_id)["status"] == "terminated"


def test_a19_activity_is_of_one_rental(world: Target) -> None:
    used, left = rented(world)["rental_id"], running(world)["rental_id"]
    world.advance(IDLE_MS - 1)
    touch(world, used)
    world.advance(1)
    assert (seen(world, used)["status"], seen(world, left)["status"]) == ("running", "terminated")


def test_a21_at_the_instant_of_the_timeout_it_is_too_late(world: Target) -> None:
    rental = running(world)
    world.advance(IDLE_MS)
    assert world.touch(rental["rental_id"]).status == 409
    found = ended(world, rental["rental_id"])
    assert found["termination_reason"] == "idle_timeout"


def test_a21_one_advance_lets_a_whole_life_happen(world: Target) -> None:
    """Deadlines that arise during an advance, such as the idle timeout, fall due within it as well."""
    rental = rented(world)
    world.advance(10 * HOUR)
    found = seen(world, rental["rental_id"])
    assert found["status"] == "terminated", f"A21: the idle timeout was passed over: {found}"
    assert instant(found, "started_at") == instant(found, "created_at") + PROVISIONING_MS
    assert instant(found, "terminated_at") == instant(found, "started_at") + IDLE_MS


@pytest.mark.parametrize(("after_ms", "active"), [(HOLD_MS - 1, True), (HOLD_MS, False), (HOLD_MS + 1, False)])
def test_f20_a_hold_lasts_two_hours_whatever_the_rental_does(world: Target, after_ms: int, *, active: bool) -> None:
    before = world.accounts()[ALICE]
    rental = running(world)
    keep_busy(world, rental["rental_id"], instant(rental, "created_at") + after_ms)
    assert seen(world, rental["rental_id"])["status"] == "running"
    account = world.accounts()[ALICE]
    assert account.balance == before.balance
    assert account.held == (dollars(rental["hold_amount"]) if active else 0)


@pytest.mark.parametrize("placed_ms", [1, 29_999, 59_999])
def test_f20_a_hold_expires_to_the_millisecond_whenever_it_was_placed(world: Target, placed_ms: int) -> None:
    """The expiry falls between full minutes: no sweep at regular intervals may delay it."""
    world.advance(placed_ms)
    rental = running(world)
    keep_busy(world, rental["rental_id"], instant(rental, "created_at") + HOLD_MS - 1)
    assert world.accounts()[ALICE].held == dollars(rental["hold_amount"])
    world.advance(1)
    held = world.accounts()[ALICE].held
    assert held == 0, f"F20: {held} is held two hours later"


def test_f20_the_expiry_is_in_the_ledger_at_its_own_instant(world: Target) -> None:
    rental = running(world)
    expiry = instant(rental, "created_at") + HOLD_MS
    keep_busy(world, rental["rental_id"], expiry - 1)
    world.advance(MINUTE)
    [entry] = [entry for entry in world.ledger() if entry["kind"] == "hold_expired"]
    assert instant(entry, "at") == expiry
    assert {dollars(posting["amount"]) for posting in entry["postings"]} == {
        dollars(rental["hold_amount"]),
        -dollars(rental["hold_amount"]),
    }


def test_f20_the_credit_of_an_expired_hold_can_be_held_again(world: Target) -> None:
    """Credit for one hold: a second rental is refused while the first is held, and accepted afterwards."""
    hold = dollars(rented(world)["hold_amount"])
    token = another_token(world, "carol")
    world.open_account("carol", token, hold)
    rental = running(world, token)
    body = {name: rental[name] for name in ("gpu_model", "provider_id", "region", "model_id", "docker_image")}
    keep_busy(world, rental["rental_id"], instant(rental, "created_at") + HOLD_MS - 1)
    assert world.rent(body, token=token).status == 402
    world.advance(1)
    assert world.rent(body, token=token).status in {200, 201, 202}


def test_a21_a_hold_settled_one_millisecond_before_its_expiry_is_captured(world: Target) -> None:
    rental = running(world)
    keep_busy(world, rental["rental_id"], instant(rental, "created_at") + HOLD_MS - 1)
    ended(world, rental["rental_id"])
    world.advance(HOUR)
    assert "hold_expired" not in [entry["kind"] for entry in world.ledger()]
