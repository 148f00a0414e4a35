"""Which tokens a server remembers, and where they are found."""

import pytest
from gpu_sim.api.request_log.known_tokens import KnownTokens
from gpu_sim.core.scenario.scenario import AccountSpec
from gpu_sim.worlds.world import World
from gpu_sim.worlds.worlds import Worlds

from ...support.asgi import scenario


def world(name: str, *tokens: str) -> World:
    """A world whose accounts have these tokens."""
    return World(name, scenario(accounts=tuple(AccountSpec(f"account-{token[:9]}", token) for token in tokens)))


@pytest.fixture
def worlds() -> Worlds:
    """Two tokens, in a world each."""
    worlds = Worlds()
    worlds.add(world("default", "red"))
    worlds.add(world("other", "redder"))
    return worlds


def found(known: KnownTokens, text: str) -> list[str]:
    """The text there."""
    return [text[start:end] for start, end in known.spans(text)]


def test_the_longest_token_is_found_with_what_could_be_part_of_it(worlds: Worlds) -> None:
    known = KnownTokens(worlds.keyring)
    assert found(known, "red redder reddest/blue re") == ["red", "redder", "reddest"]
    assert found(known, "xred.red") == ["red", "red"]
    assert found(known, "redred") == ["redred"]
    assert found(known, "") == []


def test_tokens_are_known_as_they_come_even_if_they_go_at_once(worlds: Worlds) -> None:
    known = KnownTokens(worlds.keyring)
    assert found(known, "blue") == []
    other = worlds.by_name["other"]
    worlds.keyring.open_account(other, "more", "blue")
    worlds.keyring.replace(other, {})
    assert found(known, "blue red") == ["blue", "red"]


def test_a_token_that_came_before_another_came_again_is_known(worlds: Worlds) -> None:
    known = KnownTokens(worlds.keyring)
    other = worlds.by_name["other"]
    worlds.add(world("third", "blue"))
    worlds.keyring.replace(other, {"account-redder": "redder"})
    assert list(worlds.keyring.tokens) == ["red", "blue", "redder"]
    assert found(known, "blue") == ["blue"]


def test_a_token_that_leads_nowhere_any_more_is_known_until_many_came_after_it(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu_sim.worlds.tokens.FORMER_KEPT", 3)
    known = KnownTokens(worlds.keyring)
    other = worlds.by_name["other"]
    for number in range(6):
        worlds.keyring.replace(other, {"account": f"t{number}/"})
    assert found(known, "redder t0/ t5/ red") == ["redder", "t0/", "t5/", "red"]
    worlds.keyring.replace(other, {"account": "t6/"})
    # redder is found as red, which leads somewhere, with what could be part of it
    assert found(known, "redder t0/ t1/ t2/ t3/ t4/ t5/ t6/") == ["redder", "t3/", "t4/", "t5/", "t6/"]
