"""The scenarios to start with and to build on, and their promises: default, realistic and calm."""

from statistics import median, quantiles

import pytest
from gpu_sim.core.commands import InterruptRental
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.kernel.randomness import stream
from gpu_sim.core.rentals.provisioning import course, delay_ms
from gpu_sim.core.scenario.catalog import PROVIDER_CLASSES, ProviderClass
from gpu_sim.core.scenario.market_settings import ChurnSettings, NoticeSettings, PriceSettings, ProvisioningSettings
from gpu_sim.core.simulation import Simulation
from gpu_sim.scenario_files.load import load_scenario
from msgspec.structs import replace

from ..support.scenario_runs import HOUR, MINUTE, SECOND, begin, bills, ends, of_bob, refusals, rent, run, waits


def test_default_lists_the_whole_catalogue_and_the_documented_example() -> None:
    simulation = begin("default")
    listed = [offer for offer in simulation.market.offers if offer.is_listed]
    assert len(listed) == 79
    (example,) = [offer for offer in listed if offer.name == "vast-ai|RTX 4090|Quebec, CA"]
    assert (example.price_micros_per_hour, example.spec.interruption_probability) == (287_000, 20_000)


@pytest.mark.parametrize("at_ms", [0, 30 * SECOND, 5 * MINUTE, HOUR, 4 * HOUR, 24 * HOUR])
def test_in_default_the_first_rental_of_the_example_runs_within_20_s_and_lives_an_hour(at_ms: int) -> None:
    scenario = load_scenario("default")
    billing = replace(scenario.billing, idle_timeout=None)
    simulation = Simulation(replace(scenario, billing=billing))
    simulation.advance(at_ms)
    rental = rent(simulation)
    simulation.advance(at_ms + 20 * SECOND)
    assert rental.status == "running"
    simulation.advance(at_ms + 20 * SECOND + HOUR)
    assert rental.status == "running"


def test_in_default_an_unused_rental_ends_at_the_idle_timeout_with_the_minimum() -> None:
    simulation = begin("default")
    rental = rent(simulation)
    simulation.advance(20 * MINUTE)
    end, bill = ends(simulation)[rental.rental_id], bills(simulation)[rental.rental_id]
    assert (end.reason, end.billed_seconds, bill.charge_micros) == ("idle_timeout", 900, 71_750)


def test_default_is_hurried_as_it_says() -> None:
    default, realistic = load_scenario("default").market, load_scenario("realistic").market
    assert default.prices.activity == 10 * realistic.prices.activity
    for provider_class in PROVIDER_CLASSES:
        hurried, measured = (market.provisioning.terms(provider_class) for market in (default, realistic))
        assert hurried.delay is not None
        assert hurried.delay.lognormal is not None
        assert hurried.delay.lognormal.median <= 10 * SECOND < 40 * SECOND <= totals(provider_class)[0]
        assert (hurried.failure, hurried.never_ready) == (measured.failure, 0)


def totals(
    provider_class: ProviderClass, image_megabytes: int = 9_000, model_megabytes: int = 16_000
) -> tuple[float, float]:
    """Median and 95th percentile of what provisioning takes in `realistic`, in ms over 4,000 rentals."""
    stretches = course(load_scenario("realistic").market.provisioning.terms(provider_class)).stretches
    fetched = {"pull": image_megabytes, "weights": model_megabytes}
    phases = [each for each in stretches if each.phase is not None and each.phase != "fine_tuned"]
    assert [each.phase for each in phases] == ["allocate", "boot", "pull", "weights"]
    taken = []
    for number in range(4_000):
        key = stream(1, f"provisioning/{number}")
        taken.append(sum(delay_ms(key, each.sample, each.phase, fetched.get(str(each.phase))) for each in phases))
    return median(taken), quantiles(taken, n=20)[-1]


@pytest.mark.parametrize(
    ("provider_class", "median_s", "p95_s"),
    [("marketplace", 90, 420), ("hyperscaler", 90, 240), ("neocloud", 45, 180), ("exchange", 45, 180)],
)
def test_in_realistic_the_parts_come_to_what_was_measured_of_the_whole(
    provider_class: ProviderClass, median_s: int, p95_s: int
) -> None:
    middle, late = totals(provider_class)
    assert middle / SECOND == pytest.approx(median_s, rel=0.07)
    assert late / SECOND == pytest.approx(p95_s, rel=0.1)


def test_in_realistic_a_large_model_and_a_large_image_take_longer() -> None:
    small, _ = totals("marketplace")
    assert 40 * SECOND < totals("marketplace", model_megabytes=141_000)[0] - small < 70 * SECOND
    uncached, _ = totals("marketplace", image_megabytes=36_000)
    assert uncached > 2 * small


def test_realistic_is_as_measured() -> None:
    market = load_scenario("realistic").market
    assert market.prices == PriceSettings()
    measured = ProvisioningSettings()
    for provider_class in PROVIDER_CLASSES:
        terms = market.provisioning.terms(provider_class)
        assert terms.failure == measured.terms(provider_class).failure
        assert terms.never_ready == (50_000 if provider_class == "marketplace" else 0)
    assert (market.interruptions.mode, market.interruptions.horizon) == ("realistic", HOUR)
    assert market.interruptions.shared == 950_000
    assert (market.availability, market.churn, market.notices) == (
        None,
        ChurnSettings(),
        NoticeSettings(providers={"runpod": Duration(5_000)}),
    )


def test_in_realistic_bob_is_refused_where_an_offer_is_down_and_the_rest_goes_as_told() -> None:
    down = [offer.name for offer in begin("realistic", 4 * MINUTE).market.offers if offer.is_down]
    assert "verda|L40S|Finland, FI" in down
    assert len(down) > 10
    simulation = run("realistic")
    assert refusals(simulation) == [(4, "offer_unavailable")]
    example, neo, hyper, exchange = (rental_id for rental_id, _, _ in of_bob(simulation))
    delays = waits(simulation)
    assert set(delays) == {example, neo, hyper, exchange}
    assert all(5 * SECOND < delay < 10 * MINUTE for delay in delays.values())
    for forgotten in (example, neo, exchange):
        assert (ends(simulation)[forgotten].reason, ends(simulation)[forgotten].billed_seconds) == ("idle_timeout", 900)
    used = -(-(60 * MINUTE - 3 * MINUTE - delays[hyper]) // SECOND)
    assert (ends(simulation)[hyper].reason, ends(simulation)[hyper].billed_seconds) == ("deleted", used)
    assert bills(simulation)[hyper].charge_micros == (2_140_000 * used * 2 + 3600) // 7200


def test_in_calm_nothing_moves() -> None:
    simulation = run("calm")
    assert [type(event).__name__ for event in simulation.events] == ["AccountCreated", "CreditAdded"]
    assert all(offer.price_micros_per_hour == offer.spec.spot_price for offer in simulation.market.offers)
    assert all(offer.is_listed and offer.free == offer.spec.capacity for offer in simulation.market.offers)


def test_in_calm_every_gpu_runs_after_a_minute_and_is_on_offer_again_at_once() -> None:
    simulation = begin("calm")
    rental = rent(simulation)
    simulation.advance(MINUTE)
    assert waits(simulation) == {rental.rental_id: MINUTE}
    simulation.execute(InterruptRental(rental.rental_id))
    assert rental.offer.free == rental.offer.spec.capacity


def test_in_default_the_example_keeps_its_documented_price_for_an_hour() -> None:
    simulation = begin("default", HOUR)
    (example,) = [offer for offer in simulation.market.offers if offer.name == "vast-ai|RTX 4090|Quebec, CA"]
    assert example.price_micros_per_hour == 287_000
    assert any(offer.price_micros_per_hour != offer.spec.spot_price for offer in simulation.market.offers)
