"""Notices of the losses of offers that follow a trace."""

from typing import Any

import pytest
from gpu_sim.core.commands import MoveRental
from gpu_sim.core.events import InterruptionNotified, RentalTerminated
from gpu_sim.core.simulation import Simulation

from ....support.builders import DAY, HOUR, MINUTE, rent, seen
from ..recordings import generated, nodes, replaying, said, trace, world

HOW: list[dict[str, Any]] = [
    {},
    {"loop": False},
    {"offset": 90_500},
    {"offset": 7, "scale": 333_333},
    {"scale": 2_500_000, "loop": False, "offset": 10},
]


def notices(sim: Simulation) -> list[tuple[int, int]]:
    return [(notice.at, notice.interrupts_ms) for notice in seen(sim, InterruptionNotified)]


@pytest.mark.parametrize("values", [(1, 1, 1, 0), (3, 3, 3, 0)])
def test_a_loss_is_announced_or_told_when_the_rental_begins_to_run(values: tuple[int, ...]) -> None:
    sim = world(replaying(trace(values, loop=False), notice=90_000))
    early = rent(sim)
    sim.advance(50_000 + MINUTE)
    late = rent(sim)
    sim.advance(HOUR)
    assert notices(sim) == [(90_000, 3 * MINUTE), (50_000 + 2 * MINUTE, 3 * MINUTE)]
    assert {rental.terminated_ms for rental in (early, late)} == {3 * MINUTE}


def test_a_loss_within_the_notice_of_the_start_is_known_from_the_start() -> None:
    sim = nodes(8, 0, notice=HOUR)
    rent(sim)
    sim.execute(MoveRental(rental_id=next(iter(sim.rentals.by_id)), to="running"))
    assert notices(sim) == [(0, MINUTE)]
    sim.advance(MINUTE)
    assert len(seen(sim, RentalTerminated)) == 1


@pytest.mark.parametrize("seed", range(12))
def test_whoever_is_told_of_a_loss_of_nodes_falls_then_or_sooner(seed: int) -> None:
    """Rentals begin to run, and end, between the notices and the losses."""
    values = generated(seed, 200, 12)
    sim = world(replaying(trace(values, loop=False), notice=5 * MINUTE), seed=seed)
    for _ in range(400):
        sim.advance(sim.now_ms + 30_000)
        if sim.market.offers[0].is_listed:
            rent(sim)
        running = sum(rental.status == "running" for rental in sim.rentals.by_id.values())
        assert running <= said(values, sim.now_ms, loop=False)
    sim.advance(DAY)
    last = {notice.rental_id: notice.interrupts_ms for notice in seen(sim, InterruptionNotified)}
    ends = {end.rental_id: end.at for end in seen(sim, RentalTerminated) if end.reason == "interrupted"}
    assert ends == last
    assert len(ends) > 20
