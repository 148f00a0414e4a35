"""Prices that follow a recorded series."""

import pytest
from gpu_sim.core.events import PriceMoved
from gpu_sim.core.kernel.quantities import Duration, Factor
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.acts import PriceAct
from gpu_sim.core.scenario.market_settings import PriceSettings
from gpu_sim.core.simulation import Simulation

from ....support.builders import DAY, HOUR, MINUTE, at, journal, offer, seen
from ..recordings import priced, said, series, world

PRICES = [287_000, 300_000, 300_000, 250_000, 90_000, 410_000]


def moves(sim: Simulation) -> list[tuple[int, int]]:
    return [(event.at, event.price_micros_per_hour) for event in seen(sim, PriceMoved)]


@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("offset", [0, 90_001])
@pytest.mark.parametrize("scale", [1_000_000, 333_333])
def test_the_price_is_that_of_the_series_at_each_instant(loop: bool, offset: int, scale: int) -> None:
    how = {"loop": loop, "offset": offset, "scale": scale}
    sim = world(priced(series(PRICES, **how)))
    for now in range(0, 20 * MINUTE, 9_999):
        sim.advance(now)
        assert sim.market.offers[0].price_micros_per_hour == said(PRICES, now, **how)


def test_each_step_is_in_a_full_journal_and_the_last_price_stays_without_a_loop() -> None:
    sim = world(priced(series(PRICES, loop=False)))
    sim.advance(DAY)
    assert moves(sim) == [(MINUTE, 300_000), (3 * MINUTE, 250_000), (4 * MINUTE, 90_000), (5 * MINUTE, 410_000)]
    again, difference = replay(journal(sim))
    assert difference is None
    assert moves(again) == moves(sim)


def test_the_series_decides_the_price_at_the_start_and_activity_does_not_hurry_it() -> None:
    prices = PriceSettings(activity=Factor(50_000_000), all="replay")
    sim = world(priced(series([250_000, 260_000], HOUR, loop=False), prices=prices))
    assert sim.market.offers[0].price_micros_per_hour == 250_000
    sim.advance(DAY)
    assert moves(sim) == [(HOUR, 260_000)]


def test_an_act_on_the_price_lies_over_the_series() -> None:
    act = at(MINUTE // 2, price=PriceAct(multiply=Factor(2_000_000), for_=Duration(2 * MINUTE)))
    sim = world(priced(series([200_000, 100_000], loop=False)), timeline=(act,))
    sim.advance(2 * MINUTE)
    assert sim.market.offers[0].price_micros_per_hour == 200_000
    sim.advance(HOUR)
    assert sim.market.offers[0].price_micros_per_hour == 100_000


def test_offers_of_the_class_without_a_series_move_as_set_for_all_or_by_default() -> None:
    settings = PriceSettings(marketplace="replay", all="constant")
    assert (settings.process("marketplace"), settings.replays("marketplace")) == ("constant", True)
    assert (settings.process("exchange"), settings.replays("exchange")) == ("constant", False)
    assert PriceSettings(all="replay").process("exchange") == "mean_reverting"
    assert PriceSettings(marketplace="host_set", all="replay").replays("marketplace") is False
    offers = (offer("Here"), offer("There"))
    sim = world(priced(series([250_000, 260_000], region="Here"), prices=settings, offers=offers))
    sim.advance(MINUTE)
    assert [each.price_micros_per_hour for each in sim.market.offers] == [260_000, 287_000]


def test_a_snapshot_carries_where_the_series_stands() -> None:
    sim = world(priced(series(PRICES)))
    for number in range(30):
        sim.advance(number * 25_000)
        again = Simulation.restored(sim.scenario, sim.snapshot(), seed=1, start_epoch_ms=sim.start_epoch_ms)
        assert again.market.offers[0].price_micros_per_hour == sim.market.offers[0].price_micros_per_hour
    here = sim.journal_end
    for each in (sim, again):
        each.advance(HOUR)
    assert list(again.journal_lines(again.journal_began)) == list(sim.journal_lines(here))
