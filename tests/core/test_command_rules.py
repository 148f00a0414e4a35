"""The table of the commands' rules."""

from typing import get_args

import pytest
from gpu_sim.core.command_rules import COMMAND_RULES
from gpu_sim.core.commands import Command, TouchRental
from gpu_sim.core.simulation import Simulation

from ..support.builders import scenario


class Touch(TouchRental, frozen=True, gc=False, tag="touch", tag_field="command"):
    """A kind of touch that nobody has a rule for."""


def test_each_command_has_a_rule() -> None:
    assert list(COMMAND_RULES) == list(get_args(Command))


@pytest.mark.parametrize("wrong", [Touch("r"), "touch_rental", TouchRental])
def test_what_has_no_rule_is_our_bug(wrong: Command) -> None:
    with pytest.raises(AssertionError, match=f"^{type(wrong).__name__} has no rule: "):
        Simulation(scenario()).check(wrong)
