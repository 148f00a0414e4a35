"""Acts of a timeline: their fields, and which offers they mean."""

from collections.abc import Callable
from typing import get_args

import msgspec
import pytest
from gpu_sim.core.commands import PlayAct
from gpu_sim.core.kernel.clock import YEAR_MS
from gpu_sim.core.kernel.quantities import Duration, Factor, Money, Price, Share
from gpu_sim.core.scenario.acts import (
    Act,
    CapacityAct,
    CreditAct,
    InterruptAct,
    MarketAct,
    OutageAct,
    PriceAct,
    ProvisioningAct,
    RentAct,
    Selector,
    TransitionAct,
    VanishAct,
)
from msgspec.structs import replace

RENT = RentAct(as_="r", account="alice", provider_id="gcp", gpu_model="H100", region="us")
NOW = Duration(0)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (Selector(), True),
        (Selector(provider="GCP"), True),
        (Selector(provider="gcp", gpu_model="h100", region="US-Central1"), True),
        (Selector(provider="aws"), False),
        (Selector(gpu_model="H10"), False),
        (Selector(region="us"), False),
        (Selector(provider="gcp", region="us"), False),
    ],
)
def test_a14_a_selector_means_the_offers_that_match_every_name_given(selector: Selector, matches: bool) -> None:
    assert selector.matches("gcp", "H100", "us-central1") is matches


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (Act(at=NOW, rent=RENT), "rent"),
        (Act(at=NOW, terminate="r"), "terminate"),
        (Act(at=NOW, touch="r"), "touch"),
        (Act(at=NOW, outage=OutageAct()), "outage"),
        (Act(at=NOW, price=PriceAct(multiply=Factor(0))), "price"),
        (Act(at=NOW, capacity=CapacityAct(set=0)), "capacity"),
        (Act(at=NOW, interrupt=InterruptAct()), "interrupt"),
        (Act(at=NOW, credit=CreditAct("alice", Money(1))), "credit"),
        (Act(at=NOW, provisioning=ProvisioningAct(outcome="stuck")), "provisioning"),
        (Act(at=NOW, vanish=VanishAct()), "vanish"),
        (Act(at=NOW, transition=TransitionAct(rental="r", to="running")), "transition"),
        (Act(at=NOW, end="outage-0"), "end"),
    ],
)
def test_an_act_knows_its_kind_and_the_offers_it_concerns(act: Act, kind: str) -> None:
    assert act.kind == kind
    assert (act.selector is not None) == (kind == "rent" or kind in PlayAct.KINDS)


def test_a_rent_concerns_the_offer_that_it_names() -> None:
    assert Act(at=NOW, rent=RENT).selector == Selector(provider="gcp", gpu_model="H100", region="us")


def test_an_act_on_offers_is_its_own_selector() -> None:
    outage = OutageAct(provider="gcp")
    assert Act(at=NOW, outage=outage).selector is outage


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Act(at=NOW), "exactly one of rent, terminate"),
        (lambda: Act(at=NOW, touch="r", terminate="r"), "exactly one of"),
        (lambda: Act(at=Duration(10 * YEAR_MS + 1), touch="r"), "ten years"),
        (PriceAct, "either set or multiply"),
        (lambda: PriceAct(set=Price(1_000), multiply=Factor(1)), "either set or multiply"),
        (lambda: PriceAct(set=Price(1_000), capped=True), "capped goes with multiply"),
        (lambda: PriceAct(set=Price(1_000), for_=Duration(0)), "for must be above 0s"),
        (lambda: CapacityAct(set=-1), "between 0 and 1000000000"),
        (lambda: CapacityAct(set=1_000_000_001), "between 0 and 1000000000"),
        (lambda: VanishAct(for_=Duration(0)), "for must be above 0s"),
        (lambda: InterruptAct(count=1, share=Share(1)), "give either share or count"),
        (lambda: InterruptAct(withdraw=True, notice=Duration(0)), "withdraw goes without notice"),
        (lambda: OutageAct(notice=Duration(0)), "notice goes with interrupt: true"),
        (lambda: CapacityAct(set=1, for_=Duration(0)), "for must be above 0s"),
        (lambda: OutageAct(for_=Duration(0)), "for must be above 0s"),
        (
            lambda: replace(RENT, as_=""),
            "as must be one line",
        ),
        (lambda: replace(RENT, model_id=""), "model_id must be one line"),
        (lambda: replace(RENT, docker_image="a\nb"), "docker_image must be one line"),
        (lambda: CreditAct("alice", Money(0)), "amount must be above 0"),
        (
            lambda: RentAct(as_="r", account="a", provider_id="p", gpu_model="g", region="r", gpu_count=0),
            "gpu_count must be at least 1",
        ),
    ],
)
def test_an_impossible_act_is_refused(wrong: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        wrong()


def test_an_act_may_take_place_up_to_ten_years_after_the_start_and_last_a_millisecond() -> None:
    assert Act(at=Duration(10 * YEAR_MS), outage=OutageAct(for_=Duration(1))).at == 10 * YEAR_MS


def test_an_act_is_written_without_what_it_does_not_say() -> None:
    assert msgspec.json.encode(OutageAct()) == b"{}"
    assert msgspec.json.encode(OutageAct(region="Quebec, CA", interrupt=True)) == (
        b'{"region":"Quebec, CA","interrupt":true}'
    )
    assert msgspec.json.encode(PriceAct(multiply=Factor(2), capped=False), enc_hook=int) == b'{"multiply":2}'
    assert msgspec.json.encode(PriceAct(set=Price(2_000), capped=False), enc_hook=int) == b'{"set":2000}'


def test_every_kind_of_act_on_offers_is_called_as_in_a_timeline() -> None:
    kinds = {kind.KIND: kind for kind in get_args(MarketAct)}
    assert tuple(kinds) == PlayAct.KINDS
    assert set(kinds) < set(Act.KINDS)
