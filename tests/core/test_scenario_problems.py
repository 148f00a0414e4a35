"""What a scenario cannot replay, with the field that says so."""

from typing import Any

import pytest

from simulator.core.errors import JournalInvalid
from simulator.core.market_settings import (
    ChurnSettings,
    ChurnTerms,
    InterruptionSettings,
    MarketSettings,
    PriceSettings,
)
from simulator.core.quantities import Duration
from simulator.core.recordings import PlayedSeries, PlayedTrace, ReplaySettings
from simulator.core.replay import replay
from simulator.core.scenario import find_problems, opening_offers

from .builders import journal, market, offer, scenario
from .recordings import priced, replaying, series, trace, world

GCP = offer("us-central1", provider_id="gcp", provider_class="hyperscaler", gpu_model="H100")


def problems(settings: MarketSettings) -> list[tuple[str, str]]:
    found = find_problems(scenario(settings), opening_offers(settings))
    return [(".".join(map(str, path)), reason) for path, reason in found]


def test_what_fits_has_no_problem() -> None:
    assert problems(replaying(trace([1, 0]))) == []
    assert problems(priced(series([287_000, 300_000]))) == []


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
            'offer "gcp|H100|us-central1" is of class hyperscaler, whose price process is not replay',
        ),
    ],
)
def test_a_problem_is_told_with_its_field(settings: MarketSettings, field: str, reason: str) -> None:
    found = problems(settings)
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
    told = 'nobody leaves by this: offer "vast-ai|RTX 4090|Here" follows a trace, and so do all that it is about'
    assert problems(settings) == ([(f"market.churn.{field}", told)] if field else [])
    beside = replaying(trace([1, 0], region="Here"), offers=(offer("Here"), offer("There")), churn=churn)
    assert problems(beside) == []


def test_an_offer_that_follows_two_is_told_once_an_entry() -> None:
    offers = (offer(), offer("There"))
    assert len(problems(replaying(trace([1, 0]), trace([1, 0]), offers=offers))) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"interruptions": InterruptionSettings(mode="replay")},
        {"replay": ReplaySettings(availability=(trace([1]),))},
        {"prices": PriceSettings(exchange="replay")},
        {"replay": ReplaySettings(prices=(series([1]),))},
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
