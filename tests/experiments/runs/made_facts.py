"""Facts of runs that never were, made by hand."""

from gpu_sim.core.kernel.clock import HOUR_MS
from gpu_sim.core.kernel.money import cost_micros
from gpu_sim.core.kernel.quantities import Duration
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.experiment.renters import JobSpec, RenterSpec, ServiceSpec
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.experiments.runs.facts import JobFacts, RentalFacts, RunFacts, ServiceFacts

from ...support.builders import market, offer, scenario

A = offer(provider_id="alpha", spot=1_000_000, on_demand=3_000_000)
B = offer(provider_id="beta", spot=1_000_000, on_demand=2_000_000)
LENGTH_MS = 10 * HOUR_MS
JOBS = RenterSpec(name="ann", jobs=JobSpec(work=fixed(Duration(HOUR_MS))))
SERVICE = RenterSpec(name="bob", service=ServiceSpec(replicas=2))


def made_scenario(*renters: RenterSpec) -> Scenario:
    """A scenario with two offers and these renters."""
    return scenario(market(A, B), renters=renters or (JOBS, SERVICE), until=Duration(LENGTH_MS))


def made_rental(rental_id: str = "rent_1", /, **given: object) -> RentalFacts:
    """A rental of ann's first job on one GPU of alpha at $1 for an hour of work, from the start on, whose charge is
    that of its billed seconds."""
    facts = RentalFacts(
        rental_id, "ann", 0, A.name, A.provider_id, True, 1, 1_000_000, 3_000_000, 250_000, 0, 0, 0, HOUR_MS
    )
    facts.reason, facts.worked_ms, facts.billed_seconds = "deleted", HOUR_MS, 3_600
    for name, value in given.items():
        assert name in RentalFacts.__struct_fields__
        setattr(facts, name, value)
    facts.charge_micros = cost_micros(facts.price_micros_per_hour, facts.gpu_count, facts.billed_seconds)
    return facts


def made_facts(
    *rentals: RentalFacts,
    jobs: tuple[JobFacts, ...] = (),
    services: tuple[ServiceFacts, ...] = (),
    renters: tuple[str, ...] = ("ann", "bob"),
) -> RunFacts:
    """Facts of a run of ten hours."""
    return RunFacts(
        length_ms=LENGTH_MS,
        renters=renters,
        rentals=[*rentals],
        jobs=[*jobs],
        services=[*services],
        refused=[],
        spent_micros={},
        held_micros={},
    )
