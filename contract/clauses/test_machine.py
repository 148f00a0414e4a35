"""The state machine: random histories, judged by the reference model. Its rules are in `model/machine.py`."""

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from ..model.machine import machine_for
from ..model.profiles import shortest_histories_first
from ..target.target import Target


def test_f16_every_answer_and_every_balance_is_as_the_model_predicts(
    world: Target, other_world: Target | None, profile: settings
) -> None:
    for histories in shortest_histories_first(profile):
        run_state_machine_as_test(machine_for(world, other_world), settings=histories)
