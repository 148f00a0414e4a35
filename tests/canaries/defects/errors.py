"""Defects in what is refused, and how: F2, F17, A12, A13, A25."""

from collections.abc import Callable
from typing import Any

import msgspec
from gpu_sim.api import auth, fields, front, gpu, problems, replies
from gpu_sim.api.exchange import Exchange, operation_of
from gpu_sim.core.kernel.errors import InsufficientCredit, Refusal
from gpu_sim.core.rentals import rentals
from gpu_sim.core.rentals.rental import RentPlan
from starlette.types import Scope

from ..registry import Soil, canary

AMOUNT = "test_rent.py::test_f17_the_amount_needed_is_exactly_what_helps"
KINDS_OF_TOKENS = "test_errors.py::test_f2_without_a_known_bearer_token_nothing_is_answered"


def change_errors(soil: Soil, change: Callable[[dict[str, Any]], object]) -> None:
    """Plant a defect into the inside of every error envelope."""
    sound = problems.api_problem

    def api_problem(refusal: Refusal) -> replies.Reply:
        reply = sound(refusal)
        content = msgspec.json.decode(reply.body)
        change(content["error"])
        kept = tuple(pair for pair in reply.headers if pair[0] not in (b"content-type", b"content-length"))
        return replies.json_reply(reply.status, content, kept)

    soil.plant(front, "api_problem", api_problem)


def drop_header(soil: Soil, name: bytes) -> None:
    """Plant a defect into the headers of every refusal."""
    sound = problems._headers

    def headers(refusal: Refusal) -> replies.Headers:
        return tuple(pair for pair in sound(refusal) if pair[0] != name)

    soil.plant(problems, "_headers", headers)


@canary(
    "test_errors.py::test_f1_each_path_has_its_methods_and_names_them",
    shows=r"A12 \$\.error: 'code' is a required property",
)
def errors_have_no_code(soil: Soil) -> None:
    """A12: the envelope lacks a key."""
    change_errors(soil, lambda error: error.pop("code"))


@canary(AMOUNT, shows=r"\$\.error: 'amount_needed' is a required property \(F17")
def amount_needed_is_not_told(soil: Soil) -> None:
    """F17: a 402 does not say what is missing."""
    change_errors(soil, lambda error: error.pop("amount_needed", None))


@canary(AMOUNT, shows=r"\[.amount_needed.\] == amount\(MICRO\)")
def amount_needed_is_the_whole_hold(soil: Soil) -> None:
    """F17: what is available already is not taken off."""
    sound = rentals.Rentals.check_rent

    def check_rent(self: rentals.Rentals, command: Any) -> RentPlan:
        try:
            return sound(self, command)
        except InsufficientCredit as refusal:
            there = max(0, self._ledger.available(command.account))
            needed = refusal.amount_needed_micros + there
            raise InsufficientCredit(refusal.message, amount_needed_micros=needed) from None

    soil.plant(rentals.Rentals, "check_rent", check_rent)


@canary(
    "test_errors.py::test_a12_what_is_no_json_is_invalid_json",
    shows=r"a 5xx without a fault.*POST /v1/gpu/rent -> 500",
    crashes=True,
)
def broken_json_is_a_500(soil: Soil) -> None:
    """A12: a body that is no JSON brings the handler down."""

    def decode(scope: Scope, body: bytes) -> Any:
        return msgspec.json.decode(body)

    soil.plant(gpu, "decode_json", decode)


@canary(
    "test_errors.py::test_a13_authentication_comes_before_route_and_method_under_v1",
    shows=r"must be 401: GET /v1/gpu/nothing -> 404",
)
def unknown_paths_are_told_to_anybody(soil: Soil) -> None:
    """A13: the route comes before the token."""
    sound = front.FrontController._authenticate

    def authenticate_request(self: front.FrontController, exchange: Exchange) -> bool:
        path = exchange.scope["path"]
        if not any(operation_of(method, path) for method in ("GET", "POST")):
            try:
                return sound(self, exchange)
            except problems.InvalidToken:
                raise problems.NotFound(f'nothing is at "{path}"') from None
        return sound(self, exchange)

    soil.plant(front.FrontController, "_authenticate", authenticate_request)


@canary(KINDS_OF_TOKENS, shows=r"must be 401: GET /v1/gpu/offers -> 200")
def any_scheme_will_do(soil: Soil) -> None:
    """F2: a token is taken from `Basic` and `Token` too."""
    sound = auth.bearer_token

    def bearer_token(scope: Scope) -> str | None:
        try:
            return sound(scope)
        except problems.InvalidToken:
            [value, *more] = auth.header_values(scope, b"authorization")
            _, _, token = value.partition(b" ")
            if more or not token or b" " in token:
                raise
            return token.decode("latin-1")

    soil.plant(auth, "bearer_token", bearer_token)


@canary(KINDS_OF_TOKENS, shows=r"header www-authenticate is missing")
def no_scheme_is_told(soil: Soil) -> None:
    """A13: a 401 does not say which scheme is wanted."""
    drop_header(soil, b"www-authenticate")


@canary("test_errors.py::test_f1_each_path_has_its_methods_and_names_them", shows=r"header allow is missing")
def no_methods_are_told(soil: Soil) -> None:
    """A13: a 405 does not say which methods there are."""
    drop_header(soil, b"allow")


@canary(
    "test_errors.py::test_a13_an_unknown_field_is_refused_with_the_nearest_one",
    shows=r"must be 400: POST /v1/gpu/rent -> 201",
)
def unknown_fields_are_dropped(soil: Soil) -> None:
    """A13: a slip in a field's name goes unnoticed."""
    sound = fields.check_fields

    def check_fields(*arguments: Any, refuse_unknown: bool) -> dict[str, Any]:
        return sound(*arguments, refuse_unknown=False)

    soil.plant(gpu, "check_fields", check_fields)


@canary("test_errors.py::test_a25_every_answer_has_a_request_id_of_its_own", shows=r"len\(set\(ids\)\) == len\(ids\)")
def request_ids_are_all_the_same(soil: Soil) -> None:
    """A25: two requests cannot be told apart."""
    sound = Exchange.headers

    def headers(self: Exchange) -> Any:
        _, *others = sound(self)
        return (b"x-request-id", b"req_1"), *others

    soil.plant(Exchange, "headers", headers)
