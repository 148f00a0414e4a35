"""Bodies that are not strict JSON: each gets one clear refusal and changes nothing (A13)."""

import json

import pytest

from ..support.asgi import RENT, Api

RENT_PATH = "/v1/gpu/rent"
GOOD = json.dumps(RENT).encode()
DEEP = b'{"a":' * 70 + b"1" + b"}" * 70


def changed(old: bytes, new: bytes) -> bytes:
    """The valid body with a part replaced."""
    assert old in GOOD
    return GOOD.replace(old, new, 1)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "at character 0"),
        (b"{", "at character 1"),
        (GOOD[:-1], f"at character {len(GOOD) - 1}"),
        (GOOD + b"}", f"at character {len(GOOD)}"),
        (GOOD + GOOD, "Extra data"),
        (b"gpu_model=H100", "at character 0"),
        (b"{'gpu_model': 'H100'}", "at character 1"),
        (b'{"gpu_model": "H100",}', "no JSON"),
        (b'{"gpu_count": 1} // now', "Extra data"),
        (b'{"gpu_count": 01}', "no JSON"),
        (b'{"gpu_count": +1}', "no JSON"),
        (b'{"gpu_count": 0x10}', "no JSON"),
        (b"\x00", "no JSON"),
        (b'{"gpu_model": "a\x00b"}', "control character"),
        (b'{"gpu_model": "a\nb"}', "control character"),
    ],
)
def test_a13_a_body_that_is_no_json_is_refused_with_the_place(api: Api, body: bytes, says: str) -> None:
    with api.unchanged():
        message = api.call("POST", RENT_PATH, body=body).refused(400, "invalid_json")["message"]
    assert says in message


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (changed(b"{", b'{"gpu_count": 1, "gpu_count": 1, '), 'the key "gpu_count" stands there twice'),
        (changed(b"{", b'{"gpu_model": "H100", '), 'the key "gpu_model" stands there twice'),
        (changed(b"{", b'{"\\u0061": {"b": 1, "b": 2}, '), 'the key "b" stands there twice'),
        (changed(b"{", b'{"a": 1, "\\u0061": 2, '), 'the key "a" stands there twice'),
    ],
)
def test_a13_a_key_that_stands_there_twice_is_refused(api: Api, body: bytes, says: str) -> None:
    with api.unchanged():
        assert says in api.call("POST", RENT_PATH, body=body).refused(400, "invalid_json")["message"]


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400"])
@pytest.mark.parametrize("field", [b"gpu_count", b"nested"])
def test_a13_a_number_that_cannot_be_held_is_refused(api: Api, number: bytes, field: bytes) -> None:
    body = changed(b"{", b'{"%b": [%b], ' % (field, number))
    with api.unchanged():
        api.call("POST", RENT_PATH, body=body).refused(400, "invalid_json")


@pytest.mark.parametrize(
    "body",
    [
        changed(b"Quebec", b"Qu\xe9bec"),
        changed(b"Quebec", b"\xed\xa0\x80"),
        changed(b"Quebec", b"\xc0\x80"),
        changed(b"Quebec", b"\xff"),
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().encode("utf-16"),
        GOOD.decode().encode("utf-16-le"),
        GOOD.decode().encode("utf-32"),
    ],
)
def test_a13_a_body_that_is_no_plain_utf_8_is_refused(api: Api, body: bytes) -> None:
    for media in ("application/json", "application/json; charset=utf-16", "application/json;charset=latin-1"):
        with api.unchanged():
            api.call("POST", RENT_PATH, body=body, media=media).refused(400, "invalid_json")


@pytest.mark.parametrize("escape", [b"\\ud800", b"\\udc00\\ud800", b"\\uDFFF"])
def test_a13_a_lone_surrogate_is_refused_wherever_it_stands(api: Api, escape: bytes) -> None:
    for body in (changed(b"Quebec", escape), changed(b"{", b'{"%b": 1, ' % escape)):
        with api.unchanged():
            message = api.call("POST", RENT_PATH, body=body).refused(400, "invalid_json")["message"]
        assert "lone surrogate" in message


def test_a13_a_pair_of_surrogates_is_a_character(api: Api) -> None:
    answer = api.call("POST", RENT_PATH, body=changed(b"vllm/", b"\\ud83d\\ude00/"))
    assert answer.json()["docker_image"].startswith("\N{GRINNING FACE}/")


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"x"', b"true", b"[" + GOOD + b"]", b"1.5"])
def test_a13_a_body_that_is_no_object_is_refused(api: Api, body: bytes) -> None:
    with api.unchanged():
        api.call("POST", RENT_PATH, body=body).refused(400, "invalid_body")


@pytest.mark.parametrize("body", [DEEP, b"[" * 30_000, b'{"a":' * 10_000, b"[" * 20_000 + b"]" * 20_000])
def test_a13_deep_nesting_is_refused(api: Api, body: bytes) -> None:
    with api.unchanged():
        api.call("POST", RENT_PATH, body=body).refused(400, "invalid_json")


def test_a13_nesting_within_bounds_is_judged_by_its_fields(api: Api) -> None:
    body = changed(b"{", b'{"a":' + b'{"a":' * 60 + b"1" + b"}" * 60 + b", ")
    api.call("POST", RENT_PATH, body=body).refused(400, "unknown_field", "a")


def test_a13_a_key_that_stands_there_twice_is_named_in_part(api: Api) -> None:
    key = b"k" * 1_000
    message = api.call("POST", RENT_PATH, body=b'{"%b": 1, "%b": 2}' % (key, key)).refused(400, "invalid_json")
    assert f'the key "{"k" * 64}" stands there twice' in message["message"]
