"""The making of a renter's policy, from the name and the options in the scenario."""

import os
import sys
from collections.abc import Callable, Collection
from functools import cache
from hashlib import blake2b
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import NamedTuple, cast

from ...core.kernel.names import did_you_mean
from ...core.scenario.experiment.renters import RenterSpec
from ..renting.policy import Luck, Policy
from .problems import PolicyNotFound, PolicyUnfit


class _Shipped(NamedTuple):
    """Where a shipped policy is, and what it needs. `tick` and `deadline` are about jobs."""

    module: str
    name: str
    jobs: bool = True
    service: bool = True
    tick: bool = False
    deadline: bool = False
    spot: bool = False
    on_demand: bool = False


SHIPPED = {
    "on_demand": _Shipped("ranked", "OnDemand", on_demand=True),
    "pinned": _Shipped("ranked", "Pinned"),
    "cheapest": _Shipped("ranked", "Cheapest"),
    "most_reliable": _Shipped("ranked", "MostReliable"),
    "cheapest_per_useful_hour": _Shipped("ranked", "CheapestPerUsefulHour"),
    "greedy": _Shipped("deadline", "Greedy", service=False, tick=True, spot=True, on_demand=True),
    "omniscient": _Shipped("omniscient", "Omniscient", service=False, tick=True),
    "even_spread": _Shipped("zones", "EvenSpread", jobs=False, spot=True),
    "round_robin": _Shipped("zones", "RoundRobin", jobs=False, spot=True),
    "spot_hedge": _Shipped("zones", "SpotHedge", jobs=False, spot=True, on_demand=True),
    "uniform_progress": _Shipped(
        "deadline", "UniformProgress", service=False, tick=True, deadline=True, spot=True, on_demand=True
    ),
}
"""The shipped policies by name."""

_PLAIN = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def load_policy(spec: RenterSpec, luck: Luck) -> Policy:
    """A policy for one job or service of the renter. `luck` goes to a policy that has an attribute of that name.

    Raises PolicyNotFound, or PolicyUnfit where the class does not take the options or cannot do the renter's work.
    """
    shipped = SHIPPED.get(spec.policy)
    if shipped is not None:
        _check_fit(spec, shipped)
    policy = _made(spec, _policy_class(spec.policy))
    try:
        if hasattr(policy, "luck"):
            policy.luck = luck
    except Exception as error:  # a class is anybody's code: it may have a `luck` that nobody can set
        raise PolicyUnfit(f'renter "{spec.name}": policy "{spec.policy}" cannot be given its luck: {error}') from error
    return policy


def check_offers(spec: RenterSpec, spot: Collection[bool]) -> None:
    """Raise PolicyUnfit where the policy needs a kind of offer that the renter may never rent.

    `spot` has the field of that name of all the offers that it may rent, listed or not.
    """
    shipped = SHIPPED.get(spec.policy)
    if shipped is None:
        return
    for needed, value in ((shipped.on_demand, False), (shipped.spot, True)):
        if needed and value not in spot:
            raise PolicyUnfit(
                f'renter "{spec.name}": policy "{spec.policy}" needs an offer with `spot: {str(value).lower()}`, and'
                " none of those that the renter may rent is one"
            )


def _check_fit(spec: RenterSpec, shipped: _Shipped) -> None:
    """Raise PolicyUnfit where the shipped policy cannot do the renter's work."""
    lacks: str | None = None
    if spec.jobs is not None and not shipped.jobs:
        lacks = "is for a service, not for jobs"
    elif spec.service is not None and not shipped.service:
        lacks = "is for jobs, not for a service"
    elif shipped.tick and spec.tick is None:
        lacks = "decides at ticks: give the renter a `tick`"
    elif shipped.deadline and spec.jobs is not None and spec.jobs.deadline is None:
        lacks = "works towards a deadline: give the jobs a `deadline`"
    if lacks is not None:
        raise PolicyUnfit(f'renter "{spec.name}": policy "{spec.policy}" {lacks}')


@cache
def policy_source(name: str) -> str:
    """The digest of the file of one's own policy, whose name is `module:Class`; empty for a shipped one. Raises
    PolicyNotFound."""
    if name in SHIPPED:
        return ""
    file = getattr(sys.modules.get(_policy_class(name).__module__), "__file__", None)
    return "" if file is None else blake2b(Path(file).read_bytes(), digest_size=16).hexdigest()


@cache
def _policy_class(name: str) -> Callable[..., object]:
    """The class of that name: shipped, or `module:Class`."""
    shipped = SHIPPED.get(name)
    if shipped is not None:
        return _class_in(f"{__package__}.{shipped.module}", shipped.name, name)
    module, colon, class_name = name.partition(":")
    if not colon:
        raise PolicyNotFound(
            f'policy: "{name}" is none of the shipped policies, nor `module:Class`{did_you_mean(name, SHIPPED)}'
            f" (shipped: {', '.join(SHIPPED)})"
        )
    # A script's own folder is where Python looks too; here it comes last, so that nothing in it can take the place
    # of what is installed. It stays, since the module may import others later.
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    return _class_in(module, class_name, name)


def _class_in(module: str, class_name: str, name: str) -> Callable[..., object]:
    """The class of a module. Raises PolicyNotFound, with the nearest class that is there."""
    try:
        loaded = import_module(module)
    except (ImportError, SyntaxError) as error:
        raise PolicyNotFound(f'policy: "{name}" cannot be loaded: {error}') from error
    except (Exception, SystemExit) as error:  # a module is anybody's code, which runs as it is loaded
        raise PolicyNotFound(f'policy: "{name}" cannot be loaded: {type(error).__name__}: {error}') from error
    found = vars(loaded).get(class_name)
    if not isinstance(found, type) or not callable(getattr(found, "decide", None)):
        there = [known for known, value in vars(loaded).items() if callable(getattr(value, "decide", None))]
        complaint = f"has no class {class_name}" if found is None else f"{class_name} is no class with a method decide"
        raise PolicyNotFound(f'policy: "{name}": {module}: {complaint}{did_you_mean(class_name, there)}')
    return cast("Callable[..., object]", found)


@cache
def _parameters(policy_class: Callable[..., object]) -> dict[str, Parameter]:
    return dict(signature(policy_class).parameters)


def _made(spec: RenterSpec, policy_class: Callable[..., object]) -> Policy:
    """The policy, made with the options. Raises PolicyUnfit with the nearest name where it does not take one."""
    parameters = _parameters(policy_class)
    takes_any = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values())
    named = [name for name, parameter in parameters.items() if parameter.kind not in _NAMELESS]
    where = f'renter "{spec.name}": policy "{spec.policy}"'
    for option, value in spec.options.items():
        if option not in named:
            if takes_any:
                continue
            takes = f"it takes {', '.join(named) or 'none'}"
            raise PolicyUnfit(f'{where} has no option "{option}"{did_you_mean(option, named)} ({takes})')
        expected = parameters[option].annotation
        if expected in _PLAIN and not _is_a(value, expected):
            raise PolicyUnfit(f"{where}: option {option} must be {_PLAIN[expected]}, not {value!r}")
    for name in named:
        if name not in spec.options and parameters[name].default is Parameter.empty:
            raise PolicyUnfit(f'{where} needs the option "{name}"')
    try:
        return cast("Policy", policy_class(**spec.options))
    except ValueError as error:
        raise PolicyUnfit(f"{where}: {error}") from error
    except (Exception, SystemExit) as error:  # a class is anybody's code
        raise PolicyUnfit(f"{where} cannot be made: {type(error).__name__}: {error}") from error


_NAMELESS = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD, Parameter.POSITIONAL_ONLY)


def _is_a(value: str | float | bool, expected: type) -> bool:
    """True if an option's value is of a type; a whole number is a number, but true is none."""
    if expected is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is expected
