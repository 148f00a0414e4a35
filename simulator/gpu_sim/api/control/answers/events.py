"""Events as the control plane shows them."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args

from msgspec import Meta, Struct, inspect

from ....core.billing.ledger import Entry
from ....core.events import ActEnded, ActEvent, EndedBy, Event
from ....core.scenario.acts import ActKind
from .texts import AmountText, InstantText, PriceText


class EventView(Struct, frozen=True):
    """An event: its number, its virtual time, its type and the fields of that."""

    seq: int
    """Its number in this run, from 1."""
    at: InstantText
    type: str


EventFields = Annotated[dict[str, Any], Meta(extra_json_schema={"$ref": "#/components/schemas/EventView"})]
"""An event as it is made for an answer, which the control plane's document describes as `EventView`."""

EVENT_STRUCTS: tuple[type[Struct], ...] = (*get_args(Event), *get_args(Entry))
"""The types of events, in the order in which they are documented."""


class ActFields(Struct, frozen=True):
    """The fields of an event of an act on offers."""

    act: int
    """Its number."""
    name: str
    kind: ActKind
    selector: dict[str, str]
    """The names by which it chooses offers; all offers where there is none."""
    parameters: dict[str, Any]
    """Its terms, as they are posted."""
    until: InstantText | None
    """Null where it lasts until it is ended."""


class EndedActFields(ActFields, frozen=True):
    """The fields of an event of an act on offers that is over."""

    ended_by: EndedBy


def shown_fields(type_: type[Struct]) -> Iterator[tuple[str, object]]:
    """The fields of a type of event beside its time: the name and the type under which each is shown."""
    if issubclass(type_, ActEvent):
        type_ = EndedActFields if issubclass(type_, ActEnded) else ActFields
    info = inspect.type_info(type_)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        if field.name != "at":
            yield shown_as(field.name, field.type)


def shown_as(name: str, type_: object) -> tuple[str, object]:
    """The name and the type under which a field of an event is shown, given those that it has."""
    if name == "price_micros_per_hour":
        return "price_per_gpu_hour", PriceText
    if name.endswith("_micros"):
        return name.removesuffix("_micros"), AmountText
    if name == "interrupts_ms":
        return "interrupts_at", InstantText
    return name, type_
