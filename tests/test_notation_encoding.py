"""Quantities encoded and decoded by their types, and the short form of a distribution."""

from decimal import Decimal

import msgspec
import pytest
from gpu_sim.core.kernel.quantities import (
    Availability,
    Bound,
    Duration,
    Factor,
    Instant,
    Money,
    Price,
    RecordingBegin,
    Share,
    Size,
)
from gpu_sim.notation import (
    decode_quantity,
    encode_quantity,
    format_factor,
    shorten_distribution,
    write_out_distribution,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct


class _Everything(Struct):
    duration: Duration
    instant: Instant
    money: Money
    price: Price
    share: Share
    factor: Factor
    size: Size


def test_json_and_msgspec_get_each_quantity_by_its_type() -> None:
    given_ = (
        b'{"duration": "15m", "instant": "1970-01-01T00:00:01Z", "money": "1.00", "price": "0.287", "share": 0.02,'
        b' "factor": 1.5, "size": "9GB"}'
    )
    decoded = msgspec.convert(msgspec.json.decode(given_), _Everything, dec_hook=decode_quantity)
    assert decoded == _Everything(
        Duration(900_000),
        Instant(1_000),
        Money(1_000_000),
        Price(287_000),
        Share(20_000),
        Factor(1_500_000),
        Size(9_000),
    )


def test_a_type_that_is_no_quantity_is_neither_decoded_nor_encoded() -> None:
    with pytest.raises(NotImplementedError):
        decode_quantity(complex, "1")
    for value in (1j, 1, True, "1s"):
        with pytest.raises(NotImplementedError):
            encode_quantity(value)


_BOUNDS: dict[type[int], tuple[int, int]] = {
    Duration: (0, 36_500 * 86_400_000),
    Instant: (0, 221_845_391_999_999),  # the end of 8999
    Money: (0, 10**18),
    Price: (1_000, 10**12),
    Share: (0, 10**6),
    Availability: (1, 10**6),
    Factor: (0, 10**12),
    Size: (0, 10_000_000),
    Bound: (-(10**18), 10**18),
    RecordingBegin: (-1, 36_500 * 86_400_000),
}


def _quantities(kind: type[int]) -> st.SearchStrategy[int]:
    """Every quantity of a kind that a scenario file can have."""
    least, most = _BOUNDS[kind]
    step = 1_000 if kind is Price else 1
    return st.integers(least // step, most // step).map(lambda steps: kind(steps * step))


@given(st.sampled_from(list(_BOUNDS)).flatmap(_quantities))
def test_what_was_encoded_is_decoded_as_the_same(quantity: int) -> None:
    encoded = encode_quantity(quantity)
    through_json = msgspec.json.decode(msgspec.json.encode(encoded))
    for written in (encoded, through_json):
        decoded = decode_quantity(type(quantity), written)
        assert (decoded, type(decoded)) == (quantity, type(quantity))


@pytest.mark.parametrize("kind", list(_BOUNDS))
def test_bounds_are_encoded_and_decoded_as_the_same(kind: type[int]) -> None:
    for bound in _BOUNDS[kind]:
        assert decode_quantity(kind, encode_quantity(kind(bound))) == bound


def test_a_factor_is_written_as_a_number() -> None:
    assert [format_factor(ppm) for ppm in (0, 3_000_000, 1_500_000, 1)] == [0, 3, 1.5, 0.000001]
    assert isinstance(format_factor(3_000_000), int)


@pytest.mark.parametrize("alone", ["2s", "x", 2, 0, True, Decimal(2)])
def test_what_is_no_mapping_is_meant_as_a_fixed_duration(alone: object) -> None:
    written_out = write_out_distribution(alone)
    assert written_out == {"fixed": alone}
    assert shorten_distribution({"fixed": alone}) == alone


@pytest.mark.parametrize("document", [None, [], ["2s"], {}, {"fixed": "2s"}, {"uniform": {"min": "1s", "max": "2s"}}])
def test_a_distribution_that_is_written_out_stays_as_it_is(document: object) -> None:
    assert write_out_distribution(document) is document


def test_only_a_fixed_distribution_is_shortened() -> None:
    document: dict[str, object] = {"uniform": {"min": "1s", "max": "2s"}}
    assert shorten_distribution(document) is document
