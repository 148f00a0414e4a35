"""The calls about rentals, the market, fault rules, and what happened."""

from typing import Any

from msgspec import Struct

from ...core.kernel import errors
from ...core.scenario.acts import (
    CapacityAct,
    InterruptAct,
    MarketAct,
    OutageAct,
    PriceAct,
    ProvisioningAct,
    Transition,
    VanishAct,
)
from ...core.scenario.scripted_interruptions import ScriptedInterruption
from .. import problems
from ..control import events, faults, market, rentals
from ..control.answers.events import EventView
from ..control.answers.faults import FaultView
from ..control.answers.market import ActView, ListedActView, OfferView
from ..control.answers.rentals import RentalView
from ..control.answers.requests import Held, RequestsEnd
from ..control.call_decoding import EmptyBody
from ..control.event_stream import EventStreams
from ..control.lists import ListEnd, NumberedListEnd
from ..control.requests import RequestLogs
from ..exchange import Handler
from ..queries.list_queries import (
    ActsQuery,
    EventsQuery,
    MarketQuery,
    NamedListQuery,
    RentalsQuery,
    RequestsQuery,
)
from ..queries.parameters import WorldQuery
from ..request_log.expectation import Verify
from ..request_log.logged_request import LoggedRequest
from .call import OF_FILTERS, Call

_OF_RENTALS = (errors.RentalNotFound, errors.RentalNotInState)


def market_calls(streams: EventStreams, request_logs: RequestLogs) -> tuple[Call, ...]:
    """The calls, in the order in which their document shows them."""
    return (*_rental_calls(), *_market_calls(), *_fault_calls(), *_record_calls(streams, request_logs))


def _rental_calls() -> tuple[Call, ...]:
    return (
        Call(
            method="GET",
            path="/_sim/rentals",
            handler=rentals.list_rentals,
            subject="rentals",
            query=RentalsQuery,
            reply=RentalView,
            end=NumberedListEnd,
            refuses=OF_FILTERS,
        ),
        _on_rental("interrupt", rentals.interrupt_rental, ScriptedInterruption, {}),
        _on_rental("touch", rentals.touch_rental, EmptyBody, {}),
        _on_rental("transition", rentals.move_rental, Transition, {"to": "terminated"}),
        _on_rental("vanish", rentals.hide_rental, rentals.Visibility, {"hidden": True}),
    )


def _on_rental(action: str, handler: Handler, body: type[Struct], example: dict[str, Any]) -> Call:
    return Call(
        method="POST",
        path=f"/_sim/rentals/{{rental_id}}/{action}",
        handler=handler,
        subject="rentals",
        query=WorldQuery,
        body=body,
        reply=RentalView,
        refuses=_OF_RENTALS,
        example=example,
        about="{rental}",
    )


def _market_calls() -> tuple[Call, ...]:
    return (
        Call(
            method="GET",
            path="/_sim/market",
            handler=market.get_market,
            subject="market",
            query=MarketQuery,
            reply=OfferView,
            end=ListEnd,
        ),
        Call(
            method="GET",
            path="/_sim/market/acts",
            handler=market.list_acts,
            subject="market",
            query=ActsQuery,
            reply=ListedActView,
            end=ListEnd,
        ),
        _act("outage", "begin_outage", market.begin_outage, OutageAct, {"for": "20m"}),
        *_on_act(),
        _act("price", "set_price", market.set_price, PriceAct, {"multiply": 3, "for": "20m"}),
        _act("capacity", "set_capacity", market.set_capacity, CapacityAct, {"set": 100, "for": "20m"}),
        _act("interrupt", "interrupt_rentals", market.interrupt, InterruptAct, {"share": "50%"}),
        _act(
            "provisioning",
            "disturb_provisioning",
            market.disturb_provisioning,
            ProvisioningAct,
            {"outcome": "stuck", "for": "20m"},
        ),
        _act("vanish", "hide_rentals", market.vanish, VanishAct, {"for": "20m"}),
    )


def _on_act() -> tuple[Call, ...]:
    path, refuses = "/_sim/market/acts/{name}", (errors.ActNotFound,)
    return (
        Call(
            method="GET",
            path=path,
            handler=market.get_act,
            subject="market",
            query=WorldQuery,
            reply=ListedActView,
            refuses=refuses,
            about="{act}",
        ),
        Call(
            method="DELETE",
            path=path,
            handler=market.end_act,
            subject="market",
            query=WorldQuery,
            body=EmptyBody,
            media=(),
            status=204,
            refuses=refuses,
            about="{act}",
        ),
    )


def _act(kind: str, name: str, handler: Handler, body: type[MarketAct], example: dict[str, Any]) -> Call:
    return Call(
        method="POST",
        path=f"/_sim/market/{kind}",
        handler=handler,
        subject="market",
        name=name,
        query=WorldQuery,
        body=body,
        reply=ActView,
        status=201,
        refuses=(errors.ActExists,),
        example={"provider": "{provider}", **example},
    )


def _fault_calls() -> tuple[Call, ...]:
    return (
        Call(
            method="GET",
            path="/_sim/faults",
            handler=faults.list_faults,
            subject="faults",
            query=NamedListQuery,
            reply=FaultView,
            end=ListEnd,
        ),
        Call(
            method="POST",
            path="/_sim/faults",
            handler=faults.add_fault,
            subject="faults",
            query=WorldQuery,
            body=faults.NewFault,
            reply=FaultView,
            status=201,
            example={"on": {"operation": "rent_gpu"}, "effect": {"respond": 503}, "when": {"times": 1}},
        ),
        Call(
            method="DELETE",
            path="/_sim/faults/{name}",
            handler=faults.remove_fault,
            subject="faults",
            query=WorldQuery,
            body=EmptyBody,
            media=(),
            status=204,
            refuses=(errors.FaultNotFound,),
            about="{fault}",
        ),
    )


def _record_calls(streams: EventStreams, request_logs: RequestLogs) -> tuple[Call, ...]:
    return (
        Call(
            method="GET",
            path="/_sim/events",
            handler=streams.events,
            subject="records",
            name="list_events",
            query=EventsQuery,
            reply=EventView,
            end=NumberedListEnd,
            refuses=OF_FILTERS,
            media=("application/json", "text/event-stream"),
        ),
        Call(
            method="GET",
            path="/_sim/journal",
            handler=events.get_journal,
            subject="records",
            query=WorldQuery,
            media=("application/x-ndjson",),
            refuses=(errors.JournalDropped,),
        ),
        Call(
            method="GET",
            path="/_sim/requests",
            handler=request_logs.list_requests,
            subject="records",
            query=RequestsQuery,
            reply=LoggedRequest,
            end=RequestsEnd,
            refuses=(*OF_FILTERS, problems.RequestLogOff),
        ),
        Call(
            method="POST",
            path="/_sim/requests/verify",
            handler=request_logs.verify_requests,
            subject="records",
            query=WorldQuery,
            body=Verify,
            reply=Held,
            refuses=(problems.RequestLogOff, problems.NotHeld, problems.StillInFlight),
            example={"match": {"operation": "rent_gpu"}, "at_least": 0},
        ),
    )
