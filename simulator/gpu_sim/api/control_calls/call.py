"""One call of the control plane: where it is, what takes and answers it, and what it refuses."""

from typing import Any, Literal

from msgspec import Struct

from ...core.kernel import errors
from ...core.kernel.errors import Refusal
from ...worlds.state_files.refusals import StateUnavailable
from ...worlds.world import WorldNotFound
from .. import problems
from ..exchange import Handler

Method = Literal["GET", "PUT", "POST", "DELETE"]

_OF_ALL: tuple[type[Refusal], ...] = (
    problems.InvalidToken,
    problems.ControlRefused,
    problems.UnknownParameter,
    errors.InvalidValue,
    problems.PayloadTooLarge,
    problems.UnsupportedMediaType,
)
"""Also a call that reads no body refuses one that is too large or no JSON: a page could send it unasked."""
_OF_WORLDS: tuple[type[Refusal], ...] = (problems.WorldRequired, WorldNotFound, StateUnavailable)
_OF_BODIES: tuple[type[Refusal], ...] = (
    problems.InvalidJson,
    problems.InvalidBody,
    problems.MissingField,
    problems.UnknownField,
)


OF_FILTERS: tuple[type[Refusal], ...] = (errors.AccountNotFound, errors.RentalNotFound)
"""The refusals of a list whose filters name accounts and rentals."""


class Call(Struct, frozen=True, kw_only=True):
    """A method of a path, and all that its document says of it."""

    method: Method
    path: str
    handler: Handler
    subject: str
    """The heading under which its document lists it."""
    name: str = ""
    """Its operation id, that of its handler unless given."""
    query: type[Struct]
    """The type that its query is decoded as."""
    body: type[Struct] | None = None
    """The type that its body is decoded as; None where none is read."""
    takes_document: bool = False
    """True where its body is a document as a whole, not fields: a snapshot."""
    reply: type[Struct] | None = None
    """The type that its answer is encoded from; None where that is no JSON, or nothing."""
    or_reply: type[Struct] | None = None
    """Another type that its answer may be encoded from: to whom the control plane is closed, it says less."""
    end: type[Struct] | None = None
    """The fields after `data` where it answers with a list, whose items are `reply`."""
    media: tuple[str, ...] = ("application/json",)
    """The media types of its answer; none where that is empty."""
    status: int = 200
    refuses: tuple[type[Refusal], ...] = ()
    """Its refusals beside those of every call of its kind."""
    example: dict[str, Any] | str | None = None
    """A body that works, with names in braces that an `ExampleNames` fills in, such as `{provider}`."""
    about: str = ""
    """The example of its path parameter, likewise."""

    @property
    def operation_id(self) -> str:
        """Its name in its document, and in clients that are generated from that."""
        return self.name or _function(self.handler)

    @property
    def description(self) -> str:
        """The text of its handler, or that of its body where one handler serves several."""
        return self.handler.__doc__ or (self.body.__doc__ if self.body is not None else None) or ""

    @property
    def has_body(self) -> bool:
        """True where a body is read."""
        return self.body is not None or self.takes_document

    @property
    def refusals(self) -> tuple[type[Refusal], ...]:
        """All that it may refuse a request with."""
        of_its_kind = _OF_ALL
        if "world" in self.query.__struct_fields__:
            of_its_kind += _OF_WORLDS
        if self.has_body:
            of_its_kind += _OF_BODIES
        return tuple(dict.fromkeys((*of_its_kind, *self.refuses)))


def _function(handler: Handler) -> str:
    name: str = getattr(handler, "__name__", "")
    return name
