"""Small markets whose figures can be computed by hand, and tables of what happens to one account's rentals."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pytest
from gpu_sim.core.commands import AddCredit, InterruptRental, RentGpu, TerminateRental, TouchRental
from gpu_sim.core.kernel.errors import Refusal
from gpu_sim.core.kernel.quantities import Duration, Money, Price, Share
from gpu_sim.core.rentals.idempotency import Key
from gpu_sim.core.rentals.rental import Rental
from gpu_sim.core.scenario.acts import Act, ProvisioningAct
from gpu_sim.core.scenario.catalog import OfferSpec, ProviderClass
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.market_settings import (
    InterruptionSettings,
    MarketSettings,
    PriceSettings,
    ProvisioningSettings,
    ProvisioningTerms,
)
from gpu_sim.core.scenario.scenario import AccountSpec, Scenario
from gpu_sim.core.simulation import Simulation
from msgspec.structs import replace

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
READY = MINUTE
"""When a rental of the quiet market that was rented at 0 begins to run."""
DOLLAR = 1_000_000


def offer(
    region: str = "Quebec, CA",
    *,
    provider_id: str = "vast-ai",
    provider_class: ProviderClass = "marketplace",
    gpu_model: str = "RTX 4090",
    spot: int = 287_000,
    on_demand: int = 410_000,
    probability_ppm: int = 20_000,
    capacity: int = 4,
) -> OfferSpec:
    """An offer, by default the documented one: a hold of $0.071750 for one GPU."""
    return OfferSpec(
        provider_id=provider_id,
        provider_class=provider_class,
        gpu_model=gpu_model,
        vram_gb=24,
        region=region,
        spot_price=Price(spot),
        on_demand_price=Price(on_demand),
        interruption_probability=Share(probability_ppm),
        capacity=capacity,
    )


def on_demand_offer(region: str = "Quebec, CA", *, provider_id: str = "vast-ai-on-demand", **fields: Any) -> OfferSpec:
    """An offer that is never interrupted, beside the documented one."""
    spec = offer(region, provider_id=provider_id, **({"spot": 410_000, "probability_ppm": 0} | fields))
    return replace(spec, spot=False)


QUIET = MarketSettings(
    offers=(offer(),),
    prices=PriceSettings(all="constant"),
    interruptions=InterruptionSettings(mode="none"),
    provisioning=ProvisioningSettings(all=ProvisioningTerms(delay=fixed(READY), failure=Share(0))),
)
"""Nothing moves by itself: constant prices, no interruptions, a minute of provisioning that never fails."""


def market(*offers: OfferSpec, **settings: Any) -> MarketSettings:
    """The quiet market with other offers or settings."""
    fields: dict[str, Any] = {
        "offers": offers or QUIET.offers,
        "prices": QUIET.prices,
        "interruptions": QUIET.interruptions,
        "provisioning": QUIET.provisioning,
    }
    return MarketSettings(**(fields | settings))


def accounts(**balances: int) -> tuple[AccountSpec, ...]:
    """Accounts with these balances in micro-dollars."""
    return tuple(AccountSpec(name, None, Money(balance)) for name, balance in balances.items())


def scenario(settings: MarketSettings = QUIET, *, balance: int = DOLLAR, **fields: Any) -> Scenario:
    """The account alice on a market, the quiet one by default."""
    given: dict[str, Any] = {"name": "test", "accounts": accounts(alice=balance), "market": settings}
    return Scenario(**(given | fields))


def rent_command(account: str = "alice", spec: OfferSpec | None = None, gpu_count: int = 1) -> RentGpu:
    """A rent of an offer, by default the documented one."""
    spec = spec or QUIET.offers[0]
    return RentGpu(account, spec.provider_id, spec.gpu_model, spec.region, gpu_count, "a-model", "an-image:latest")


def rent(
    simulation: Simulation,
    account: str = "alice",
    spec: OfferSpec | None = None,
    gpu_count: int = 1,
    *,
    key: Key | None = None,
) -> Rental:
    """Rent now."""
    rental = simulation.execute(rent_command(account, spec, gpu_count), key)
    assert rental is not None
    return rental


class Bench:
    """One account of a simulation and the rental it made last, for tables."""

    def __init__(self, simulation: Simulation, account: str = "alice") -> None:
        self.simulation = simulation
        self.account = account
        self.rental: Rental | None = None

    def rent(self, gpu_count: int = 1, spec: OfferSpec | None = None) -> None:
        self.rental = rent(self.simulation, self.account, spec, gpu_count)

    def look(self) -> None:
        """Only look."""

    def touch(self) -> None:
        self.simulation.execute(TouchRental(self._id))

    def delete(self) -> None:
        self.simulation.execute(TerminateRental(self.account, self._id))

    def interrupt(self) -> None:
        self.simulation.execute(InterruptRental(self._id))

    @property
    def _id(self) -> str:
        assert self.rental is not None
        return self.rental.rental_id

    @property
    def status(self) -> str:
        """The rental's status, with the reason once it is over; "none" before the first rent."""
        if self.rental is None:
            return "none"
        return self.rental.reason or self.rental.status


Do = Callable[[Bench], None]


def rent_gpus(gpu_count: int) -> Do:
    """The act of renting so many GPUs."""
    return lambda bench: bench.rent(gpu_count)


def credit(amount_micros: int) -> Do:
    """The act of crediting the account."""
    return lambda bench: _credit(bench, amount_micros)


def _credit(bench: Bench, amount_micros: int) -> None:
    bench.simulation.execute(AddCredit(bench.account, amount_micros))


def refused(code: str, act: Do) -> Do:
    """An act that is turned down with this code and changes nothing."""

    def attempt(bench: Bench) -> None:
        before = b"".join(bench.simulation.journal())
        with pytest.raises(Refusal) as refusal:
            act(bench)
        assert refusal.value.code == code
        assert b"".join(bench.simulation.journal()) == before

    return attempt


class Row(NamedTuple):
    """At this instant this is done; then the rental has this status and the account these balances."""

    at_ms: int
    do: Do
    status: str
    available: int
    held: int


def check_table(simulation: Simulation, rows: Iterable[Row], account: str = "alice") -> Bench:
    """Play the rows in order, and check each row's end and the whole ledger."""
    bench = Bench(simulation, account)
    for number, row in enumerate(rows):
        simulation.advance(row.at_ms)
        row.do(bench)
        ledger = simulation.ledger
        seen = Row(simulation.now_ms, row.do, bench.status, ledger.available(account), ledger.held(account))
        assert seen == row, f"row {number}"
        ledger.audit()
    return bench


def journal(simulation: Simulation) -> bytes:
    """The exported journal in one piece."""
    return b"".join(simulation.journal())


FOR = Duration(10 * MINUTE)
"""The duration of a passing act in tests that only need it to pass."""

FAILING = ProvisioningSettings(all=ProvisioningTerms(delay=fixed(READY), failure=Share(1_000_000)))
"""Every GPU fails when it should be ready."""


def at(ms: int, **act: Any) -> Act:
    """An act of a timeline, so many ms after the start."""
    return Act(at=Duration(ms), **act)


def stuck(for_: Duration | None = FOR) -> ProvisioningAct:
    """Provisioning gets stuck everywhere."""
    return ProvisioningAct(outcome="stuck", for_=for_)


def seen(simulation: Simulation, *kinds: Any) -> list[Any]:
    """The events of these kinds."""
    return [event for event in simulation.events if isinstance(event, kinds)]
