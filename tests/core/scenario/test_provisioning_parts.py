"""The parts of provisioning, and the sizes of what is fetched."""

from typing import Any, get_args

import pytest
from gpu_sim.core.kernel.quantities import Size
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.provisioning_parts import Parts, PerGigabyte, Phase, Sizes


def test_the_parts_are_the_phases_in_their_order() -> None:
    assert Parts.__struct_fields__ == get_args(Phase)
    parts = Parts(
        fine_tuned=fixed(5),
        weights=PerGigabyte(fixed(4)),
        pull=PerGigabyte(fixed(3)),
        boot=fixed(2),
        allocate=fixed(1),
    )
    assert parts.in_order() == tuple(zip(get_args(Phase), map(fixed, range(1, 6)), strict=True))


def test_parts_that_are_not_given_are_left_out() -> None:
    assert Parts(weights=PerGigabyte(fixed(4))).in_order() == (("weights", fixed(4)),)


@pytest.mark.parametrize("parts", [{}, {"fine_tuned": fixed(1)}])
def test_every_rental_has_a_part(parts: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="at least one of allocate, boot, pull and weights"):
        Parts(**parts)  # type: ignore[arg-type]  # of the right types


def test_sizes_are_found_by_the_exact_name_and_are_the_same_for_all_others() -> None:
    sizes = Sizes(images={"vllm:1": Size(1)}, models={"m": Size(2)}, unlisted_image=Size(3), unlisted_model=Size(4))
    assert [sizes.of_image(name) for name in ("vllm:1", "VLLM:1", "m")] == [1, 3, 3]
    assert [sizes.of_model(name) for name in ("m", "M", "vllm:1")] == [2, 4, 4]


@pytest.mark.parametrize(
    "sizes",
    [
        {"images": {"i": Size(10_000_001)}},
        {"models": {"m": Size(10_000_001)}},
        {"unlisted_image": Size(10_000_001)},
        {"unlisted_model": Size(10_000_001)},
    ],
)
def test_nothing_is_larger_than_ten_thousand_gigabytes(sizes: dict[str, Any]) -> None:
    assert Sizes(images={"i": Size(10_000_000)}).of_image("i") == 10_000_000
    with pytest.raises(ValueError, match="sizes must be at most 10000GB"):
        Sizes(**sizes)


def test_unlisted_sizes_are_those_of_a_serving_image_and_of_a_small_model() -> None:
    assert (Sizes().of_image("i"), Sizes().of_model("m")) == (9_000, 16_000)
