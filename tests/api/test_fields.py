"""Invalid fields of a rent: each refusal names its field and changes nothing (A13, A16, A18)."""

import json
from typing import Any

import pytest

from ..support.asgi import RENT, Api

RENT_PATH = "/v1/gpu/rent"
TEXTS = list(RENT)


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}, ["RTX 4090"], {"name": "RTX 4090"}])
def test_a13_text_must_be_a_string(api: Api, field: str, value: Any) -> None:
    with api.unchanged():
        api.call("POST", RENT_PATH, RENT | {field: value}).refused(400, "invalid_value", field)


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize(
    "value",
    [
        "",
        "x" * 257,
        "\N{ZERO WIDTH SPACE}x",
        "x\N{ZERO WIDTH JOINER}y",
        "\N{BYTE ORDER MARK}x",
        "x\N{RIGHT-TO-LEFT OVERRIDE}y",
        "x\N{SOFT HYPHEN}y",
        "x\0y",
        "x\ny",
        "x\ty",
        "x\x1by",
        "x\x7fy",
        "x\N{LINE SEPARATOR}y",
    ],
)
def test_a13_text_is_one_line_of_1_to_256_visible_characters(api: Api, field: str, value: str) -> None:
    with api.unchanged():
        api.call("POST", RENT_PATH, RENT | {field: value}).refused(400, "invalid_value", field)


@pytest.mark.parametrize("field", ["model_id", "docker_image"])
@pytest.mark.parametrize(
    "value", ["x", "x" * 256, "é ü 漢字", "a b", "a\N{NO-BREAK SPACE}b", "\N{GRINNING FACE}" * 256]
)
def test_a13_text_of_256_visible_characters_is_accepted_and_echoed(api: Api, field: str, value: str) -> None:
    answer = api.call("POST", RENT_PATH, RENT | {field: value})
    assert answer.status == 201
    assert answer.json()[field] == value


@pytest.mark.parametrize("value", [0, -1, -(10**30), -0.0, 1.0, 2.5, "1", "", True, False, None, [1], {}, [], 1e300])
def test_a16_a_number_of_gpus_is_an_integer_of_at_least_1(api: Api, value: Any) -> None:
    with api.unchanged():
        api.call("POST", RENT_PATH, RENT | {"gpu_count": value}).refused(400, "invalid_value", "gpu_count")


@pytest.mark.parametrize("text", ["-0", "1e0", "1E2", "1.0", "0.0"])
def test_a16_a_number_of_gpus_is_written_as_an_integer(api: Api, text: str) -> None:
    body = json.dumps(RENT | {"gpu_count": 77}).replace("77", text).encode()
    with api.unchanged():
        api.call("POST", RENT_PATH, body=body).refused(400, "invalid_value", "gpu_count")


@pytest.mark.parametrize(
    "gpu_count", [2**31, 2**53 + 1, 2**63, 2**64, 10**400], ids=lambda number: f"{number.bit_length()} bits"
)
def test_a16_huge_integers_are_judged_like_others(api: Api, gpu_count: int) -> None:
    with api.unchanged():
        answer = api.call("POST", RENT_PATH, RENT | {"gpu_count": gpu_count})
        answer.refused(409, "offer_unavailable", "gpu_count")
        assert answer.header("x-should-retry") == "false"


def test_a16_an_integer_of_more_digits_than_can_be_read_is_refused_too(api: Api) -> None:
    body = json.dumps(RENT | {"gpu_count": 77}).replace("77", "7" * 20_000).encode()
    with api.unchanged():
        answer = api.call("POST", RENT_PATH, body=body)
    answer.refused(409, "offer_unavailable", "gpu_count")
    assert answer.header("x-should-retry") == "false"


@pytest.mark.parametrize("value", [0, 1, "true", "false", "", None, [], {}])
def test_a13_fine_tuned_is_true_or_false(api: Api, value: Any) -> None:
    with api.unchanged():
        api.call("POST", RENT_PATH, RENT | {"fine_tuned": value}).refused(400, "invalid_value", "fine_tuned")


@pytest.mark.parametrize(
    "key",
    [
        "ssh-ed25519 AAAA... user@host",
        "ssh-ed25519 AAAA",
        "ssh-rsa AAAAB3NzaC1yc2E= a comment with spaces",
        "ecdsa-sha2-nistp256 AAAA",
        "sk-ssh-ed25519@openssh.com AAAA",
        "ssh-ed25519 " + "A" * 8000,
    ],
)
def test_a18_an_ssh_key_is_a_type_a_space_and_a_text(api: Api, key: str) -> None:
    assert "ssh" in api.call("POST", RENT_PATH, RENT | {"ssh_key": key}).json()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 ",
        "ssh-ed25519   ",
        "AAAA",
        "AAAA ssh-ed25519",
        " ssh-ed25519 AAAA",
        "SSH-ED25519 AAAA",
        "ssh-ed25520 AAAA",
        "ssh-ed25519\tAAAA",
        "ssh-ed25519 AAAA\n",
        "ssh-ed25519 AAAA\nssh-ed25519 BBBB",
        "ssh-ed25519 AA\0AA",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        5,
        True,
        [],
        {},
    ],
)
def test_a18_any_other_ssh_key_is_refused(api: Api, key: Any) -> None:
    with api.unchanged():
        api.call("POST", RENT_PATH, RENT | {"ssh_key": key}).refused(400, "invalid_value", "ssh_key")


@pytest.mark.parametrize(
    ("field", "nearest"),
    [
        ("gpu_modle", "gpu_model"),
        ("GPU_MODEL", "gpu_model"),
        ("provider", "provider_id"),
        ("sshkey", "ssh_key"),
        ("gpu_counts", "gpu_count"),
        ("price_per_gpu_hour", None),
        ("balance", None),
        ("__proto__", None),
        ("", None),
        ("x" * 30_000, None),
    ],
)
def test_a13_an_unknown_field_is_refused_with_the_nearest_one(api: Api, field: str, nearest: str | None) -> None:
    with api.unchanged():
        message = api.call("POST", RENT_PATH, RENT | {field: "x"}).refused(400, "unknown_field", field)["message"]
    assert nearest is None or f'did you mean "{nearest}"?' in message


def test_a13_of_several_faults_the_unknown_field_comes_first_then_the_missing_one(api: Api) -> None:
    body = {"gpu_count": 0, "surprise": 1}
    api.call("POST", RENT_PATH, body).refused(400, "unknown_field", "surprise")
    del body["surprise"]
    api.call("POST", RENT_PATH, body).refused(400, "missing_field", "gpu_model")


@pytest.mark.parametrize("query", ["?dry_run=true", "?gpu_model=H100", "?x"])
def test_a14_a_rent_knows_no_parameters(api: Api, query: str) -> None:
    with api.unchanged():
        name = query[1:].partition("=")[0]
        api.call("POST", RENT_PATH + query, RENT).refused(400, "unknown_parameter", name)
