"""The messages of msgspec, taken apart: what holds here is what the library says in the version that is installed."""

from typing import Literal

import msgspec
import pytest
from gpu_sim.type_errors import TypeProblem, parse_type_error
from msgspec import Struct


class _Inner(Struct, forbid_unknown_fields=True):
    status: Literal["running", "terminated"] = "running"
    version: Literal[1] = 1
    at: int | None = None


class _Outer(Struct, forbid_unknown_fields=True):
    name: str
    inner: _Inner | None = None
    listed: list[_Inner] = []
    fixed: tuple[_Inner, ...] = ()
    by_name: dict[str, _Inner] = {}


def _problem(**fields: object) -> TypeProblem:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(fields, _Outer)
    return parse_type_error(str(refused.value))


_INNER_FIELDS = ["status", "version", "at"]


def test_an_unknown_field_is_named_with_its_place_and_those_that_there_are() -> None:
    for given, place, path in (
        ({"inner": {"sattus": 1}}, "inner", ("inner",)),
        ({"listed": [{}, {"sattus": 1}]}, "listed[1]", ("listed", 1)),
        ({"fixed": [{"sattus": 1}]}, "fixed[0]", ("fixed", 0)),
    ):
        problem = _problem(name="x", **given)
        assert (problem.kind, problem.name, problem.place, problem.path) == ("unknown_field", "sattus", place, path)
        assert problem.known(_Outer) == _INNER_FIELDS


def test_the_top_has_an_empty_place() -> None:
    problem = _problem(nam="x")
    assert (problem.kind, problem.name, problem.place, problem.path) == ("unknown_field", "nam", "", ())
    assert problem.known(_Outer) == ["name", "inner", "listed", "fixed", "by_name"]


def test_a_missing_field_is_named() -> None:
    problem = _problem()
    assert (problem.kind, problem.name, problem.place) == ("missing_field", "name", "")


@pytest.mark.parametrize("value", ["runing", "", "'", '"', "it's", "'\"", "a - at `$.b`", "`"])
def test_a_value_that_is_none_of_those_possible_is_named(value: str) -> None:
    problem = _problem(name="x", inner={"status": value})
    shown = repr(value)[1:-1]
    assert (problem.kind, problem.name, problem.place) == ("unknown_value", shown, "inner.status")
    assert problem.known(_Outer) == ["running", "terminated"]


def test_a_number_that_is_none_of_those_possible_is_named() -> None:
    problem = _problem(name="x", inner={"version": 2})
    assert (problem.kind, problem.name, problem.known(_Outer)) == ("unknown_value", "2", ["1"])


def test_a_wrong_type_tells_what_was_expected_and_got() -> None:
    problem = _problem(name="x", listed=[{"at": "1"}])
    assert problem.kind == "wrong_type"
    assert (problem.expected, problem.got, problem.place) == (("int", "null"), "str", "listed[0].at")


def test_the_keys_of_a_mapping_are_not_told_of() -> None:
    problem = _problem(name="x", by_name={"a": {"status": 5}})
    assert (problem.place, problem.path) == ("by_name[...].status", ("by_name", "status"))


@pytest.mark.parametrize("key", ["a - at `$.inner`", "x`", "a\nb"])
def test_a_key_that_looks_like_a_message_is_still_named_within_a_place(key: str) -> None:
    problem = _problem(name="x", inner={key: 1})
    assert (problem.kind, problem.name, problem.place) == ("unknown_field", key, "inner")


def test_whatever_else_is_said_stays_as_it_is() -> None:
    with pytest.raises(msgspec.DecodeError) as refused:
        msgspec.json.decode(b"{", type=_Outer)
    assert parse_type_error(str(refused.value)) == TypeProblem("other", "Input data was truncated", "")
    assert parse_type_error("give either - at `$.inner`") == TypeProblem("other", "give either", "inner")
