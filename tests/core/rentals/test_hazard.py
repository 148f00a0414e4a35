"""Hazards, shocks and hits: the parts of an interruption. How they add up is in test_interruption_statistics."""

import math
from statistics import fmean, pvariance

import pytest
from gpu_sim.core.kernel.quantities import Duration, Share
from gpu_sim.core.kernel.randomness import DRAW_RANGE, draw, stream
from gpu_sim.core.rentals.hazard import Hazard, ShockClock, hazard, is_hit, own_delay_ms
from gpu_sim.core.scenario.market_settings import InterruptionSettings
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, kstest

HOUR = 3_600_000
MEAN_SEVERITY = 0.8 / 1.4


def settings(shared_ppm: int = 800_000, horizon_ms: int = HOUR) -> InterruptionSettings:
    return InterruptionSettings(shared=Share(shared_ppm), horizon=Duration(horizon_ms))


def waits(key: bytes, rate_per_ms: float) -> float:
    """An exponential waiting time by the first draw of a stream."""
    return -math.log((draw(key, 0) + 1) / DRAW_RANGE) / rate_per_ms


def first_shock(key: bytes, rates: Hazard) -> int | None:
    return ShockClock(key, rates).delay_ms()


@given(st.integers(1, 999_999), st.integers(1, 999_999), st.integers(1_000, 10**9))
def test_a1_the_hazard_is_minus_ln_of_one_minus_p_over_the_horizon(p: int, shared: int, horizon: int) -> None:
    """Of it a share comes from shocks, each of which takes a rental along with the mean severity."""
    rates, key = hazard(p, settings(shared, horizon)), stream(1, f"{p}/{shared}/{horizon}")
    total = -math.log1p(-p / 1e6) / horizon
    own, shock = own_delay_ms(key, rates), first_shock(key, rates)
    assert own is not None
    assert shock is not None
    assert math.isclose(own, waits(key, (1 - shared / 1e6) * total), rel_tol=1e-8, abs_tol=1)
    assert math.isclose(shock, waits(key, shared / 1e6 * total / MEAN_SEVERITY), rel_tol=1e-8, abs_tol=1)


def test_a1_the_horizon_is_one_hour_by_default() -> None:
    assert hazard(20_000, InterruptionSettings()) == hazard(20_000, settings(horizon_ms=HOUR))
    assert InterruptionSettings().shared == 800_000


def test_a1_twice_the_horizon_is_half_the_hazard() -> None:
    key = stream(1, "own/x")
    single, double = (own_delay_ms(key, hazard(20_000, settings(horizon_ms=n * HOUR))) for n in (1, 2))
    assert single is not None
    assert double is not None
    assert abs(double - 2 * single) <= 2


def test_a_share_of_nothing_leaves_no_shocks_and_a_share_of_all_no_bad_luck_of_ones_own() -> None:
    key = stream(1, "x")
    none, both, whole = (hazard(20_000, settings(shared)) for shared in (0, 500_000, 1_000_000))
    assert [own_delay_ms(key, rates) is None for rates in (none, both, whole)] == [False, False, True]
    assert [first_shock(key, rates) is None for rates in (none, both, whole)] == [True, False, False]


@pytest.mark.parametrize(
    "never", [hazard(0, InterruptionSettings()), hazard(500_000, InterruptionSettings(mode="none"))]
)
def test_probability_zero_and_mode_none_mean_never(never: Hazard) -> None:
    assert own_delay_ms(stream(1, "own/x"), never) is None
    assert first_shock(stream(1, "shock/x"), never) is None


def test_the_least_probability_is_more_than_never() -> None:
    key = stream(1, "own/x")
    delay = own_delay_ms(key, hazard(1, settings(0)))
    assert delay is not None
    assert math.isclose(delay, waits(key, 1e-6 / HOUR), rel_tol=1e-5)


def test_own_delays_are_exponential_at_the_own_rate() -> None:
    rates = hazard(500_000, settings(0))
    delays = [own_delay_ms(stream(1, f"own/{n}"), rates) for n in range(4_000)]
    scale = HOUR / math.log(2)
    assert kstest([delay for delay in delays if delay is not None], "expon", args=(0, scale)).pvalue > 0.01


SHOCK_MEAN = HOUR / math.log(2) / 0.8 * MEAN_SEVERITY


def shocks(count: int, p: int = 500_000, name: str = "shock/x") -> list[tuple[int, int, int]]:
    """Delay, number and severity of the first shocks of an offer."""
    clock = ShockClock(stream(1, name), hazard(p, settings()))
    found = []
    for _ in range(count):
        delay = clock.delay_ms()
        assert delay is not None
        assert delay >= 1
        found.append((delay, *clock.draw_shock()))
    return found


def test_shocks_come_at_exponential_intervals_of_the_shock_rate() -> None:
    assert kstest([delay for delay, _, _ in shocks(4_000)], "expon", args=(0, SHOCK_MEAN)).pvalue > 0.01


def test_shocks_are_numbered_from_zero() -> None:
    clock = ShockClock(stream(1, "shock/x"), hazard(500_000, settings()))
    assert (clock.index, clock.draws) == (0, 0)
    assert [clock.draw_shock()[0] for _ in range(3)] == [0, 1, 2]
    assert clock.index == 3


def test_severities_have_the_moments_of_beta() -> None:
    a, b = 0.8, 0.6
    severities = [severity / 1e6 for _, _, severity in shocks(20_000)]
    variance = a * b / ((a + b) ** 2 * (a + b + 1))
    assert abs(fmean(severities) - a / (a + b)) < 4 * math.sqrt(variance / 20_000)
    assert abs(pvariance(severities) - variance) < 0.004
    third = a * (a + 1) * (a + 2) / ((a + b) * (a + b + 1) * (a + b + 2))
    assert abs(fmean(s**3 for s in severities) - third) < 0.012


def test_severities_follow_beta_and_stay_between_nothing_and_all() -> None:
    severities = [severity for _, _, severity in shocks(4_000)]
    assert kstest([severity / 1e6 for severity in severities], "beta", args=(0.8, 0.6)).pvalue > 0.01
    assert 0 <= min(severities) <= max(severities) <= 1_000_000


def test_a_shock_takes_its_draws_one_after_the_other_and_is_as_severe_as_they_say() -> None:
    """Draw 0 is the delay, then come pairs by Jöhnk's method until one fits: recomputed here by libm."""
    key = stream(1, "shock/x")
    clock, n = ShockClock(key, hazard(500_000, settings())), 0
    for index in range(300):
        clock.delay_ms()
        n += 1
        x = y = 1.0
        while x + y > 1.0:
            x, y = (((draw(key, n + i) + 1) / DRAW_RANGE) ** (1 / shape) for i, shape in enumerate((0.8, 0.6)))
            n += 2
        number, severity = clock.draw_shock()
        assert (number, clock.draws) == (index, n)
        assert abs(severity - 1e6 * x / (x + y)) <= 0.5001


def test_shocks_follow_from_their_stream_alone() -> None:
    assert shocks(50) == shocks(50)
    assert shocks(50) != shocks(50, name="shock/y")


def test_a_greater_hazard_brings_the_same_shocks_sooner() -> None:
    """1 − 0.75 is the square of 1 − 0.5, so the hazard is twice as large."""
    slow, fast = shocks(50, 500_000), shocks(50, 750_000)
    assert [shock[1:] for shock in slow] == [shock[1:] for shock in fast]
    assert all(abs(a[0] - 2 * b[0]) <= 2 for a, b in zip(slow, fast, strict=True))


def test_a_clock_resumes_from_its_counters() -> None:
    rates = hazard(500_000, settings())
    clock = ShockClock(stream(1, "shock/x"), rates)
    for _ in range(5):
        clock.delay_ms()
        clock.draw_shock()
    resumed = ShockClock(stream(1, "shock/x"), rates)
    resumed.draws, resumed.index = clock.draws, clock.index
    assert (resumed.delay_ms(), resumed.draw_shock()) == (clock.delay_ms(), clock.draw_shock())
    assert (resumed.draws, resumed.index) == (clock.draws, clock.index)


@pytest.mark.parametrize("severity", [100_000, 500_000, 900_000])
def test_a_shock_takes_each_rental_along_with_the_probability_of_its_severity(severity: int) -> None:
    hits = sum(is_hit(stream(1, f"hit/{n}"), 3, severity) for n in range(4_000))
    assert binomtest(hits, 4_000, severity / 1e6).pvalue > 0.001


def test_a_rental_meets_every_shock_with_another_draw() -> None:
    hits = sum(is_hit(stream(1, "hit/x"), shock, 500_000) for shock in range(4_000))
    assert binomtest(hits, 4_000, 0.5).pvalue > 0.001


def test_a_shock_of_no_severity_hits_nobody_and_a_full_one_everybody() -> None:
    assert not any(is_hit(stream(1, f"hit/{n}"), 0, 0) for n in range(500))
    assert all(is_hit(stream(1, f"hit/{n}"), 0, 1_000_000) for n in range(500))


def test_a_rental_that_a_shock_hits_is_hit_by_any_more_severe_one() -> None:
    for n in range(300):
        hits = [is_hit(stream(1, f"hit/{n}"), 0, severity) for severity in range(0, 1_000_001, 50_000)]
        assert hits == sorted(hits)
