"""The table of the commands' rules."""

from typing import get_args

from gpu_sim.core.command_rules import COMMAND_RULES
from gpu_sim.core.commands import Command


def test_each_command_has_a_rule() -> None:
    assert list(COMMAND_RULES) == list(get_args(Command))
