"""Fault rules on the control plane: listing them with their counters, adding and removing them."""

from typing import Any

import msgspec
from msgspec import Struct

from ...core.faults.counted_rule import RuleState
from ...core.kernel.errors import InvalidValue
from ...core.scenario.fault_effects import FaultEffect
from ...core.scenario.fault_rules import FaultRule, FaultTarget, FaultWhen, rule_problems
from ...notation import encode_quantity, fixed_document, is_duration_alone, shorten_distribution
from ...worlds import faults
from ...worlds.world import World
from ..exchange import Exchange
from ..queries.list_queries import NamedListQuery
from ..replies import Reply, json_reply
from .call_decoding import EmptyBody, body_as, enter_world
from .lists import page


class NewFault(Struct, forbid_unknown_fields=True, kw_only=True):
    """A rule to add; a missing name is generated."""

    name: str | None = None
    """The rule's name, 1 to 64 of A-Z a-z 0-9 _ -; made up unless given, and one that is there is replaced."""
    on: FaultTarget = FaultTarget()
    """The requests that it is about; all unless given."""
    effect: FaultEffect
    """The misbehaviour that they meet."""
    when: FaultWhen = FaultWhen()
    """At which of them it acts."""


async def list_faults(exchange: Exchange) -> Reply:
    """List rules in their order, with their counters."""
    world, query = await enter_world(exchange, NamedListQuery)
    return await page(
        world,
        query,
        lambda: {state.rule.name: state for state in world.faults.state()},
        lambda _, state: _view(state),
        lambda name, _: world.faults.number(name),
    )


async def add_fault(exchange: Exchange) -> Reply:
    """Add a rule, or replace the one of the same name; its counters begin at zero."""
    wanted = body_as(exchange, NewFault, write_out=_write_out)
    world, _ = await enter_world(exchange)
    names = [state.rule.name for state in world.faults.state()]
    name = wanted.name
    if name is None:
        name = next(free for i in range(len(names) + 1) if (free := f"fault-{i + 1}") not in names)
    try:
        rule = FaultRule(name=name, on=wanted.on, effect=wanted.effect, when=wanted.when)
    except ValueError as error:
        raise InvalidValue(str(error), param="effect") from None
    _check(rule, world)
    faults.add_fault(world, rule)
    return json_reply(201, _view(next(state for state in world.faults.state() if state.rule.name == name)))


async def remove_fault(exchange: Exchange) -> Reply:
    """Remove a rule."""
    body_as(exchange, EmptyBody)
    world, _ = await enter_world(exchange)
    faults.remove_fault(world, exchange.scope["path_params"]["name"])
    return Reply(204, b"")


def _check(rule: FaultRule, world: World) -> None:
    """Raise InvalidValue for a rule that can never match a request."""
    simulation = world.simulation
    for path, problem in rule_problems(rule, simulation.accounts, simulation.market.names, added_ms=simulation.now_ms):
        raise InvalidValue(problem, param=".".join(str(step) for step in path))


def _write_out(body: dict[str, Any]) -> dict[str, str]:
    effect = body.get("effect")
    if not isinstance(effect, dict) or not is_duration_alone(effect.get("delay")):
        return {}
    effect["delay"] = fixed_document(effect["delay"])
    return {"effect.delay.fixed": "effect.delay"}


def _view(state: RuleState) -> dict[str, Any]:
    """A rule in the form in which it is posted, with its counters in total and, as it counts, per account or rental."""
    rule = state.rule
    target, effect, when = (
        msgspec.to_builtins(part, enc_hook=encode_quantity) for part in (rule.on, rule.effect, rule.when)
    )
    if "delay" in effect:
        effect["delay"] = shorten_distribution(effect["delay"])
    counts = {each.of: {"hits": each.hits, "spent": each.spent} for each in state.counts}
    shown = {"name": rule.name, "on": target, "effect": effect, "when": when, "hits": state.hits, "spent": state.spent}
    if rule.when.per == "rental":
        return {**shown, "accounts": {}, "rentals": counts}
    return {**shown, "accounts": {} if rule.when.per == "world" else counts}
