"""Quantities are integers whose unit is their type."""

import msgspec
import pytest
from gpu_sim.core.kernel.quantities import Duration, Factor, Instant, Money, Price, Share


@pytest.mark.parametrize("kind", [Duration, Instant, Money, Price, Share, Factor])
def test_a_quantity_is_an_int_and_written_as_one(kind: type[int]) -> None:
    quantity = kind(1_500)
    assert quantity == 1_500
    assert quantity + 1 == 1_501
    assert f"{quantity}" == "1500"
    assert msgspec.json.encode(quantity, enc_hook=int) == b"1500"


def test_two_units_are_two_types() -> None:
    assert len({Duration, Instant, Money, Price, Share, Factor}) == 6
