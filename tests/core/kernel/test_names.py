"""Names, ids and near misses."""

import re

import pytest
from gpu_sim.core.kernel.names import did_you_mean, is_name, nearest, offer_name, rental_id, rental_name


@pytest.mark.parametrize("text", ["a", "alice", "A-Z_09", "x" * 64])
def test_a_name_is_up_to_64_letters_digits_dashes_and_underscores(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a|b", "é", "a\n", "٣", "a/b", "a.b"])
def test_anything_else_is_no_name(text: str) -> None:
    assert not is_name(text)


def test_a22_an_id_is_rent_and_twenty_base32_characters() -> None:
    id_ = rental_id(1, rental_name("alice", offer_name("vast-ai", "RTX 4090", "Quebec, CA"), 0))
    assert re.fullmatch(r"rent_[a-z2-7]{20}", id_)


def test_a22_an_id_follows_from_the_seed_and_the_rentals_name() -> None:
    assert rental_id(1, "alice|o|0") == rental_id(1, "alice|o|0")
    others = {rental_id(2, "alice|o|0"), rental_id(1, "bob|o|0"), rental_id(1, "alice|p|0"), rental_id(1, "alice|o|1")}
    assert len(others | {rental_id(1, "alice|o|0")}) == 5


def test_a22_ids_of_a_world_differ() -> None:
    ids = {rental_id(seed, rental_name("alice", "o", n)) for seed in range(10) for n in range(1_000)}
    assert len(ids) == 10_000


def test_a_rentals_name_is_account_offer_and_ordinal() -> None:
    assert rental_name("alice", offer_name("gcp", "H100", "us"), 3) == "alice|gcp|H100|us|3"


@pytest.mark.parametrize(
    ("name", "close"),
    [("H10", "H100"), ("h100", "H100"), ("rtx4090", "RTX 4090"), ("RTX 409O", "RTX 4090"), ("zzz", None), ("", None)],
)
def test_the_nearest_name_is_found_whatever_the_case(name: str, close: str | None) -> None:
    assert nearest(name, ["RTX 4090", "H100", "L40S"]) == close


def test_the_hint_names_the_nearest_or_says_nothing() -> None:
    assert did_you_mean("H10", ["H100"]) == '; did you mean "H100"?'
    assert did_you_mean("zzz", ["H100"]) == ""


def test_a_long_name_is_compared_with_none_and_a_name_with_200_at_most() -> None:
    assert nearest("x" * 64, ["x" * 60]) == "x" * 60
    assert nearest("x" * 65, ["x" * 65]) is None
    others = [f"offer {number}" for number in range(199)]
    assert nearest("H10", [*others, "H100"]) == "H100"
    assert nearest("H10", [*others, "L40S", "H100"]) is None
