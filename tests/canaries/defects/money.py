"""Defects in what a rental costs: F15, F18, A3, A4, A6 to A9."""

from typing import Any

from gpu_sim.core.billing import charges
from gpu_sim.core.billing.ledger import HoldExpired, Ledger, RentalSettled
from gpu_sim.core.kernel.errors import InsufficientCredit
from gpu_sim.core.kernel.money import cost_micros, round_half_up
from gpu_sim.core.rentals import rentals
from gpu_sim.core.rentals.rental import Rental, RentPlan

from ..registry import Soil, canary

MINIMUM = "test_billing.py::test_f15_fifteen_minutes_at_least_then_each_begun_second"


@canary(
    MINIMUM,
    shows=r"'0\.071670' == '0\.071750'",
    machine=r"billed_amount must be|A8: balance of|F15: the balance must be",
)
def minimum_is_a_second_short(soil: Soil) -> None:
    """F15: a session of a second is billed for 899."""
    sound = charges.billed_seconds

    def billed_seconds(*arguments: Any) -> int:
        seconds = sound(*arguments)
        return 899 if seconds == 900 else seconds

    soil.plant(rentals, "billed_seconds", billed_seconds)


@canary(MINIMUM, shows=r"'0\.076533' == '0\.071830'")
def seconds_are_rounded_to_minutes(soil: Soil) -> None:
    """F15: past the minimum, each begun minute counts whole."""
    sound = charges.billed_seconds

    def billed_seconds(*arguments: Any) -> int:
        return -(-sound(*arguments) // 60) * 60

    soil.plant(rentals, "billed_seconds", billed_seconds)


@canary("test_billing.py::test_f18_each_gpu_costs_the_whole_price", shows=r"Fraction\(287, 1000\) == \(2 \* Fraction")
def further_gpus_are_free(soil: Soil) -> None:
    """F18: two GPUs are billed as one."""

    def cost_of_one(price_micros_per_hour: int, gpu_count: int, seconds: int) -> int:
        return cost_micros(price_micros_per_hour, 1, seconds)

    soil.plant(rentals, "cost_micros", cost_of_one)


@canary("test_events.py::test_a3_a_rental_keeps_the_price_that_it_was_rented_at", shows=r"'0\.239167' == '0\.079722'")
def the_price_is_not_locked(soil: Soil) -> None:
    """A3: the bill is made at the price of the last moment."""
    sound = rentals.Rentals.end

    def end(self: rentals.Rentals, rental: Rental, *why: Any) -> None:
        rental.price_micros_per_hour = rental.offer.price_micros_per_hour
        sound(self, rental, *why)

    soil.plant(rentals.Rentals, "end", end)


@canary(
    "test_rentals.py::test_a4_billing_starts_when_it_becomes_running",
    shows=r"< from_creation\n.*\(84506 // 1000\) < 84",
)
def provisioning_is_billed(soil: Soil) -> None:
    """A4: time counts from the rent on."""
    sound = rentals.Rentals.end

    def end(self: rentals.Rentals, rental: Rental, *why: Any) -> None:
        began = rental.running_ms
        rental.running_ms = None if began is None else rental.created_ms
        sound(self, rental, *why)
        rental.running_ms = began

    soil.plant(rentals.Rentals, "end", end)


@canary("test_billing.py::test_a6_an_interrupted_rental_pays_the_time_used", shows=r"'0\.071750' == '0\.000000'")
def interruptions_are_billed_the_minimum(soil: Soil) -> None:
    """A6: the time used is not what is billed."""
    sound = charges.billed_seconds

    def billed_seconds(reason: Any, *arguments: Any) -> int:
        return sound("deleted" if reason == "interrupted" else reason, *arguments)

    soil.plant(rentals, "billed_seconds", billed_seconds)


@canary(
    "test_billing.py::test_a7_half_a_micro_dollar_is_rounded_up",
    shows=r"== exact \+ MICRO / 2\n",
)
def half_a_micro_dollar_is_rounded_to_even(soil: Soil) -> None:
    """A7: a charge is rounded as Python's `round` does it."""

    def cost(price_micros_per_hour: int, gpu_count: int, seconds: int) -> int:
        exact = price_micros_per_hour * gpu_count * seconds
        up = round_half_up(exact, 3600)
        return up - up % 2 if exact * 2 % 3600 == 0 and exact % 3600 else up

    soil.plant(rentals, "cost_micros", cost)


@canary(
    "test_billing.py::test_a8_the_money_moves_in_one_entry_at_the_end",
    shows=r"A8: not one entry: .*hold_expired.*rental_settled",
)
def the_hold_is_released_before_the_charge(soil: Soil) -> None:
    """A8: the end is two ledger entries, and between them the credit is free."""
    sound = Ledger.post

    def post(self: Ledger, entry: Any) -> None:
        if isinstance(entry, RentalSettled) and entry.hold_micros and entry.charge_micros:
            sound(self, HoldExpired(entry.at, entry.account, entry.rental_id, entry.hold_micros))
            entry = RentalSettled(entry.at, entry.account, entry.rental_id, 0, entry.charge_micros)
        sound(self, entry)

    soil.plant(Ledger, "post", post)


@canary(
    "test_billing.py::test_a9_a_rental_goes_on_when_the_balance_is_spent", shows=r"== amount\(hold - bob\.available\)\n"
)
def debt_is_forgotten(soil: Soil) -> None:
    """A9: what is owed is not asked for together with the next hold."""
    sound = rentals.Rentals.check_rent

    def check_rent(self: rentals.Rentals, command: Any) -> RentPlan:
        try:
            return sound(self, command)
        except InsufficientCredit as refusal:
            needed = refusal.amount_needed_micros + min(0, self._ledger.available(command.account))
            raise InsufficientCredit(refusal.message, amount_needed_micros=needed) from None

    soil.plant(rentals.Rentals, "check_rent", check_rent)
