"""The keyring: where tokens lead, which come back, and how long those are known that lead nowhere."""

import pytest
from gpu_sim.core.kernel.errors import AccountExists
from gpu_sim.worlds.tokens import Keyring, Place
from gpu_sim.worlds.world import World

from ..support.builders import scenario


@pytest.fixture
def world() -> World:
    return World("w", scenario())


@pytest.fixture
def keyring(world: World) -> Keyring:
    """Alice and Bob of one world."""
    keyring = Keyring()
    keyring.open_account(world, "alice", "si_alice")
    keyring.open_account(world, "bob", "si_bob")
    return keyring


def test_a_token_leads_to_one_place_until_it_is_replaced(keyring: Keyring, world: World) -> None:
    assert keyring.place("si_alice") == keyring.by_header[b"Bearer si_alice"] == Place(world, "alice")
    keyring.replace(world, {"alice": "si_new", "carol": "si_bob"})
    assert keyring.place("si_alice") is None
    assert list(keyring.by_header) == [b"Bearer si_new", b"Bearer si_bob"]
    assert keyring.place("si_bob") == Place(world, "carol")
    assert keyring.tokens_of(world) == {"alice": "si_new", "carol": "si_bob"}


def test_a_taken_token_is_not_given_away_and_a_fresh_one_is_nobodys(keyring: Keyring) -> None:
    with pytest.raises(AccountExists):
        keyring.free_token("si_bob", param="tokens.x")
    assert keyring.free_token("si_carol") == "si_carol"
    assert keyring.is_free(keyring.free_token(None))


def test_accounts_that_come_back_get_what_they_had_unless_somebody_has_it(keyring: Keyring, world: World) -> None:
    keyring.replace(world, {"alice": "si_alice"})
    assert keyring.chosen(world, ["bob", "alice"], {}) == {"bob": "si_bob", "alice": "si_alice"}
    keyring.open_account(World("other", scenario()), "bob", "si_bob")
    assert keyring.chosen(world, ["bob"], {"bob": "si_first"}) == {"bob": "si_first"}
    fresh = keyring.chosen(world, ["bob"], {})["bob"]
    assert (fresh not in ("si_bob", "si_first"), keyring.is_free(fresh)) == (True, True)


def test_a_token_that_two_accounts_had_goes_back_to_the_later_one_alone(keyring: Keyring, world: World) -> None:
    keyring.replace(world, {"alice": "si_alice"})
    keyring.open_account(world, "carol", "si_bob")
    keyring.replace(world, {"alice": "si_alice"})
    chosen = keyring.chosen(world, ["bob", "carol"], {})
    assert (chosen["carol"], chosen["bob"] in ("si_bob", "si_alice")) == ("si_bob", False)
    opening = keyring.chosen(world, ["carol", "bob"], {"bob": "si_bob"})
    assert (opening["carol"], len(set(opening.values()))) == ("si_bob", 2)
    keyring.replace(world, chosen)
    assert keyring.place("si_bob") == Place(world, "carol")


def test_a_world_that_is_not_there_has_no_tokens(keyring: Keyring, world: World) -> None:
    keyring.drop(world)
    assert (dict(keyring.tokens_of(world)), list(keyring.tokens), keyring.by_header) == ({}, [], {})
    assert keyring.is_orphan("si_alice")
    assert keyring.knows("si_alice")
    assert keyring.chosen(world, ["bob"], {})["bob"] != "si_bob"


def test_the_latest_former_tokens_are_known_and_their_lengths_with_them(
    keyring: Keyring, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu_sim.worlds.tokens.FORMER_KEPT", 2)
    assert keyring.lengths == {"s": (8, 6)}
    seen = ["si_alice", "si_bob", *("x" * length for length in range(1, 6))]
    for token in seen[2:]:
        keyring.replace(world, {"alice": token})
        assert sum(map(keyring.knows, seen)) <= 5, "the present one and twice two"
    assert [token for token in seen if keyring.knows(token)] == seen[-4:]
    assert keyring.lengths == {"x": (5, 4, 3, 2)}
