"""Worlds, their tokens and their clocks, without HTTP."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from gpu_sim.core.commands import CreateAccount
from gpu_sim.core.kernel.errors import AccountExists
from gpu_sim.core.kernel.quantities import Duration, Factor, Instant, Money
from gpu_sim.core.scenario.acts import Act, CreditAct
from gpu_sim.core.scenario.scenario import AccountSpec, ApiSettings, ClockSettings, Scenario
from gpu_sim.worlds.reset_and_restore import reset
from gpu_sim.worlds.tokens import Place
from gpu_sim.worlds.world import World, WorldNotFound
from gpu_sim.worlds.worlds import DefaultWorldKept, WorldExists, Worlds

from ..support.builders import scenario

MANUAL = ClockSettings(mode="manual")
ACCOUNTS = (AccountSpec("alice", "si_alice"), AccountSpec("bob"))


def conditions(**fields: Any) -> Scenario:
    """Alice with a token and Bob without one, under a manual clock."""
    given: dict[str, Any] = {"clock": MANUAL, "accounts": ACCOUNTS}
    return scenario(**(given | fields))


@pytest.fixture
def world() -> World:
    return World("default", conditions())


@pytest.fixture
def worlds(world: World) -> Worlds:
    worlds = Worlds()
    worlds.add(world)
    return worlds


def test_a_token_leads_to_its_world_and_account(worlds: Worlds, world: World) -> None:
    other = World("other", conditions(accounts=(AccountSpec("alice", "si_other"),)))
    worlds.add(other)
    assert worlds.keyring.place("si_alice") == Place(world, "alice")
    assert worlds.keyring.place("si_other") == Place(other, "alice")
    assert worlds.keyring.place("si_nobody") is None
    assert worlds.keyring.by_header[b"Bearer si_alice"] == Place(world, "alice")


def test_an_account_without_a_token_gets_one_that_nobody_could_guess(worlds: Worlds, world: World) -> None:
    (minted,) = (token for name, token in worlds.keyring.tokens_of(world).items() if name == "bob")
    assert len(minted) == len("si_") + 32
    assert worlds.keyring.place(minted) == Place(world, "bob")
    again = World("again", conditions(accounts=(AccountSpec("bob"),)))
    worlds.add(again)
    assert minted not in worlds.keyring.tokens_of(again).values()


def test_a_token_is_taken_over_the_whole_server(worlds: Worlds) -> None:
    with pytest.raises(AccountExists) as refusal:
        worlds.add(World("other", conditions()))
    assert refusal.value.param == "token"
    assert list(worlds.by_name) == ["default"]


def test_a_world_is_found_by_its_name_and_the_default_is_kept(worlds: Worlds, world: World) -> None:
    assert worlds.find("default") is world
    with pytest.raises(WorldNotFound, match='did you mean "default"'):
        worlds.find("defalt")
    with pytest.raises(WorldExists):
        worlds.add(World("default", conditions(accounts=())))
    with pytest.raises(DefaultWorldKept):
        asyncio.run(worlds.drop(world))


def test_of_the_tokens_of_deleted_worlds_the_latest_are_remembered(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu_sim.worlds.tokens.ORPHANS_KEPT", 2)
    for name in ("first", "second", "third"):
        world = World(name, conditions(accounts=(AccountSpec("alice", f"si_{name}"),)))
        worlds.add(world)
        assert not worlds.keyring.is_orphan(f"si_{name}")
        asyncio.run(worlds.drop(world))
        assert worlds.keyring.is_orphan(f"si_{name}")
    assert [worlds.keyring.is_orphan(f"si_{name}") for name in ("first", "second", "third")] == [False, True, True]
    worlds.add(World("third", conditions(accounts=(AccountSpec("alice", "si_third"),))))
    assert not worlds.keyring.is_orphan("si_third")


def test_a_deleted_world_moves_no_more() -> None:
    world = World("w", conditions())
    asyncio.run(world.drop())
    for go in (
        world.catch_up,
        lambda: reset(world, lambda _: {}),
        lambda: world.advance(lambda: 5),
        lambda: world.change_clock(MANUAL),
    ):
        with pytest.raises(WorldNotFound):
            asyncio.run(go())
    assert world.wait_ns() is None


def test_a_reset_keeps_the_tokens_of_the_scenario_and_drops_those_that_came_later(worlds: Worlds, world: World) -> None:
    tokens = dict(worlds.keyring.tokens_of(world))
    world.simulation.execute(CreateAccount("carol", 5))
    worlds.keyring.open_account(world, "carol", "si_carol")
    assert worlds.keyring.place("si_carol") == Place(world, "carol")
    asyncio.run(worlds.reset(world))
    assert worlds.keyring.tokens_of(world) == tokens
    assert worlds.keyring.place("si_carol") is None
    assert b"Bearer si_carol" not in worlds.keyring.by_header
    assert "carol" not in world.simulation.accounts


def test_seed_clock_and_profile_of_the_call_beat_those_of_the_scenario() -> None:
    world = World("w", conditions(seed=5, api=ApiSettings(profile="documented")))
    assert (world.seed, world.profile, world.pacer.settings) == (5, "documented", MANUAL)
    real = ClockSettings(mode="real")
    world = World("w", conditions(seed=5), seed=7, clock=real, profile="documented")
    assert (world.seed, world.profile, world.pacer.settings) == (7, "documented", real)
    assert world.simulation.seed == 7


def test_a_manual_clock_starts_with_2026_or_as_the_scenario_says() -> None:
    assert World("w", conditions()).now == "2026-01-01T00:00:00.000Z"
    start = ClockSettings(mode="manual", start=Instant(1_000_000_000_123))
    assert World("w", conditions(clock=start)).now == "2001-09-09T01:46:40.123Z"


def test_another_clock_keeps_the_start_of_the_scenario() -> None:
    started = ClockSettings(mode="real", start=Instant(1_000_000_000_123))
    assert World("w", conditions(clock=started), clock=MANUAL).now == "2001-09-09T01:46:40.123Z"


def test_a_running_clock_starts_with_the_wall_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_sim.worlds.world.wall_epoch_ms", lambda: 1_767_225_661_002)
    for clock in (ClockSettings(mode="real"), ClockSettings(mode="scaled", speed=Factor(2_000_000))):
        assert World("w", conditions(clock=clock)).now == "2026-01-01T00:01:01.002Z"


def test_an_instant_of_the_simulation_is_shown_from_the_start(world: World) -> None:
    assert world.instant(90_001) == "2026-01-01T00:01:30.001Z"


def test_now_follows_the_clock_to_the_millisecond(world: World) -> None:
    for at_ms, shown in ((0, "00.000"), (1, "00.001"), (999, "00.999"), (1_000, "01.000"), (61_001, "01.001")):
        world.simulation.advance(at_ms)
        assert world.now[17:23] == shown


def test_an_advance_moves_to_its_target_or_until_it_is_done() -> None:
    credited = tuple(Act(at=Duration(at), credit=CreditAct("alice", Money(1))) for at in (1_000, 2_000, 3_000))
    world = World("w", conditions(timeline=credited))
    events = world.simulation.events
    seen = len(events)
    asyncio.run(world.advance(lambda: 10_000, lambda: len(events) > seen))
    assert world.simulation.now_ms == 1_000
    asyncio.run(world.advance(lambda: 10_000))
    assert (world.simulation.now_ms, len(events)) == (10_000, seen + 3)


def test_catching_up_takes_the_step_of_a_manual_clock_for_api_requests_only() -> None:
    world = World("w", conditions(clock=ClockSettings(mode="manual", step=Duration(5_000))))
    assert not world.caught_up()
    asyncio.run(world.catch_up())
    assert world.simulation.now_ms == 0
    asyncio.run(world.catch_up(api_request=True))
    assert world.simulation.now_ms == 5_000


def test_catching_up_follows_a_running_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World("w", conditions(clock=ClockSettings(mode="real")))
    monkeypatch.setattr(world.pacer, "_wall_ns", lambda: world.pacer._anchor_ns + 7_000_000)
    assert world.caught_up()
    assert world.simulation.now_ms == 7
    asyncio.run(world.catch_up(api_request=True))
    assert world.simulation.now_ms == 7


def test_after_an_advance_a_running_clock_goes_on_ahead_by_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World("w", conditions(clock=ClockSettings(mode="real")))
    gone_ns = 0
    monkeypatch.setattr(world.pacer, "_wall_ns", lambda: world.pacer._anchor_ns + gone_ns)
    asyncio.run(world.advance(lambda: 3_600_000))
    gone_ns = 1_000_000_000
    assert world.caught_up()
    assert world.simulation.now_ms == 3_601_000


def test_after_a_reset_the_world_is_as_it_was_at_first(worlds: Worlds, world: World) -> None:
    before = b"".join(world.simulation.journal())
    asyncio.run(world.advance(lambda: 86_400_000))
    world.pacer.change(ClockSettings(mode="real"), world.simulation.now_ms)
    asyncio.run(worlds.reset(world))
    assert b"".join(world.simulation.journal()) == before
    assert world.pacer.settings == MANUAL


@pytest.mark.parametrize("in_file", [False, True])
def test_restored_accounts_that_had_one_token_one_after_the_other_have_one_each(tmp_path: Path, in_file: bool) -> None:
    worlds = Worlds()
    if in_file:
        world = worlds.open(tmp_path / "state", conditions())
    else:
        world = World("default", conditions())
        worlds.add(world)

    def open_account(name: str, token: str) -> None:
        world.apply(world.check(CreateAccount(name, 1)), token=(worlds.keyring.free_token(token), name))
        worlds.keyring.open_account(world, name, token)

    open_account("bob-2", "si_first")
    open_account("carol", "si_second")
    document = world.snapshot()
    for name in ("bob-2", "carol"):
        asyncio.run(worlds.reset(world))
        open_account(name, "si_shared")
    asyncio.run(worlds.reset(world))
    asyncio.run(worlds.restore(world, document))
    tokens = worlds.keyring.tokens_of(world)
    assert set(tokens) == set(world.simulation.accounts) == {"alice", "bob", "bob-2", "carol"}
    assert (tokens["carol"], len(set(tokens.values()))) == ("si_shared", 4)
    assert {account: worlds.keyring.place(token) for account, token in tokens.items()} == {
        account: Place(world, account) for account in tokens
    }
    world.close()
