"""Decisions about a world's fault rules and changes to them, each saved before it is made."""

from ..core.faults.injection import Injection
from ..core.faults.lines import FaultDecision, FaultRuleAdded, FaultRuleRemoved, FaultRulesReset
from ..core.scenario.fault_rules import FaultRule, OfferName, Operation
from .state_files.input import Input
from .world import World

_LINES_PER_TIDYING = 64  # a decision leaves but one line of the journal


def decide_fault(
    world: World, operation: Operation, account: str, offer: OfferName | None, rental: str = ""
) -> Injection | None:
    """The injection, if any, that the fault rules choose for a request that arrives now; `offer` and `rental` are those
    that it is about, if any. Raises StateUnavailable."""
    faults, simulation = world.faults, world.simulation
    matched = faults.matching(operation, account, offer, rental)
    if not matched:
        return None
    world.commit(Input(fault=FaultDecision(account, operation, matched, None, rental)))
    injection = faults.decide_among(matched, operation, account, simulation.now_ms, rental)
    if simulation.lines_held % _LINES_PER_TIDYING == 0:
        world.tidy()
    return injection


def add_fault(world: World, rule: FaultRule) -> None:
    """Add a rule, or replace the one of its name. Raises StateUnavailable."""
    world.commit(Input(fault=FaultRuleAdded(rule)))
    world.faults.add(rule, world.simulation.now_ms)


def remove_fault(world: World, name: str) -> None:
    """Remove a rule. Raises FaultNotFound or StateUnavailable."""
    world.faults.check_known(name)
    world.commit(Input(fault=FaultRuleRemoved(name)))
    world.faults.remove(name)


def reset_faults(world: World) -> None:
    """Replace the rules by the scenario's, counting from zero as if they were added now. Raises StateUnavailable."""
    world.commit(Input(fault=FaultRulesReset()))
    world.faults.reset(world.simulation.now_ms)
