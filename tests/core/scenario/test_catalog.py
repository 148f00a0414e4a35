"""Offers at the start: their bounds, and catalogues that are made."""

from collections.abc import Callable
from typing import Any

import pytest
from gpu_sim.core.kernel.quantities import Availability
from gpu_sim.core.scenario.catalog import Generate, OfferSpec, generate_offers, generated_offers
from msgspec.structs import replace

from ...support.builders import offer


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"provider_id": ""}, "provider_id must be"),
        ({"provider_id": "a|b"}, "provider_id must be"),
        ({"gpu_model": "x" * 257}, "gpu_model must be"),
        ({"region": "a\nb"}, "region must be"),
        ({"group": "a\nb"}, "group must be 1 to 256"),
        ({"vram_gb": 0}, "vram_gb must be at least 1"),
        ({"capacity": -1}, "capacity at least 0"),
        ({"interruption_probability": 1_000_000}, "below 1"),
        ({"interruption_probability": 0, "availability": Availability(999_999)}, "availability is always where"),
        ({"spot_price": 411_000}, "above on_demand_price"),
        ({"spot_price": 0}, "above 0"),
        ({"spot_price": 287_500}, "multiples of"),
        ({"on_demand_price": 410_001}, "multiples of"),
        ({"spot": False, "spot_price": 410_000}, "interruption_probability must be 0 where spot is false"),
        ({"spot": False, "interruption_probability": 0}, "spot_price must be on_demand_price where spot is false"),
        (
            {"spot": False, "interruption_probability": 0, "spot_price": 410_000, "group": "g"},
            "group goes with spot offers",
        ),
    ],
)
def test_an_impossible_offer_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(offer(), **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"provider_id": "x" * 256},
        {"region": "Québec"},
        {"capacity": 0},
        {"vram_gb": 1},
        {"interruption_probability": 999_999},
        {"interruption_probability": 0},
        {"interruption_probability": 0, "availability": Availability(1_000_000)},
        {"spot_price": 410_000},
        {"spot": False, "interruption_probability": 0, "spot_price": 410_000, "availability": Availability(1_000_000)},
    ],
)
def test_an_offer_at_its_bounds_is_accepted(changes: dict[str, Any]) -> None:
    assert replace(offer(), **changes)


@pytest.mark.parametrize("count", [0, -1, 1_000_001])
def test_a_generated_catalogue_has_one_to_a_million_offers(count: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 1000000"):
        Generate(count)
    assert Generate(1).offers == 1
    assert Generate(1_000_000).offers == 1_000_000


def test_generated_offers_are_the_same_every_time_and_all_different() -> None:
    offers = tuple(generate_offers(1_000))
    assert offers == tuple(generate_offers(1_000))
    assert len({o.name for o in offers}) == 1_000
    assert (offers[0].region, offers[999].region) == ("region-00000", "region-00999")


def test_an_offer_is_named_after_provider_gpu_model_and_region() -> None:
    spec = next(generate_offers(1))
    assert spec.name == f"{spec.provider_id}|{spec.gpu_model}|{spec.region}"


def test_a_catalogue_that_is_kept_is_the_one_asked_for() -> None:
    for count in (30, 40, 40, 30):
        assert generated_offers(count) == tuple(generate_offers(count))


def test_a_longer_catalogue_begins_with_the_shorter_one() -> None:
    assert tuple(generate_offers(100)) == tuple(generate_offers(200))[:100]


@pytest.mark.parametrize(
    "of", [lambda o: o.provider_class, lambda o: o.gpu_model, lambda o: o.capacity > 16, lambda o: o.vram_gb]
)
def test_generated_offers_vary(of: Callable[[OfferSpec], object]) -> None:
    assert len({of(o) for o in generate_offers(200)}) >= 2


def test_generated_offers_have_believable_figures() -> None:
    for spec in generate_offers(2_000):
        assert spec.spot_price % 1_000 == spec.on_demand_price % 1_000 == 0
        assert 0.34 < spec.spot_price / spec.on_demand_price < 0.85
        assert 5_000 <= spec.interruption_probability < 100_000
        assert 1 <= spec.capacity <= 32
