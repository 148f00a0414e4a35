"""Declared media types and encodings of bodies, and requests without a body (A13)."""

import json

import pytest

from ..support.asgi import RENT, Api

RENT_PATH = "/v1/gpu/rent"
GOOD = json.dumps(RENT).encode()


@pytest.mark.parametrize(
    "media",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json", "*/*"],
)
def test_a13_a_body_that_is_not_declared_as_json_is_refused(api: Api, media: str | None) -> None:
    for body in (GOOD, b"no JSON"):
        with api.unchanged():
            api.call("POST", RENT_PATH, body=body, media=media).refused(415, "unsupported_media_type", "content-type")


@pytest.mark.parametrize("media", ["Application/JSON", "application/json; charset=UTF-8", "application/json ;x=y"])
def test_a13_json_is_recognised_in_any_case_and_with_parameters(api: Api, media: str) -> None:
    assert api.call("POST", RENT_PATH, body=GOOD, media=media).status == 201


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "identity, gzip", "x"])
def test_a13_a_compressed_body_is_refused(api: Api, encoding: str) -> None:
    with api.unchanged():
        answer = api.call("POST", RENT_PATH, RENT, headers=[("content-encoding", encoding)])
        answer.refused(415, "unsupported_media_type", "content-encoding")


def test_identity_is_no_compression(api: Api) -> None:
    assert api.call("POST", RENT_PATH, RENT, headers=[("content-encoding", "Identity")]).status == 201


def test_a_rent_without_a_body_is_refused(api: Api) -> None:
    with api.unchanged():
        api.call("POST", RENT_PATH).refused(415, "unsupported_media_type", "content-type")


def test_bodies_of_requests_that_need_none_are_ignored(api: Api) -> None:
    rental_id = api.rent()
    for method in ("GET", "DELETE"):
        assert api.call(method, f"/v1/gpu/rentals/{rental_id}", body=b"\xff{", media=None).status == 200
    assert api.call("GET", "/v1/gpu/offers", body=b"\xff{", media=None).status == 200


@pytest.mark.parametrize("accept", ["text/html", "application/xml;q=0.1", "nonsense"])
def test_accept_is_ignored(api: Api, accept: str) -> None:
    answer = api.call("GET", "/v1/gpu/offers", headers=[("accept", accept)])
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
