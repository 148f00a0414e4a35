"""The problems of a scenario that no single field shows, each with the field that says so."""

from typing import Any

import pytest
from gpu_sim.core.kernel.errors import JournalInvalid
from gpu_sim.core.kernel.quantities import Availability, Duration, Money, Share
from gpu_sim.core.replay import replay
from gpu_sim.core.scenario.acts import Act, CreditAct, InterruptAct, OutageAct, RentAct, TransitionAct, VanishAct
from gpu_sim.core.scenario.availability_shape import Shape
from gpu_sim.core.scenario.market_settings import (
    ChurnSettings,
    ChurnTerms,
    InterruptionSettings,
    MarketSettings,
    NoticeSettings,
    PriceSettings,
    opening_offers,
)
from gpu_sim.core.scenario.recordings import PlayedSeries, PlayedTrace, ReplaySettings
from gpu_sim.core.scenario.scenario import AccountSpec
from gpu_sim.core.scenario_problems import find_problems
from msgspec.structs import replace

from ..support.builders import at, journal, market, offer, on_demand_offer, scenario
from .market.recordings import priced, replaying, series, trace, world

GCP = offer("us-central1, US", provider_id="gcp", provider_class="hyperscaler", gpu_model="H100")
OFFERS = (offer(), GCP)


def rent_act(at: int, as_: str = "r1", **changes: Any) -> Act:
    names = {"account": "alice", "provider_id": "gcp", "gpu_model": "H100", "region": "us-central1, US"}
    return Act(at=Duration(at), rent=RentAct(as_=as_, **(names | changes)))


def problems(*acts: Act, accounts: tuple[AccountSpec, ...] = (AccountSpec("alice"),)) -> list[tuple[object, str]]:
    return list(find_problems(scenario(timeline=acts, accounts=accounts), OFFERS))


def test_an_offer_that_no_rates_fit_is_a_problem_with_its_name() -> None:
    shape = Shape(brief=Duration(10 * 3_600_000), fragile=Share(200_000), long=Share(900_000), shock_share=Share(0))
    settings = InterruptionSettings(mode="realistic", shape=shape)
    hard = replace(OFFERS[0], availability=Availability(700_000), interruption_probability=Share(700_000))
    conditions = scenario(MarketSettings(offers=(hard,), interruptions=settings))
    [(path, problem)] = find_problems(conditions, (hard,))
    assert path == ("market", "interruptions")
    assert problem.startswith(f'offer "{hard.name}": no offer of this shape can be had')


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


def test_an_act_has_a_name_of_its_own_by_which_a_later_one_ends_it() -> None:
    dark = OutageAct(name="dark")
    assert problems(at(0, outage=dark), at(0, end="dark"), at(1, end="dark")) == []
    for acts, index, where, says in (
        ((at(0, outage=dark), at(9, vanish=VanishAct(name="dark"))), 1, ("vanish", "name"), 'the name "dark" is taken'),
        (
            (at(0, outage=OutageAct(name="a b")),),
            0,
            ("outage", "name"),
            "a name is 1 to 64 of A-Z a-z 0-9 _ -",
        ),
        ((at(0, outage=dark), at(1, end="drak")), 1, ("end",), 'no act "drak" by then; did you mean "dark"?'),
        ((at(0, end="dark"), at(0, outage=dark)), 0, ("end",), 'no act "dark" by then; did you mean "dark"?'),
        ((at(2, outage=dark), at(1, end="dark")), 1, ("end",), 'no act "dark" by then; did you mean "dark"?'),
        ((at(0, outage=OutageAct()), at(1, end="outage-0")), 1, ("end",), 'no act "outage-0" by then'),
        ((at(0, interrupt=InterruptAct(name="storm")), at(1, end="storm")), 1, ("end",), 'no act "storm" by then'),
    ):
        assert problems(*acts) == [(("timeline", index, *where), says)]


def market_problems(settings: MarketSettings) -> list[tuple[str, str]]:
    found = find_problems(scenario(settings), opening_offers(settings))
    return [(".".join(map(str, path)), reason) for path, reason in found]


def test_what_fits_has_no_problem() -> None:
    assert market_problems(replaying(trace([1, 0]))) == []
    assert market_problems(priced(series([287_000, 300_000]))) == []


@pytest.mark.parametrize(
    ("settings", "field", "reason"),
    [
        (replaying(trace([1, 0], provider="vast")), "availability.0.provider", 'did you mean "vast-ai"?'),
        (replaying(trace([1, 0], gpu_model="H100"), offers=(offer(), GCP)), "", ""),
        (
            replaying(trace([1, 0], gpu_model="H100", provider="vast-ai"), offers=(offer(), GCP)),
            "availability.0",
            "no offer matches all of these",
        ),
        (replaying(trace([1, 0], 1, scale=999_999)), "availability.0.scale", "less than a millisecond"),
        (replaying(trace([1, 0], begin=2 * 60_000)), "availability.0.begin", "over by then: it lasts 120 s"),
        (replaying(trace([1, 0], begin=2 * 60_000 - 1)), "", ""),
        (priced(series([287_000, 300_000], 1, begin=2)), "prices.0.begin", "it lasts 0.002 s"),
        (replaying(trace([1, 1_000_001])), "availability.0.trace", "at most 1000000 nodes"),
        (replaying(trace([1, 2], severity=500_000)), "availability.0.severity", "traces of 0 and 1"),
        (
            replaying(trace([1, 0]), trace([1, 0], gpu_model="rtx 4090"), offers=(offer(), offer("There"))),
            "availability.1",
            'offer "vast-ai|RTX 4090|Quebec, CA" follows availability[0] already',
        ),
        (priced(series([287_000, 300_000], region="Quebec")), "prices.0.region", 'did you mean "Quebec, CA"?'),
        (priced(series([287_000, 300_000], 1, scale=2_000)), "prices.0.scale", "less than a millisecond"),
        (priced(series([287_000, 300_500])), "prices.0.series", "multiples of $0.001 above 0"),
        (priced(series([287_000, 0])), "prices.0.series", "multiples of $0.001 above 0"),
        (
            priced(series([287_000, 410_001])),
            "prices.0.series",
            'goes up to $0.410001, above $0.410000, the on-demand price of offer "vast-ai|RTX 4090|Quebec, CA"',
        ),
        (priced(series([1_000]), series([2_000])), "prices.1", "follows prices[0] already"),
        (
            priced(series([1_000]), offers=(GCP,), prices=PriceSettings(marketplace="replay")),
            "prices.0",
            'offer "gcp|H100|us-central1, US" is of class hyperscaler, whose price process is not replay',
        ),
    ],
)
def test_a_problem_is_told_with_its_field(settings: MarketSettings, field: str, reason: str) -> None:
    found = market_problems(settings)
    if field:
        assert any(path == f"market.replay.{field}" and reason in said for path, said in found), found
    else:
        assert found == []


BRISK, NEVER = ChurnTerms(), ChurnTerms(away=Duration(0))


@pytest.mark.parametrize(
    ("churn", "field"),
    [
        (ChurnSettings(), ""),
        (ChurnSettings(marketplace=BRISK), "marketplace"),
        (ChurnSettings(all=BRISK), "all"),
        (ChurnSettings(all=NEVER), ""),
        (ChurnSettings(all=BRISK, marketplace=NEVER), ""),
        (ChurnSettings(neocloud=BRISK), ""),
    ],
)
def test_churn_of_offers_that_all_follow_traces_is_refused(churn: ChurnSettings, field: str) -> None:
    settings = replaying(trace([1, 0], region="Here"), offers=(offer("Here"),), churn=churn)
    why = 'offer "vast-ai|RTX 4090|Here" follows a trace, and no other that it is about leaves'
    problem = (f"market.churn.{field}", f"nobody leaves by this: {why}")
    assert market_problems(settings) == ([problem] if field else [])
    beside = replaying(trace([1, 0], region="Here"), offers=(offer("Here"), offer("There")), churn=churn)
    assert market_problems(beside) == []


@pytest.mark.parametrize(
    "names",
    [
        {"provider": "Vast-AI-on-demand", "gpu_model": "RTX 4090", "region": "Quebec, CA"},
        {"provider": "vast-ai-on-demand"},
    ],
)
def test_a_recording_for_offers_on_demand_alone_is_refused(names: dict[str, Any]) -> None:
    both = offer(), on_demand_offer()
    says = f'offer "{both[1].name}" is on demand (spot: false): it follows no recording'
    assert market_problems(replaying(trace([1, 0], **names), offers=both)) == [("market.replay.availability.0", says)]
    assert market_problems(priced(series([1_000], **names), offers=both)) == [("market.replay.prices.0", says)]
    assert market_problems(replaying(trace([1, 0]), offers=both)) == []
    # Only a spot offer has to be able to cost what the series says.
    cheap = on_demand_offer(spot=1_000, on_demand=1_000)
    assert market_problems(priced(series([410_000]), offers=(offer(), cheap))) == []


def test_churn_of_offers_that_are_all_on_demand_is_refused() -> None:
    settings = market(on_demand_offer(), churn=ChurnSettings(all=BRISK))
    why = f'offer "{on_demand_offer().name}" is on demand (spot: false), and no other that it is about leaves'
    assert market_problems(settings) == [("market.churn.all", f"nobody leaves by this: {why}")]
    assert market_problems(market(on_demand_offer(), offer(), churn=ChurnSettings(all=BRISK))) == []


def test_an_offer_that_follows_two_is_told_once_an_entry() -> None:
    offers = (offer(), offer("There"))
    assert len(market_problems(replaying(trace([1, 0]), trace([1, 0]), offers=offers))) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"interruptions": InterruptionSettings(mode="replay")},
        {"recordings": ReplaySettings(availability=(trace([1]),))},
        {"prices": PriceSettings(exchange="replay")},
        {"recordings": ReplaySettings(prices=(series([1]),))},
    ],
)
def test_the_mode_goes_with_what_is_replayed(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="go with"):
        market(**fields)


def test_a_market_that_replays_nothing_does_not_say_so_in_its_journal() -> None:
    assert b"replay" not in journal(world(market()))


@pytest.mark.parametrize(
    "settings",
    [replaying(PlayedTrace(trace="a.json")), priced(PlayedSeries(series="a.csv"))],
)
def test_a_journal_that_names_files_is_refused(settings: MarketSettings) -> None:
    line = journal(world(market())).splitlines(keepends=True)
    given = replaying(trace([1, 0])) if settings.interruptions.mode == "replay" else priced(series([1_000, 2_000]))
    header, *rest = journal(world(given)).splitlines(keepends=True)
    start = header.index(b'{"length"')
    named = header[:start] + b'"a.json"' + header[header.index(b"}", start) + 1 :]
    assert len(line) > 1
    with pytest.raises(JournalInvalid, match="it names no files"):
        replay(named + b"".join(rest))
