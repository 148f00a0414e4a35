"""The lists of a world as a test reads them, whole: its accounts, ledger, events and rentals."""

from typing import Any

from ..client.control_client import ControlClient, Page
from .arguments import Several, Time, list_query
from .records import Account, Entry, Rental


class WorldLists:
    """Reads the lists of one world, page by page."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    def accounts(self) -> dict[str, Account]:
        """Every account by name, with its money in US dollars (F16)."""
        return {account.name: account for account in self._control.items("accounts", Page[Account])}

    def ledger(
        self,
        *,
        type: Several = None,  # noqa: A002  # the filter's own name
        account: Several = None,
        rental_id: Several = None,
        since: Time = None,
    ) -> list[Entry]:
        """Every entry of the ledger, or those that pass the filters, oldest first; amounts are in US dollars (A8).

        Each filter takes one or several values; `since` is an instant, or so long before now in virtual time.
        """
        query = list_query(type=type, account=account, rental_id=rental_id, since=since)
        return self._control.items("ledger", Page[Entry], query)

    def events(
        self,
        *,
        type: Several = None,  # noqa: A002  # the filter's own name
        account: Several = None,
        rental_id: Several = None,
        since: Time = None,
    ) -> list[dict[str, Any]]:
        """Every event that the world holds, or those that pass the filters, oldest first: each has `seq`, `at`, `type`
        and the fields of its type. For the filters see `ledger`."""
        query = list_query(type=type, account=account, rental_id=rental_id, since=since)
        return self._control.items("events", Page[dict[str, Any]], query)

    def rentals(
        self,
        *,
        status: Several = None,
        account: Several = None,
        rental_id: Several = None,
        provider: str | None = None,
        gpu_model: str | None = None,
        region: str | None = None,
        since: Time = None,
    ) -> list[Rental]:
        """Every rental of the world, whoever made it, or those that pass the filters, oldest first (F11). For the
        filters see `ledger`; `since` is about when they were created."""
        chosen = list_query(status=status, account=account, rental_id=rental_id, since=since)
        offers = list_query(provider=provider, gpu_model=gpu_model, region=region)
        return self._control.items("rentals", Page[Rental], chosen | offers)
