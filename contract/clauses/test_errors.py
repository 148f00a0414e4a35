"""Refusals, their form and their order: F1, F2, A12, A13, A25."""

import json

import pytest
from hypothesis import given

from ..document.error_codes import RENTED
from ..model.examples import Examples
from ..model.fresh_world import BOB, learn_offers
from ..model.strategies import ValidRent, WrongRent, valid_rents, wrong_rents
from ..target.target import ANONYMOUS, NotApplicable, Target
from .situations import example, refused

ALLOWED = {
    "/v1/gpu/offers": {"GET"},
    "/v1/gpu/rent": {"POST"},
    "/v1/gpu/rentals/rent_unknown": {"GET", "DELETE"},
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
JSON = ("content-type", "application/json")
BROKEN = {
    "nothing": b"",
    "truncated": b'{"gpu_model": "RTX',
    "something after it": b"{} {}",
    "no UTF-8": b'{"gpu_model": "\xff"}',
    "not a number": b'{"gpu_count": NaN}',
    "single quotes": b"{'gpu_model': 'RTX 4090'}",
}


def test_f1_each_path_has_its_methods_and_names_them(target: Target) -> None:
    for path, allowed in ALLOWED.items():
        for method in sorted(set(METHODS) - allowed):
            answer = target.send(method, path)
            refused(answer, 405, "method_not_allowed")
            named = {name.strip() for name in answer.headers["allow"].split(",")}
            assert named - {"HEAD"} == allowed, f"A13: Allow: {answer.headers['allow']} ({method} {path})"


def test_f1_head_is_get_without_the_body(world: Target) -> None:
    get, head = world.send("GET", "/v1/gpu/offers"), world.send("HEAD", "/v1/gpu/offers")
    assert head.status == get.status == 200
    skipped = {"x-request-id", "date"}
    names = (set(get.headers) | set(head.headers)) - skipped
    assert {name: head.headers.get(name) for name in names} == {name: get.headers.get(name) for name in names}


@pytest.mark.parametrize(
    "path", ["/v1/gpu", "/v1/gpu/offers/", "/v1/gpu/rental", "/v1/gpu/rentals/a/b", "/v1/gpu/Offers"]
)
def test_f1_other_paths_are_not_found(target: Target, path: str) -> None:
    refused(target.send("GET", path), 404, "not_found")


@pytest.mark.parametrize("path", list(ALLOWED))
def test_f2_without_a_known_bearer_token_nothing_is_answered(target: Target, path: str) -> None:
    wrong = [
        [],
        ["Bearer"],
        ["Bearer si_nobody_has_this_token"],
        [target.token],
        [f"Basic {target.token}"],
        [f"Token {target.token}"],
        [f"Bearer {target.token} x"],
        [f"Bearer {target.token}", f"Bearer {target.token}"],
    ]
    method = "POST" if path.endswith("rent") else "GET"
    sent = [[("authorization", value) for value in values] for values in wrong]
    for headers in sent:  # what a refusal looks like is assumed, and may be wrong where nobody is let in
        answer = target.exchange(method, path, token=ANONYMOUS, headers=headers)
        assert answer.status == 401, f"must be 401: {answer}"
    target.trace.begin()
    for headers in sent:
        answer = target.send(method, path, token=ANONYMOUS, headers=headers)
        refused(answer, 401, "invalid_token")
        assert answer.headers["www-authenticate"].startswith("Bearer"), answer


def test_f2_a_token_in_the_query_is_none(target: Target) -> None:
    if target.is_live:
        raise NotApplicable("a token in a query would end up in a live service's access logs")
    answer = target.send("GET", "/v1/gpu/offers", token=ANONYMOUS, query=[("token", target.token)])
    refused(answer, 401, "invalid_token")


@pytest.mark.parametrize("name", list(BROKEN))
def test_a12_what_is_no_json_is_invalid_json(target: Target, name: str) -> None:
    refused(target.send("POST", "/v1/gpu/rent", headers=[JSON], content=BROKEN[name]), 400, "invalid_json")


@pytest.mark.parametrize("content", [b"[]", b"null", b"1", b'"x"', b"true"])
def test_a12_json_that_is_no_object_is_an_invalid_body(target: Target, content: bytes) -> None:
    refused(target.send("POST", "/v1/gpu/rent", headers=[JSON], content=content), 400, "invalid_body")


@pytest.mark.parametrize("content", [b'{"gpu_count": 1, "gpu_count": 2}', b"[" * 5000, b'{"a":' * 5000])
def test_a12_repeated_keys_and_bottomless_nesting_are_refused(target: Target, content: bytes) -> None:
    refused(
        target.send("POST", "/v1/gpu/rent", headers=[JSON], content=content),
        400,
        "invalid_json",
        "invalid_body",
    )


@pytest.mark.parametrize("value", [b'"\\ud800"', b'"a\\u0000b"', b"1e400", b"-0.0"])
def test_a12_values_that_json_can_spell_but_no_field_can_hold(world: Target, value: bytes) -> None:
    fields = b", ".join(b'"%s": %s' % (name.encode(), value) for name in example(world))
    answer = world.send("POST", "/v1/gpu/rent", headers=[JSON], content=b"{%s}" % fields)
    refused(answer, 400, "invalid_value", "invalid_json")


def test_a12_one_defect_is_refused_by_its_field_and_changes_nothing(world: Target, examples: Examples) -> None:
    offers = learn_offers(world)
    before = (world.accounts(), world.ledger())

    @examples
    @given(valid=valid_rents(), wrong=wrong_rents())
    def check(valid: ValidRent, wrong: WrongRent) -> None:
        body = wrong.body(valid.body(offers))
        error = refused(world.rent(body), 400, *wrong.codes)
        assert error["param"] == wrong.field, f"A12: param must be {wrong.field}: {error} for {body}"

    check()
    assert (world.accounts(), world.ledger()) == before


@pytest.mark.parametrize(("wrong", "nearest"), [("RTX 4091", "RTX 4090"), ("RTX4090", "RTX 4090")])
def test_a13_an_unknown_name_is_refused_with_the_nearest_one(world: Target, wrong: str, nearest: str) -> None:
    error = refused(world.rent({**example(world), "gpu_model": wrong}), 400, "invalid_value")
    assert error["param"] == "gpu_model"
    assert nearest in error["message"]


def test_a13_an_unknown_field_is_refused_with_the_nearest_one(world: Target) -> None:
    error = refused(world.rent({**example(world), "gpu_cuont": 1}), 400, "unknown_field")
    assert error["param"] == "gpu_cuont"
    assert "gpu_count" in error["message"]


def test_a13_a_combination_that_nobody_offers_is_not_found(world: Target) -> None:
    body = {**example(world), "region": "Norway, NO"}
    refused(world.rent(body), 404, "offer_not_found")


@pytest.mark.parametrize("rental_id", ["rent_unknown", "x", "rent_" + "a" * 20, "%00", "rent_%F0%9F%98%80", "a" * 2000])
def test_a13_unknown_and_malformed_rental_ids_are_not_found(target: Target, rental_id: str) -> None:
    refused(target.rental(rental_id), 404, "rental_not_found")
    refused(target.terminate(rental_id), 404, "rental_not_found")


def test_a13_a_body_over_64_kib_is_too_large(world: Target) -> None:
    text = json.dumps(example(world)).encode()
    full = world.send("POST", "/v1/gpu/rent", headers=[JSON], content=text.ljust(65_536))
    assert full.status in RENTED, full
    over = world.send("POST", "/v1/gpu/rent", headers=[JSON], content=text.ljust(65_537))
    refused(over, 413, "payload_too_large")


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_a13_a_body_that_is_not_declared_as_json_is_a_415(target: Target, kind: str | None) -> None:
    headers = [("content-type", kind)] if kind is not None else []
    refused(target.send("POST", "/v1/gpu/rent", headers=headers, content=b"{}"), 415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_a13_json_may_be_declared_with_a_charset_and_in_any_case(target: Target, kind: str) -> None:
    answer = target.send("POST", "/v1/gpu/rent", headers=[("content-type", kind)], content=b"{}")
    refused(answer, 400, "missing_field")


def test_a13_authentication_comes_before_route_and_method_under_v1(target: Target) -> None:
    refused(target.send("GET", "/v1/gpu/nothing", token=ANONYMOUS), 401, "invalid_token")
    refused(target.send("PUT", "/v1/gpu/rent", token=ANONYMOUS), 401, "invalid_token")
    refused(target.send("GET", "/nothing", token=ANONYMOUS), 404, "not_found")


def test_a13_method_then_media_type_then_json_then_fields(target: Target) -> None:
    plain = ("content-type", "text/plain")
    refused(target.send("PUT", "/v1/gpu/rent", headers=[plain], content=b"{"), 405, "method_not_allowed")
    refused(target.send("POST", "/v1/gpu/rentals/rent_unknown"), 405, "method_not_allowed")
    refused(target.send("POST", "/v1/gpu/rent", headers=[plain], content=b"{"), 415, "unsupported_media_type")
    refused(target.send("POST", "/v1/gpu/rent", headers=[JSON], content=b'{"gpu_count": 0,'), 400, "invalid_json")


def test_a13_fields_then_state_then_money(world: Target, tokens: dict[str, str]) -> None:
    """Bob cannot pay for the dearest offer, but every other reason comes first."""
    dear = ValidRent(-1).body(learn_offers(world))
    refused(world.rent({**dear, "region": "Norway, NO", "gpu_count": 0}, token=tokens[BOB]), 400, "invalid_value")
    refused(world.rent({**dear, "region": "Norway, NO"}, token=tokens[BOB]), 404, "offer_not_found")
    refused(world.rent({**dear, "gpu_count": 10**6}, token=tokens[BOB]), 409, "offer_unavailable")
    refused(world.rent(dear, token=tokens[BOB]), 402, "insufficient_credit")


def test_a25_every_answer_has_a_request_id_of_its_own(target: Target) -> None:
    answers = [target.send("GET", path) for path in ("/v1/gpu/offers", "/v1/gpu/offers", "/v1/gpu/nothing")]
    answers.append(target.send("GET", "/v1/gpu/offers", token=ANONYMOUS))
    assert [answer for answer in answers if "x-request-id" not in answer.headers] == []
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == len(ids)
    assert [answer for answer in answers if answer.headers["x-request-id"].encode() in answer.content] == []


def test_a25_a_request_id_of_the_clients_own_is_echoed(target: Target) -> None:
    mine = ("x-request-id", "0c3a8f5e-4f3c-4f0a-9b1e-1f6c2d8f7a10")
    for path in ("/v1/gpu/offers", "/v1/gpu/rentals/rent_unknown"):
        assert target.send("GET", path, headers=[mine]).headers.get("x-request-id") == mine[1]


def test_a13_reads_and_refusals_change_nothing(world: Target) -> None:
    before = (world.accounts(), world.ledger(), world.now())
    for path in ALLOWED:
        for method in (*METHODS, "HEAD"):
            world.send(method, path)
    assert (world.accounts(), world.ledger(), world.now()) == before
