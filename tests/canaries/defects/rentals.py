"""Defects in a rental's life and in who sees it: F11, F12, A2, A13, A19, A22."""

from typing import Any

from gpu_sim.api import gpu, replies
from gpu_sim.api.exchange import rental_id_in
from gpu_sim.core.events import Cause, Reason
from gpu_sim.core.rentals.rental import Rental
from gpu_sim.core.rentals.rentals import Rentals
from gpu_sim.core.simulation import Simulation

from ..registry import Soil, canary


@canary(
    "test_rentals.py::test_a13_the_rental_of_another_account_is_not_found",
    shows=r"must be 404: GET /v1/gpu/rentals/rent_\w+ -> 200",
    machine=r"must fail with \['rental_not_found'\]",
)
def rentals_are_visible_to_everybody(soil: Soil) -> None:
    """A13: another account's rental is answered."""
    sound = Rentals.find

    def find(self: Rentals, rental_id: str, account: str | None = None) -> Rental:
        return sound(self, rental_id)

    soil.plant(Rentals, "find", find)


@canary(
    "test_rentals.py::test_a2_an_interrupted_rental_is_terminated", shows=r"F11 \$\.status: 'interrupted' is not one"
)
def interrupted_is_a_status(soil: Soil) -> None:
    """F11: the API shows a fourth status."""
    sound = gpu.rental_view

    def rental_view(world: Any, rental: Rental) -> dict[str, Any]:
        view = sound(world, rental)
        return {**view, "status": "interrupted"} if rental.reason == "interrupted" else view

    soil.plant(gpu, "rental_view", rental_view)


@canary(
    "test_rentals.py::test_f13_a_deleted_rental_is_over_whoever_looks_and_costs_no_more",
    shows="F13: the rental is not what its DELETE answered",
    machine=r"A8: balance of \w+ in the ledger",
)
def a_deleted_rental_runs_on(soil: Soil) -> None:
    """F13: a DELETE says that it is over, and it goes on and is billed."""
    sound = Rentals.end

    def end(self: Rentals, rental: Rental, reason: Reason, cause: Cause | None = None) -> None:
        if reason != "deleted":
            sound(self, rental, reason, cause)
            return
        # What an operator can stage: the service never does it.
        rental.end_held = True
        self.hold_delete(rental)

    soil.plant(Rentals, "end", end)


@canary("test_timeouts.py::test_a19_looking_is_no_activity", shows=r"assert 'running' == 'terminated'")
def looking_is_activity(soil: Soil) -> None:
    """A19: a GET changes when the rental ends."""
    sound = gpu.get_rental

    async def get_rental(exchange: Any) -> replies.Reply:
        reply = await sound(exchange)
        simulation: Simulation = exchange.world.simulation
        rental = simulation.rentals.by_id[rental_id_in(exchange.scope["path"])]
        if rental.status == "running":
            simulation.rentals.touch(rental)
        return reply

    soil.plant(gpu, "get_rental", get_rental)


@canary(
    "test_rent.py::test_a22_the_id_of_an_ended_rental_is_never_used_again",
    shows=r"A22: rent_\w+ is the id of a rental that ended",
)
def ids_are_used_again(soil: Soil) -> None:
    """A22: the next rental takes the id of one that is over."""
    sound = Rentals.place

    def place(self: Rentals, plan: Any) -> Rental:
        account, offer = plan.command.account, plan.offer
        self._ordinals[account, offer.name] = sum(one.offer is offer for one in self.live_of(account))
        return sound(self, plan)

    soil.plant(Rentals, "place", place)
