"""The rates found for an offer against the chain written out in full, solved by other means."""

import math
from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Availability, Duration, Factor, Share
from gpu_sim.core.market import availability_rates
from gpu_sim.core.market.availability_rates import (
    FRAGILE,
    LONG,
    SETTLED,
    SHORT,
    AvailabilityRates,
    CannotCalibrate,
    MarketRates,
    PhaseEnds,
    calibrate,
    followers,
    level_rates,
)
from gpu_sim.core.scenario.availability_shape import Shape
from gpu_sim.core.scenario.catalog import OfferSpec
from gpu_sim.core.scenario.market_settings import InterruptionSettings
from msgspec.structs import replace

from ...support.builders import market, offer
from ..long_run import long_run

HOUR = 3_600_000
MEASURED = Shape()
EVENLY = Shape(tight=Share(500_000), grip=Factor(1_000_000), stress=Factor(1_400_000), fragile=Share(450_000))
STRESSED: dict[str, Any] = {"stress": Factor(1_400_000), "grip": Factor(1_000_000)}
CALMER: dict[str, Any] = {"stress": Factor(500_000), "grip": Factor(1_000_000)}
CALM = Shape(stress=Factor(0), fragile=Share(0), shock_reach=Share(0))


@pytest.mark.parametrize("shape", [MEASURED, EVENLY, CALM])
@pytest.mark.parametrize(
    ("availability", "per_hour"),
    [(0.9, 0.0005), (0.9, 0.02), (0.65, 0.6), (0.17, 1.39), (0.95, 0.7), (0.999, 0.01), (0.02, 0.05)],
)
def test_the_rates_give_what_is_wanted(availability: float, per_hour: float, shape: Shape) -> None:
    rates = calibrate(Availability(round(availability * 1e6)), per_hour, shape)
    assert long_run(rates, shape) == pytest.approx((availability, per_hour), rel=1e-7)
    assert rates.lost == per_hour


def test_the_phases_of_each_level_are_shares_of_it() -> None:
    rates = calibrate(Availability(650_000), 0.6, MEASURED)
    assert [sum(level) for level in rates.phases] == pytest.approx([1.0, 1.0, 1.0])
    ups = [level[0] + level[1] for level in rates.phases]
    assert ups == sorted(ups, reverse=True), "stress makes it scarce"


def test_shocks_make_no_more_than_their_share_of_the_interruptions() -> None:
    seldom, often = (calibrate(Availability(900_000), rate, MEASURED) for rate in (0.01, 0.5))
    assert seldom.hit_ppm == pytest.approx(0.4 * 0.01 / 0.05 * 1e6, abs=1)
    assert often.hit_ppm == 950_000


def test_a_brief_time_gets_shorter_where_it_would_be_most_of_all_times() -> None:
    usual, extreme = calibrate(Availability(650_000), 0.6, MEASURED), calibrate(Availability(950_000), 0.7, MEASURED)
    assert usual.brief == pytest.approx(2.7)
    assert extreme.brief == pytest.approx(2.7 * 0.4 * 0.95 * 0.7 / 0.05)


def test_it_gives_the_same_bits_again() -> None:
    first = calibrate(Availability(640_000), 0.61, MEASURED)
    calibrate.cache_clear()
    assert calibrate(Availability(640_000), 0.61, MEASURED) == first


def test_what_cannot_be_is_told() -> None:
    """Brief times of ten hours leave no room for an offer that is lost every hour and hardly ever away."""
    rigid = Shape(fragile=Share(200_000), long=Share(900_000), brief=Duration(10 * HOUR), shock_share=Share(0))
    with pytest.raises(CannotCalibrate, match=r"had 70\.0000% of the time and be lost 2\.000000 times in an hour"):
        calibrate(Availability(700_000), 2.0, rigid)


def test_what_leads_nowhere_is_told() -> None:
    """No search goes on for ever, nor beyond what numbers can hold."""
    endless = Shape(
        fragile=Share(950_000), long=Share(900_000), brief=Duration(10 * HOUR), shock_share=Share(40_000), **STRESSED
    )
    with pytest.raises(CannotCalibrate):
        calibrate(Availability(1_000), 20.0, endless)
    flat = Shape(
        fragile=Share(800_000), long=Share(450_000), brief=Duration(10 * HOUR), shock_share=Share(40_000), **CALMER
    )
    with pytest.raises(CannotCalibrate):
        calibrate(Availability(999_999), 0.01, flat)


def test_settled_times_end_sooner_under_stress_and_long_downs_later_and_brief_times_as_ever() -> None:
    """By the exponentials of the logarithms that the shape tells."""
    rates, ends = calibrate(Availability(650_000), 0.6, MEASURED), PhaseEnds(MEASURED)
    for level, stress in enumerate((-3.6, 0.0, 3.6)):
        assert ends.of(rates, SETTLED, level) == pytest.approx(rates.settled * math.exp(stress))
        assert ends.of(rates, LONG, level) == pytest.approx(rates.long * math.exp(-0.45 * stress))
        assert ends.of(rates, FRAGILE, level) == ends.of(rates, SHORT, level) == rates.brief


def test_an_offer_that_is_up_goes_down_and_one_that_is_down_comes_back() -> None:
    shares = [dict(each) for each in followers(MEASURED)]
    assert shares[SETTLED] == shares[FRAGILE] == pytest.approx({LONG: 0.38, SHORT: 0.62})
    assert shares[LONG] == shares[SHORT] == pytest.approx({FRAGILE: 0.35, SETTLED: 0.65})


def test_stresses_come_on_and_go_off_one_at_a_time() -> None:
    on, off = 0.36 / 48, 0.64 / 48
    expected = [[0.0, 2 * on, 0.0], [off, 0.0, on], [0.0, 2 * off, 0.0]]
    assert [list(row) for row in level_rates(MEASURED)] == [pytest.approx(row) for row in expected]


def zone(probability_ppm: int, available: int = 650_000) -> OfferSpec:
    """An offer with a probability of interruption and an availability of its own, both in parts per million."""
    return replace(offer(probability_ppm=probability_ppm), availability=Availability(available))


@pytest.mark.parametrize("probability_ppm", [500, 20_000, 250_000, 900_000])
@pytest.mark.parametrize("shared_ppm", [300_000, 1_000_000])
@pytest.mark.parametrize("available", [50_000, 650_000, 990_000])
def test_each_offer_goes_down_as_often_as_its_rentals_want_it_to(
    probability_ppm: int, shared_ppm: int, available: int
) -> None:
    settings = market(zone(250_000), interruptions=InterruptionSettings(mode="realistic", shared=Share(shared_ppm)))
    rates = MarketRates(settings).of(zone(probability_ppm, available))
    assert rates is not None
    assert rates.lost == settings.interruptions.goes_down_per_hour(probability_ppm)
    assert long_run(rates, Shape()) == pytest.approx((available / 1_000_000, rates.lost), rel=2e-4)
    if shared_ppm == 1_000_000:
        assert settings.interruptions.own_mean_ms(probability_ppm, rates.lost) is None


def test_for_many_offers_few_rates_are_sought(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that go down about as often and are there as much lie between the same two."""
    sought: list[float] = []

    def watched(availability: Availability, per_hour: float, shape: Shape) -> AvailabilityRates:
        sought.append(per_hour)
        return calibrate(availability, per_hour, shape)

    monkeypatch.setattr(availability_rates, "calibrate", watched)
    rates = MarketRates(market(zone(250_000), interruptions=InterruptionSettings(mode="realistic")))
    found = {rates.of(zone(probability_ppm)) for probability_ppm in range(249_000, 252_000, 10)}
    assert len(found) == 300
    assert len(sought) < 6
    rates.of(zone(250_000, 660_000))
    assert len(sought) < 8


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ({"brief": Duration(59_999)}, "brief must be between 1m and 3650d"),
        ({"long": Share(0)}, "long must be above 0% and below 100%"),
        ({"tight": Share(1_000_000)}, "tight must be above 0% and below 100%"),
        ({"fragile": Share(600_000)}, "fragile and shock_share must be below 100% together"),
        ({"stress": Factor(3_000_001)}, "stress must be at most 3, and grip at most 2"),
    ],
)
def test_a_shape_that_is_none_is_refused(how: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Shape(**how)
