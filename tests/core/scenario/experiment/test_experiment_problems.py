"""Problems of renters and expectations that no single field shows."""

import pytest
from gpu_sim.core.kernel.quantities import Bound, Duration
from gpu_sim.core.scenario.acts import Selector
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.experiment.expectation import During, Expectation
from gpu_sim.core.scenario.experiment.renters import JobSpec, RenterSpec
from gpu_sim.core.scenario.offer_names import Path
from gpu_sim.core.scenario_problems import find_problems
from msgspec.structs import replace

from ....support.builders import HOUR, offer, scenario

ANN = RenterSpec(name="ann", jobs=JobSpec(work=fixed(HOUR)))
BOB = replace(ANN, name="bob")


def problems(
    *renters: RenterSpec, expect: tuple[str | Expectation, ...] = (), until: int | None = None
) -> list[tuple[Path, str]]:
    end = None if until is None else Duration(until)
    return list(find_problems(scenario(renters=renters, expect=expect, until=end), (offer(),)))


def test_renters_with_accounts_of_their_own_have_none() -> None:
    assert problems(ANN, BOB, replace(ANN, name="ann-4", count=2), replace(ANN, count=3)) == []


@pytest.mark.parametrize(
    ("renters", "account"),
    [
        ((BOB, replace(ANN, name="alice")), "alice"),
        ((ANN, ANN), "ann"),
        ((replace(ANN, count=3), replace(ANN, name="ann-2")), "ann-2"),
        ((replace(ANN, name="ann-2"), replace(ANN, count=3)), "ann-2"),
    ],
)
def test_an_account_is_of_one_renter_or_a_customer(renters: tuple[RenterSpec, ...], account: str) -> None:
    says = f'the name "{account}" is taken: a renter has an account of its own'
    assert problems(*renters) == [(("renters", 1, "name"), says)]


def test_the_accounts_of_many_have_names_that_are_not_too_long() -> None:
    assert problems(replace(ANN, name="a" * 62, count=9)) == []
    [(path, says)] = problems(replace(ANN, name="a" * 62, count=10))
    assert (path, says) == (("renters", 0, "name"), f'"{"a" * 62}-10" would be an account of more than 64 characters')


@pytest.mark.parametrize(
    ("renter", "field", "says"),
    [
        (replace(ANN, offers=Selector(provider="vastai")), ("offers", "provider"), 'did you mean "vast-ai"?'),
        (replace(ANN, spread=2), ("spread",), "the spot offers that it may rent are only 1"),
        (replace(ANN, min_vram_gb=25), ("min_vram_gb",), "no offer that it may rent has 25 GB"),
        (
            replace(ANN, offers=Selector(provider="gcp"), min_vram_gb=25),
            ("offers", "provider"),
            'no offer has provider "gcp"',
        ),
    ],
)
def test_a_renter_that_can_never_rent_is_a_problem(renter: RenterSpec, field: Path, says: str) -> None:
    [(path, reason)] = problems(BOB, renter)
    assert path == ("renters", 1, *field)
    assert says in reason


def test_the_ledger_is_that_of_customers_and_renters() -> None:
    zero = Bound(0)
    fine = tuple(Expectation(ledger=f"{name}.held", equals=zero) for name in ("alice", "ann", "bob-2"))
    anybody = Expectation(metric="renters.nobody.cost_usd", at_most=zero)
    assert problems(ANN, replace(BOB, count=2), expect=("All is well.", *fine, anybody)) == []
    expect: tuple[str | Expectation, ...] = (*fine, "All is well.", Expectation(ledger="bob.held", equals=zero))
    says = 'no account "bob"; did you mean "bob-2"?'
    assert problems(ANN, replace(BOB, count=2), expect=expect) == [(("expect", 4, "ledger"), says)]


@pytest.mark.parametrize(
    ("until", "is_over"), [(None, False), (2 * HOUR, False), (HOUR, False), (HOUR - 1, True), (0, True)]
)
def test_a_comparison_after_the_end_of_the_run_is_a_problem(until: int | None, is_over: bool) -> None:
    during = During(between=(Duration(HOUR), Duration(3 * HOUR)))
    always = Expectation(metric="total.cost_usd", at_most=Bound(1), when="always")
    expect = (always, Expectation(metric="total.cost_usd", at_most=Bound(1), when=during))
    found = problems(ANN, expect=expect, until=until)
    says = "the run is over by then: `until` comes before"
    assert found == ([(("expect", 1, "when", "between"), says)] if is_over else [])
