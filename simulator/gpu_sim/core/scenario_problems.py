"""The problems of a scenario that no single field shows, each with the path of the field it is about."""

from collections.abc import Iterator, Sequence

from .kernel.clock import SECOND_MS
from .kernel.money import PRICE_STEP_MICROS, format_usd
from .kernel.names import did_you_mean, is_line, is_name, is_token
from .kernel.randomness import PPM
from .market.availability_rates import CannotCalibrate, MarketRates
from .market.playback import offers_meant
from .scenario.acts import Act, LastingAct
from .scenario.catalog import PROVIDER_CLASSES, OfferSpec
from .scenario.experiment.experiment_problems import expectation_problems, renter_problems
from .scenario.fault_rules import rule_problems
from .scenario.market_settings import ChurnTerms, MarketSettings
from .scenario.offer_names import OfferNames, Path
from .scenario.recordings import Played, PlayedSeries, PlayedTrace
from .scenario.scenario import AccountSpec, Scenario

NODES_MAX = 1_000_000


def find_problems(scenario: Scenario, offers: tuple[OfferSpec, ...]) -> Iterator[tuple[Path, str]]:
    """All of them; `offers` are those that the market opens with."""
    if not is_line(scenario.name):
        yield ("name",), "a name is one line of 1 to 256 printable characters"
    yield from _account_problems(scenario.accounts)
    if not offers:
        yield ("market",), "a market needs offers: give catalog or offers"
    names = OfferNames(offers)
    yield from _market_problems(scenario.market, offers, names)
    yield from _fault_problems(scenario, names)
    yield from _act_problems(scenario, names)
    yield from _act_name_problems(scenario.timeline)
    accounts = [account.name for account in scenario.accounts]
    yield from renter_problems(scenario.renters, accounts, offers, names)
    rented_for = [account for renter in scenario.renters for account in renter.accounts]
    yield from expectation_problems(scenario.expect, [*accounts, *rented_for], scenario.until)


def _market_problems(
    market: MarketSettings, offers: tuple[OfferSpec, ...], names: OfferNames
) -> Iterator[tuple[Path, str]]:
    # Calibrated here, so that no world fails as it is made; the rates are cached for the world.
    rates = MarketRates(market)
    for offer in offers:
        try:
            rates.of(offer)
        except CannotCalibrate as problem:
            yield ("market", "interruptions"), f'offer "{offer.name}": {problem}'
    for provider in market.notices.providers:
        unknown = names.unknown("provider_id", provider, key="provider")
        if unknown is not None:
            yield ("market", "notices", "providers", provider), unknown
    for path, reason in _recording_problems(market, offers, names):
        yield ("market", "replay", *path), reason
    for path, reason in _churn_problems(market, offers):
        yield ("market", "churn", *path), reason


def _account_problems(accounts: tuple[AccountSpec, ...]) -> Iterator[tuple[Path, str]]:
    names: dict[str, int] = {}
    tokens: dict[str, int] = {}
    for index, account in enumerate(accounts):
        if not is_name(account.name):
            yield ("accounts", index, "name"), "a name is 1 to 64 of A-Z a-z 0-9 _ -"
        if names.setdefault(account.name, index) != index:
            yield ("accounts", index, "name"), f'the name "{account.name}" is taken'
        if account.token is not None and not is_token(account.token):
            yield ("accounts", index, "token"), "a token is 1 to 256 visible ASCII characters"
        if account.token is not None and tokens.setdefault(account.token, index) != index:
            yield ("accounts", index, "token"), "the token is taken"


def _fault_problems(scenario: Scenario, offers: OfferNames) -> Iterator[tuple[Path, str]]:
    accounts = [account.name for account in scenario.accounts]
    names: dict[str, int] = {}
    for index, rule in enumerate(scenario.faults):
        if names.setdefault(rule.name, index) != index:
            yield ("faults", index, "name"), f'the name "{rule.name}" is taken'
        for path, problem in rule_problems(rule, accounts, offers):
            yield ("faults", index, *path), problem


def _act_problems(scenario: Scenario, offers: OfferNames) -> Iterator[tuple[Path, str]]:
    accounts = [account.name for account in scenario.accounts]
    rented_at: dict[str, int] = {}
    for act in scenario.timeline:
        if act.rent is not None:
            rented_at.setdefault(act.rent.as_, act.at)
    taken: set[str] = set()
    for index, act in enumerate(scenario.timeline):
        where: Path = ("timeline", index, act.kind)
        account = act.rent.account if act.rent else act.credit.account if act.credit else None
        if account is not None and account not in accounts:
            yield (*where, "account"), f'no account "{account}"{did_you_mean(account, accounts)}'
        reference = act.reference
        if reference is not None and rented_at.get(reference, act.at + 1) > act.at:
            place = where if act.transition is None else (*where, "rental")
            yield place, f'no rental "{reference}" by then{did_you_mean(reference, rented_at)}'
        if act.rent is not None:
            if act.rent.as_ in taken:
                yield (*where, "as"), f'the name "{act.rent.as_}" is taken'
            taken.add(act.rent.as_)
        if act.selector is not None:
            key = "provider" if act.rent is None else "provider_id"
            yield from offers.problems(act.selector, where, provider_key=key)


def _act_name_problems(timeline: Sequence[Act]) -> Iterator[tuple[Path, str]]:
    """Why a name cannot be that of an act on offers, and why no act of a name can be ended."""
    lasts_from: dict[str, tuple[int, int]] = {}
    named: dict[str, int] = {}
    for index, act in enumerate(timeline):
        market_act = act.market_act
        if market_act is None or market_act.name is None:
            continue
        name, where = market_act.name, ("timeline", index, act.kind, "name")
        if not is_name(name):
            yield where, "a name is 1 to 64 of A-Z a-z 0-9 _ -"
        if named.setdefault(name, index) != index:
            yield where, f'the name "{name}" is taken'
        elif isinstance(market_act, LastingAct):
            lasts_from[name] = act.at, index
    for index, act in enumerate(timeline):
        if act.end is not None and not lasts_from.get(act.end, (act.at + 1, 0)) < (act.at, index):
            yield ("timeline", index, "end"), f'no act "{act.end}" by then{did_you_mean(act.end, lasts_from)}'


def _recording_problems(
    market: MarketSettings, offers: tuple[OfferSpec, ...], names: OfferNames
) -> Iterator[tuple[Path, str]]:
    """Each problem with the path of its field within `market.replay`."""
    settings = market.recordings
    for index, trace in enumerate(settings.availability):
        yield from names.problems(trace, ("availability", index))
        yield from _on_demand_problems(trace, offers, ("availability", index))
        yield from _pace_problems(trace, ("availability", index))
        yield from _trace_problems(trace, ("availability", index))
    for index, series in enumerate(settings.prices):
        yield from names.problems(series, ("prices", index))
        yield from _on_demand_problems(series, offers, ("prices", index))
        yield from _pace_problems(series, ("prices", index))
        yield from _series_problems(series, ("prices", index))
    yield from _repeats(settings.availability, offers, "availability")
    yield from _repeats(settings.prices, offers, "prices")
    yield from _price_problems(market, offers)


def _on_demand_problems(played: Played, offers: tuple[OfferSpec, ...], where: Path) -> Iterator[tuple[Path, str]]:
    """Why no offer follows a recording, if all that it names are on demand."""
    on_demand = (spec for spec in offers if not spec.spot)
    named = next((spec for spec in on_demand if played.matches(spec.provider_id, spec.gpu_model, spec.region)), None)
    if named is not None and next(offers_meant((played,), offers), None) is None:
        yield where, f'offer "{named.name}" is on demand (spot: false): it follows no recording'


def _churn_problems(market: MarketSettings, offers: tuple[OfferSpec, ...]) -> Iterator[tuple[Path, str]]:
    """Settings of `market.churn` that concern no offer: those that follow a trace never leave, for it says when they
    are there, nor do those on demand."""
    traces = market.recordings.availability
    stay = {spec.name: "is on demand (spot: false)" for spec in offers if not spec.spot}
    stay |= {spec.name: "follows a trace" for spec, _ in offers_meant(traces, offers)}
    if not stay:
        return
    for key in (*PROVIDER_CLASSES, "all"):
        terms: ChurnTerms | None = getattr(market.churn, key)
        if terms is None or not terms.away:
            continue
        meant = [spec for spec in offers if (getattr(market.churn, spec.provider_class) or market.churn.all) is terms]
        names = [spec.name for spec in meant]
        if names and all(name in stay for name in names):
            why = f'offer "{names[0]}" {stay[names[0]]}, and no other that it is about leaves'
            yield (key,), f"nobody leaves by this: {why}"


def _pace_problems(played: Played, where: Path) -> Iterator[tuple[Path, str]]:
    if played.begin >= played.recording.length:
        yield (*where, "begin"), f"the recording is over by then: it lasts {played.recording.length / SECOND_MS:g} s"
    if played.recording.shortest_ms * played.scale < PPM:
        yield (*where, "scale"), "a step would last less than a millisecond"


def _trace_problems(played: PlayedTrace, where: Path) -> Iterator[tuple[Path, str]]:
    if played.recording.most > NODES_MAX:
        yield (*where, "trace"), f"a trace counts at most {NODES_MAX} nodes"
    if played.counts_nodes and played.severity != PPM:
        yield (*where, "severity"), "severity goes with traces of 0 and 1: this one counts nodes, and so those lost"


def _series_problems(played: PlayedSeries, where: Path) -> Iterator[tuple[Path, str]]:
    if any(price <= 0 or price % PRICE_STEP_MICROS for _, price in played.recording.steps):
        yield (*where, "series"), "prices must be multiples of $0.001 above 0"


def _repeats(played: Sequence[Played], offers: tuple[OfferSpec, ...], kind: str) -> Iterator[tuple[Path, str]]:
    first: dict[str, int] = {}
    reported: set[int] = set()
    for spec, index in offers_meant(played, offers):
        earlier = first.setdefault(spec.name, index)
        if earlier != index and index not in reported:
            reported.add(index)
            yield (kind, index), f'offer "{spec.name}" follows {kind}[{earlier}] already'


def _price_problems(market: MarketSettings, offers: tuple[OfferSpec, ...]) -> Iterator[tuple[Path, str]]:
    series = market.recordings.prices
    for spec, index in offers_meant(series, offers):
        if not market.prices.replays(spec.provider_class):
            reason = f'offer "{spec.name}" is of class {spec.provider_class}, whose price process is not replay'
            yield ("prices", index), reason
        most = series[index].recording.most
        if most > spec.on_demand_price:
            over = f'${format_usd(spec.on_demand_price)}, the on-demand price of offer "{spec.name}"'
            yield ("prices", index, "series"), f"goes up to ${format_usd(most)}, above {over}"
