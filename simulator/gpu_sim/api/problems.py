"""Refusals of the HTTP layer, and the one table that gives each refusal its status and type (A12, A13).

Refusal
├── everything in gpu_sim.core.kernel.errors
├── WorldNotFound, WorldExists, DefaultWorldKept in gpu_sim.worlds.worlds
└── HttpRefusal
    ├── InvalidJson, InvalidBody, MissingField, UnknownField, UnknownParameter
    ├── InvalidToken
    ├── NotFound, MethodNotAllowed
    ├── PayloadTooLarge, UnsupportedMediaType
    ├── ControlRefused, WorldRequired, ScenarioInvalid, NotReached, RequestLogOff, NoServer
    └── VerificationFailed
        └── NotHeld, StillInFlight
"""

from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import asdict

from ..core.kernel import errors
from ..core.kernel.errors import Refusal
from ..core.kernel.money import format_usd
from ..worlds.state_files.refusals import StateUnavailable
from ..worlds.world import WorldNotFound
from ..worlds.worlds import DefaultWorldKept, WorldExists
from .replies import Headers, Reply, json_reply


class HttpRefusal(Refusal):
    """A request turned down before it reached the simulation."""


class InvalidJson(HttpRefusal):
    """The body is not JSON, or is ambiguous: a key twice, NaN, a lone surrogate. Send strict JSON in UTF-8."""

    code = "invalid_json"


class InvalidBody(HttpRefusal):
    """The body is JSON, but not an object. Send an object."""

    code = "invalid_body"


class MissingField(HttpRefusal):
    """A required field is missing. Add the one named by `param`."""

    code = "missing_field"


class UnknownField(HttpRefusal):
    """The body has a field that the API does not know. Correct its name, or leave it out."""

    code = "unknown_field"


class UnknownParameter(HttpRefusal):
    """The query has a parameter that the operation does not know. Correct its name, or leave it out."""

    code = "unknown_parameter"


class InvalidToken(HttpRefusal):
    """The token is missing, malformed, or no account's (F2). Send `Authorization: Bearer` with an account's token."""

    code = "invalid_token"


class NotFound(HttpRefusal):
    """There is no such path. Correct the URL."""

    code = "not_found"


class MethodNotAllowed(HttpRefusal):
    """The path has no such method. Use one of those in `allow`."""

    code = "method_not_allowed"

    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message)
        self.allow = allow


class PayloadTooLarge(HttpRefusal):
    """The body is above the limit. Send less. `more_comes` is true while the end of the body has not been read."""

    code = "payload_too_large"

    def __init__(self, message: str, *, more_comes: bool) -> None:
        super().__init__(message)
        self.more_comes = more_comes


class UnsupportedMediaType(HttpRefusal):
    """The body is not declared as JSON, or is compressed. Send it plain, as application/json."""

    code = "unsupported_media_type"


class ControlRefused(HttpRefusal):
    """The request may not use the control plane: a foreign Host or Origin, or no valid admin token.

    Call it from the server's machine, or with the admin token in `x-sim-admin`.
    """

    code = "control_refused"


class WorldRequired(HttpRefusal):
    """There is more than one world, and the request names none. Send a token or `?world=`."""

    code = "world_required"


class ScenarioInvalid(HttpRefusal):
    """The scenario is invalid. Correct the field named by `param`; the message lists the first problems."""

    code = "scenario_invalid"


class NotReached(HttpRefusal):
    """An advance ended before what it waits for: that can no longer happen, or did not within the limit.

    Raise the limit, or look at the rental or the world: it may be over.
    """

    code = "not_reached"


class RequestLogOff(HttpRefusal):
    """The server keeps no request log. Start it without `--request-log 0`."""

    code = "request_log_off"


class VerificationFailed(HttpRefusal):
    """A verification of the request log did not succeed; `findings` tell why."""

    def __init__(self, message: str, *, findings: dict[str, Any]) -> None:
        super().__init__(message)
        self.findings = findings


class NotHeld(VerificationFailed):
    """The expectation of the request log does not hold. Compare it with the nearest requests in `findings`."""

    code = "not_held"


class StillInFlight(VerificationFailed):
    """Requests that may change the outcome of a verification are still being answered. `findings` have them under
    `in_flight`. Ask again, or wait longer."""

    code = "still_in_flight"


class NoServer(HttpRefusal):
    """The call is about the server in front of the application, which runs in process and has none.

    Start a server: `gpu-sim serve`.
    """

    code = "no_server"


class ProblemDetails(Struct, frozen=True):
    """A refused control call as problem details (RFC 9457)."""

    type: str
    """A URI of the kind of problem, `urn:gpu-sim:` and the code."""
    title: str
    status: int
    """The status of the answer."""
    detail: str
    """A sentence for people."""
    code: str
    """The reason, stable: one of those that the call lists for the status."""
    param: str | None
    """The field, parameter or header concerned, if one is."""


class Kind(NamedTuple):
    """The HTTP side of a refusal: its status and the envelope's `type`."""

    status: int
    type: str


PROBLEM_MEDIA = "application/problem+json"

_REQUEST = "invalid_request_error"

# Looked up by exact class: a subclass added without a row of its own is a failure, and a test finds it.
KINDS: dict[type[Refusal], Kind] = {
    errors.InvalidValue: Kind(400, _REQUEST),
    errors.InsufficientCredit: Kind(402, "insufficient_credit_error"),
    errors.OfferNotFound: Kind(404, "not_found_error"),
    errors.OfferUnavailable: Kind(409, "conflict_error"),
    errors.RentalNotFound: Kind(404, "not_found_error"),
    errors.RentalNotInState: Kind(409, "conflict_error"),
    errors.AccountNotFound: Kind(404, "not_found_error"),
    errors.AccountExists: Kind(409, "conflict_error"),
    errors.IdempotencyKeyReused: Kind(422, _REQUEST),
    errors.FaultNotFound: Kind(404, "not_found_error"),
    errors.ActNotFound: Kind(404, "not_found_error"),
    errors.ActExists: Kind(409, "conflict_error"),
    errors.JournalInvalid: Kind(400, _REQUEST),
    errors.JournalDropped: Kind(410, "gone_error"),
    errors.SnapshotInvalid: Kind(400, _REQUEST),
    StateUnavailable: Kind(503, "service_unavailable_error"),
    InvalidJson: Kind(400, _REQUEST),
    InvalidBody: Kind(400, _REQUEST),
    MissingField: Kind(400, _REQUEST),
    UnknownField: Kind(400, _REQUEST),
    UnknownParameter: Kind(400, _REQUEST),
    InvalidToken: Kind(401, "authentication_error"),
    NotFound: Kind(404, "not_found_error"),
    MethodNotAllowed: Kind(405, _REQUEST),
    PayloadTooLarge: Kind(413, _REQUEST),
    UnsupportedMediaType: Kind(415, _REQUEST),
    ControlRefused: Kind(403, "permission_error"),
    WorldRequired: Kind(400, _REQUEST),
    ScenarioInvalid: Kind(400, _REQUEST),
    WorldNotFound: Kind(404, "not_found_error"),
    WorldExists: Kind(409, "conflict_error"),
    DefaultWorldKept: Kind(409, "conflict_error"),
    NotReached: Kind(409, "conflict_error"),
    RequestLogOff: Kind(409, "conflict_error"),
    NotHeld: Kind(409, "conflict_error"),
    StillInFlight: Kind(409, "conflict_error"),
    NoServer: Kind(409, "conflict_error"),
}


def api_problem(refusal: Refusal) -> Reply:
    """The answer to a refused API request, in the API's error envelope (A12)."""
    status, type_ = KINDS[type(refusal)]
    error = {"message": refusal.message, "type": type_, "param": refusal.param, "code": refusal.code}
    if isinstance(refusal, errors.InsufficientCredit):
        error["amount_needed"] = format_usd(refusal.amount_needed_micros)
    return json_reply(status, {"error": error}, _headers(refusal), error=refusal.code)


def control_problem(refusal: Refusal) -> Reply:
    """The answer to a refused control call, as problem details (RFC 9457)."""
    status, _ = KINDS[type(refusal)]
    problem = problem_details(refusal.code, status, refusal.message, refusal.param)
    content = {**asdict(problem), **refusal.findings} if isinstance(refusal, VerificationFailed) else problem
    return json_reply(status, content, _headers(refusal), PROBLEM_MEDIA.encode())


def problem_details(code: str, status: int, detail: str, param: str | None = None) -> ProblemDetails:
    """The problem details of a refusal with this code."""
    return ProblemDetails(f"urn:gpu-sim:{code}", code.replace("_", " "), status, detail, code, param)


def _headers(refusal: Refusal) -> Headers:
    if isinstance(refusal, InvalidToken):
        return ((b"www-authenticate", b"Bearer"),)
    if isinstance(refusal, MethodNotAllowed):
        return ((b"allow", refusal.allow.encode()),)
    if isinstance(refusal, StateUnavailable):
        return ((b"retry-after", b"1"),)
    if isinstance(refusal, errors.OfferUnavailable) and not refusal.retry_helps:
        return ((b"x-should-retry", b"false"),)
    return ()
