"""The amount of a hold, its expiry, and that it ends once."""

import pytest
from gpu_sim.core.billing.holds import Hold, expires_at_ms, hold_micros
from gpu_sim.core.kernel.clock import HOUR_MS
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.scenario import BillingSettings

DEFAULT = BillingSettings()


@pytest.mark.parametrize(
    ("price", "gpus", "hold"),
    [(287_000, 1, 71_750), (287_000, 2, 143_500), (1_000, 1, 250), (2_000_000, 1, 500_000), (8_300_000, 8, 16_600_000)],
)
def test_f8_the_hold_is_the_cost_of_the_minimum_session(price: int, gpus: int, hold: int) -> None:
    assert hold_micros(price, gpus, DEFAULT) == hold


def test_a7_the_hold_is_price_times_gpus_over_four_exactly() -> None:
    assert all(4 * hold_micros(price, gpus, DEFAULT) == price * gpus for price in (1_000, 287_000) for gpus in (1, 3))


def test_f21_holds_outside_the_typical_range_are_placed_all_the_same() -> None:
    assert hold_micros(100_000, 1, DEFAULT) < 200_000
    assert hold_micros(4_000_000, 1, DEFAULT) > 500_000


@pytest.mark.parametrize(("minimum_ms", "hold"), [(1_000, 80), (60_000, 4_783), (HOUR_MS, 287_000)])
def test_another_minimum_makes_another_hold(minimum_ms: int, hold: int) -> None:
    assert hold_micros(287_000, 1, BillingSettings(minimum=Duration(minimum_ms))) == hold


@pytest.mark.parametrize("placed_ms", [0, 1, 123_456])
def test_f20_a_hold_expires_two_hours_after_it_is_placed(placed_ms: int) -> None:
    assert expires_at_ms(placed_ms, DEFAULT) == placed_ms + 7_200_000


def test_f20_the_two_hours_are_a_setting_and_none_means_never() -> None:
    assert expires_at_ms(5, BillingSettings(hold_expiry=Duration(1))) == 6
    assert expires_at_ms(5, BillingSettings(hold_expiry=None)) is None


def test_a_hold_reserves_until_it_is_settled() -> None:
    hold = Hold(300)
    seen = [hold.status, hold.end("settled"), hold.status]
    assert seen == ["active", 300, "settled"]


def test_an_expired_hold_reserves_nothing_when_its_rental_is_settled() -> None:
    hold = Hold(300)
    assert hold.end("expired") == 300
    assert hold.status == "expired"
    assert hold.end("settled") == 0
    assert hold.status == "expired"


@pytest.mark.parametrize(("first", "second"), [("settled", "settled"), ("settled", "expired"), ("expired", "expired")])
def test_a_hold_ends_once(first: str, second: str) -> None:
    hold = Hold(300)
    hold.end(first)  # type: ignore[arg-type]  # one of the two, by the table
    with pytest.raises(AssertionError):
        hold.end(second)  # type: ignore[arg-type]  # one of the two, by the table
    assert hold.status == first
