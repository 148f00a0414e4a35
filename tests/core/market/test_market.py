"""Offers: names, what is listed, capacity taken and given back, and acts that lie over them."""

import pytest
from gpu_sim.core.events import Event, PriceMoved, ShockStruck
from gpu_sim.core.kernel.errors import InvalidValue, OfferNotFound, OfferUnavailable
from gpu_sim.core.kernel.quantities import Factor
from gpu_sim.core.kernel.schedule import Schedule
from gpu_sim.core.market.market import Market
from gpu_sim.core.market.offer import Offer
from gpu_sim.core.scenario.acts import Selector
from gpu_sim.core.scenario.catalog import OfferSpec
from gpu_sim.core.scenario.market_settings import PriceSettings

from ...support.builders import DAY, offer

H100 = offer("us-central1, US", provider_id="gcp", gpu_model="H100", spot=2_140_000, on_demand=3_000_000, capacity=8)
L40S = offer("Straße, DE", provider_id="vast-ai", gpu_model="L40S", capacity=1)


class Stall:
    """A market of its own, with its schedule and what it recorded."""

    def __init__(self, *specs: OfferSpec, full: bool = False, moving: bool = False) -> None:
        self.schedule = Schedule()
        self.events: list[Event] = []
        prices = (
            PriceSettings(all="host_set", activity=Factor(100_000_000)) if moving else PriceSettings(all="constant")
        )
        specs = specs or (offer(), H100, L40S)
        self.market = Market(specs, prices, 1, self.schedule, self.events.append, full=full)

    @property
    def first(self) -> Offer:
        return self.market.offers[0]

    def advance(self, to_ms: int) -> None:
        while self.schedule.step(to_ms):
            pass


def test_an_offer_is_named_by_provider_model_and_region() -> None:
    assert Stall().first.name == "vast-ai|RTX 4090|Quebec, CA"


@pytest.mark.parametrize(
    "names",
    [
        ("gcp", "H100", "us-central1, US"),
        ("GCP", "h100", "US-CENTRAL1, us"),
        ("Gcp", "H100", "Us-Central1, US"),
    ],
)
def test_a14_an_offer_is_found_whatever_the_case_of_its_names(names: tuple[str, str, str]) -> None:
    assert Stall().market.find(*names).spec is H100


def test_a14_an_offer_is_found_whatever_the_case_again_and_again() -> None:
    market = Stall().market
    assert market.find("GCP", "h100", "US-CENTRAL1, us") is market.find("Gcp", "H100", "us-central1, US")


def test_a14_case_is_ignored_in_every_script() -> None:
    assert Stall().market.find("vast-ai", "L40S", "STRASSE, DE").spec is L40S


@pytest.mark.parametrize(
    ("names", "param", "hint"),
    [
        (("gcp", "H10", "us-central1, US"), "gpu_model", 'did you mean "H100"?'),
        (("gpc", "H100", "us-central1, US"), "provider_id", 'did you mean "gcp"?'),
        (("gcp", "H100", "us-central, US"), "region", 'did you mean "us-central1, US"?'),
        (("nobody", "nothing", "nowhere"), "gpu_model", 'no offer has gpu_model "nothing"'),
        (("zzzzzzzz", "H100", "nowhere"), "provider_id", 'no offer has provider_id "zzzzzzzz"'),
    ],
)
def test_a13_a_name_that_the_catalogue_lacks_is_an_invalid_value(
    names: tuple[str, str, str], param: str, hint: str
) -> None:
    with pytest.raises(InvalidValue) as refusal:
        Stall().market.check_names(*names)
    assert refusal.value.param == param
    assert hint in refusal.value.message


@pytest.mark.parametrize("names", [("gcp", "H100", "us-central1, US"), ("GCP", "l40s", "STRASSE, de")])
def test_a13_names_that_the_catalogue_has_are_valid_also_where_nobody_offers_all_of_them(
    names: tuple[str, str, str],
) -> None:
    Stall().market.check_names(*names)


def test_a13_a_combination_that_nobody_offers_is_not_found() -> None:
    with pytest.raises(OfferNotFound, match='"gcp" does not offer "H100" in "Quebec, CA"'):
        Stall().market.find("gcp", "H100", "Quebec, CA")


def test_the_parts_of_a_name_are_not_to_be_confused() -> None:
    """The separator of a name is in none of its parts, whatever a client sends."""
    market = Stall().market
    spec = H100
    with pytest.raises(OfferNotFound):
        market.find(f"{spec.provider_id}|{spec.gpu_model}", spec.region, "")
    with pytest.raises(InvalidValue):
        market.check_names(f"{spec.provider_id}|{spec.gpu_model}", spec.region, "")


def test_f6_offers_are_listed_with_their_current_price_in_the_catalogues_order() -> None:
    assert [(o.spec.gpu_model, o.price_micros_per_hour) for o in Stall().market.listed()] == [
        ("RTX 4090", 287_000),
        ("H100", 2_140_000),
        ("L40S", 287_000),
    ]


def test_f6_an_offer_without_free_gpus_or_under_an_outage_is_not_listed() -> None:
    stall = Stall(offer(capacity=2), H100, L40S)
    stall.market.take(stall.first, 2)
    stall.market.lay_over(stall.market.offers[1], (0, "outage", 0))
    assert [o.spec for o in stall.market.listed()] == [L40S]
    stall.market.give_back(stall.first, 1)
    stall.market.lift(stall.market.offers[1], {0})
    assert len(list(stall.market.listed())) == 3


def test_an_offer_of_no_gpus_is_never_listed() -> None:
    assert not list(Stall(offer(capacity=0)).market.listed())


@pytest.mark.parametrize(
    ("taken", "wanted", "retry_helps"),
    [(0, 4, None), (0, 5, False), (1, 3, None), (1, 4, True), (4, 1, True), (4, 5, False)],
)
def test_a16_more_gpus_than_there_are_is_refused_and_says_whether_waiting_helps(
    taken: int, wanted: int, retry_helps: bool | None
) -> None:
    stall = Stall(offer(capacity=4))
    if taken:
        stall.market.take(stall.first, taken)
    if retry_helps is None:
        stall.market.check_free(stall.first, wanted)
        return
    with pytest.raises(OfferUnavailable) as refusal:
        stall.market.check_free(stall.first, wanted)
    assert refusal.value.retry_helps is retry_helps
    assert refusal.value.param == (None if retry_helps else "gpu_count")


def test_an_outage_can_be_waited_for() -> None:
    stall = Stall()
    stall.market.lay_over(stall.first, (0, "outage", 0))
    with pytest.raises(OfferUnavailable, match="out of service") as refusal:
        stall.market.check_free(stall.first, 1)
    assert refusal.value.retry_helps


def test_gpus_under_a_capacity_act_can_be_waited_for_up_to_the_larger_number() -> None:
    stall = Stall(offer(capacity=4))
    stall.market.lay_over(stall.first, (0, "capacity", 1))
    with pytest.raises(OfferUnavailable) as refusal:
        stall.market.check_free(stall.first, 4)
    assert refusal.value.retry_helps
    stall.market.lay_over(stall.first, (1, "capacity", 9))
    stall.market.check_free(stall.first, 9)
    with pytest.raises(OfferUnavailable) as refusal:
        stall.market.check_free(stall.first, 10)
    assert not refusal.value.retry_helps


def test_capacity_below_what_is_rented_leaves_none_free_and_takes_none_away() -> None:
    stall = Stall(offer(capacity=4))
    stall.market.take(stall.first, 3)
    stall.market.lay_over(stall.first, (0, "capacity", 1))
    assert (stall.first.free, stall.first.used, stall.first.is_listed) == (0, 3, False)
    stall.market.give_back(stall.first, 3)
    assert stall.first.free == 1
    stall.market.lift(stall.first, {0})
    assert stall.first.free == 4


def test_taking_or_giving_back_more_than_there_is_is_our_bug() -> None:
    stall = Stall(offer(capacity=2))
    with pytest.raises(AssertionError):
        stall.market.take(stall.first, 3)
    with pytest.raises(AssertionError):
        stall.market.give_back(stall.first, 1)
    stall.market.lay_over(stall.first, (0, "outage", 0))
    with pytest.raises(AssertionError):
        stall.market.take(stall.first, 1)


def test_overlays_lie_in_the_order_in_which_they_began() -> None:
    stall = Stall()
    shown = []
    for number, kind, value in (
        (0, "price_multiply", 3_000_000),
        (1, "price_set", 500_000),
        (2, "price_multiply", 10**6 // 2),
    ):
        stall.market.lay_over(stall.first, (number, kind, value))  # type: ignore[arg-type]  # kinds by the table
        shown.append(stall.first.price_micros_per_hour)
    assert shown == [861_000, 500_000, 250_000]
    for number in (1, 0, 2):
        stall.market.lift(stall.first, {number})
        shown.append(stall.first.price_micros_per_hour)
    assert shown[3:] == [431_000, 144_000, 287_000]  # 430.5 and 143.5 thousandths, half up


def test_an_act_is_not_capped_by_the_on_demand_price_and_never_free() -> None:
    stall = Stall()
    stall.market.lay_over(stall.first, (0, "price_multiply", 100_000_000))
    assert stall.first.price_micros_per_hour == 28_700_000
    stall.market.lay_over(stall.first, (1, "price_multiply", 0))
    assert stall.first.price_micros_per_hour == 1_000


def test_a_capped_act_goes_no_further_than_the_on_demand_price_and_what_comes_after_it_goes_on_from_there() -> None:
    stall = Stall(offer(on_demand=438_000))
    shown = []
    for number, kind, value in (
        (0, "price_capped", 1_500_000),
        (1, "price_capped", 10_000_000),
        (2, "price_multiply", 2_000_000),
    ):
        stall.market.lay_over(stall.first, (number, kind, value))  # type: ignore[arg-type]  # kinds by the table
        shown.append(stall.first.price_micros_per_hour)
    assert shown == [431_000, 438_000, 876_000]
    stall.market.lift(stall.first, {1})
    assert stall.first.price_micros_per_hour == 861_000
    stall.market.lay_over(stall.first, (3, "price_capped", 1_000_000))
    assert stall.first.price_micros_per_hour == 438_000


def test_no_price_is_above_a_million_dollars_and_what_would_be_shows_again_below() -> None:
    stall = Stall()
    for number in range(60):
        stall.market.lay_over(stall.first, (number, "price_multiply", 1_000_000_000_000))
    assert stall.first.price_micros_per_hour == 1_000_000_000_000
    for number in range(60, 120):
        stall.market.lay_over(stall.first, (number, "price_multiply", 1))
    assert stall.first.price_micros_per_hour == 287_000


def test_the_latest_capacity_act_counts_and_prices_do_not_disturb_it() -> None:
    stall = Stall(offer(capacity=4))
    for overlay in ((0, "capacity", 2), (1, "price_set", 1_000), (2, "capacity", 3)):
        stall.market.lay_over(stall.first, overlay)
    assert stall.first.capacity == 3
    stall.market.lift(stall.first, {2})
    assert stall.first.capacity == 2
    stall.market.lift(stall.first, {0})
    assert (stall.first.capacity, stall.first.price_micros_per_hour) == (4, 1_000)


def test_two_outages_are_over_when_both_are() -> None:
    stall = Stall()
    for act in (0, 1):
        stall.market.lay_over(stall.first, (act, "outage", 0))
    stall.market.lift(stall.first, {0})
    assert not stall.first.is_listed
    stall.market.lift(stall.first, {1})
    assert stall.first.is_listed


def test_an_overlaid_price_is_what_it_would_have_been_when_the_act_is_over() -> None:
    acted, plain = Stall(moving=True), Stall(moving=True)
    for stall in (acted, plain):
        stall.advance(DAY)
    acted.market.lay_over(acted.first, (0, "price_set", 5_000_000))
    for stall in (acted, plain):
        stall.advance(2 * DAY)
    assert acted.first.price_micros_per_hour == 5_000_000
    acted.market.lift(acted.first, {0})
    for day in range(3, 8):
        assert acted.first.price_micros_per_hour == plain.first.price_micros_per_hour
        for stall in (acted, plain):
            stall.advance(day * DAY)


def test_the_version_grows_whenever_the_list_may_have_changed() -> None:
    stall = Stall(offer(capacity=2), moving=True)
    market, first = stall.market, stall.first
    seen = [market.version]

    def grew() -> bool:
        seen.append(market.version)
        return seen[-1] > seen[-2]

    market.take(first, 1)
    assert not grew()
    market.take(first, 1)
    assert grew()
    market.give_back(first, 1)
    assert grew()
    market.give_back(first, 1)
    assert not grew()
    market.lay_over(first, (0, "outage", 0))
    assert grew()
    market.lift(first, {0})
    assert grew()
    price = first.price_micros_per_hour
    stall.advance(DAY)
    assert first.price_micros_per_hour != price
    assert grew()


def test_only_a_full_journal_tells_of_prices_and_shocks() -> None:
    quiet, full = Stall(moving=True), Stall(moving=True, full=True)
    for stall in (quiet, full):
        stall.advance(DAY)
        stall.market.shock_struck(stall.first, 3, 600_000)
    assert quiet.events == []
    moves = [event for event in full.events if isinstance(event, PriceMoved) and event.region == "Quebec, CA"]
    assert moves
    assert moves[-1].price_micros_per_hour == quiet.first.price_micros_per_hour
    assert full.events[-1] == ShockStruck(DAY, "vast-ai", "RTX 4090", "Quebec, CA", 3, 600_000)


def test_a_selector_finds_the_offers_it_means() -> None:
    market = Stall().market
    assert [o.spec for o in market.matching(Selector(provider="VAST-AI"))] == [offer(), L40S]
    assert len(market.matching(Selector())) == 3
    assert market.matching(Selector(gpu_model="H200")) == []
