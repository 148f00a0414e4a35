"""A scenario: the conditions of a world. The file format, the canonical form and the core share these types.

Defaults are the values of facts F15, F19 and F20 and of assumptions A1 and A3–A9.
"""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from .acts import Act
from .calibration import CannotCalibrate
from .catalog import CatalogSpec, OfferSpec, generated_offers
from .clock import HOUR_MS, MINUTE_MS, SECOND_MS, YEAR_MS
from .fault_rules import FaultRule, rule_problems
from .market_settings import MarketSettings
from .names import did_you_mean, is_line, is_name, is_token
from .offer_names import OfferNames, Path
from .pool_rates import MarketRates
from .quantities import Duration, Factor, Instant, Money
from .recordings import Playback, offers_meant
from .scenario_problems import churn_problems, replay_problems


class ClockSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a server's clock runs; the simulation itself only ever advances."""

    mode: Literal["real", "scaled", "manual"] = "real"
    speed: Factor | None = None
    step: Duration | None = None
    start: Instant | None = None

    def __post_init__(self) -> None:
        if (self.speed is not None) != (self.mode == "scaled"):
            raise ValueError("speed goes with mode scaled, and mode scaled with a speed")
        if self.speed is not None and not 1_000 <= self.speed <= 1_000_000_000_000:
            raise ValueError("speed must be between 0.001 and 1000000")
        if self.step is not None and self.mode != "manual":
            raise ValueError("step goes with mode manual")
        if self.step is not None and not 1 <= self.step <= 10 * YEAR_MS:
            raise ValueError("step must be above 0s and at most 3650d")


class AccountSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """A customer at the start: a name, a bearer token (one is minted where none is given), a balance."""

    name: str
    token: str | None = None
    balance: Money = Money(100_000_000)


class BillingSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a session costs: F15, F19, F20, A5, A6, A9. None switches a timeout off."""

    minimum: Duration = Duration(15 * MINUTE_MS)
    idle_timeout: Duration | None = Duration(15 * MINUTE_MS)
    hold_expiry: Duration | None = Duration(2 * HOUR_MS)
    interrupted: Literal["actual", "minimum"] = "actual"
    cancelled_provisioning: Literal["free", "minimum"] = "free"
    on_exhaustion: Literal["overdraft", "terminate"] = "overdraft"

    def __post_init__(self) -> None:
        if self.minimum < SECOND_MS or self.minimum % SECOND_MS:
            raise ValueError("minimum must be a whole number of seconds, at least 1s")
        for name in ("idle_timeout", "hold_expiry"):
            if getattr(self, name) == 0:
                raise ValueError(f"{name} must be above 0s, or none")


class ApiSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the API answers: A18 and rule "unknown fields" of A13."""

    profile: Literal["extended", "documented"] = "extended"
    unknown_fields: Literal["refuse", "ignore"] = "refuse"


class Scenario(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All conditions of a world but the seed's luck. `find_problems` says whether it makes sense."""

    scenario: Literal[1] = 1
    name: str
    description: str = ""
    expect: str = ""
    extends: str | None = None
    seed: int = 1
    clock: ClockSettings = ClockSettings()
    accounts: tuple[AccountSpec, ...] = (AccountSpec("alice", "si_test_alice"),)
    market: MarketSettings = MarketSettings()
    billing: BillingSettings = BillingSettings()
    api: ApiSettings = ApiSettings()
    journal: Literal["compact", "full"] = "compact"
    faults: tuple[FaultRule, ...] = ()
    timeline: tuple[Act, ...] = ()
    until: Duration | None = None


def find_problems(scenario: Scenario, offers: tuple[OfferSpec, ...]) -> Iterator[tuple[Path, str]]:
    """What no single field shows: each problem with the path of the field it is about."""
    if not is_line(scenario.name):
        yield ("name",), "a name is one line of 1 to 256 printable characters"
    yield from _account_problems(scenario.accounts)
    if not offers:
        yield ("market",), "a market needs offers: give catalog or offers"
    names = OfferNames(offers)
    yield from _market_problems(scenario.market, offers, names)
    yield from _fault_problems(scenario, names)
    yield from _act_problems(scenario, names)


def _market_problems(
    market: MarketSettings, offers: tuple[OfferSpec, ...], names: OfferNames
) -> Iterator[tuple[Path, str]]:
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
    for path, reason in replay_problems(market, offers, names):
        yield ("market", "replay", *path), reason
    for path, reason in churn_problems(market, offers):
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


def opening_offers(market: MarketSettings) -> tuple[OfferSpec, ...]:
    """The offers at the start: those listed, or those of a generated catalogue."""
    if isinstance(market.catalog, CatalogSpec):
        return generated_offers(market.catalog.generate.offers)
    assert market.catalog is None, "a catalogue's name is for the loader to resolve"
    return market.offers


def replayed_series(market: MarketSettings) -> dict[str, Playback]:
    """What the prices of offers follow that have a recorded series, by their names."""
    series = market.recordings.prices
    playbacks = [Playback(each) for each in series]
    meant = offers_meant(series, opening_offers(market)) if series else ()
    return {spec.name: playbacks[index] for spec, index in meant}


def without_tokens(scenario: Scenario) -> Scenario:
    """The canonical form: what decides the run, without what only clients need."""
    accounts = tuple(replace(account, token=None) for account in scenario.accounts)
    return replace(scenario, accounts=accounts)
