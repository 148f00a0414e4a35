"""The accounts of customers, and the checks of new ones and of payments."""

from collections.abc import Callable, Iterable

from ..commands import AddCredit, CreateAccount
from ..events import AccountCreated
from ..kernel.errors import AccountExists, AccountNotFound, InvalidValue
from ..kernel.names import NAME_PATTERN, is_name
from .ledger import CreditAdded, Ledger

AMOUNT_MICROS_MAX = 10**18
"""No single amount is above a million million dollars."""


class Accounts:
    """The customers of one simulation, whose money is in its ledger."""

    __slots__ = ("_ledger", "_record", "names")

    def __init__(self, ledger: Ledger, record: Callable[[AccountCreated], None]) -> None:
        self.names: dict[str, None] = {}
        """The names in the order in which they were created. Read only."""
        self._ledger = ledger
        self._record = record

    def check_known(self, name: str) -> None:
        """Raises AccountNotFound."""
        if name not in self.names:
            raise AccountNotFound(f'no account "{name}"')

    def check_new(self, command: CreateAccount) -> None:
        """Raises InvalidValue, or AccountExists."""
        # Values before state, as for a rent (A13).
        _check_amount("balance", command.balance_micros, least=0)
        if not is_name(command.account):
            raise InvalidValue(f"a name is {NAME_PATTERN}", param="name")
        if command.account in self.names:
            raise AccountExists(f'the account "{command.account}" is there already', param="name")

    def check_credit(self, command: AddCredit) -> None:
        """Raises InvalidValue, or AccountNotFound."""
        _check_amount("amount", command.amount_micros, least=1)
        self.check_known(command.account)

    def open(self, name: str, balance_micros: int, now_ms: int) -> None:
        """Create an account, with a balance that may be 0."""
        self.names[name] = None
        self._record(AccountCreated(now_ms, name))
        if balance_micros:
            self.add_credit(name, balance_micros, now_ms)

    def add_credit(self, name: str, amount_micros: int, now_ms: int) -> None:
        """Add to what a customer may spend."""
        self._ledger.post(CreditAdded(now_ms, name, amount_micros))

    def restore(self, names: Iterable[str]) -> None:
        """Restore the names; the ledger restores the balances. Raises ValueError unless they are names, and begin with
        those of the scenario."""
        saved, first = tuple(names), tuple(self.names)
        self.names = dict.fromkeys(saved)
        if len(self.names) < len(saved) or saved[: len(first)] != first or not all(map(is_name, saved)):
            raise ValueError("an account has no name, or that of another, or is not where it was at the start")


def _check_amount(param: str, micros: int, *, least: int) -> None:
    if not least <= micros <= AMOUNT_MICROS_MAX:
        raise InvalidValue(f"{param} must be between {least} and {AMOUNT_MICROS_MAX} micro-dollars", param=param)
