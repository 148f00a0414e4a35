"""Settings of a sweep: what is written, where it goes in a scenario, and what is refused."""

import pytest
from gpu_sim import load_scenario
from gpu_sim.core.scenario.distributions import fixed
from gpu_sim.core.scenario.experiment.renters import JobSpec
from gpu_sim.core.scenario.experiment.sweep_settings import Value
from gpu_sim.experiments.sweeps.settings import (
    SettingUnusable,
    Template,
    combinations,
    drawn_combinations,
    parse_setting,
    values_of,
)

from tests.experiments.runs.small_market import small_market

TWO = small_market("{name: a, jobs: {work: 1h}}\n  - {name: b, policy: pinned, service: {replicas: 2}}")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x=cheapest,spot_hedge", ("cheapest", "spot_hedge")),
        ("x=1,2.5,-3", (1, 2.5, -3)),
        ("x=true,false", (True, False)),
        ("x=15m", ("15m",)),
        ("x=0..1:5", (0, 0.25, 0.5, 0.75, 1)),
        ("x=5m..60m:12", tuple(f"{minutes}m" for minutes in range(5, 61, 5))),
        ("x=0%..10%:3", ("0%", "5%", "10%")),
        ("x=1..0:3", (1, 0.5, 0)),
    ],
)
def test_values_are_listed_or_at_equal_distances(text: str, values: tuple[Value, ...]) -> None:
    """As `--set` has them."""
    assert parse_setting(text).values == values


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x", "write it as name=value"),
        ("=1", "write it as name=value"),
        ("x=1m..2h:5", "have two units"),
        ("x=0..1:1", "a range has 2 to 10000 values"),
        ("x=a,b,a", "has a value twice"),
        ("x=0..0:3", "has a value twice"),
    ],
)
def test_what_is_no_list_of_values_is_refused(text: str, problem: str) -> None:
    """By the name of the setting."""
    with pytest.raises(SettingUnusable, match=problem):
        parse_setting(text)


def test_a_setting_goes_where_its_name_says_by_number_or_by_name() -> None:
    """Also where the scenario has its default, and nothing else changes."""
    template = Template(TWO)
    under = template.under({"renters.0.policy": "greedy", "renters.b.service.replicas": 5, "billing.minimum": "20m"})
    assert (under.renters[0].policy, under.renters[1].policy) == ("greedy", "pinned")
    assert under.renters[1].service is not None
    assert (under.renters[1].service.replicas, under.billing.minimum) == (5, 20 * 60_000)
    assert (under.market, under.until) == (TWO.market, TWO.until)
    assert template.under({}) is TWO


def test_a_shipped_scenario_as_a_template_is_itself() -> None:
    """All that it says is written down and read again, its catalogue too."""
    default = load_scenario("default")
    assert Template(default).under({"seed": default.seed}) == default


@pytest.mark.parametrize(
    ("settings", "name", "problem"),
    [
        ({"renters.0.polici": "greedy"}, "renters.0.polici", 'did you mean "policy"'),
        ({"renter.0.policy": "greedy"}, "renter", 'did you mean "renters"'),
        ({"renters.2.policy": "greedy"}, "renters.2.policy", "numbered 0 to 1"),
        ({"renters.c.policy": "greedy"}, "renters.c.policy", 'there is no "c" among 2'),
        ({"billing.minimum": "20 minutes"}, "billing.minimum", "20 minutes"),
        ({"name.first": "x"}, "name.first", "part of a value"),
        ({"renters.0.gpus": 2, "renters.a.gpus": 4}, "renters.a.gpus", "it is the same as renters.0.gpus"),
        (
            {"renters.a.jobs.deadline": "5h", "renters.0.jobs": {"work": "2h"}},
            "renters.0.jobs",
            "one of it and renters.a.jobs.deadline is part of the other",
        ),
    ],
)
def test_a_setting_that_does_not_exist_or_does_not_fit_is_refused(
    settings: dict[str, Value], name: str, problem: str
) -> None:
    """By its name, with the nearest that there is."""
    with pytest.raises(SettingUnusable, match=problem) as refused:
        Template(TWO).under(settings)
    assert refused.value.name.startswith(name)


def test_a_number_where_a_text_is_wanted_is_read_as_one() -> None:
    """On a command line no quotes tell them apart; what fits neither way is refused as it was written."""
    under = Template(TWO).under({"renters.a.balance": 20, "market.offers.0.spot_price": 1.25, "billing.minimum": "5m"})
    assert (under.renters[0].balance, under.market.offers[0].spot_price) == (20_000_000, 1_250_000)
    with pytest.raises(SettingUnusable, match=r"got 1\.23456") as refused:
        Template(TWO).under({"market.offers.0.spot_price": 1.23456})
    assert refused.value.name == "market.offers.0.spot_price"


@pytest.mark.parametrize("value", ["none", None])
def test_none_is_a_text_where_that_is_one_and_nothing_elsewhere(value: Value) -> None:
    """So a setting can be taken back; what cannot be nothing is refused as it was written."""
    jobs = "{name: a, options: {mode: some}, jobs: {work: 1h, deadline: 2h, checkpoint: {every: 5m}}}"
    template = Template(small_market(jobs))
    under = template.under({f"renters.a.jobs.{name}": value for name in ("deadline", "checkpoint")})
    assert under.renters[0].jobs == JobSpec(work=fixed(3_600_000))
    assert template.under({"billing.idle_timeout": "none"}).billing.idle_timeout is None
    assert template.under({"renters.a.options.mode": "none"}).renters[0].options == {"mode": "none"}
    assert template.under({"renters.a.options": value}).renters[0].options == {}
    with pytest.raises(SettingUnusable) as refused:
        template.under({"renters.a.gpus": value})
    assert refused.value.name == "renters.a.gpus"
    assert ("got nothing" if value is None else "got text") in str(refused.value)


def test_one_value_is_one_and_a_list_is_several() -> None:
    """As Python has them; a text is what `--set` takes."""
    assert [values_of("x", each) for each in (3, True, None, 0.5)] == [(3,), (True,), (None,), (0.5,)]
    assert values_of("x", [1, "a"]) == (1, "a")


def test_combinations_are_all_of_them_or_some_that_the_seed_draws() -> None:
    """The last setting goes fastest; drawn ones come once each, and by another seed are others."""
    settings = [parse_setting("a=1,2"), parse_setting("b=x,y,z")]
    every = list(combinations(settings))
    assert every[:3] == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 1, "b": "z"}]
    assert len(every) == 6
    wide = [parse_setting("a=0..1:100"), parse_setting("b=0..1:100")]
    first, second = (list(drawn_combinations(wide, 20, seed)) for seed in (1, 2))
    assert len(first) == len({str(each) for each in first}) == 20
    assert first != second
    assert len(list(drawn_combinations(settings, 1_000, 1))) == 6
