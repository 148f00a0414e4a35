"""A world in which everything that chance decides happens within a day, and three accounts that live in it.

Each account has offers of its own, so that they never contend for GPUs.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from gpu_sim.core.commands import (
    AddCredit,
    Command,
    EndAct,
    InterruptRental,
    PlayAct,
    RentGpu,
    ResetMarket,
    TerminateRental,
    TouchRental,
)
from gpu_sim.core.kernel.clock import DAY_MS, HOUR_MS, MINUTE_MS
from gpu_sim.core.kernel.errors import Refusal
from gpu_sim.core.kernel.quantities import Duration, Factor, Money, Price, Share
from gpu_sim.core.rentals.rental import Rental
from gpu_sim.core.scenario.acts import Act, InterruptAct, OutageAct, PriceAct, ProvisioningAct, RentAct
from gpu_sim.core.scenario.catalog import OfferSpec, ProviderClass
from gpu_sim.core.scenario.distributions import Distribution, LogNormal, Uniform
from gpu_sim.core.scenario.market_settings import (
    ChurnSettings,
    ChurnTerms,
    InterruptionSettings,
    MarketSettings,
    PriceSettings,
    ProvisioningSettings,
    ProvisioningTerms,
)
from gpu_sim.core.scenario.scenario import AccountSpec, BillingSettings, Scenario
from gpu_sim.core.simulation import Simulation
from msgspec import to_builtins

CLASSES: tuple[ProviderClass, ...] = ("marketplace", "neocloud", "hyperscaler", "exchange")
NAMES = ("alice", "bob", "carol")
ACTS = ("play", "end", "reset")
"""Steps that are about acts on the market."""
REGIONS = 5
"""Offers of each account."""


def _offer(account: str, number: int) -> OfferSpec:
    return OfferSpec(
        provider_id=f"for-{account}",
        provider_class=CLASSES[number % 4],
        gpu_model="H100",
        vram_gb=80,
        region=f"region-{number}",
        spot_price=Price(1_400_000 + 100_000 * number),
        on_demand_price=Price(3_000_000),
        interruption_probability=Share(100_000 * (number + 1)),
        capacity=6,
    )


def busy_scenario() -> Scenario:
    """Fast prices, frequent shocks, slow and unreliable provisioning, little credit, short timeouts."""
    slow = LogNormal(Duration(3 * MINUTE_MS), Duration(20 * MINUTE_MS), max=Duration(HOUR_MS))
    offers = tuple(_offer(account, number) for account in NAMES for number in range(REGIONS))
    return Scenario(
        name="busy",
        journal="full",
        accounts=tuple(AccountSpec(name, f"si_{name}", Money(35_000_000)) for name in NAMES),
        market=MarketSettings(
            offers=offers,
            prices=PriceSettings(activity=Factor(20_000_000)),
            churn=ChurnSettings(
                exchange=ChurnTerms(stays=Duration(6 * HOUR_MS), away=Duration(HOUR_MS)),
            ),
            interruptions=InterruptionSettings(
                reclaim=Distribution(uniform=Uniform(Duration(0), Duration(40 * MINUTE_MS))),
                shared=Share(400_000),
            ),
            provisioning=ProvisioningSettings(
                all=ProvisioningTerms(delay=Distribution(lognormal=slow), failure=Share(100_000))
            ),
        ),
        billing=BillingSettings(
            idle_timeout=Duration(100 * MINUTE_MS), hold_expiry=Duration(HOUR_MS), on_exhaustion="terminate"
        ),
        timeline=(
            Act(at=Duration(2 * HOUR_MS), outage=OutageAct(region="region-1", for_=Duration(HOUR_MS))),
            Act(at=Duration(3 * HOUR_MS), price=PriceAct(multiply=Factor(2_000_000), for_=Duration(HOUR_MS))),
            Act(at=Duration(5 * HOUR_MS), interrupt=InterruptAct(provider="for-alice", share=Share(1_000_000))),
            Act(at=Duration(6 * HOUR_MS), rent=_too_many()),
        ),
    )


def _too_many() -> RentAct:
    return RentAct(as_="r", account="bob", provider_id="for-bob", gpu_model="H100", region="region-0", gpu_count=99)


class Step(NamedTuple):
    """An act of an account at an instant: rent on one of its offers, or something with its rental number `back`
    from the last, or credit its account; or an act begins or ends, or all do."""

    at_ms: int
    account: str
    region: int = 0
    do: str = "rent"
    back: int = 1
    gpu_count: int = 1

    def command(self, sim: Simulation) -> Command:
        """The command, as it can be said now."""
        if self.do == "credit":
            return AddCredit(self.account, 1_500_000)
        if self.do in ACTS:
            return self._about_acts()
        if self.do != "rent":
            mine = [rental for rental in sim.rentals.by_id.values() if rental.account == self.account]
            id_ = mine[-self.back].rental_id if len(mine) >= self.back else "rent_none"
            if self.do == "terminate":
                return TerminateRental(self.account, id_)
            return TouchRental(id_) if self.do == "touch" else InterruptRental(id_)
        return RentGpu(
            self.account, f"for-{self.account}", "H100", f"region-{self.region}", self.gpu_count, "model", "image"
        )

    def _about_acts(self) -> Command:
        name = f"act-{self.back}"
        if self.do == "end":
            return EndAct(name if self.gpu_count < 3 else "price-1")
        if self.do == "reset":
            return ResetMarket()
        stuck = ProvisioningAct(outcome="stuck", name=name, provider=f"for-{self.account}")
        price = PriceAct(multiply=Factor(500_000), name=name, for_=Duration(HOUR_MS))
        return PlayAct(provisioning=stuck) if self.gpu_count == 1 else PlayAct(price=price)


def _life(account: str) -> tuple[Step, ...]:
    steps = []
    for number in range(60):
        at = number * 17 * MINUTE_MS
        steps.append(Step(at, account, number % REGIONS, gpu_count=1 + number % 2))
        if number % 3 == 0:
            steps.append(Step(at, account, do="touch", back=2))
        if number % 7 == 5:
            steps.append(Step(at, account, do="terminate", back=3))
        if number % 11 == 8:
            steps.append(Step(at, account, do="interrupt", back=4))
        if number % 10 == 9:
            steps.append(Step(at, account, do="credit"))
    return tuple(steps)


ACTORS = {name: _life(name) for name in NAMES}


def run(sim: Simulation, step: Step) -> Rental | None:
    """Do it if it is not refused."""
    sim.advance(max(sim.now_ms, step.at_ms))
    try:
        return sim.execute(step.command(sim))
    except Refusal:
        return None


def live(
    sim: Simulation,
    *,
    actors: Iterable[str] = NAMES,
    until: int = DAY_MS,
    between: Callable[[Simulation], object] = id,
) -> None:
    """Let the accounts do what they do up to an instant, in this order where instants are equal."""
    steps = [step for name in actors for step in ACTORS[name]]
    for step in sorted(steps, key=lambda step: step.at_ms):
        if step.at_ms > until:
            break
        run(sim, step)
        between(sim)
    sim.advance(until)


def fates(sim: Simulation) -> dict[str, list[dict[str, Any]]]:
    """The events of each account, without their numbers in the journal."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for event in sim.events:
        account: str | None = getattr(event, "account", None)
        if account is not None:
            found[account].append(to_builtins(event, enc_hook=int))
    return found


def busy_journal(seed: int) -> bytes:
    """The journal of a day."""
    sim = Simulation(busy_scenario(), seed=seed)
    live(sim)
    return b"".join(sim.journal())
