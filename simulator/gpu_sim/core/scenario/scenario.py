"""A scenario: the conditions of a world. The file format, the canonical form and the core share these types.

Defaults are the values of facts F15, F19 and F20 and of assumptions A1 and A3–A9.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ..kernel.clock import HOUR_MS, MINUTE_MS, SECOND_MS, YEAR_MS
from ..kernel.quantities import Duration, Factor, Instant, Money
from .acts import Act
from .fault_rules import FaultRule
from .market_settings import MarketSettings
from .shared_defaults import with_defaults_shared


class ClockSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The pace of a server's clock; the simulation itself only ever advances."""

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


class AccountSpec(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A customer at the start: a name, a bearer token (one is minted where none is given), a balance."""

    name: str
    token: str | None = None
    balance: Money = Money(100_000_000)


class BillingSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The rules for the cost of a session: F15, F19, F20, A5, A6, A9. None switches a timeout off."""

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


class ApiSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The form of the API's answers: A18 and rule "unknown fields" of A13."""

    profile: Literal["extended", "documented"] = "extended"
    unknown_fields: Literal["refuse", "ignore"] = "refuse"


class Scenario(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """All conditions of a world but the seed's luck."""

    # Parts are not checked against each other here: that needs the offers, which `scenario_problems` is given.

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


def canonical(scenario: Scenario) -> Scenario:
    """The canonical form: all that decides the run, without the tokens, which only clients need. Equal ones are the
    same bytes: what has its default is left out, also where a file writes it out."""
    accounts = tuple(replace(account, token=None) for account in scenario.accounts)
    return with_defaults_shared(replace(scenario, accounts=accounts))
