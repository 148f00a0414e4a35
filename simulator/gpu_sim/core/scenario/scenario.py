"""A scenario: the conditions of a world. The file format, the canonical form and the core share these types.

Defaults are the values of facts F15, F19 and F20 and of assumptions A1 and A3–A9.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ..kernel.clock import HOUR_MS, MINUTE_MS, SECOND_MS, YEAR_MS
from ..kernel.quantities import Duration, Factor, Instant, Money
from .acts import Act
from .experiment.expectation import Expect
from .experiment.renters import RenterSpec
from .experiment.sweep_settings import SweepSettings
from .fault_rules import FaultRule
from .market_settings import MarketSettings
from .shared_defaults import with_defaults_shared


class ClockSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The pace of a server's clock; the simulation itself only ever advances."""

    mode: Literal["real", "scaled", "manual"] = "real"
    """`real` runs with the wall clock, `scaled` by `speed` times it, `manual` only moves as it is told to."""
    speed: Factor | None = None
    """Virtual seconds in a second on the wall, 0.001 to 1000000; goes with mode `scaled`."""
    step: Duration | None = None
    """Moves a manual clock by this before each API request, so that a client that polls and sleeps gets on."""
    start: Instant | None = None
    """The instant at which virtual time begins; 2026-01-01T00:00:00Z under a manual clock unless given, elsewhere the
    wall time."""

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
    """The account's name, 1 to 64 of A-Z a-z 0-9 _ -: ledger, journal and luck know it by this."""
    token: str | None = None
    """The bearer token of its clients; one is minted where none is given."""
    balance: Money = Money(100_000_000)
    """The credit that it begins with."""


class BillingSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The rules for the cost of a session: F15, F19, F20, A5, A6, A9. None switches a timeout off."""

    minimum: Duration = Duration(15 * MINUTE_MS)
    """The least that a session which ran is billed (F15); a hold is placed for as much."""
    idle_timeout: Duration | None = Duration(15 * MINUTE_MS)
    """A running rental that nobody uses ends after this (F19); `none` switches it off."""
    hold_expiry: Duration | None = Duration(2 * HOUR_MS)
    """A hold is released after this, while its rental runs on (F20); `none` switches it off."""
    interrupted: Literal["actual", "minimum"] = "actual"
    """An interrupted session costs the seconds that it ran, or at least the minimum (A6)."""
    cancelled_provisioning: Literal["free", "minimum"] = "free"
    """A rental that is deleted before it runs costs nothing, or the minimum (A5)."""
    on_exhaustion: Literal["overdraft", "terminate"] = "overdraft"
    """When the credit is gone rentals run on into a debt, or end with the reason `credit_exhausted` (A9)."""

    def __post_init__(self) -> None:
        if self.minimum < SECOND_MS or self.minimum % SECOND_MS:
            raise ValueError("minimum must be a whole number of seconds, at least 1s")
        for name in ("idle_timeout", "hold_expiry"):
            if getattr(self, name) == 0:
                raise ValueError(f"{name} must be above 0s, or none")


class ApiSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The form of the API's answers: A18 and rule "unknown fields" of A13."""

    profile: Literal["extended", "documented"] = "extended"
    """`documented` answers with the documented fields alone, `extended` with some more (A18)."""
    unknown_fields: Literal["refuse", "ignore"] = "refuse"
    """A request with an unknown field or parameter is refused, or the field is ignored (A13)."""


class Scenario(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """All conditions of a world but the seed's luck."""

    # Parts are not checked against each other here: that needs the offers, which `scenario_problems` is given.

    scenario: Literal[1] = 1
    """The version of the format."""
    name: str
    """The name by which the scenario is listed and shown."""
    description: str = ""
    """The situation in a sentence or two."""
    expect: Expect = ""
    """The outcome that somebody who runs it should see: a text, or a list of texts and of comparisons, which
    `gpu-sim run` judges."""
    extends: str | None = None
    """The scenario that this one changes: a shipped one, or a .yaml file beside this one."""
    seed: int = 1
    """The seed of all luck; `--seed` wins over it."""
    clock: ClockSettings = ClockSettings()
    """The pace of the world's clock; `--clock` wins over it."""
    accounts: tuple[AccountSpec, ...] = (AccountSpec("alice", "si_test_alice"),)
    """The customers at the start: one, `alice`, unless given."""
    market: MarketSettings = MarketSettings()
    """The offers, and how they behave."""
    billing: BillingSettings = BillingSettings()
    """The rules for what a session costs and when it ends by itself."""
    api: ApiSettings = ApiSettings()
    """The form of the API's answers."""
    journal: Literal["compact", "full"] = "compact"
    """With `full` the moves of prices and of offers are events, and in the journal, too."""
    faults: tuple[FaultRule, ...] = ()
    """Rules by which requests meet faults, in order."""
    timeline: tuple[Act, ...] = ()
    """Acts, each at an instant after the start."""
    renters: tuple[RenterSpec, ...] = ()
    """Synthetic customers, which live in `gpu-sim run` and `gpu-sim sweep` only."""
    sweep: SweepSettings | None = None
    """The runs of `gpu-sim sweep`."""
    until: Duration | None = None
    """The end of a run that nobody watches, such as that of its golden journal."""


def canonical(scenario: Scenario) -> Scenario:
    """The canonical form: all that decides the run, without the tokens, which only clients need. Equal ones are the
    same bytes: what has its default is left out, also where a file writes it out.

    Renters, their sweep and comparisons are left out too. What renters do are commands, which a journal has: a replay
    needs no policy, and who changes one keeps the state file of a server. A text of `expect` stays, as the description.
    """
    expect = scenario.expect if isinstance(scenario.expect, str) else ""
    return _canonical(replace(scenario, renters=(), expect=expect, sweep=None))


def canonical_with_renters(scenario: Scenario) -> Scenario:
    """The canonical form of an experiment: all that decides what comes of a run in which its renters live, and is
    judged. How often it is run, its `sweep`, does not, nor do texts for people."""
    expect = "" if isinstance(scenario.expect, str) else scenario.expect
    return _canonical(replace(scenario, description="", expect=expect, sweep=None))


def _canonical(scenario: Scenario) -> Scenario:
    accounts = tuple(replace(account, token=None) for account in scenario.accounts)
    return with_defaults_shared(replace(scenario, accounts=accounts))
