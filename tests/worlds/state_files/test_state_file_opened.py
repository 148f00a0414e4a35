"""Opening a state file: what is built for it, what is left where it is refused, and whose tokens are in it."""

import os
from pathlib import Path
from typing import Any

import pytest
from gpu_sim.core.commands import CreateAccount
from gpu_sim.core.kernel.quantities import Money
from gpu_sim.core.scenario.scenario import AccountSpec
from gpu_sim.core.simulation import Simulation
from gpu_sim.worlds.state_files.refusals import StateUnusable
from gpu_sim.worlds.state_files.state_file import StateFile
from gpu_sim.worlds.tokens import Place
from gpu_sim.worlds.worlds import Worlds

from ...support.state_files import MANUAL, conditions, journal, kept, killed, rent, world


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The state file."""
    return tmp_path / "state.db"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Simulation]:
    """The simulations that have been built: with very many offers that is the time that a start takes."""
    built: list[Simulation] = []
    build = Simulation.__init__

    def counting(self: Simulation, *given: Any, **named: Any) -> None:
        built.append(self)
        build(self, *given, **named)

    monkeypatch.setattr(Simulation, "__init__", counting)
    return built


def test_a_simulation_is_built_once_for_a_new_file_and_once_for_one_that_goes_on(
    path: Path, built: list[Simulation]
) -> None:
    running = kept(path)
    assert built == [running.simulation]
    rent(running)
    killed(running)
    again = kept(path)  # by repeating its inputs
    assert built[1:] == [again.simulation]
    again.close()
    third = kept(path)  # from a snapshot
    assert built[2:] == [third.simulation]
    assert third.simulation.rentals.created == 1
    third.close()


def test_nothing_is_built_for_a_file_that_is_refused_and_no_new_file_for_one_that_cannot_be(
    path: Path, built: list[Simulation], tmp_path: Path
) -> None:
    kept(path).close()
    before = path.read_bytes()
    with pytest.raises(StateUnusable, match="another scenario"):
        kept(path, conditions(name="other"))
    assert len(built) == 1
    assert path.read_bytes() == before
    worlds = Worlds()
    with pytest.raises(StateUnusable):
        worlds.open(tmp_path / "nowhere" / "state.db", conditions())
    assert (worlds.by_name, list(worlds.keyring.tokens)) == ({}, [])
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_another_server_began_meanwhile_is_refused_and_left_alone(path: Path) -> None:
    late = world()
    first = kept(path)
    rent(first)
    before = journal(first)
    with pytest.raises(StateUnusable, match="made by another server meanwhile"):
        StateFile.create(path, late.run, MANUAL, {})
    first.close()
    with pytest.raises(StateUnusable, match="made by another server meanwhile"):
        StateFile.create(path, late.run, MANUAL, {"alice": "si_alice"})
    again = kept(path)
    assert journal(again) == before
    again.close()


def test_tokens_are_found_again_with_those_that_came_later(path: Path) -> None:
    nameless = conditions(accounts=(AccountSpec("bob", None, Money(5)),))
    worlds = Worlds()
    running = worlds.open(path, nameless)
    minted = dict(worlds.keyring.tokens_of(running))
    running.apply(running.check(CreateAccount("carol", 1)), token=("si_carol", "carol"))
    killed(running)
    later = Worlds()
    again = later.open(path, nameless)
    assert later.keyring.tokens_of(again) == {**minted, "carol": "si_carol"}
    assert later.keyring.place("si_carol") == Place(again, "carol")
    again.close()


def test_a_system_without_posix_calls_is_named_as_the_reason(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pwrite")
    with pytest.raises(StateUnusable, match=r"state.db cannot be used: state files need a POSIX system"):
        kept(path)
    assert list(path.parent.iterdir()) == []
