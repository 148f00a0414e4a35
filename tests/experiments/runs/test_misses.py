"""The judgement of runs: expectations that do not hold, since when and by how much, and those that none can keep."""

import pytest
from gpu_sim.core.billing.ledger import CreditAdded, Entry, HoldPlaced, RentalSettled
from gpu_sim.core.kernel.clock import HOUR_MS, MINUTE_MS
from gpu_sim.core.scenario.experiment.expectation import Expectation
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.experiments.runs.facts import RefusedRequest, RunFacts, ServiceFacts
from gpu_sim.experiments.runs.judgement.misses import expectation_problems, misses
from gpu_sim.experiments.runs.metrics import metrics_of
from gpu_sim.experiments.runs.policy_failed import RunImpossible
from gpu_sim.experiments.runs.run import run
from gpu_sim.experiments.runs.run_result import Miss
from gpu_sim.notation import decode_quantity
from msgspec import convert
from msgspec.structs import replace

from .made_facts import LENGTH_MS, made_facts, made_rental, made_scenario
from .small_market import small_market

ENTRIES: list[Entry] = [
    CreditAdded(0, "ann", 10_000_000),
    HoldPlaced(HOUR_MS, "ann", "rent_1", 250_000),
    RentalSettled(2 * HOUR_MS, "ann", "rent_1", 250_000, 1_000_000),
    CreditAdded(0, "bob", 1),
    HoldPlaced(HOUR_MS, "bob", "rent_2", 5),
    RentalSettled(2 * HOUR_MS, "bob", "rent_2", 5, 3),
]
STEPS = [(0, 0, 2), (HOUR_MS, 2, 2), (4 * HOUR_MS, 1, 2), (6 * HOUR_MS, 2, 2)]
FACTS = made_facts(
    made_rental("rent_1", created_ms=HOUR_MS, running_ms=HOUR_MS, ended_ms=2 * HOUR_MS),
    made_rental("rent_2", ended_ms=None, running_ms=4 * HOUR_MS, created_ms=4 * HOUR_MS, billed_seconds=6 * 3_600),
    services=(ServiceFacts("bob", STEPS),),
)


def expecting(*given: dict[str, object]) -> Scenario:
    """The scenario of the facts with these comparisons."""
    made = tuple(convert(each, Expectation, strict=True, dec_hook=decode_quantity, str_keys=True) for each in given)
    return replace(made_scenario(), expect=("All is well.", *made))


def judged(*given: dict[str, object], facts: RunFacts = FACTS) -> tuple[Miss, ...]:
    scenario = expecting(*given)
    return misses(scenario, facts, metrics_of(scenario, facts), ENTRIES)


def told(given: dict[str, object]) -> tuple[int, str] | None:
    """The instant and the text of the miss, without the comparison in words; None where it holds."""
    found = judged(given)
    return (found[0].at_ms, found[0].text.partition(": ")[2]) if found else None


@pytest.mark.parametrize(
    ("given", "miss"),
    [
        ({"metric": "total.cost_usd", "at_most": 7}, None),
        ({"metric": "total.cost_usd", "at_least": 7}, None),
        ({"metric": "total.cost_usd", "equals": 7}, None),
        ({"metric": "total.cost_usd", "at_most": 6.9}, (LENGTH_MS, "it is 7, 0.1 too high")),
        ({"metric": "total.cost_usd", "at_least": 7.000001}, (LENGTH_MS, "it is 7, 0.000001 too low")),
        ({"metric": "total.cost_usd", "equals": 6}, (LENGTH_MS, "it is 7, 1 too high")),
        ({"metric": "renters.bob.availability", "at_least": 0.7}, None),
        ({"metric": "renters.bob.availability", "at_least": 0.75}, (LENGTH_MS, "it is 0.7, 0.05 too low")),
        ({"ledger": "ann.balance", "equals": 9}, None),
        ({"ledger": "ann.spent", "equals": 1}, None),
        ({"ledger": "ann.spent", "at_most": 0}, (LENGTH_MS, "it is 1, 1 too high")),
    ],
)
def test_at_the_end_it_is_the_value_of_the_whole_run_that_counts(
    given: dict[str, object], miss: tuple[int, str] | None
) -> None:
    assert told(given) == miss


@pytest.mark.parametrize(
    ("given", "miss"),
    [
        ({"metric": "total.cost_usd", "at_least": 0}, None),
        (
            {"metric": "total.cost_usd", "at_most": 3},
            (
                6 * HOUR_MS + 1,
                "first at 6h1ms it is 3.000278, 0.000278 too high; at worst, at 10h, it is 7, 4 too high",
            ),
        ),
        ({"metric": "total.live_rentals", "at_most": 1}, None),
        ({"metric": "total.live_rentals", "at_most": 0}, (HOUR_MS, "first at 1h it is 1, 1 too high")),
        ({"metric": "total.held_usd", "at_most": 0.25}, None),
        ({"ledger": "ann.held", "at_most": 0.2}, (HOUR_MS, "first at 1h it is 0.25, 0.05 too high")),
        ({"ledger": "ann.available", "at_least": 9}, None),
        (
            {"ledger": "ann.available", "at_least": 9.8},
            (HOUR_MS, "first at 1h it is 9.75, 0.05 too low; at worst, at 2h, it is 9, 0.8 too low"),
        ),
        ({"ledger": "ann.balance", "equals": 10}, (2 * HOUR_MS, "first at 2h it is 9, 1 too low")),
    ],
)
def test_always_is_each_instant_of_the_run(given: dict[str, object], miss: tuple[int, str] | None) -> None:
    assert told(given | {"when": "always"}) == miss


@pytest.mark.parametrize(
    ("between", "miss"),
    [
        (("1h", "3h59m59s999ms"), None),
        (("1h", "4h"), (4 * HOUR_MS, "first at 4h it is 1, 1 too low")),
        (("5h", "10h"), (5 * HOUR_MS, "first at 5h it is 1, 1 too low")),
        (("6h", "10h"), None),
    ],
)
def test_between_two_instants_includes_both(between: tuple[str, str], miss: tuple[int, str] | None) -> None:
    given = {"metric": "renters.bob.ready_replicas", "at_least": 2, "when": {"between": between}}
    assert told(given) == miss


def test_the_first_instant_is_found_within_a_stretch_that_goes_on_falling() -> None:
    given = {"metric": "total.availability", "at_least": 0.7, "when": {"between": ["3h20m", "6h"]}}
    found = told(given)
    assert found is not None
    # Ready for three hours from the first on: the share of 0.7 is passed after 3 / 0.7 hours.
    assert found[0] == pytest.approx(3 / 0.7 * HOUR_MS, abs=100)
    assert found[1].endswith("at worst, at 5h59m59s999ms, it is 0.5, 0.2 too low")


@pytest.mark.parametrize("when", ["at the end", "always"])
def test_half_a_millionth_counts_as_a_whole_one_at_the_end_as_at_each_instant(when: str) -> None:
    # Half to the even number, as `round` does, would be another one than the course has.
    steps = [(0, 1, 1), (9_519_225, 0, 1)]
    facts = replace(made_facts(services=(ServiceFacts("bob", steps),)), length_ms=10_000_000)
    given = {"metric": "renters.bob.availability", "at_least": 0.951923, "when": when}
    assert judged(given, facts=facts) == ()


def test_a_miss_tells_its_place_the_comparison_and_why() -> None:
    first, second = judged(
        {"metric": "total.cost_usd", "at_most": 5, "because": "The budget is 5."},
        {"metric": "total.cost_usd", "at_most": 8},
        {"metric": "total.rentals", "equals": 3},
    )
    assert first.path == "expect.1"
    assert first.text == "total.cost_usd at most 5 at the end: it is 7, 2 too high (The budget is 5.)"
    assert (second.path, second.text) == ("expect.3", "total.rentals equal to 3 at the end: it is 2, 1 too low")


def test_where_nothing_was_to_recover_from_each_bound_holds_but_a_ratio_of_nothing_holds_none() -> None:
    nothing = made_facts()
    assert judged({"metric": "total.recovery_p99_s", "at_most": 1}, facts=nothing) == ()
    (miss,) = judged({"metric": "total.cost_over_on_demand", "at_most": 1}, facts=nothing)
    assert miss.text.endswith(": it has no value")


def test_a_metric_without_a_value_at_any_instant_holds_no_bound_and_before_its_first_it_is_not_compared() -> None:
    given = {"metric": "renters.bob.replicas_served", "at_least": 0.5}
    never = made_facts(services=(ServiceFacts("bob", [(0, 0, 0)]),))
    for when in ("at the end", "always", {"between": ["0s", "1h"]}):
        (miss,) = judged(given | {"when": when}, facts=never)
        assert miss.text.endswith(" it has no value")
    later = made_facts(services=(ServiceFacts("bob", [(0, 0, 0), (HOUR_MS, 2, 2)]),))
    assert judged(given | {"when": "always"}, facts=later) == ()


def test_what_nobody_rented_and_codes_that_nobody_met_count_as_none() -> None:
    facts = made_facts()
    facts.refused = [RefusedRequest(MINUTE_MS, "ann", "", 503, "injected_fault")]
    names = ("providers.beta.cost_usd", "total.refusals.rate_limited", "renters.ann.refusals.offer_unavailable")
    assert judged(*({"metric": name, "equals": 0} for name in names), facts=facts) == ()
    assert judged(*({"metric": name, "equals": 0, "when": "always"} for name in names), facts=facts) == ()
    (miss,) = judged({"metric": "total.refusals.injected_fault", "at_most": 0, "when": "always"}, facts=facts)
    assert (miss.at_ms, miss.text.partition(": ")[2]) == (MINUTE_MS, "first at 1m it is 1, 1 too high")
    assert len(judged({"metric": "total.refusals.injected_fault", "at_most": 0}, facts=facts)) == 1


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"metric": "total.cost_uds"}, 'metric "total.cost_uds"; did you mean "total.cost_usd"?'),
        ({"metric": "renters.anne.cost_usd"}, '"renters.anne.cost_usd"; did you mean "renters.ann.cost_usd"?'),
        ({"metric": "renters.ann.availability"}, '"renters.ann.availability": renters.ann has no availability'),
        ({"metric": "providers.alfa.held_usd"}, '"providers.alfa.held_usd"; did you mean "providers.alpha.held_usd"?'),
        ({"metric": "cost"}, 'metric "cost": a name is such as total.cost_usd'),
        ({"metric": "total.qqqq"}, 'no run of this scenario has a metric "total.qqqq"'),
        ({"metric": "total.refusals.rate_limit"}, 'refused with "rate_limit"; did you mean "rate_limited"?'),
        (
            {"metric": "total.useful_gpu_hours", "when": "always"},
            "at each instant are, of total: cost_usd,",
        ),
        ({"metric": "total.cost_usd", "when": {"between": ["1h", "11h"]}}, "the run is over after 10h"),
    ],
)
def test_what_no_run_can_be_compared_with_is_refused_with_the_nearest_name(
    given: dict[str, object], problem: str
) -> None:
    ((path, text),) = expectation_problems(expecting(given | {"at_most": 1}), LENGTH_MS)
    assert path == ("expect.1.when" if "when" in given else "expect.1.metric")
    assert problem in text


def test_a_run_is_judged_and_one_that_cannot_be_is_not_begun() -> None:
    renters = "{name: ann, policy: cheapest, jobs: {work: 2h}}"
    expect = "expect: [{metric: total.cost_usd, at_most: 1}, {ledger: ann.spent, equals: 2}]"
    (miss,) = run(small_market(renters, more=expect)).misses
    assert miss.text == "total.cost_usd at most 1 at the end: it is 2, 1 too high"
    with pytest.raises(RunImpossible, match=r'expect.0.metric: .* did you mean "total.cost_usd"'):
        run(small_market(renters, more="expect: [{metric: total.costs_usd, at_most: 1}]"))
