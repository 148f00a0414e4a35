"""One value of several: the complaint where none or two are given."""

from typing import ClassVar

import pytest
from gpu_sim.core.kernel.one_of import OneOf, not_exactly_one


class _Either(OneOf, frozen=True, kw_only=True):
    KINDS: ClassVar[tuple[str, ...]] = ("left", "right", "middle")

    at: int | None = None
    left: int | None = None
    right: int | None = None
    middle: int | None = None


def test_a_value_of_zero_is_given() -> None:
    assert _Either(right=0).kind == "right"
    assert not_exactly_one(left=None, right=0) is None


@pytest.mark.parametrize("given", [{}, {"at": 1}, {"left": 1, "right": 0}, {"left": 1, "right": 1, "middle": 1}])
def test_none_and_several_are_refused_with_all_names(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"^give exactly one of left, right and middle$"):
        _Either(**given)
