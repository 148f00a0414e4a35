"""Prices by provider class, measured of histories made by hand."""

from math import isnan

import numpy as np
import pytest
from gpu_sim.fidelity.runs.offer_prices import FROZEN_DAYS, daily_prices, measure_prices

from ..zone_markets import history, priced


def test_each_class_is_measured_alone() -> None:
    found = measure_prices(
        history(
            priced([0.5, 0.5, 0.55], region="A, US"),
            priced([0.5, 0.5, 0.5], region="B, US", provider_class="neocloud"),
            priced([0.3, 0.3, 0.3], region="C, US", provider_class="hyperscaler"),
            priced([0.2, 0.2, 0.2], region="E, US", provider_class="hyperscaler"),
        )
    )
    assert found["marketplace_unchanged"] == 0.5
    assert found["marketplace_change"] == pytest.approx(np.log(1.1))
    assert found["neocloud_unchanged"] == 1
    assert found["hyperscaler_floor"] == pytest.approx(0.3)
    assert found["within_on_demand"] == 1


def moving_at(*days: int, length: int) -> list[float]:
    """A price for each day; at the start of each of those given it is a fortieth higher than on the day before."""
    return [0.4 * 1.025 ** sum(at <= day for at in days) for day in range(length)]


def test_what_depends_on_how_long_one_looks_is_the_mean_over_windows_as_long_as_recorded() -> None:
    """Of two offers one moves on the first and on the last day of the second window, and after it, in its rest."""
    length = 2 * FROZEN_DAYS + 10
    paths = (moving_at(FROZEN_DAYS + 1, 2 * FROZEN_DAYS, length - 1, length=length), [0.3] * length)
    offers = [priced(each, region=f"{number}, US", provider_class="hyperscaler") for number, each in enumerate(paths)]
    found = measure_prices(history(*offers, days=length))
    assert found["hyperscaler_frozen"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["hyperscaler_step"] == pytest.approx((0 + 0.025) / 2)
    short = measure_prices(history(*offers, days=FROZEN_DAYS - 1))
    assert isnan(short["hyperscaler_frozen"])
    assert isnan(short["hyperscaler_step"])


def test_a_price_above_on_demand_at_any_instant_is_seen() -> None:
    assert measure_prices(history(priced([0.5, 1.001, 0.5])))["within_on_demand"] == 0


def test_models_with_three_offers_have_a_median_and_a_spread() -> None:
    prices = ([0.4, 0.4, 0.4], [0.5, 0.5, 0.5], [0.8, 0.8, 0.8])
    offers = [priced(each, region=f"{number}, US") for number, each in enumerate(prices)]
    spread = float(np.std(np.log([0.4, 0.5, 0.8]), ddof=1))
    assert measure_prices(history(*offers))["regional_spread"] == pytest.approx(spread)
    assert isnan(measure_prices(history(*offers[:2]))["regional_spread"])


def test_a_market_without_a_class_has_nothing_to_measure_of_it() -> None:
    found = measure_prices(history(priced([0.5, 0.5, 0.5])))
    assert all(isnan(value) for name, value in found.items() if name.startswith(("hyperscaler", "neocloud")))
    assert isnan(found["marketplace_persistence"])


def test_daily_prices_are_those_at_midnight() -> None:
    found = history(priced([0.5, 0.6, 0.7]))
    assert daily_prices(found, found.offers).tolist() == [[0.5, 0.6, 0.7]]
    assert daily_prices(found, []).shape == (0, 3)
