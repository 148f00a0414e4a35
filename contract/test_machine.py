"""Random histories against the model; see `machine.py` for the rules and what must hold after each."""

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from .machine import machine_for
from .target import Target


def test_f16_every_answer_and_every_balance_is_as_the_model_foretells(target: Target, profile: settings) -> None:
    target.require_still_market()
    run_state_machine_as_test(machine_for(target), settings=profile)
