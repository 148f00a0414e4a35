"""`metrics_of`: the row of metrics of a run, from its facts."""

from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from ...core.scenario.catalog import OfferSpec
from ...core.scenario.experiment.renters import RenterSpec
from ...core.scenario.market_settings import opening_offers
from ...core.scenario.scenario import Scenario
from .facts import RunFacts
from .measures.measures import Measures, busy_ms, jobs_in_vain
from .measures.recovery import recoveries
from .metric_table import METRICS, REFUSALS, Metric, Value

TOTAL = "total"


def metrics_of(scenario: Scenario, facts: RunFacts) -> dict[str, Value]:
    """The metrics of a run by name: those of the total, of each entry of `renters`, and of each provider and offer that
    was rented or asked for, in the order of their names. The same facts give the same row in the same order."""
    row: dict[str, Value] = {}
    specs = {f"renters.{spec.name}": spec for spec in scenario.renters}
    for about, measures in measures_of(scenario, facts).items():
        for metric in metrics_about(scenario, about, specs.get(about)):
            row[f"{about}.{metric.name}"] = metric.value(measures)
            if metric.name == "refusals":
                for code in sorted(measures.refusals):
                    row[f"{about}.{REFUSALS}{code}"] = measures.refusals[code]
    return row


def metrics_about(scenario: Scenario, about: str, spec: RenterSpec | None) -> Iterator[Metric]:
    """The metrics of the total, of the renters of an entry, of a provider or of an offer."""
    whole = scenario.renters if spec is None else (spec,)
    scopes = {"all"}
    if spec is not None or about == TOTAL:
        scopes.add("need")
        scopes |= {"jobs" for each in whole if each.jobs is not None}
        scopes |= {"service" for each in whole if each.service is not None}
    return (metric for metric in METRICS if metric.scope in scopes)


def measures_of(scenario: Scenario, facts: RunFacts, *, accounts: bool = False) -> dict[str, Measures]:
    """The sums by what they are about, in the order of a row; with `accounts` also of each renter by itself where an
    entry stands for several."""
    about = _About(scenario, facts, accounts=accounts)
    measured = {name: Measures(facts.length_ms) for name in about.names}
    _add_rentals(scenario, facts, about, measured)
    prices = {spec.name: on_demand_micros_per_hour(spec, opening_offers(scenario.market)) for spec in scenario.renters}
    busy = Counter[tuple[str, int]]()
    for rental in facts.rentals:
        busy[rental.renter, rental.number] += busy_ms(rental)
    for job in facts.jobs:
        for name in about.renter(job.renter):
            measured[name].add_job(job, prices[about.spec(job.renter).name], busy[job.renter, job.number])
    for service in facts.services:
        spec = about.spec(service.renter)
        for name in about.renter(service.renter):
            measured[name].add_service(service, spec.gpus, prices[spec.name])
    return measured


def facts_about(scenario: Scenario, facts: RunFacts, name: str) -> RunFacts:
    """Those of the facts that are about the total, a renter, a provider or an offer of this name."""
    about = _About(scenario, facts, accounts=True)
    return replace(
        facts,
        rentals=[each for each in facts.rentals if name in about.both(each.renter, each.offer)],
        jobs=[each for each in facts.jobs if name in about.renter(each.renter)],
        services=[each for each in facts.services if name in about.renter(each.renter)],
        refused=[each for each in facts.refused if name in about.both(each.renter, each.offer)],
    )


def on_demand_micros_per_hour(spec: RenterSpec, offers: Iterable[OfferSpec]) -> int:
    """The lowest on-demand price of the offers that a renter may rent; 0 where there is none."""
    prices = (int(each.on_demand_price) for each in spec.may_rent(offers))
    return min(prices, default=0)


def _add_rentals(scenario: Scenario, facts: RunFacts, about: "_About", measured: dict[str, Measures]) -> None:
    expiry = scenario.billing.hold_expiry
    expiry_ms = None if expiry is None else int(expiry)
    in_vain, leaked = jobs_in_vain(facts), {*facts.leaked}
    for rental in facts.rentals:
        is_in_vain = (rental.renter, rental.number) in in_vain
        for name in about.both(rental.renter, rental.offer):
            measures = measured[name]
            measures.add_rental(rental, in_vain=is_in_vain, hold_expiry_ms=expiry_ms)
            if rental.rental_id in leaked:
                measures.add_leaked(rental)
    for rental, recovery_ms in recoveries(facts):
        for name in about.both(rental.renter, rental.offer):
            measured[name].add_recovery(recovery_ms)
    for request in facts.refused:
        for name in about.both(request.renter, request.offer):
            measured[name].refusals[request.code] += 1


class _About:
    """The subjects of metrics: total, renters, providers and offers, and which of them a fact is about."""

    def __init__(self, scenario: Scenario, facts: RunFacts, *, accounts: bool) -> None:
        self._specs = {account: spec for spec in scenario.renters for account in spec.accounts}
        self._renters = {
            account: (TOTAL, f"renters.{spec.name}")
            + ((f"renters.{account}",) if accounts and account != spec.name else ())
            for account, spec in self._specs.items()
        }
        # The offers list is asked of no offer.
        offers = {each.offer for each in facts.rentals} | {each.offer for each in facts.refused if each.offer}
        self._offers: dict[str, tuple[str, ...]] = {"": ()}
        for offer in sorted(offers):
            provider = offer.partition("|")[0]
            self._offers[offer] = (f"providers.{provider}", f"offers.{offer}")
        self.names = dict.fromkeys((TOTAL, *(f"renters.{spec.name}" for spec in scenario.renters)))
        self.names |= dict.fromkeys(name for names in self._renters.values() for name in names)
        for place in (0, 1):
            self.names |= dict.fromkeys(names[place] for names in self._offers.values() if names)

    def spec(self, account: str) -> RenterSpec:
        """The entry of a renter."""
        return self._specs[account]

    def renter(self, account: str) -> tuple[str, ...]:
        """The total, and the renter's."""
        return self._renters[account]

    def both(self, account: str, offer: str) -> tuple[str, ...]:
        """The total, the renter's, the provider's and the offer's."""
        return self._renters[account] + self._offers[offer]
