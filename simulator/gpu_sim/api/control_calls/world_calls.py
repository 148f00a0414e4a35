"""The calls about worlds, their clocks and accounts."""

from ...core.kernel import errors
from ...worlds.world import WorldNotFound
from ...worlds.worlds import DefaultWorldKept, WorldExists
from .. import problems
from ..control import accounts, clock, snapshot, worlds
from ..control.answers.accounts import AccountView, EntryView
from ..control.answers.worlds import AdvanceView, ClockView, CreatedWorld, WorldView
from ..control.lists import ListEnd, NumberedListEnd
from ..exchange import SNAPSHOT_PATH
from ..queries.list_queries import (
    AccountsQuery,
    LedgerQuery,
    NamedListQuery,
)
from ..queries.parameters import NoParameters, WorldQuery
from .call import OF_FILTERS, Call


def world_calls() -> tuple[Call, ...]:
    """The calls, in the order in which their document shows them."""
    return (*_world_calls(), *_run_calls(), *_clock_calls(), *_account_calls())


def _world_calls() -> tuple[Call, ...]:
    return (
        Call(
            method="GET",
            path="/_sim/worlds",
            handler=worlds.list_worlds,
            subject="worlds",
            query=NamedListQuery,
            reply=WorldView,
            end=ListEnd,
        ),
        Call(
            method="POST",
            path="/_sim/worlds",
            handler=worlds.create_world,
            subject="worlds",
            query=NoParameters,
            body=worlds.NewWorld,
            reply=CreatedWorld,
            status=201,
            refuses=(WorldExists, errors.AccountExists, problems.ScenarioInvalid),
            example={"scenario": "calm", "seed": 7},
        ),
        Call(
            method="DELETE",
            path="/_sim/worlds/{name}",
            handler=worlds.delete_world,
            subject="worlds",
            query=NoParameters,
            media=(),
            status=204,
            refuses=(WorldNotFound, DefaultWorldKept),
            about="{other_world}",
        ),
    )


def _run_calls() -> tuple[Call, ...]:
    return (
        Call(
            method="GET",
            path="/_sim/scenario",
            handler=worlds.get_scenario,
            subject="worlds",
            query=WorldQuery,
        ),
        Call(
            method="POST",
            path="/_sim/reset",
            handler=worlds.reset,
            subject="worlds",
            query=WorldQuery,
            body=worlds.Reset,
            reply=ClockView,
            example={"only": "requests"},
        ),
        Call(
            method="GET",
            path=SNAPSHOT_PATH,
            handler=snapshot.get_snapshot,
            subject="worlds",
            query=WorldQuery,
        ),
        Call(
            method="PUT",
            path=SNAPSHOT_PATH,
            handler=snapshot.put_snapshot,
            subject="worlds",
            query=WorldQuery,
            takes_document=True,
            reply=ClockView,
            refuses=(errors.SnapshotInvalid,),
            example="{snapshot}",
        ),
    )


def _clock_calls() -> tuple[Call, ...]:
    return (
        Call(
            method="GET",
            path="/_sim/clock",
            handler=clock.get_clock,
            subject="clock",
            query=WorldQuery,
            reply=ClockView,
        ),
        Call(
            method="PUT",
            path="/_sim/clock",
            handler=clock.put_clock,
            subject="clock",
            query=WorldQuery,
            body=clock.PutClock,
            reply=ClockView,
            example={"mode": "manual"},
        ),
        Call(
            method="POST",
            path="/_sim/clock/advance",
            handler=clock.advance,
            subject="clock",
            query=WorldQuery,
            body=clock.Advance,
            reply=AdvanceView,
            refuses=(problems.NotReached, errors.RentalNotFound),
            example={"by": "5m"},
        ),
    )


def _account_calls() -> tuple[Call, ...]:
    return (
        Call(
            method="GET",
            path="/_sim/accounts",
            handler=accounts.list_accounts,
            subject="accounts",
            query=AccountsQuery,
            reply=AccountView,
            end=ListEnd,
            refuses=(errors.AccountNotFound,),
        ),
        Call(
            method="POST",
            path="/_sim/accounts",
            handler=accounts.create_account,
            subject="accounts",
            query=WorldQuery,
            body=accounts.NewAccount,
            reply=AccountView,
            status=201,
            refuses=(errors.AccountExists,),
            example={"balance": "50.00"},
        ),
        Call(
            method="POST",
            path="/_sim/accounts/{name}/credit",
            handler=accounts.add_credit,
            subject="accounts",
            query=WorldQuery,
            body=accounts.NewCredit,
            reply=AccountView,
            refuses=(errors.AccountNotFound,),
            example={"amount": "25.00"},
            about="{account}",
        ),
        Call(
            method="GET",
            path="/_sim/ledger",
            handler=accounts.get_ledger,
            subject="accounts",
            query=LedgerQuery,
            reply=EntryView,
            end=NumberedListEnd,
            refuses=OF_FILTERS,
        ),
    )
