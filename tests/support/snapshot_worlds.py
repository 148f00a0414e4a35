"""Small worlds, one for each way in which markets move, in which there is some of all that a snapshot holds."""

from typing import Any

from gpu_sim.core.commands import AddCredit, CreateAccount, InterruptRental, MoveRental, PlayAct, TerminateRental
from gpu_sim.core.kernel.errors import Refusal
from gpu_sim.core.kernel.quantities import Duration, Factor, Money, Share
from gpu_sim.core.rentals.idempotency import Key
from gpu_sim.core.run import Run
from gpu_sim.core.scenario.acts import Act, CapacityAct, OutageAct, PriceAct, RentAct
from gpu_sim.core.scenario.catalog import OfferSpec, ProviderClass
from gpu_sim.core.scenario.distributions import Distribution, LogNormal, fixed
from gpu_sim.core.scenario.fault_effects import FaultEffect, RateLimit
from gpu_sim.core.scenario.fault_rules import FaultRule, FaultWhen
from gpu_sim.core.scenario.market_settings import (
    ChurnSettings,
    ChurnTerms,
    InterruptionSettings,
    MarketSettings,
    NoticeSettings,
    PriceSettings,
    ProvisioningSettings,
    ProvisioningTerms,
)
from gpu_sim.core.scenario.provisioning_parts import Parts
from gpu_sim.core.scenario.recordings import ReplaySettings
from gpu_sim.core.scenario.scenario import AccountSpec, BillingSettings, ClockSettings, Scenario

from ..core.market.recordings import generated, series, trace
from .builders import HOUR, MINUTE, offer, rent_command

TOKENS = {"alice": "si_test_alice", "bob": "si_test_bob"}
NOTICE_MS = 10 * MINUTE
_CLASSES: tuple[ProviderClass, ...] = ("marketplace", "hyperscaler", "exchange")
OFFERS: tuple[OfferSpec, ...] = tuple(
    offer(f"region-{number}", provider_id=name, provider_class=name, probability_ppm=300_000, capacity=4)
    for number, name in enumerate(_CLASSES)
)
_SLOW = LogNormal(Duration(4 * MINUTE), Duration(20 * MINUTE), max=Duration(HOUR))
_RENT = RentAct(as_="r", account="bob", provider_id="exchange", gpu_model="RTX 4090", region="region-2")
_PLAYED: dict[str, dict[str, Any]] = {
    "poisson": {},
    "realistic": {"interruptions": InterruptionSettings(mode="realistic", show="current")},
    "replay": {
        "interruptions": InterruptionSettings(mode="replay"),
        "prices": PriceSettings(exchange="replay", activity=Factor(20_000_000)),
        "recordings": ReplaySettings(
            availability=(
                trace(generated(3, 200, most=4), 7 * MINUTE, provider="marketplace"),
                trace(generated(4, 150), 9 * MINUTE, provider="hyperscaler", loop=False),
            ),
            prices=(series([300_000, 310_000, 290_000], 35 * MINUTE, provider="exchange"),),
        ),
    },
}
MODES = tuple(_PLAYED)


def rich_scenario(mode: str) -> Scenario:
    """Everything moves, by the mode of interruptions that is named."""
    given: dict[str, Any] = {
        "offers": OFFERS,
        "prices": PriceSettings(activity=Factor(20_000_000)),
        "interruptions": InterruptionSettings(reclaim=fixed(2 * HOUR), spread=Duration(5 * MINUTE)),
        "churn": ChurnSettings(exchange=ChurnTerms(stays=Duration(3 * HOUR), away=Duration(2 * HOUR))),
        "notices": NoticeSettings(hyperscaler=Duration(NOTICE_MS), marketplace=Duration(NOTICE_MS)),
        "provisioning": ProvisioningSettings(
            all=ProvisioningTerms(
                delay=Distribution(lognormal=_SLOW), failure=Share(50_000), never_ready=Share(50_000)
            ),
            exchange=ProvisioningTerms(parts=Parts(allocate=fixed(MINUTE), boot=fixed(90 * MINUTE))),
        ),
    }
    return Scenario(
        name=mode,
        clock=ClockSettings(mode="manual"),
        accounts=tuple(AccountSpec(name, token, Money(20_000_000)) for name, token in TOKENS.items()),
        market=MarketSettings(**(given | _PLAYED[mode])),
        billing=BillingSettings(
            idle_timeout=Duration(5 * HOUR), hold_expiry=Duration(2 * HOUR), on_exhaustion="terminate"
        ),
        faults=(
            FaultRule(
                name="limited",
                effect=FaultEffect(rate_limit=RateLimit(1_000, Duration(MINUTE))),
                when=FaultWhen(between=(Duration(0), Duration(HOUR * 1_000))),
            ),
        ),
        timeline=(
            Act(at=Duration(HOUR), rent=_RENT),
            Act(at=Duration(5 * HOUR), outage=OutageAct(region="region-1", for_=Duration(3 * HOUR))),
            Act(at=Duration(20 * HOUR), touch="r"),
        ),
    )


def live(run: Run, until_ms: int = 6 * HOUR) -> None:
    """Two accounts rent whatever they get, and acts are called, up to an instant."""
    sim = run.simulation
    sim.execute(PlayAct(price=PriceAct(region="region-0", multiply=Factor(1_500_000))))
    sim.execute(CreateAccount("carol", 7_000_000))
    for number, now_ms in enumerate(range(0, until_ms, 20 * MINUTE)):
        sim.advance(now_ms)
        account = ("alice", "bob")[number % 2]
        run.faults.decide("rent_gpu", account, None, now_ms)
        try:
            rental = sim.execute(rent_command(account, OFFERS[number % 3], 1 + number % 2), Key(f"k{number}", b"body"))
        except Refusal:
            continue
        assert rental is not None
        if number % 5 == 1:
            sim.execute(MoveRental(rental_id=rental.rental_id, to="running", hold=True))
        if number % 7 == 3:
            sim.execute(TerminateRental(account, rental.rental_id))
        elif number % 4 == 2:
            sim.execute(InterruptRental(rental.rental_id, notice=Duration(9 * HOUR)))
        if number % 7 == 6:
            sim.execute(MoveRental(rental_id=rental.rental_id, to="terminated", hold=True))
            sim.execute(TerminateRental(account, rental.rental_id))
    sim.execute(PlayAct(capacity=CapacityAct(region="region-2", set=3, for_=Duration(8 * HOUR))))
    sim.execute(AddCredit("alice", 5_000_000))
    sim.advance(until_ms)
