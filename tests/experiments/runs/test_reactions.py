"""Refusals, lost answers and stuck rentals, and what renters do about them."""

import pytest
from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.experiments.renting.occasions import CreditLow, NoticeCame, RentalEnded, RentRefused, Ticked
from gpu_sim.experiments.runs.facts import RefusedRequest

from .small_market import HOUR_MS, SPOT, OneOf, run_with, small_market


class Insists(OneOf):
    """Rents again as soon as it is refused."""

    watches_market = False


class Accepts(OneOf):
    """Takes a refusal for an answer."""

    watches_market = False

    def decide(self, seen, occasion):  # type: ignore[no-untyped-def]  # as its base
        """Rent, unless it was refused or has no credit for it."""
        decisions = super().decide(seen, occasion)
        return [] if isinstance(occasion, RentRefused | CreditLow) else decisions


def _faulty(effect: str, reactions: str = "{}", times: int = 2) -> Scenario:
    rule = f"{{name: f, on: {{operation: rent_gpu}}, effect: {{{effect}}}, when: {{times: {times}}}}}"
    renter = f"{{name: a, reactions: {reactions}, jobs: {{work: 1h, checkpoint: {{}}}}}}"
    return small_market(renter, more=f"faults:\n  - {rule}")


@pytest.mark.parametrize(
    ("effect", "status", "code"),
    [
        ("respond: 503", 503, "injected_fault"),
        ("respond: 429", 429, "rate_limited"),
        ("respond: 204", 0, "answer_lost"),
        ("reset: true", 0, "answer_lost"),
        ("lose_response: true", 0, "answer_lost"),
        ("hang: 5s", 0, "answer_lost"),
        ("truncate: 50%", 0, "answer_lost"),
        ("malformed: true", 0, "answer_lost"),
    ],
)
def test_a_fault_is_told_to_the_policy_as_a_client_would_meet_it(effect: str, status: int, code: str) -> None:
    """With its status and its code."""
    policy = Accepts()
    result = run_with(_faulty(effect), policy)
    assert result.facts.refused == [RefusedRequest(0, "a", SPOT, status, code)]
    assert policy.asked[1:] == [(0, RentRefused(SPOT, code))]


@pytest.mark.parametrize("effect", ["drip: {bytes: 1, every: 1s}", "delay: 5s", "whitespace: 9", "gzip: true"])
def test_an_answer_that_comes_whole_is_an_answer(effect: str) -> None:
    """However it comes: what it takes is wall time, of which a run knows nothing."""
    result = run_with(_faulty(effect), Accepts())
    assert (result.facts.refused, result.facts.jobs[0].finished_ms) == ([], HOUR_MS)


@pytest.mark.parametrize(("key", "rentals"), [("true", 1), ("false", 2)])
def test_a_lost_answer_is_no_second_rental_under_a_key(key: str, rentals: int) -> None:
    """Without one the first lives on, and nobody wants it."""
    scenario = _faulty("lose_response: true", f"{{retries: 1, key: {key}}}", times=1)
    facts = run_with(scenario, Accepts()).facts
    assert len(facts.rentals) == rentals
    assert len(facts.leaked) == rentals - 1
    assert facts.jobs[0].finished_ms is not None


def test_retries_wait_longer_each_time_and_then_the_policy_is_told() -> None:
    """The first wait is the back-off, or the Retry-After where that is longer."""
    scenario = _faulty("respond: 429, retry_after: 5s", "{retries: 3, back_off: 2s, multiply: 3}", times=9)
    policy = Accepts()
    facts = run_with(scenario, policy).facts
    at = [0, 5_000, 11_000, 29_000]
    assert [refused.at_ms for refused in facts.refused] == at
    assert policy.asked[1:] == [(29_000, RentRefused(SPOT, "rate_limited"))]


def test_a_renter_that_insists_gives_up_after_so_many_refusals() -> None:
    """In a row."""
    scenario = _faulty("respond: 503", "{give_up_after: 3}", times=9)
    facts = run_with(scenario, Insists()).facts
    assert (len(facts.refused), facts.jobs[0].given_up_ms) == (3, 0)


@pytest.mark.parametrize(("retry_402", "refused"), [("false", 1), ("true", 3)])
def test_lack_of_credit_is_sent_again_only_by_a_bad_habit(retry_402: str, refused: int) -> None:
    """It is refused each time: credit does not come by itself."""
    renter = f'{{name: a, balance: "0.0001", reactions: {{retries: 2, retry_402: {retry_402}}}, jobs: {{work: 1h}}}}'
    facts = run_with(small_market(renter), Accepts()).facts
    assert [(each.status, each.code) for each in facts.refused] == [(402, "insufficient_credit")] * refused


def test_what_is_provisioning_for_too_long_is_ended_and_told() -> None:
    """Its policy rents another one."""
    scenario = small_market("{name: a, reactions: {stuck_after: 10m}, jobs: {work: 1h}}", delay="1h", until="15m")
    policy = OneOf()
    first, second = run_with(scenario, policy).facts.rentals
    assert (first.ended_ms, second.created_ms) == (600_000, 600_000)
    assert policy.asked[1] == (600_000, RentalEnded(first.rental_id, SPOT, "stuck"))


def test_a_rate_limit_makes_a_renter_wait_as_it_says() -> None:
    """The wait is virtual time, and of both of its renters it is counted for each."""
    scenario = small_market(
        "{name: a, count: 2, tick: 1s, jobs: {work: 2s, checkpoint: {}}}",
        more="faults:\n  - {name: f, on: {operation: list_offers}, effect: {rate_limit: {limit: 1, per: 10s}}}",
        until="5s",
    )
    facts = run_with(scenario, Accepts(), Accepts()).facts
    # Each looks at every tick; the first look has the token, and what was seen then is still what it knows.
    assert [(each.renter, each.at_ms) for each in facts.refused] == [("a-1", 1_000), ("a-2", 1_000)]
    assert [job.finished_ms for job in facts.jobs] == [2_000, 2_000]


def test_ticks_are_told_as_such() -> None:
    """A policy with a tick is asked at each."""
    policy = Accepts()
    run_with(small_market("{name: a, tick: 20m, jobs: {work: 1h, checkpoint: {}}}"), policy)
    assert [at_ms for at_ms, occasion in policy.asked if occasion == Ticked()] == [1_200_000, 2_400_000]


@pytest.mark.parametrize("tick", ["", ", tick: 1m"])
def test_a_policy_is_not_asked_while_a_rent_is_to_be_sent_again(tick: str) -> None:
    """It would rent another in its place, and have two."""
    rule = "{name: f, on: {operation: rent_gpu}, effect: {respond: 503}, when: {times: 1}}"
    renter = f"{{name: a{tick}, reactions: {{retries: 1, back_off: 90s}}, jobs: {{work: 1h, checkpoint: {{}}}}}}"
    policy = OneOf()
    result = run_with(small_market(renter, more=f"faults:\n  - {rule}"), policy)
    (rental,) = result.facts.rentals
    assert rental.created_ms == (120_000 if tick else 90_000)
    assert [at_ms for at_ms, _ in policy.asked if 0 < at_ms < rental.created_ms] == []


@pytest.mark.parametrize("tick", ["", "tick: 30s, "])
@pytest.mark.parametrize(("retries", "leaked", "ended_s"), [(0, 1, None), (3, 0, 21)])
def test_the_end_of_a_rental_is_asked_for_again_though_its_job_is_over(
    tick: str, retries: int, leaked: int, ended_s: int | None
) -> None:
    """A renter without retries leaves it running, and pays."""
    scenario = small_market(
        f"{{name: a, {tick}reactions: {{retries: {retries}, back_off: 7s}}, jobs: {{work: 1h, checkpoint: {{}}}}}}",
        more="faults:\n  - {name: f, on: {operation: terminate_rental}, effect: {respond: 503}, when: {times: 2}}",
        until="2h",
    )
    (rental,) = (facts := run_with(scenario, Accepts()).facts).rentals
    assert facts.jobs[0].finished_ms == HOUR_MS
    assert len(facts.leaked) == leaked
    # After 7 s, and after 14 s more; with a tick each time at the next one.
    waited = ended_s if ended_s is None or not tick else 60
    assert rental.ended_ms == (None if waited is None else HOUR_MS + waited * 1_000)
    assert rental.asked_to_end == (leaked == 0)


@pytest.mark.parametrize(("withdrawn", "told"), [("", [600_000]), ("\n  - {at: 7m, interrupt: {withdraw: true}}", [])])
def test_a_notice_that_came_before_the_answer_is_told_with_it(withdrawn: str, told: list[int]) -> None:
    """The rent took effect at once, and its answer came ten minutes later: unless the notice is off by then."""
    scenario = small_market(
        "{name: a, notices: true, reactions: {retries: 1, back_off: 10m}, jobs: {work: 1h, checkpoint: {}}}",
        more="faults:\n  - {name: f, on: {operation: rent_gpu}, effect: {lose_response: true}, when: {times: 1}}\n"
        f"timeline:\n  - {{at: 5m, interrupt: {{notice: 20m}}}}{withdrawn}",
    )
    policy = Accepts()
    rental = run_with(scenario, policy).facts.rentals[0]
    assert [at_ms for at_ms, occasion in policy.asked if isinstance(occasion, NoticeCame)] == told
    assert rental.notified_ms == 300_000
    assert (rental.reason == "interrupted") == bool(told)
