"""The names that a selector may use, and the problem with one that no offer meets."""

import pytest
from gpu_sim.core.scenario.acts import Selector
from gpu_sim.core.scenario.offer_names import OfferNames

from ...support.builders import offer

NAMES = OfferNames((offer(), offer("us-central1, US", provider_id="gcp", gpu_model="H100")))


@pytest.mark.parametrize(
    "selector",
    [Selector(), Selector(provider="GCP"), Selector(provider="vast-ai", gpu_model="rtx 4090", region="quebec, ca")],
)
def test_a_selector_that_some_offer_meets_has_no_problem(selector: Selector) -> None:
    assert list(NAMES.problems(selector)) == []


def test_a_name_that_no_offer_has_comes_with_the_nearest() -> None:
    assert list(NAMES.problems(Selector(provider="gpc", region="Quebec"), ("on",))) == [
        (("on", "provider"), 'no offer has provider "gpc"; did you mean "gcp"?'),
        (("on", "region"), 'no offer has region "Quebec"; did you mean "Quebec, CA"?'),
    ]
    ((path, _),) = NAMES.problems(Selector(provider="gpc"), provider_key="provider_id")
    assert path == ("provider_id",)


def test_names_that_nobody_offers_together_are_a_problem() -> None:
    assert list(NAMES.problems(Selector(provider="gcp", gpu_model="RTX 4090"), ("x",))) == [
        (("x",), "no offer matches all of these")
    ]
