"""The rules of the commands: for each, a check that changes nothing and an execution that cannot be refused."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct

from .accepted import Accepted
from .billing.accounts import Accounts
from .commands import (
    AddCredit,
    CreateAccount,
    EndAct,
    HideRental,
    InterruptRental,
    MoveRental,
    PlayAct,
    RentGpu,
    ResetMarket,
    TerminateRental,
    TouchRental,
)
from .kernel.errors import InvalidValue
from .kernel.schedule import Schedule
from .market.market import Market
from .rentals.idempotency import Key, Keys
from .rentals.interventions import Interventions
from .rentals.rental import Rental
from .rentals.rentals import Rentals
from .timeline import Timeline

_C = TypeVar("_C", bound=Struct)


class SimulationParts(Struct, frozen=True, eq=False):
    """The parts of a simulation that commands read and change."""

    schedule: Schedule
    accounts: Accounts
    keys: Keys
    market: Market
    rentals: Rentals
    interventions: Interventions
    timeline: Timeline


class CommandRule(NamedTuple):
    """The two halves of a command, each given the parts and the command itself.

    `check` raises a Refusal, or accepts the command for this turn; `execute` returns the rental that it concerns. The
    type of the command is Any here, since a table cannot say that each key's rule takes just that key: `_rule` does.
    """

    check: Callable[[SimulationParts, Any, Key | None, int], Accepted]
    execute: Callable[[SimulationParts, Any, Accepted], Rental | None]


def _rule(
    kind: type[_C],
    check: Callable[[SimulationParts, _C, Key | None, int], Accepted],
    execute: Callable[[SimulationParts, _C, Accepted], Rental | None],
) -> tuple[type[Struct], CommandRule]:
    return kind, CommandRule(check, execute)


# Rentals, by their accounts


def _check_rent(parts: SimulationParts, command: RentGpu, key: Key | None, turn: int) -> Accepted:
    # The order is public (A13): the values, then the key, then the state of the market and the money.
    parts.accounts.check_known(command.account)
    parts.market.check_names(command.provider_id, command.gpu_model, command.region)
    if command.gpu_count < 1:
        raise InvalidValue("gpu_count must be at least 1", param="gpu_count")
    if key is not None:
        known = parts.keys.find(command.account, key, parts.schedule.now_ms)
        if known is not None:
            return Accepted(command, rental=parts.rentals.find(known), replayed=True, turn=turn)
    return Accepted(command, plan=parts.rentals.check_rent(command), key=key, turn=turn)


def _rent(parts: SimulationParts, command: RentGpu, accepted: Accepted) -> Rental:
    assert accepted.plan is not None
    rental = parts.rentals.place(accepted.plan)
    if accepted.key is not None:
        parts.keys.store(command.account, accepted.key, rental.rental_id, parts.schedule.now_ms)
    return rental


def _check_terminate(parts: SimulationParts, command: TerminateRental, key: Key | None, turn: int) -> Accepted:
    rental = parts.rentals.find(command.rental_id, command.account)
    is_held = rental.end_held and rental.held_delete_ms is not None
    is_over = rental.terminated_ms is not None
    return Accepted(command, rental=rental, changes_nothing=is_over or is_held, turn=turn)


def _terminate(parts: SimulationParts, command: TerminateRental, accepted: Accepted) -> Rental:
    rental = accepted.target
    if rental.end_held:
        parts.rentals.hold_delete(rental)
    else:
        parts.rentals.end(rental, "deleted")
    return rental


def _check_touch(parts: SimulationParts, command: TouchRental, key: Key | None, turn: int) -> Accepted:
    rental = parts.rentals.find(command.rental_id)
    parts.rentals.check_running(rental)
    return Accepted(command, rental=rental, turn=turn)


def _touch(parts: SimulationParts, command: TouchRental, accepted: Accepted) -> Rental:
    rental = accepted.target
    parts.rentals.touch(rental)
    return rental


# Rentals, by an operator


def _check_interrupt(parts: SimulationParts, command: InterruptRental, key: Key | None, turn: int) -> Accepted:
    rental = parts.rentals.find(command.rental_id)
    parts.interventions.check_interrupt(rental, command)
    is_earlier = parts.interventions.is_interrupted_earlier(rental, command)
    return Accepted(command, rental=rental, changes_nothing=is_earlier, turn=turn)


def _interrupt(parts: SimulationParts, command: InterruptRental, accepted: Accepted) -> Rental:
    rental = accepted.target
    parts.interventions.interrupt(rental, command)
    return rental


def _check_move(parts: SimulationParts, command: MoveRental, key: Key | None, turn: int) -> Accepted:
    rental = parts.rentals.find(command.rental_id)
    parts.interventions.check_move(rental, command)
    is_so_already = parts.interventions.changes_nothing(rental, command)
    return Accepted(command, rental=rental, changes_nothing=is_so_already, turn=turn)


def _move(parts: SimulationParts, command: MoveRental, accepted: Accepted) -> Rental:
    rental = accepted.target
    parts.interventions.move(rental, command)
    return rental


def _check_hide(parts: SimulationParts, command: HideRental, key: Key | None, turn: int) -> Accepted:
    rental = parts.rentals.find(command.rental_id)
    return Accepted(command, rental=rental, changes_nothing=rental.hidden == command.hidden, turn=turn)


def _hide(parts: SimulationParts, command: HideRental, accepted: Accepted) -> Rental:
    rental = accepted.target
    parts.interventions.hide(rental, hidden=command.hidden)
    return rental


# Acts on offers, and accounts


def _check_play(parts: SimulationParts, command: PlayAct, key: Key | None, turn: int) -> Accepted:
    parts.market.check_selector(command.act)
    return Accepted(command, planned_act=parts.timeline.check_play(command), turn=turn)


def _play(parts: SimulationParts, command: PlayAct, accepted: Accepted) -> None:
    parts.timeline.play(command, accepted.act_plan)


def _check_end_act(parts: SimulationParts, command: EndAct, key: Key | None, turn: int) -> Accepted:
    parts.timeline.check_end(command.name)
    return Accepted(command, turn=turn)


def _end_act(parts: SimulationParts, command: EndAct, accepted: Accepted) -> None:
    parts.timeline.end(command.name)


def _check_reset_market(parts: SimulationParts, command: ResetMarket, key: Key | None, turn: int) -> Accepted:
    return Accepted(command, changes_nothing=not len(parts.timeline.in_force), turn=turn)


def _reset_market(parts: SimulationParts, command: ResetMarket, accepted: Accepted) -> None:
    parts.timeline.end_all()


def _check_create(parts: SimulationParts, command: CreateAccount, key: Key | None, turn: int) -> Accepted:
    parts.accounts.check_new(command)
    return Accepted(command, turn=turn)


def _create(parts: SimulationParts, command: CreateAccount, accepted: Accepted) -> None:
    parts.accounts.open(command.account, command.balance_micros, parts.schedule.now_ms)


def _check_credit(parts: SimulationParts, command: AddCredit, key: Key | None, turn: int) -> Accepted:
    parts.accounts.check_credit(command)
    return Accepted(command, turn=turn)


def _credit(parts: SimulationParts, command: AddCredit, accepted: Accepted) -> None:
    parts.accounts.add_credit(command.account, command.amount_micros, parts.schedule.now_ms)
    # After the credit: the balance decides when it will be exhausted.
    parts.rentals.await_exhaustion(command.account)


# A table by type, not `match`: msgspec's metaclass makes a class pattern that does not match cost ten times a look-up.
COMMAND_RULES: Mapping[type[Struct], CommandRule] = dict(
    (
        _rule(RentGpu, _check_rent, _rent),
        _rule(TerminateRental, _check_terminate, _terminate),
        _rule(TouchRental, _check_touch, _touch),
        _rule(InterruptRental, _check_interrupt, _interrupt),
        _rule(MoveRental, _check_move, _move),
        _rule(HideRental, _check_hide, _hide),
        _rule(PlayAct, _check_play, _play),
        _rule(EndAct, _check_end_act, _end_act),
        _rule(ResetMarket, _check_reset_market, _reset_market),
        _rule(CreateAccount, _check_create, _create),
        _rule(AddCredit, _check_credit, _credit),
    )
)
"""The rule of each command."""
