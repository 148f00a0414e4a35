"""Query strings as structs: each field is a parameter, and what fits none is refused with those that there are."""

from typing import Literal

import pytest
from gpu_sim.api.problems import MissingField, UnknownParameter
from gpu_sim.api.queries import list_queries, parameters
from gpu_sim.api.queries.parameters import NoParameters
from gpu_sim.api.queries.query_decoding import decode_query, parameters_of
from gpu_sim.api.queries.since import Since
from gpu_sim.core.kernel.errors import InvalidValue
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.field_docs import field_docs
from msgspec import Struct

START_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""


class Search(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A query with a parameter of each type."""

    text: str | None = None
    number: int = 100
    flag: bool | None = None
    choice: Literal["red", "green"] | None = None
    choices: tuple[Literal["red", "green"], ...] = ()
    names: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    wait: Duration | None = None
    since: Since | None = None


class Required(Struct, frozen=True, forbid_unknown_fields=True):
    """A query that cannot do without a parameter."""

    name: str


@pytest.mark.parametrize(
    ("raw", "field", "expected"),
    [
        (b"", "number", 100),
        (b"&&", "names", ()),
        (b"text=a+b%2Cc,d", "text", "a b,c,d"),
        (b"number=7", "number", 7),
        (b"number=" + b"9" * 15, "number", 10**15 - 1),
        (b"flag=true", "flag", True),
        (b"flag=false", "flag", False),
        (b"choice=red", "choice", "red"),
        (b"choices=red,green", "choices", ("red", "green")),
        (b"choices=green&choices=red", "choices", ("green", "red")),
        (b"choices=red%2Cgreen", "choices", ("red", "green")),
        (b"names=a&names=b,c", "names", ("a", "b", "c")),
        (b"numbers=1,2&numbers=3", "numbers", (1, 2, 3)),
        (b"wait=1m30s", "wait", 90_000),
    ],
)
def test_a_parameter_is_of_its_fields_type(raw: bytes, field: str, expected: object) -> None:
    assert getattr(decode_query(raw, Search), field) == expected


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("2026-01-01T00:00:02Z", 2_000),
        ("2026-01-01T01:00:02%2B01:00", 2_000),
        ("2026-01-01T01:00:02+01:00", 2_000),
        ("2025-12-31T23:59:59Z", -1_000),
        ("3s", 57_000),
        ("2m", -60_000),
        ("0s", 60_000),
    ],
)
def test_since_is_an_instant_or_so_long_ago(text: str, expected_ms: int) -> None:
    since = decode_query(b"since=" + text.encode(), Search).since
    assert since is not None
    assert since.in_ms(now_ms=60_000, start_epoch_ms=START_MS) == expected_ms


@pytest.mark.parametrize(
    ("raw", "param", "says"),
    [
        (b"number=x", "number", "number must be a whole number"),
        (b"number=-1", "number", "number must be a whole number from 0 on"),
        (b"number=1.5", "number", "number must be a whole number"),
        (b"number=" + b"9" * 16, "number", "number must be a whole number from 0 on, of 15 digits at most"),
        ("number=٣".encode(), "number", "number must be a whole number"),
        (b"numbers=1,x", "numbers", "numbers must be a whole number"),
        (b"number=", "number", "number needs a value"),
        (b"text", "text", "text needs a value"),
        (b"flag=yes", "flag", "flag must be true or false"),
        (b"choice=gren", "choice", '"gren" is not among green, red; did you mean "green"?'),
        (b"choices=red,reed", "choices", '"reed" is not among green, red; did you mean "red"?'),
        (b"choices=red,,green", "choices", "choices has an empty value between its commas"),
        (b"choices=red,", "choices", "choices has an empty value between its commas"),
        (b"text=a&text=a", "text", "text stands there twice"),
        (b"text=%f", "text", "text has a % that escapes nothing"),
        (b"text=%ff", "text", "text is no UTF-8"),
        (b"wait=1", "wait", 'wait: expected a duration such as 90s, 15m, 1h30m or 250ms, got "1"'),
        (
            b"since=noon",
            "since",
            "since: expected an instant such as 2026-01-01T00:00:00Z, or so long ago, such as 15m",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused(raw: bytes, param: str, says: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        decode_query(raw, Search)
    assert refused.value.param == param
    assert says in str(refused.value)


def test_an_unknown_parameter_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnknownParameter) as refused:
        decode_query(b"number=1&txt=a", Search)
    assert refused.value.param == "txt"
    known = "text, number, flag, choice, choices, names, numbers, wait, since"
    assert str(refused.value) == f'no parameter "txt" among {known}; did you mean "text"?'
    with pytest.raises(UnknownParameter, match=r'no parameter "a": this call takes none'):
        decode_query(b"a=1", NoParameters)


def test_a_parameter_that_is_required_is_missed() -> None:
    with pytest.raises(MissingField, match="name is required"):
        decode_query(b"", Required)


def test_each_parameter_is_described_below_its_field() -> None:
    found = {
        struct
        for module in (list_queries, parameters)
        for struct in vars(module).values()
        if isinstance(struct, type) and issubclass(struct, Struct)
    }
    assert {list_queries.RentalsQuery, list_queries.EventStreamQuery, parameters.WorldQuery} <= found
    for struct in found:
        assert set(field_docs(struct)) == set(parameters_of(struct)), struct
