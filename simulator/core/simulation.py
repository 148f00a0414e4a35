"""The one mutable root of a world's market and money."""

from collections.abc import Iterator

from msgspec import Struct

from .clock import DEFAULT_START, epoch_ms
from .commands import (
    AddCredit,
    Command,
    CreateAccount,
    HideRental,
    InterruptRental,
    MoveRental,
    PlayAct,
    RentGpu,
    TerminateRental,
    TouchRental,
)
from .errors import AccountExists, AccountNotFound, InvalidValue
from .events import AccountCreated
from .idempotency import Key, Keys
from .interventions import Interventions, is_so_already
from .journal import Journal, Recorded
from .ledger import CreditAdded, Ledger
from .names import NAME_PATTERN, is_name
from .offers import Market
from .rental import Rental
from .rentals import Rentals, RentPlan
from .scenario import Scenario, opening_offers
from .schedule import Schedule
from .timeline import Timeline

AMOUNT_MICROS_MAX = 10**18
"""No single amount is above a million million dollars."""


class Accepted(Struct, frozen=True, gc=False):
    """A command that nothing speaks against, good until anything else happens. `apply` cannot refuse it."""

    command: Command
    plan: RentPlan | None = None
    rental: Rental | None = None
    key: Key | None = None
    replayed: bool = False
    turn: int = 0


class Simulation:
    """A market, its customers and their money under one scenario, one seed and one virtual clock.

    All that happens to it is `apply(check(command))` or `advance(to_ms)`; reads never change it. Times are
    whole ms since the start, money whole micro-dollars.
    """

    def __init__(self, scenario: Scenario, *, seed: int | None = None, start_epoch_ms: int | None = None) -> None:
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        default_start = scenario.clock.start if scenario.clock.start is not None else epoch_ms(DEFAULT_START)
        self.start_epoch_ms = default_start if start_epoch_ms is None else start_epoch_ms
        self.accounts: dict[str, None] = {}
        self._turn = 0
        self._keys = Keys()
        self._schedule = Schedule()
        self._journal = Journal(scenario, self.seed, self.start_epoch_ms)
        record = self._journal.events.append
        self.ledger = Ledger(record)
        self.market = Market(
            opening_offers(scenario.market),
            scenario.market.prices,
            self.seed,
            self._schedule,
            record,
            full=scenario.journal == "full",
        )
        self.rentals = Rentals(scenario, self.seed, self._schedule, self.market, self.ledger, record)
        for account in scenario.accounts:
            self._open_account(account.name, int(account.balance))
        self._interventions = Interventions(self._schedule, self.rentals, record)
        self.timeline = Timeline(
            scenario.timeline,
            self._schedule,
            self.market,
            self.rentals,
            self._interventions,
            record,
            self._perform,
        )
        self.advance(0)

    # Time

    @property
    def now_ms(self) -> int:
        """Virtual ms since the start."""
        return self._schedule.now_ms

    def step(self, until_ms: int) -> bool:
        """Run all events of the next instant at or before `until_ms` and say so; with none left, move there and say
        no."""
        self._turn += 1
        return self._schedule.step(until_ms)

    def advance(self, to_ms: int) -> None:
        """Run everything due at or before `to_ms`, which is not in the past, and move there."""
        self._turn += 1
        self._schedule.run(to_ms)

    # Commands

    def check(self, command: Command, key: Key | None = None) -> Accepted:
        """Say whether a command can be applied now. Raises a Refusal, and changes nothing either way."""
        if isinstance(command, RentGpu):
            return self._check_rent(command, key)
        if isinstance(command, TerminateRental):
            rental = self.rentals.find(command.rental_id, command.account)
            return Accepted(command, rental=rental, turn=self._turn)
        if isinstance(command, TouchRental | InterruptRental | MoveRental | HideRental):
            return Accepted(command, rental=self._check_act_on(command), turn=self._turn)
        if isinstance(command, PlayAct):
            self.market.check_selector(command.act)
            return Accepted(command, turn=self._turn)
        if isinstance(command, CreateAccount):
            _check_amount("balance", command.balance_micros, least=0)
            if not is_name(command.account):
                raise InvalidValue(f"a name is {NAME_PATTERN}", param="name")
            if command.account in self.accounts:
                raise AccountExists(f'the account "{command.account}" is there already', param="name")
            return Accepted(command, turn=self._turn)
        _check_amount("amount", command.amount_micros, least=1)
        self._check_account(command.account)
        return Accepted(command, turn=self._turn)

    def apply(self, accepted: Accepted) -> Rental | None:
        """Let an accepted command happen, and answer the rental that it concerns. It cannot be refused."""
        assert accepted.turn == self._turn, "something happened between check and apply"
        self._turn += 1
        command, rental = accepted.command, accepted.rental
        if accepted.replayed or _changes_nothing(command, rental):
            return rental
        self._journal.accept(self.now_ms, command)
        return self._happen(accepted)

    def execute(self, command: Command, key: Key | None = None) -> Rental | None:
        """`apply(check(command))`."""
        return self.apply(self.check(command, key))

    def write_down(self, line: Struct) -> None:
        """Note in the journal what was decided beside the simulation, such as a fault. Nothing else changes."""
        self._journal.accept(self.now_ms, line)

    # Reads

    @property
    def events(self) -> list[Recorded]:
        """Everything that happened, in order: number i has `seq` i + 1. Read only."""
        return self._journal.events

    @property
    def events_total(self) -> int:
        """How many events there have been: the `seq` of the latest."""
        return len(self._journal.events)

    def journal(self) -> Iterator[bytes]:
        """The lines of the journal up to now."""
        return self._journal.export(self.now_ms)

    # Behind the line

    def _check_rent(self, command: RentGpu, key: Key | None) -> Accepted:
        self._check_account(command.account)
        self.market.check_names(command.provider_id, command.gpu_model, command.region)
        if command.gpu_count < 1:
            raise InvalidValue("gpu_count must be at least 1", param="gpu_count")
        if key is not None:
            known = self._keys.find(command.account, key, self.now_ms)
            if known is not None:
                rental = self.rentals.find(known)
                return Accepted(command, rental=rental, replayed=True, turn=self._turn)
        return Accepted(command, plan=self.rentals.check_rent(command), key=key, turn=self._turn)

    def _check_act_on(self, command: TouchRental | InterruptRental | MoveRental | HideRental) -> Rental:
        rental = self.rentals.find(command.rental_id)
        if isinstance(command, TouchRental):
            self.rentals.check_running(rental)
        elif isinstance(command, InterruptRental):
            self.rentals.check_live(rental)
        elif isinstance(command, MoveRental):
            self._interventions.check_move(rental, command)
        return rental

    def _check_account(self, account: str) -> None:
        if account not in self.accounts:
            raise AccountNotFound(f'no account "{account}"')

    def _happen(self, accepted: Accepted) -> Rental | None:
        command, rental = accepted.command, accepted.rental
        if accepted.plan is not None:
            rental = self.rentals.place(accepted.plan)
            if accepted.key is not None:
                self._keys.store(rental.account, accepted.key, rental.rental_id, self.now_ms)
        elif isinstance(command, CreateAccount):
            self._open_account(command.account, command.balance_micros)
        elif isinstance(command, AddCredit):
            self.ledger.post(CreditAdded(self.now_ms, command.account, command.amount_micros))
            self.rentals.await_exhaustion(command.account)
        elif isinstance(command, PlayAct):
            self.timeline.play(command)
        else:
            assert rental is not None
            self._happen_to(rental, command)
        return rental

    def _happen_to(self, rental: Rental, command: Command) -> None:
        if isinstance(command, TerminateRental):
            self.rentals.end(rental, "deleted")
        elif isinstance(command, TouchRental):
            self.rentals.touch(rental)
        elif isinstance(command, MoveRental):
            self._interventions.move(rental, command)
        elif isinstance(command, HideRental):
            self._interventions.hide(rental, hidden=command.hidden)
        else:
            self.rentals.end(rental, "interrupted", "forced")

    def _open_account(self, name: str, balance_micros: int) -> None:
        self.accounts[name] = None
        self._journal.events.append(AccountCreated(self.now_ms, name))
        if balance_micros:
            self.ledger.post(CreditAdded(self.now_ms, name, balance_micros))

    def _perform(self, command: Command) -> Rental | None:
        """A command of the timeline: the journal's header has it already."""
        accepted = self.check(command)
        if _changes_nothing(command, accepted.rental):
            return accepted.rental
        return self._happen(accepted)


def _changes_nothing(command: Command, rental: Rental | None) -> bool:
    """Whether what is asked for is so already."""
    if rental is None:
        return False
    if isinstance(command, TerminateRental):
        return rental.terminated_ms is not None
    return isinstance(command, MoveRental | HideRental) and is_so_already(rental, command)


def _check_amount(param: str, micros: int, *, least: int) -> None:
    if not least <= micros <= AMOUNT_MICROS_MAX:
        raise InvalidValue(f"{param} must be between {least} and {AMOUNT_MICROS_MAX} micro-dollars", param=param)
