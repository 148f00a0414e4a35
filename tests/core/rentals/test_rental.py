"""A rental's properties."""

import pytest
from gpu_sim.core.billing.charges import Session
from gpu_sim.core.simulation import Simulation

from ...support.builders import READY, Bench, rent, scenario


def test_f11_its_status_follows_from_what_has_happened() -> None:
    sim = Simulation(scenario())
    bench = Bench(sim)
    seen = []
    bench.rent()
    assert bench.rental is not None
    seen.append(bench.rental.status)
    sim.advance(READY)
    seen.append(bench.rental.status)
    bench.delete()
    seen.append(bench.rental.status)
    assert seen == ["provisioning", "running", "terminated"]


def test_its_luck_is_named_after_account_offer_and_how_many_came_before() -> None:
    sim = Simulation(scenario())
    assert [rent(sim).name for _ in range(2)] == [f"alice|vast-ai|RTX 4090|Quebec, CA|{n}" for n in range(2)]


def test_it_belongs_to_the_account_that_rented_it() -> None:
    assert rent(Simulation(scenario())).account == "alice"


def test_its_session_is_what_it_is_billed_by_once_it_runs() -> None:
    sim = Simulation(scenario())
    rental = rent(sim, gpu_count=2)
    with pytest.raises(AssertionError):
        _ = rental.session
    sim.advance(READY)
    assert rental.session == Session(287_000, 2, READY)
