"""Loading policies: shipped names, classes of one's own, their options, and what is wrong with a name or an option."""

import re
import sys
from pathlib import Path

import pytest
from gpu_sim.experiments.policies.load import SHIPPED, check_offers, load_policy, policy_source
from gpu_sim.experiments.policies.problems import PolicyNotFound, PolicyUnfit
from gpu_sim.experiments.renting.occasions import Began
from gpu_sim.experiments.renting.policy import Rent

from .sights import FixedLuck, Options, jobs_spec, offer, seen, service_spec

OWN = '''\
"""A renter that takes the cheapest offer below a price and waits for one otherwise."""

from gpu_sim.experiments.renting import policy


class Bargain:
    def __init__(self, below: float = 2.0):
        self.below_micros = below * 1_000_000

    def decide(self, seen, occasion):
        cheapest = min(seen.offers, key=lambda offer: offer.price_micros_per_hour, default=None)
        if seen.rentals or cheapest is None or cheapest.price_micros_per_hour > self.below_micros:
            return [] if seen.rentals else [policy.Wait(60_000)]
        return [policy.Rent(cheapest.name)]
'''
"""The example of experiments/README.md, a file `bargain.py` in the working directory."""


@pytest.fixture
def bargain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The policy of that file; each test has a module of its own name, since modules are loaded once."""
    module = f"bargain_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", ".")])
    return f"{module}:Bargain"


def test_a_class_of_ones_own_is_found_in_the_working_directory(bargain: str) -> None:
    spec = jobs_spec(bargain, {"below": 1.5})
    policy = load_policy(spec, FixedLuck())
    dear, cheap = offer("dear", 1_600_000), offer("cheap", 1_400_000)
    assert list(policy.decide(seen(spec, [dear, cheap]), Began())) == [Rent("cheap")]
    assert list(policy.decide(seen(spec, [dear]), Began())) != [Rent("dear")]


def test_each_job_has_a_policy_of_its_own(bargain: str) -> None:
    for name in ("cheapest", bargain):
        spec = jobs_spec(name)
        assert load_policy(spec, FixedLuck()) is not load_policy(spec, FixedLuck())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("chepest", 'policy: "chepest" is none of the shipped policies, nor `module:Class`; did you mean "cheapest"?'),
        ("nowhere_at_all:Policy", "No module named 'nowhere_at_all'"),
        ("gpu_sim.experiments.policies.ranked:Cheapst", 'has no class Cheapst; did you mean "Cheapest"?'),
        ("gpu_sim.experiments.policies.load:SHIPPED", "SHIPPED is no class with a method decide"),
        (":Policy", "cannot be loaded"),
        ("..above:Policy", "cannot be loaded"),
        ("gpu_sim:", "has no class"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused_with_the_nearest(name: str, says: str) -> None:
    with pytest.raises(PolicyNotFound, match=re.escape(says)):
        load_policy(jobs_spec(name), FixedLuck())


@pytest.mark.parametrize(
    ("source", "error", "says"),
    [
        ("1 / 0", PolicyNotFound, "cannot be loaded: ZeroDivisionError: division by zero"),
        ("raise SystemExit(0)", PolicyNotFound, "cannot be loaded: SystemExit: 0"),
        ("def __init__(self): raise TypeError('of no use')", PolicyUnfit, "cannot be made: TypeError: of no use"),
        ("def __init__(self): raise SystemExit(0)", PolicyUnfit, "cannot be made: SystemExit: 0"),
        ("luck = property(len)", PolicyUnfit, "has no len()"),
        ("luck = property(lambda self: 1)", PolicyUnfit, "cannot be given its luck"),
    ],
)
def test_what_ones_own_code_raises_before_it_decides_is_told_by_its_name(
    source: str, error: type[Exception], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"own_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(
        f"class Own:\n    {source}\n    def decide(self, seen, occasion): return []\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(error, match=re.escape(says)) as refused:
        load_policy(jobs_spec(f"{module}:Own"), FixedLuck())
    assert f'policy "{module}:Own"' in str(refused.value).replace("policy: ", "policy ")


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("pinned", {"ofer": "a"}, 'has no option "ofer"; did you mean "offer"? (it takes offer)'),
        ("cheapest", {"offer": "a"}, 'has no option "offer" (it takes none)'),
        ("pinned", {"offer": 3}, "option offer must be a text, not 3"),
    ],
)
def test_an_option_that_the_policy_does_not_take_is_refused(name: str, options: Options, says: str) -> None:
    with pytest.raises(PolicyUnfit, match=re.escape(says)):
        load_policy(jobs_spec(name, options), FixedLuck())


def test_an_offer_of_the_kind_that_a_policy_needs_must_be_among_those_it_may_rent() -> None:
    with pytest.raises(PolicyUnfit, match='renter "ann": policy "on_demand" needs an offer with `spot: false`'):
        check_offers(jobs_spec("on_demand"), [True, True])
    check_offers(jobs_spec("on_demand"), [True, False])
    check_offers(jobs_spec("cheapest"), [True])


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_policy_can_be_made(name: str) -> None:
    shipped = SHIPPED[name]
    specs = [jobs_spec(name, tick=1_000, deadline=1_000)] if shipped.jobs else []
    specs += [service_spec(name)] if shipped.service else []
    assert specs
    for spec in specs:
        assert callable(load_policy(spec, FixedLuck()).decide)


def test_the_source_of_a_policy_of_ones_own_is_told_apart_and_a_shipped_one_has_none(bargain: str) -> None:
    digest = policy_source(bargain)
    assert len(digest) == 32
    assert policy_source("tests.experiments.sweeps.test_sweep:Raises") not in ("", digest)
    assert policy_source("cheapest") == ""
