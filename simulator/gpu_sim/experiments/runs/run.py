"""`run`: renters live through a scenario, and what came of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from shlex import join

from ...core.kernel.clock import DAY_MS, DEFAULT_START, epoch_ms
from ...core.run import new_run
from ...core.scenario.market_settings import opening_offers
from ...core.scenario.scenario import Scenario
from ...core.simulation import Simulation
from ..policies.load import check_offers, load_policy
from ..renting.direct_client import DirectClient, OffersSeen
from .experiment import ClientMaker, Experiment, PolicyMaker, with_accounts
from .judgement.misses import expectation_problems, misses
from .metrics import metrics_of
from .policy_failed import RunImpossible
from .price_courses import price_courses
from .run_key import run_key
from .run_result import RunResult, Through

_ERROR_FROM = 400
_FRAMING = {"content-length", "content-encoding"}
"""Headers by which an answer is read: what a false one makes of it is the matter of each client."""

LENGTH_MS = 7 * DAY_MS
"""The length of a run whose scenario has no `until`."""


def run(
    scenario: Scenario,
    *,
    seed: int | None = None,
    settings: Mapping[str, str] | None = None,
    through: Through = "core",
    policies: PolicyMaker = load_policy,
    called: str | None = None,
) -> RunResult:
    """Let the renters of a scenario live to its `until`, or for 7 days, in virtual time.

    `seed` is by default the scenario's. `settings` are those that made the scenario what it is, and `called` is its
    name or file: both are only told, as what repeats a run whose policy fails. Equal scenarios and seeds give equal
    metrics and journals, to the byte. Raises RunImpossible for a scenario that cannot be run, and PolicyFailed.
    """
    seed = scenario.seed if seed is None else seed
    length_ms = LENGTH_MS if scenario.until is None else int(scenario.until)
    _check(scenario, length_ms)
    whole = with_accounts(scenario)
    with _market(whole, seed, _start(scenario), through) as (simulation, clients):
        experiment = Experiment(
            simulation,
            clients,
            policies,
            length_ms=length_ms,
            repeat=_repeat(called or scenario.name, seed, settings or {}, through),
        )
        experiment.live()
    facts = experiment.facts()
    metrics = metrics_of(scenario, facts)
    missed = misses(scenario, facts, metrics, simulation.ledger.entries)
    # Made now: the simulation, which takes far more memory, is over.
    lines = tuple(simulation.journal())
    simulation.close()

    def journal() -> Iterator[bytes]:
        return iter(lines)

    return RunResult(
        scenario=scenario.name,
        seed=seed,
        settings=dict(settings or {}),
        key=run_key(scenario, settings or {}, seed),
        length_ms=length_ms,
        metrics=metrics,
        misses=missed,
        facts=facts,
        journal=journal,
        prices=partial(
            price_courses,
            whole,
            seed=seed,
            start_epoch_ms=_start(scenario),
            length_ms=length_ms,
            offers=sorted({rental.offer for rental in facts.rentals}),
        ),
    )


@contextmanager
def _market(
    scenario: Scenario, seed: int, start_epoch_ms: int, through: Through
) -> Iterator[tuple[Simulation, ClientMaker]]:
    """A simulation at its start, and the clients of its accounts."""
    if through == "core":
        core = new_run(scenario, seed=seed, start_epoch_ms=start_epoch_ms)
        offers = OffersSeen(core)
        yield core.simulation, lambda account: DirectClient(core, account, offers)
        return
    from ..renting.http_client import HttpMarket  # noqa: PLC0415  # most runs go without the API, which is slow to load

    with HttpMarket(scenario, seed=seed, start_epoch_ms=start_epoch_ms) as market:
        yield market.world.simulation, market.client


def _repeat(called: str, seed: int, settings: Mapping[str, str], through: Through) -> str:
    """The command that repeats a run."""
    given = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    given += [] if through == "core" else ["--through", through]
    return join(["gpu-sim", "run", called, "--seed", str(seed), *given])


def _start(scenario: Scenario) -> int:
    return epoch_ms(DEFAULT_START) if scenario.clock.start is None else int(scenario.clock.start)


def _check(scenario: Scenario, length_ms: int) -> None:
    """Raises RunImpossible."""
    if not scenario.renters:
        raise RunImpossible("renters", "nobody rents in this scenario: give it renters")
    names = [account.name for account in scenario.accounts]
    for index, spec in enumerate(scenario.renters):
        if spec.name in names:
            raise RunImpossible(f"renters.{index}.name", f'an account is called "{spec.name}" already')
        names.append(spec.name)
        check_offers(spec, {offer.spot for offer in spec.may_rent(opening_offers(scenario.market))})
    for index, rule in enumerate(scenario.faults):
        if rule.effect.delay is not None and rule.effect.clock == "virtual":
            raise RunImpossible(f"faults.{index}.effect.clock", "a run has a clock of its own, which no request moves")
        if rule.effect.body is not None and (rule.effect.respond or _ERROR_FROM) < _ERROR_FROM:
            raise RunImpossible(
                f"faults.{index}.effect.body", "a renter would take it for what has come of its request"
            )
        framing = {name.lower() for name, value in (rule.effect.headers or {}).items() if value is not None} & _FRAMING
        if framing:
            what = " and ".join(sorted(framing))
            raise RunImpossible(f"faults.{index}.effect.headers", f"requests of a run have no use for another {what}")
    for path, problem in expectation_problems(scenario, length_ms):
        raise RunImpossible(path, problem)
