"""Scenarios: their defaults, their bounds, and the problems that no single field shows."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from simulator.core.acts import Act, CreditAct, InterruptAct, OutageAct, RentAct, TransitionAct, VanishAct
from simulator.core.catalog import CatalogSpec, Generate
from simulator.core.clock import YEAR_MS
from simulator.core.distributions import fixed
from simulator.core.market_settings import (
    AvailabilitySettings,
    InterruptionSettings,
    MarketSettings,
    NoticeSettings,
    PriceSettings,
    ProvisioningSettings,
    ProvisioningTerms,
)
from simulator.core.provisioning_parts import Parts
from simulator.core.quantities import Availability, Duration, Factor, Money, Share
from simulator.core.realism import Severity, Shape
from simulator.core.scenario import (
    AccountSpec,
    BillingSettings,
    ClockSettings,
    Scenario,
    find_problems,
    opening_offers,
    without_tokens,
)

from .builders import offer, scenario

GCP = offer("us-central1, US", provider_id="gcp", gpu_model="H100")
OFFERS = (offer(), GCP)


def rent_act(at: int, as_: str = "r1", **changes: Any) -> Act:
    names = {"account": "alice", "provider_id": "gcp", "gpu_model": "H100", "region": "us-central1, US"}
    return Act(at=Duration(at), rent=RentAct(as_=as_, **(names | changes)))


def problems(*acts: Act, accounts: tuple[AccountSpec, ...] = (AccountSpec("alice"),)) -> list[tuple[object, str]]:
    return list(find_problems(scenario(timeline=acts, accounts=accounts), OFFERS))


def test_the_defaults_are_those_of_the_facts_and_assumptions() -> None:
    assert BillingSettings() == BillingSettings(
        minimum=Duration(900_000),  # F15
        idle_timeout=Duration(900_000),  # F19
        hold_expiry=Duration(7_200_000),  # F20
        interrupted="actual",  # A6
        cancelled_provisioning="free",  # A5
        on_exhaustion="overdraft",  # A9
    )
    assert InterruptionSettings() == InterruptionSettings(
        mode="poisson", horizon=Duration(3_600_000), shared=Share(800_000), reclaim=fixed(1_800_000)
    )
    assert Scenario(name="x").accounts == (AccountSpec("alice", "si_test_alice", Money(100_000_000)),)
    assert Scenario(name="x").seed == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: ClockSettings(mode="scaled"), "speed goes with mode scaled"),
        (lambda: ClockSettings(mode="manual", speed=Factor(1_000_000)), "speed goes with mode scaled"),
        (lambda: ClockSettings(mode="scaled", speed=Factor(999)), "between 0.001 and 1000000"),
        (lambda: ClockSettings(mode="scaled", speed=Factor(1_000_000_000_001)), "between 0.001 and 1000000"),
        (lambda: ClockSettings(step=Duration(1)), "step goes with mode manual"),
        (lambda: ClockSettings(mode="manual", step=Duration(0)), "step must be above 0s"),
        (lambda: ClockSettings(mode="manual", step=Duration(3651 * 86_400_000)), "at most 3650d"),
        (lambda: PriceSettings(activity=Factor(1_000_000_001)), "at most 1000"),
        (lambda: InterruptionSettings(horizon=Duration(999)), "between 1s and 365d"),
        (lambda: InterruptionSettings(horizon=Duration(YEAR_MS + 1)), "between 1s and 365d"),
        (lambda: InterruptionSettings(show="current"), "shape and show go with mode realistic"),
        (lambda: InterruptionSettings(mode="realistic", shared=Share(0)), "shared must be above 0% in mode realistic"),
        (lambda: Severity(a=Factor(99_999)), "a and b must be between 0.1 and 5"),
        (lambda: MarketSettings(availability=AvailabilitySettings()), "availability goes with interruptions of mode"),
        (lambda: MarketSettings(catalog="default", offers=OFFERS), "either catalog or offers"),
        (lambda: BillingSettings(minimum=Duration(999)), "whole number of seconds"),
        (lambda: BillingSettings(minimum=Duration(1_500)), "whole number of seconds"),
        (lambda: BillingSettings(minimum=Duration(0)), "whole number of seconds"),
        (lambda: BillingSettings(idle_timeout=Duration(0)), "idle_timeout must be above 0s, or none"),
        (lambda: BillingSettings(hold_expiry=Duration(0)), "hold_expiry must be above 0s, or none"),
    ],
)
def test_an_impossible_setting_is_refused(wrong: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        wrong()


@pytest.mark.parametrize(
    "right",
    [
        lambda: ClockSettings(mode="scaled", speed=Factor(1_000)),
        lambda: ClockSettings(mode="scaled", speed=Factor(1_000_000_000_000)),
        lambda: ClockSettings(mode="manual", step=Duration(5_000)),
        lambda: PriceSettings(activity=Factor(1_000_000_000)),
        lambda: InterruptionSettings(horizon=Duration(1_000)),
        lambda: InterruptionSettings(horizon=Duration(YEAR_MS)),
        lambda: BillingSettings(minimum=Duration(1_000), idle_timeout=None, hold_expiry=Duration(1)),
    ],
)
def test_a_setting_at_its_bounds_is_accepted(right: Callable[[], object]) -> None:
    assert right()


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
    assert opening_offers(MarketSettings(offers=OFFERS)) == OFFERS
    generated = opening_offers(MarketSettings(catalog=CatalogSpec(Generate(3))))
    assert [spec.region for spec in generated] == ["region-00000", "region-00001", "region-00002"]
    with pytest.raises(AssertionError, match="for the loader"):
        opening_offers(MarketSettings(catalog="default"))


def test_the_canonical_form_has_no_tokens_and_all_else() -> None:
    named = scenario(accounts=(AccountSpec("alice", "si_a", Money(5)), AccountSpec("bob")))
    assert without_tokens(named) == scenario(accounts=(AccountSpec("alice", None, Money(5)), AccountSpec("bob")))


def test_an_offer_that_no_rates_fit_is_a_problem_with_its_name() -> None:
    shape = Shape(brief=Duration(10 * 3_600_000), fragile=Share(200_000), long=Share(900_000), shock_share=Share(0))
    settings = InterruptionSettings(mode="realistic", shape=shape)
    hard = replace(OFFERS[0], availability=Availability(700_000), interruption_probability=Share(700_000))
    conditions = scenario(MarketSettings(offers=(hard,), interruptions=settings))
    [(path, told)] = find_problems(conditions, (hard,))
    assert path == ("market", "interruptions")
    assert told.startswith(
        f'offer "{hard.provider_id}|{hard.gpu_model}|{hard.region}": no offer of this shape can be had'
    )


def test_a_scenario_without_problems_has_none() -> None:
    acts = (
        rent_act(0),
        Act(at=Duration(0), touch="r1"),
        Act(at=Duration(5), terminate="r1"),
        Act(at=Duration(5), outage=OutageAct(provider="GCP")),
        Act(at=Duration(5), interrupt=InterruptAct()),
        Act(at=Duration(5), credit=CreditAct("alice", Money(1))),
        rent_act(6, "r2", provider_id="GCP", gpu_model="h100"),
    )
    assert problems(*acts) == []


@pytest.mark.parametrize("token", ["", "a b", "é", "x" * 257])
def test_a_token_is_visible_ascii(token: str) -> None:
    says = "a token is 1 to 256 visible ASCII characters"
    assert problems(accounts=(AccountSpec("alice", token),)) == [(("accounts", 0, "token"), says)]


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 257])
def test_a_scenario_has_a_name_of_one_line(name: str) -> None:
    says = "a name is one line of 1 to 256 printable characters"
    assert list(find_problems(scenario(name=name), (offer(),))) == [(("name",), says)]


def test_notices_are_of_providers_that_offer_something() -> None:
    notices = NoticeSettings(providers={"GCP": Duration(1), "azure": Duration(2), "vast-ai": Duration(3)})
    found = find_problems(scenario(MarketSettings(offers=OFFERS, notices=notices)), OFFERS)
    assert list(found) == [(("market", "notices", "providers", "azure"), 'no offer has provider "azure"')]


def test_a_market_needs_offers() -> None:
    assert list(find_problems(scenario(), ())) == [(("market",), "a market needs offers: give catalog or offers")]


def test_accounts_have_proper_names_and_share_neither_name_nor_token() -> None:
    accounts = (AccountSpec("a b", "t"), AccountSpec("bob", "t"), AccountSpec("bob"), AccountSpec("carol"))
    assert problems(accounts=accounts) == [
        (("accounts", 0, "name"), "a name is 1 to 64 of A-Z a-z 0-9 _ -"),
        (("accounts", 1, "token"), "the token is taken"),
        (("accounts", 2, "name"), 'the name "bob" is taken'),
    ]


@pytest.mark.parametrize(
    ("acts", "where", "says"),
    [
        ([rent_act(0, account="alic")], ("rent", "account"), 'no account "alic"; did you mean "alice"?'),
        (
            [Act(at=Duration(0), credit=CreditAct("zed", Money(1)))],
            ("credit", "account"),
            'no account "zed"',
        ),
        ([Act(at=Duration(0), terminate="r1")], ("terminate",), 'no rental "r1" by then'),
        ([Act(at=Duration(0), terminate="")], ("terminate",), 'no rental "" by then'),
        ([Act(at=Duration(0), touch="")], ("touch",), 'no rental "" by then'),
        ([Act(at=Duration(4), touch="r1"), rent_act(5)], ("touch",), 'no rental "r1" by then; did you mean "r1"?'),
        (
            [rent_act(0, provider_id="gpc")],
            ("rent", "provider_id"),
            'no offer has provider_id "gpc"; did you mean "gcp"?',
        ),
        (
            [Act(at=Duration(0), outage=OutageAct(provider="gpc"))],
            ("outage", "provider"),
            'no offer has provider "gpc"; did you mean "gcp"?',
        ),
        (
            [Act(at=Duration(0), interrupt=InterruptAct(region="us-central1"))],
            ("interrupt", "region"),
            'no offer has region "us-central1"; did you mean "us-central1, US"?',
        ),
        (
            [Act(at=Duration(0), transition=TransitionAct(rental="r1", to="running"))],
            ("transition", "rental"),
            'no rental "r1" by then',
        ),
        (
            [Act(at=Duration(0), vanish=VanishAct(gpu_model="H10"))],
            ("vanish", "gpu_model"),
            'no offer has gpu_model "H10"; did you mean "H100"?',
        ),
        ([rent_act(0, region="Quebec, CA")], ("rent",), "no offer matches all of these"),
    ],
)
def test_an_act_that_can_never_work_is_a_problem_with_its_place(
    acts: list[Act], where: tuple[str, ...], says: str
) -> None:
    assert problems(*acts) == [(("timeline", 0, *where), says)]


def test_two_rents_do_not_share_a_name() -> None:
    assert problems(rent_act(0), rent_act(1)) == [(("timeline", 1, "rent", "as"), 'the name "r1" is taken')]
