"""While much is built nobody looks for garbage, and afterwards all is as before."""

import gc
from collections.abc import Iterator

import pytest
from gpu_sim.core.kernel.gc_pause import gc_pause


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.enable()


def test_nobody_looks_for_garbage_within_and_somebody_afterwards() -> None:
    with gc_pause():
        assert not gc.isenabled()
        with gc_pause():
            pass
        assert not gc.isenabled(), "the outer one is not over"
    assert gc.isenabled()


def test_it_is_over_where_building_fails() -> None:
    with pytest.raises(ValueError, match="no"), gc_pause():
        raise ValueError("no")
    assert gc.isenabled()


def test_who_looks_for_garbage_by_themselves_goes_on_to() -> None:
    gc.disable()
    with gc_pause():
        pass
    assert not gc.isenabled()
