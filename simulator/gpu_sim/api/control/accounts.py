"""Money on the control plane: accounts, credit and the ledger."""

from functools import partial

from msgspec import Struct

from ...core.billing.ledger import Entry
from ...core.commands import AddCredit, CreateAccount
from ...core.kernel.errors import InvalidValue
from ...core.kernel.names import is_token
from ...core.kernel.quantities import Money
from ..exchange import Exchange
from ..queries.list_queries import AccountsQuery, LedgerQuery
from ..queries.page import place_of_number
from ..replies import Reply, json_reply
from .call_decoding import body_as, enter_world
from .lists import Listed, check_accounts, first_since, list_reply, numbered_end, page, record_filter
from .views import OpeningBalance, account_view, entries_of, entry_view


class NewAccount(Struct, forbid_unknown_fields=True):
    """An account to create; a missing name or token is generated."""

    name: str | None = None
    token: str | None = None
    balance: Money = Money(100_000_000)


class NewCredit(Struct, forbid_unknown_fields=True):
    """Credit to add to an account."""

    amount: Money


async def list_accounts(exchange: Exchange) -> Reply:
    """List accounts with their tokens, balances and held credit."""
    world, query = await enter_world(exchange, AccountsQuery)

    def accounts() -> dict[str, str]:
        check_accounts(world.simulation, query.account)
        token_of, chosen = exchange.worlds.keyring.tokens_of(world), frozenset(query.account)
        return {name: token_of[name] for name in world.simulation.accounts if not chosen or name in chosen}

    return await page(world, query, accounts, partial(account_view, world))


async def create_account(exchange: Exchange) -> Reply:
    """Create an account with a token and a balance."""
    wanted = body_as(exchange, NewAccount)
    world, _ = await enter_world(exchange)
    accounts = world.simulation.accounts
    name = wanted.name
    if name is None:
        name = next(n for i in range(len(accounts) + 1) if (n := f"account-{i + 1}") not in accounts)
    # All is checked before anything changes: a refused token must not leave an account without one.
    accepted = world.check(CreateAccount(name, wanted.balance))
    if wanted.token is not None and not is_token(wanted.token):
        raise InvalidValue("a token is 1 to 256 visible ASCII characters", param="token")
    token = exchange.worlds.keyring.free_token(wanted.token)
    world.apply(accepted, token=(token, name))
    exchange.worlds.keyring.open_account(world, name, token)
    return json_reply(201, account_view(world, name, token))


async def add_credit(exchange: Exchange) -> Reply:
    """Add credit to an account."""
    wanted = body_as(exchange, NewCredit)
    world, _ = await enter_world(exchange)
    name = exchange.scope["path_params"]["name"]
    world.execute(AddCredit(name, wanted.amount))
    token = exchange.worlds.keyring.tokens_of(world)[name]
    return json_reply(200, account_view(world, name, token))


async def get_ledger(exchange: Exchange) -> Reply:
    """List ledger entries."""
    world, query = await enter_world(exchange, LedgerQuery)

    def listed() -> Listed[Entry | OpeningBalance]:
        ledger = world.simulation.ledger
        entries, first = entries_of(world.simulation)
        return Listed(
            entries,
            lambda index, entry: entry_view(world, first + index, entry),
            lambda index, _: first + index,
            place_of_number(query.after, first, len(entries)),
            first_since(query.since, world.simulation, entries, lambda entry: entry.at),
            record_filter(world.simulation, query),
            numbered_end(ledger.dropped + len(ledger.entries), ledger.dropped),
        )

    return await list_reply(world, query, listed)
