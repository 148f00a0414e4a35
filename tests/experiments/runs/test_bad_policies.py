"""Policies that fail: the run ends and says whose fault it was, when, and how to see it again."""

from itertools import repeat
from typing import cast

import pytest
from gpu_sim.experiments.renting.policy import End, Rent, Wait
from gpu_sim.experiments.runs.policy_failed import PolicyFailed, RunImpossible
from gpu_sim.experiments.runs.run import run

from .small_market import SPOT, OneOf, run_with, small_market


class Untold:
    """What cannot even tell itself."""

    def __repr__(self) -> str:
        raise ValueError("no words")


class Decides:
    """Decides one and the same, whatever comes, or raises it."""

    def __init__(self, decided: object) -> None:
        self._decided = decided

    def decide(self, seen, occasion):  # type: ignore[no-untyped-def]  # it breaks the protocol
        """Decide it."""
        if isinstance(self._decided, BaseException):
            raise self._decided
        return self._decided


@pytest.mark.parametrize(
    ("decided", "problem"),
    [
        (KeyError("H100"), "raised KeyError: 'H100'"),
        (SystemExit(0), "raised SystemExit: 0"),
        ([Untold()], "decided a Untold, which is no decision"),
        (repeat(Wait(1)), "made more than 1000 decisions and let no time pass"),
        (None, "returned None in place of a list of decisions"),
        (["rent"], "decided 'rent', which is no decision"),
        ([Rent("spot|V100|heer")], f'rents "spot|V100|heer", which it does not see; did you mean "{SPOT}"?'),
        ([End("rent_1")], 'ends "rent_1", which is no live rental of it'),
        ([Wait(0)], "waits for 0 ms; a wait is a whole number above 0"),
        ([Wait(cast("int", 0.5))], "waits for 0.5 ms; a wait is a whole number above 0"),
    ],
)
def test_nonsense_ends_the_run_with_a_line_that_repeats_it(decided: object, problem: str) -> None:
    """The error names policy, renter, time and the latest events."""
    scenario = small_market("{name: a, policy: mine:Policy, jobs: {work: 1h}}")
    with pytest.raises(PolicyFailed) as failed:
        run_with(scenario, Decides(decided), seed=7)
    text = str(failed.value)
    assert text.startswith(f'the policy "mine:Policy" of a/0 {problem}, 0 ms after the start')
    assert "AccountCreated" in text
    assert text.endswith("Repeat it: gpu-sim run small --seed 7")


def test_a_policy_that_never_lets_time_pass_is_stopped() -> None:
    """It rents and rents, or is refused and asks again, at one instant."""
    scenario = small_market("{name: a, jobs: {work: 1h}}")
    with pytest.raises(PolicyFailed, match="made more than 1000 decisions and let no time pass"):
        run_with(scenario, OneOf(wanted=2_000))


@pytest.mark.parametrize(
    ("renters", "more", "path"),
    [
        ("{name: a, jobs: {work: 1h}}", "faults: [{name: f, effect: {delay: 1s, clock: virtual}}]", "faults.0.effect"),
        (
            "{name: a, jobs: {work: 1h}}",
            "faults: [{name: f, effect: {respond: 201, body: {rental_id: rent_1}}}]",
            "faults.0.effect.body",
        ),
        (
            "{name: a, jobs: {work: 1h}}",
            'faults: [{name: f, effect: {headers: {Content-Length: "5"}}}]',
            "faults.0.effect.headers",
        ),
    ],
)
def test_a_scenario_that_cannot_be_run_is_refused_by_the_field_in_the_way(renters: str, more: str, path: str) -> None:
    """Before anything runs."""
    with pytest.raises(RunImpossible) as refused:
        run(small_market(renters, more=more))
    assert refused.value.path.startswith(path)
