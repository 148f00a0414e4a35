"""Idempotency keys (A17): what they stand for, and for how long."""

import pytest
from gpu_sim.core.kernel.errors import IdempotencyKeyReused
from gpu_sim.core.rentals.idempotency import KEY_LIFE_MS, Key, Keys

DAY = 24 * 3_600_000
KEY = Key("k", b"body")


def test_a17_a_key_stands_for_its_rental() -> None:
    keys = Keys()
    assert keys.find("alice", KEY, 0) is None
    keys.store("alice", KEY, "rent_a", 0)
    assert keys.find("alice", KEY, 1) == "rent_a"


def test_a17_another_body_under_the_same_key_is_refused() -> None:
    keys = Keys()
    keys.store("alice", KEY, "rent_a", 0)
    with pytest.raises(IdempotencyKeyReused):
        keys.find("alice", Key("k", b"other"), 1)


def test_a17_keys_are_per_account() -> None:
    keys = Keys()
    keys.store("alice", KEY, "rent_a", 0)
    assert keys.find("bob", Key("k", b"other"), 1) is None
    keys.store("bob", KEY, "rent_b", 0)
    assert (keys.find("alice", KEY, 1), keys.find("bob", KEY, 1)) == ("rent_a", "rent_b")


@pytest.mark.parametrize("stored_ms", [0, 17])
def test_a17_a_key_lives_24_hours_of_virtual_time(stored_ms: int) -> None:
    keys = Keys()
    keys.store("alice", KEY, "rent_a", stored_ms)
    assert KEY_LIFE_MS == DAY
    assert keys.find("alice", KEY, stored_ms + DAY - 1) == "rent_a"
    assert keys.find("alice", KEY, stored_ms + DAY) is None
    assert keys.find("alice", Key("k", b"other"), stored_ms + DAY) is None


def test_a17_a_key_whose_time_is_over_can_be_used_anew() -> None:
    keys = Keys()
    keys.store("alice", KEY, "rent_a", 0)
    keys.store("alice", Key("later", b""), "rent_l", 5)
    keys.store("alice", KEY, "rent_b", DAY)
    assert keys.find("alice", KEY, 2 * DAY - 1) == "rent_b"
    assert keys.find("alice", Key("later", b""), DAY) == "rent_l"


def test_keys_whose_time_is_over_are_forgotten() -> None:
    keys = Keys()
    for n in range(100):
        keys.store("alice", Key(f"k{n}", b""), f"rent_{n}", n)
    keys.store("alice", KEY, "rent_a", DAY + 49)
    assert len(keys._stored) == 51
    assert keys.find("alice", Key("k50", b""), DAY + 49) == "rent_50"
