"""Settings of a market: what holds for a provider class, and the offers at the start."""

import pytest
from gpu_sim.core.kernel.quantities import Share
from gpu_sim.core.scenario.catalog import CatalogSpec, Generate
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.market_settings import (
    MarketSettings,
    PriceSettings,
    ProvisioningSettings,
    ProvisioningTerms,
    opening_offers,
)
from gpu_sim.core.scenario.provisioning_parts import Parts
from msgspec.structs import replace

from ...support.builders import offer


def test_a_class_takes_its_own_price_process_before_that_for_all() -> None:
    settings = PriceSettings(marketplace="mean_reverting", all="constant")
    assert settings.process("marketplace") == "mean_reverting"
    assert settings.process("exchange") == "constant"


def test_provisioning_terms_are_taken_from_the_class_then_from_all_then_from_the_measurements() -> None:
    settings = ProvisioningSettings(
        neocloud=ProvisioningTerms(delay=fixed(1)), all=ProvisioningTerms(delay=fixed(2), failure=Share(7))
    )
    assert settings.terms("neocloud") == ProvisioningTerms(delay=fixed(1), failure=Share(7), never_ready=Share(0))
    assert settings.terms("exchange") == ProvisioningTerms(delay=fixed(2), failure=Share(7), never_ready=Share(0))
    only_shares = ProvisioningSettings(exchange=ProvisioningTerms(failure=Share(9), never_ready=Share(8)))
    measured = ProvisioningSettings().terms("exchange")
    assert only_shares.terms("exchange") == replace(measured, failure=Share(9), never_ready=Share(8))


def test_parts_of_a_class_replace_a_delay_for_all_and_the_other_way_round() -> None:
    parts, delay = ProvisioningTerms(parts=Parts(boot=fixed(1))), ProvisioningTerms(delay=fixed(2))
    for own, other in ((parts, delay), (delay, parts)):
        terms = ProvisioningSettings(neocloud=own, all=other).terms("neocloud")
        assert (terms.delay, terms.parts) == (own.delay, own.parts)
        kept = ProvisioningSettings(neocloud=ProvisioningTerms(failure=Share(1)), all=other).terms("neocloud")
        assert (kept.delay, kept.parts) == (other.delay, other.parts)


def test_not_more_than_all_rentals_of_a_class_fail_or_are_never_ready() -> None:
    most = ProvisioningTerms(failure=Share(400_000), never_ready=Share(600_000))
    assert ProvisioningSettings(all=most).terms("exchange").never_ready == 600_000
    with pytest.raises(ValueError, match="failure and never_ready of neocloud come to more than 100%"):
        ProvisioningSettings(all=most, neocloud=ProvisioningTerms(failure=Share(400_001)))


def test_provisioning_is_timed_as_a_whole_or_by_parts() -> None:
    with pytest.raises(ValueError, match="give either delay or parts"):
        ProvisioningTerms(delay=fixed(1), parts=Parts(boot=fixed(1)))


def test_the_offers_are_those_listed_or_those_generated() -> None:
    offers = (offer(), offer("us-central1, US", provider_id="gcp"))
    assert opening_offers(MarketSettings(offers=offers)) == offers
    generated = opening_offers(MarketSettings(catalog=CatalogSpec(Generate(3))))
    assert [spec.region for spec in generated] == ["region-00000", "region-00001", "region-00002"]
    with pytest.raises(AssertionError, match="for the loader"):
        opening_offers(MarketSettings(catalog="default"))
