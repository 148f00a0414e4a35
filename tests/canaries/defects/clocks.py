"""Defects in time and in what comes due: F19, A19, A21, A23."""

from typing import Any

from gpu_sim.api.control import clock
from gpu_sim.core.kernel.schedule import Priority, Schedule
from gpu_sim.core.rentals import rentals
from gpu_sim.core.rentals.rental import Rental
from gpu_sim.core.rentals.rentals import Rentals
from gpu_sim.worlds.world import World

from ..registry import Soil, canary


@canary(
    "test_timeouts.py::test_a19_activity_begins_the_fifteen_minutes_anew",
    shows=r"'terminated' == 'running'",
    machine=r"A8: balance of|A19: touching|F15: the balance must be|idle_timeout",
)
def a_touch_is_no_activity(soil: Soil) -> None:
    """A19: the idle time does not start anew."""

    def touch(self: Rentals, rental: Rental) -> None:
        pass

    soil.plant(Rentals, "touch", touch)


@canary("test_timeouts.py::test_f19_nothing_sent_for_fifteen_minutes_ends_a_rental", shows=r"\('running', None\) == \(")
def idleness_ends_a_millisecond_late(soil: Soil) -> None:
    """A21: at the instant of the timeout the rental still runs."""
    sound = Schedule.at

    def at(self: Schedule, due_ms: int, priority: int, subject: object) -> int:
        return sound(self, due_ms + (priority == Priority.IDLE_TIMEOUT), priority, subject)

    soil.plant(Schedule, "at", at)


@canary("test_events.py::test_f19_being_provisioned_is_not_being_idle", shows=r"'terminated' == 'provisioning'")
def provisioning_counts_as_idle(soil: Soil) -> None:
    """F19: the fifteen minutes begin with the rent."""
    sound = Rentals.place

    def place(self: Rentals, plan: Any) -> Rental:
        rental = sound(self, plan)
        self._await_idleness(rental)
        return rental

    def is_transition(*_: object) -> bool:
        return True  # the table has no such end: without this the server would fail rather than be wrong

    soil.plant(Rentals, "place", place)
    soil.plant(rentals, "is_transition", is_transition)


@canary("test_rentals.py::test_a23_time_never_goes_back", shows=r"A23: the clock went back by 10000 ms")
def the_clock_can_be_put_back(soil: Soil) -> None:
    """A23: an instant that is over can be advanced to."""
    sound_target, sound_step = clock._target_ms, Schedule.step

    def target_ms(world: World, wanted: Any) -> int:
        if wanted.to is None:
            return sound_target(world, wanted)
        there: int = wanted.to - world.simulation.start_epoch_ms
        return there

    def step(self: Schedule, until_ms: int) -> bool:
        self.now_ms = min(self.now_ms, until_ms)
        return sound_step(self, until_ms)

    soil.plant(clock, "_target_ms", target_ms)
    soil.plant(Schedule, "step", step)


@canary(
    "test_timeouts.py::test_a21_one_advance_lets_a_whole_life_happen", shows=r"A21: the idle timeout was passed over"
)
def an_advance_skips_what_begins_on_the_way(soil: Soil) -> None:
    """A21: only what was pending before the advance comes due in it."""
    sound = Schedule.step

    def step(self: Schedule, until_ms: int) -> bool:
        known = self.scheduled
        while self._heap and self._heap[0][0] <= until_ms:
            due_ms, _, ticket, _ = self._heap[0]
            if ticket >= known:
                self.cancel(ticket)
            sound(self, due_ms)
        return sound(self, until_ms)

    soil.plant(Schedule, "step", step)
