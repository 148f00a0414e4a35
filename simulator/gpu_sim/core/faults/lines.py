"""Lines of the journal about faults: decisions on requests, and changes of the rules."""

from msgspec import Struct

from ..scenario.fault_rules import FaultRule, Operation


class FaultDecision(Struct, frozen=True, gc=False, tag="decided", tag_field="fault", omit_defaults=True):
    """A request that these rules matched, and those of them that acted, as `x-sim-fault` names them, if any did.

    `rental` is the rental that it was about, where one of the rules counts per rental.
    """

    account: str
    operation: Operation
    matched: tuple[str, ...]
    injected: str | None
    rental: str = ""


class FaultRuleAdded(Struct, frozen=True, gc=False, tag="rule_added", tag_field="fault"):
    """A rule came, or took the place of the one of its name."""

    rule: FaultRule


class FaultRuleRemoved(Struct, frozen=True, gc=False, tag="rule_removed", tag_field="fault"):
    """A rule went."""

    name: str


class FaultRulesReset(Struct, frozen=True, gc=False, tag="rules_reset", tag_field="fault"):
    """The rules are the scenario's again, and count from zero."""


FaultLine = FaultDecision | FaultRuleAdded | FaultRuleRemoved | FaultRulesReset
