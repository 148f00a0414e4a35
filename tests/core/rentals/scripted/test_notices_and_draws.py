"""Scripted interruptions beside those that the market draws: the earlier end wins, and its notice."""

import pytest
from gpu_sim.core.events import RentalTerminated
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.market_settings import InterruptionSettings, MarketSettings, NoticeSettings
from gpu_sim.core.scenario.recordings import ReplaySettings
from gpu_sim.core.simulation import Simulation

from ....support.builders import HOUR, MINUTE, market, rent, seen
from ...market.recordings import trace
from .noticed_world import CROWDED, NOTICE, NOTICES, end, interrupt, told, world

DOWN_AT = 20 * MINUTE


def played(notice: int = NOTICE) -> Simulation:
    """An offer that goes down after twenty minutes and takes all that runs there."""
    return world(
        market(
            CROWDED,
            interruptions=InterruptionSettings(mode="replay"),
            notices=NoticeSettings(all=Duration(notice)),
            recordings=ReplaySettings(availability=(trace([1, 1, 0, 1], 10 * MINUTE),)),
        )
    )


def counted(*nodes: int) -> MarketSettings:
    """An offer with so many GPUs for each ten minutes."""
    return market(
        CROWDED,
        interruptions=InterruptionSettings(mode="replay"),
        notices=NOTICES,
        recordings=ReplaySettings(availability=(trace([*nodes], 10 * MINUTE),)),
    )


@pytest.mark.parametrize(
    ("called", "notice", "notices", "ends"),
    [
        # Long before the drawn end is told: whichever comes first takes the rental.
        (5, 5, [(5, 10)], (10, "forced")),
        (5, 30, [(5, 35), (18, 20)], (20, "shock")),
        # The drawn end is told already: a later one is not.
        (19, 30, [(18, 20)], (20, "shock")),
        (18, 2, [(18, 20)], (20, "shock")),
        (19, 0.5, [(18, 20), (19, 19.5)], (19.5, "forced")),
        # The scripted end is told already: the drawn one, which comes later, is not.
        (17, 2, [(17, 19)], (19, "forced")),
        (17, 3, [(17, 20)], (20, "shock")),
    ],
)
def test_the_earlier_end_wins_whoever_brings_it_and_only_an_earlier_one_is_told_as_well(
    called: int, notice: float, notices: list[tuple[float, float]], ends: tuple[float, str]
) -> None:
    sim = played()
    rental = rent(sim)
    sim.advance(called * MINUTE)
    interrupt(sim, rental, notice=Duration(int(notice * MINUTE)))
    sim.advance(HOUR)
    assert told(sim) == [(at_ * MINUTE, end_ * MINUTE) for at_, end_ in notices]
    assert end(sim) == [(ends[0] * MINUTE, "interrupted", ends[1])]


def test_when_a_scripted_end_is_withdrawn_the_drawn_one_that_it_hid_is_told() -> None:
    sim = played()
    rental = rent(sim)
    sim.advance(17 * MINUTE)
    interrupt(sim, rental)
    sim.advance(18 * MINUTE + 1)
    interrupt(sim, rental, withdraw=True)
    sim.advance(HOUR)
    assert told(sim) == [(17 * MINUTE, 19 * MINUTE), (18 * MINUTE + 1, DOWN_AT)]
    assert end(sim) == [(DOWN_AT, "interrupted", "shock")]


def test_withdrawn_before_the_drawn_end_is_to_be_told_a_notice_comes_at_its_time() -> None:
    sim = played()
    rental = rent(sim)
    sim.advance(10 * MINUTE)
    interrupt(sim, rental, notice=Duration(HOUR))
    interrupt(sim, rental, withdraw=True)
    sim.advance(HOUR)
    assert told(sim) == [(10 * MINUTE, 70 * MINUTE), (18 * MINUTE, DOWN_AT)]


def test_where_a_told_end_comes_first_withdrawing_the_later_one_tells_nothing_anew() -> None:
    sim = played()
    rental = rent(sim)
    sim.advance(19 * MINUTE)
    interrupt(sim, rental, notice=Duration(HOUR))
    interrupt(sim, rental, withdraw=True)
    assert (told(sim), rental.interrupts_ms) == ([(18 * MINUTE, DOWN_AT)], DOWN_AT)


@pytest.mark.parametrize(("notice", "cause"), [(MINUTE, "forced"), (2 * MINUTE, "shock")])
def test_whoever_was_told_of_a_loss_of_gpus_and_is_interrupted_as_well_ends_once_at_the_earlier_time(
    notice: int, cause: str
) -> None:
    sim = world(counted(2, 2, 0))
    rental = rent(sim)
    sim.advance(18 * MINUTE)
    interrupt(sim, rental, notice=Duration(notice))
    sim.advance(HOUR)
    assert end(sim) == [(18 * MINUTE + notice, "interrupted", cause)]


def test_who_is_about_to_go_leaves_its_gpu_to_the_others_and_takes_it_again_when_that_is_withdrawn() -> None:
    settings = counted(2, 2, 1, 1)
    ends, notices = [], []
    for how in ("alone", "scripted", "withdrawn"):
        sim = world(settings)
        rentals = [rent(sim) for _ in range(2)]
        sim.advance(17 * MINUTE)
        if how != "alone":
            interrupt(sim, rentals[0])
        sim.advance(18 * MINUTE + 1)
        if how == "withdrawn":
            interrupt(sim, rentals[0], withdraw=True)
        sim.advance(40 * MINUTE - 1)
        ends.append([(rentals.index(sim.rentals.by_id[e.rental_id]), e.cause) for e in seen(sim, RentalTerminated)])
        notices.append(told(sim))
    assert len(ends[0]) == len(ends[2]) == 1
    assert ends[1] == [(0, "forced")]
    assert ends[2] == ends[0]
    assert [each[-1] for each in notices] == [
        (18 * MINUTE, 20 * MINUTE),
        (17 * MINUTE, 19 * MINUTE),
        (18 * MINUTE + 1, 20 * MINUTE),
    ]
