"""The length of provisioning, and the share that fails."""

import pytest
from gpu_sim.core.kernel.quantities import Duration, Share
from gpu_sim.core.kernel.randomness import stream
from gpu_sim.core.rentals.provisioning import delay_ms, fails
from gpu_sim.core.scenario.distributions import Distribution, Uniform, fixed
from gpu_sim.core.scenario.market_settings import ProvisioningSettings
from scipy.stats import binomtest

KEYS = [stream(1, f"provisioning/{n}") for n in range(4_000)]


def test_provisioning_takes_at_least_a_millisecond() -> None:
    assert delay_ms(KEYS[0], fixed(0).sampler()) == 1
    assert delay_ms(KEYS[0], fixed(1).sampler()) == 1
    assert delay_ms(KEYS[0], fixed(2).sampler()) == 2


def test_each_rental_has_its_own_delay() -> None:
    spread = Distribution(uniform=Uniform(Duration(1), Duration(10**9))).sampler()
    assert len({delay_ms(key, spread) for key in KEYS}) > 3_900
    assert delay_ms(KEYS[0], spread) == delay_ms(KEYS[0], spread)


@pytest.mark.parametrize("ppm", [10_000, 50_000, 500_000])
def test_a20_a_share_of_the_rentals_never_gets_ready(ppm: int) -> None:
    failed = sum(fails(key, Share(ppm)) for key in KEYS)
    assert binomtest(failed, len(KEYS), ppm / 1e6).pvalue > 0.001


def test_a20_a_share_of_nothing_never_fails_and_one_of_all_always() -> None:
    assert not any(fails(key, Share(0)) for key in KEYS)
    assert all(fails(key, Share(1_000_000)) for key in KEYS)


def test_failing_and_being_slow_are_two_things() -> None:
    spread = Distribution(uniform=Uniform(Duration(1), Duration(1_000))).sampler()
    slow = [delay_ms(key, spread) for key in KEYS if fails(key, Share(500_000))]
    assert abs(sum(slow) / len(slow) - 500) < 30


@pytest.mark.parametrize(
    ("provider_class", "median", "p95", "failure"),
    [
        ("marketplace", 90_000, 420_000, 50_000),
        ("neocloud", 45_000, 180_000, 10_000),
        ("hyperscaler", 90_000, 240_000, 10_000),
        ("exchange", 45_000, 180_000, 10_000),
    ],
)
def test_the_default_terms_of_a_class_are_the_measured_ones(
    provider_class: str, median: int, p95: int, failure: int
) -> None:
    terms = ProvisioningSettings().terms(provider_class)  # type: ignore[arg-type]  # one of the four
    assert terms.delay is not None
    assert terms.delay.lognormal is not None
    assert (terms.delay.lognormal.median, terms.delay.lognormal.p95) == (median, p95)
    assert (terms.parts, terms.failure, terms.never_ready) == (None, failure, 0)
