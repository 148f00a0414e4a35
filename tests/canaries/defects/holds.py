"""Defects in what is held, and in what an end takes of it: F13, F17, F20, A11, A20, A21."""

import asyncio
from typing import Any

from gpu_sim.api import gpu, replies
from gpu_sim.api.exchange import rental_id_in
from gpu_sim.core.billing import holds
from gpu_sim.core.billing.ledger import RentalSettled
from gpu_sim.core.kernel.errors import InsufficientCredit
from gpu_sim.core.rentals import rentals
from gpu_sim.core.rentals.rental import Rental, RentPlan
from gpu_sim.core.simulation import Simulation

from ..registry import Soil, canary

SWEEP_MS = 60_000
SECONDS_TO_MEET = 1.0


@canary(
    "test_timeouts.py::test_f20_a_hold_lasts_two_hours_whatever_the_rental_does",
    shows=r"Fraction\(287, 4000\) == 0\n",
    machine=r"A8: holds of|F8, F20: 0 must be held|A8: too much {LedgerEntry\(at=\d+, kind='hold_expired'",
)
def hold_is_valid_at_its_expiry(soil: Soil) -> None:
    """A21: the hold still reserves at 7,200,000 ms."""
    sound = holds.expires_at_ms

    def expires_at_ms(*arguments: Any) -> int | None:
        expiry = sound(*arguments)
        return None if expiry is None else expiry + 1

    soil.plant(rentals, "expires_at_ms", expires_at_ms)


@canary(
    "test_timeouts.py::test_f20_a_hold_expires_to_the_millisecond_whenever_it_was_placed",
    shows=r"F20: 287/4000 is held two hours later",
)
def holds_expire_when_a_sweeper_comes_by(soil: Soil) -> None:
    """F20: a hold is over at the next full minute."""
    sound = holds.expires_at_ms

    def expires_at_ms(*arguments: Any) -> int | None:
        expiry = sound(*arguments)
        return None if expiry is None else -(-expiry // SWEEP_MS) * SWEEP_MS

    soil.plant(rentals, "expires_at_ms", expires_at_ms)


@canary(
    "test_timeouts.py::test_f20_the_credit_of_an_expired_hold_can_be_held_again",
    shows=r"assert 402 in \{200, 201, 202\}",
)
def an_expired_hold_still_counts(soil: Soil) -> None:
    """F20: a rent is refused for the credit of a hold that is over."""
    sound = rentals.Rentals.check_rent

    def check_rent(self: rentals.Rentals, command: Any) -> RentPlan:
        plan = sound(self, command)
        expired = [one.hold.amount_micros for one in self.live_of(command.account) if one.hold.status == "expired"]
        missing = plan.hold_micros + sum(expired) - self._ledger.available(command.account)
        if missing > 0:
            raise InsufficientCredit("the holds exceed the available balance", amount_needed_micros=missing)
        return plan

    soil.plant(rentals.Rentals, "check_rent", check_rent)


@canary(
    "test_events.py::test_a20_failed_provisioning_costs_nothing",
    shows=r"held=Fraction\([1-9]\d*, \d+\)\) == Account\(.*, held=Fraction\(0, 1\)\)",
)
def failed_provisioning_leaves_its_hold(soil: Soil) -> None:
    """A20: the hold of a rental that never ran stays behind."""
    sound = rentals.Rentals.end

    def end(self: rentals.Rentals, rental: Rental, reason: Any, *why: Any) -> None:
        if reason == "provisioning_failed":
            rental.hold.status = "expired"
        sound(self, rental, reason, *why)

    soil.plant(rentals.Rentals, "end", end)


@canary(
    "test_rentals.py::test_a11_a_second_delete_gives_the_same_rental_and_bills_nothing",
    shows=r"\(world\.accounts\(\), world\.ledger\(\)\) == after\n.*'kind': 'rental_settled'",
    machine=r"A8: balance of|F15: the balance must be|A8: a ledger entry is there twice",
)
def deleting_again_bills_again(soil: Soil) -> None:
    """A11: a second DELETE settles a second time."""
    sound = gpu.terminate_rental

    async def terminate_rental(exchange: Any) -> replies.Reply:
        rental = _rental_of(exchange)
        if rental is not None and rental.terminated_ms is not None and rental.billed_micros:
            _settle(exchange, rental, 0)
        return await sound(exchange)

    soil.plant(gpu, "terminate_rental", terminate_rental)


@canary(
    "test_rentals.py::test_a11_deletes_at_once_settle_once", shows=r"count\(.rental_settled.\) == 1\n.*assert 2 == 1"
)
def parallel_deletes_capture_twice(soil: Soil) -> None:
    """A11: a DELETE looks, lets another one in, and then settles all the same."""
    sound = gpu.terminate_rental
    looking: dict[str, asyncio.Event] = {}

    async def terminate_rental(exchange: Any) -> replies.Reply:
        rental = _rental_of(exchange)
        if rental is None or rental.terminated_ms is not None:
            return await sound(exchange)
        other = looking.get(rental.rental_id)
        if other is not None:
            other.set()
        else:
            looking[rental.rental_id] = other = asyncio.Event()
            try:
                async with asyncio.timeout(SECONDS_TO_MEET):
                    await other.wait()
            except TimeoutError:
                pass
            finally:
                del looking[rental.rental_id]  # after a reset the id comes again
            if rental.billed_micros:
                _settle(exchange, rental, rental.hold.amount_micros)
        return await sound(exchange)

    soil.plant(gpu, "terminate_rental", terminate_rental)


def _rental_of(exchange: Any) -> Rental | None:
    simulation: Simulation = exchange.world.simulation
    return simulation.rentals.by_id.get(rental_id_in(exchange.scope["path"]))


def _settle(exchange: Any, rental: Rental, held: int) -> None:
    simulation: Simulation = exchange.world.simulation
    charge = rental.billed_micros
    assert charge is not None
    simulation.ledger.post(RentalSettled(simulation.now_ms, rental.account, rental.rental_id, held, charge))
