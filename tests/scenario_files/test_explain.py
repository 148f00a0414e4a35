"""Errors of scenario files name the place, the field and the nearest name."""

from pathlib import Path
from typing import NamedTuple

import pytest
from gpu_sim.scenario_files.document import scenario_document
from gpu_sim.scenario_files.load import build_scenario, load_scenario

from ..support.scenario_texts import DOCUMENTED, parse, refused, write


class Wrong(NamedTuple):
    """A change of the documented example, where it is found, for which field, and what is said."""

    old: str
    new: str
    marked: str
    field: str
    message: str


DELAY = "{lognormal: {median: 90s, p95: 420s}}"

WRONG = [
    Wrong("seed: 42", "sede: 42", "sede", "sede", 'unknown key "sede"; did you mean "seed"?'),
    Wrong("operation: rent", "operatoin: rent", "operatoin", "faults[0].on.operatoin", 'did you mean "operation"?'),
    Wrong("{operation: rent_gpu", "{operation: rnt_gpu", "rnt_gpu", "faults[0].on.operation", 'mean "rent_gpu"?'),
    Wrong("respond: 503", "respnd: 503", "respnd", "faults[0].effect.respnd", 'did you mean "respond"?'),
    Wrong("respond: 503", "respond: 199", "{respond: 199", "faults[0].effect", "a status from 200 to 599"),
    Wrong("respond: 503", "delay: 2", "2}", "faults[0].effect.delay", "expected a duration such as 90s"),
    Wrong("probability: 5%", "every: 0", "{every", "faults[0].when", "every must be at least 1"),
    Wrong("probability: 5%", "between: [1m]", "[1m]", "faults[0].when.between", "of length 2"),
    Wrong("probability: 5%", "between: [1m, 2]", "2]", "faults[0].when.between[1]", "expected a duration"),
    Wrong("{operation: rent_gpu", "{account: alcie", "alcie", "faults[0].on.account", 'did you mean "alice"?'),
    Wrong("{operation: rent_gpu", "{provider: gpc", "gpc", "faults[0].on.provider", 'did you mean "gcp"?'),
    Wrong("name: flaky-rent", "name: flaky rent", "flaky rent", "faults[0].name", "a name is 1 to 64 of"),
    Wrong("until: 3h", "until: 3h\nfualts:\n  - {name: x}", "fualts", "fualts", 'did you mean "faults"?'),
    Wrong(
        "gpu_model: H100, multiply",
        "gpu: H100, multiply",
        "gpu: H100",
        "timeline[2].price.gpu",
        'unknown key "gpu"; did you mean "gpu_model"?',
    ),
    Wrong("rent: {as", "rnet: {as", "rnet", "timeline[0].rnet", 'unknown key "rnet"; did you mean "rent"?'),
    Wrong(
        "median: 90s",
        "medain: 90s",
        "medain",
        "market.provisioning.marketplace.delay.lognormal.medain",
        'unknown key "medain"; did you mean "median"?',
    ),
    *(
        Wrong(f"delay: {DELAY}", new, marked, f"market.provisioning.marketplace{field}", message)
        for new, marked, field, message in (
            ("parts: {bot: 1s}", "bot", ".parts.bot", 'unknown key "bot"; did you mean "boot"?'),
            ("parts: {pull: 1s}", "1s}", ".parts.pull", "expected a mapping or nothing, got text"),
            ("parts: {pull: {per_gp: 1s}}", "per_gp", ".parts.pull.per_gp", 'did you mean "per_gb"?'),
            ("parts: {weights: {per_gb: 1}}", "1}}", ".parts.weights.per_gb", "expected a duration such as 90s"),
            ("parts: {boot: 1s, fine_tuned: {}}", "{}", ".parts.fine_tuned", "exactly one of fixed, uniform and"),
            ("parts: {fine_tuned: 1s}", "{fine", ".parts", "at least one of allocate, boot, pull and weights"),
            ("delay: 1s, parts: {boot: 1s}", "{delay: 1s", "", "give either delay or parts"),
            ("never_redy: 1%", "never_redy", ".never_redy", 'did you mean "never_ready"?'),
        )
    ),
    Wrong("    marketplace: {", "    marketplace: {never_ready: 96%, ", "marketplace", "market.provisioning", "100%"),
    Wrong(
        "    marketplace",
        "    sizes: {imges: {}}\n    marketplace",
        "imges",
        "market.provisioning.sizes.imges",
        '"images"',
    ),
    Wrong(
        "    marketplace",
        "    sizes: {images: {a: 9}}\n    marketplace",
        "{a: 9",
        "market.provisioning.sizes.images",
        "expected a size such as 9GB",
    ),
    *(
        Wrong("  prices:", f"  notices: {{providers: {notices}}}\n  prices:", marked, f"market.notices{field}", message)
        for notices, marked, field, message in (
            ("{gpc: 2m}", "2m}}", ".providers.gpc", 'no offer has provider "gpc"; did you mean "gcp"?'),
            ("{gcp: 2}", "{gcp: 2", ".providers", "expected a duration such as 90s"),
            ("{gcp: 61m}", "{providers", "", "gcp must be at most 1h"),
        )
    ),
    Wrong("extended", "extnded", "extnded", "api.profile", 'did you mean "extended"?'),
    Wrong("mode: poisson", "mode: poison", "poison", "market.interruptions.mode", 'did you mean "poisson"?'),
    Wrong("scenario: 1", "scenario: 2", "2  ", "scenario", '"2" is not possible here (1)'),
    Wrong("activity: 1", "activity: 1, all: smooth", "smooth}", "market.prices.all", 'did you mean "smoothed"?'),
    Wrong("reclaim: 30m", "reclaim: 30", "30}", "market.interruptions.reclaim", "expected a duration such as 90s"),
    Wrong("at: 20m", "at: 20", "20, touch", "timeline[3].at", "expected a duration such as 90s, 15m"),
    Wrong('"25.00"', "25.00", "25.00", "accounts[0].balance", 'in quotes with at most 6 decimals, such as "25.00"'),
    Wrong("failure: 5%", "failure: 5", "5}", "market.provisioning.marketplace.failure", "a share such as 5%"),
    Wrong("name: capacity-crunch", "name: 12", "12", "name", "expected text, got a whole number"),
    Wrong("seed: 42", "seed: 4.2", "4.2", "seed", "expected a whole number, got a decimal number"),
    Wrong("prices: {activity: 1}", "prices: [1]", "[1]", "market.prices", "expected a mapping, got a list"),
    Wrong("provider_id: gcp, ", "", "{as: r1", "timeline[0].rent", "provider_id is missing"),
    Wrong("start: 2026-01-01T00:00:00Z", "start: 2026-01-01", "2026", "clock.start", "an instant with its zone"),
    Wrong("mode: manual", "mode: real, step: 5s", "{mode: real", "clock", "step goes with mode manual"),
    Wrong("multiply: 3", 'multiply: 3, set: "1"', "{gpu_model: H100, multiply", "timeline[2].price", "either set or"),
    Wrong("provider: gcp", "provider: gpc", "gpc", "timeline[1].outage.provider", 'did you mean "gcp"?'),
    Wrong(
        "touch: r1",
        "transition: {rental: r2, to: running}",
        "r2",
        "timeline[3].transition.rental",
        'no rental "r2" by then; did you mean "r1"?',
    ),
    Wrong(
        "touch: r1",
        "transition: {rental: r1, to: runing}",
        "runing",
        "timeline[3].transition.to",
        '"runing" is not possible here (one of running, terminated); did you mean "running"?',
    ),
    Wrong(
        "touch: r1",
        "interrupt: {count: 2, share: 50%}",
        "{count: 2",
        "timeline[3].interrupt",
        "give either share or count",
    ),
    Wrong(
        "outage: {provider: gcp, for: 20m}",
        "provisioning: {provider: gcp, outcome: stuk}",
        "stuk",
        "timeline[1].provisioning.outcome",
        'did you mean "stuck"?',
    ),
    Wrong("outage: {provider: gcp", "vanish: {regon: x", "regon", "timeline[1].vanish.regon", 'did you mean "region"?'),
    Wrong("outage: {provider: gcp", "vanish: {provider: gpc", "gpc", "timeline[1].vanish.provider", '"gcp"?'),
    Wrong("outage: {", "outage: {interrupt: 1, ", "1, provider", "timeline[1].outage.interrupt", "true or false"),
    Wrong("touch: r1", "touch: r2", "r2", "timeline[3].touch", 'no rental "r2" by then; did you mean "r1"?'),
    Wrong("account: alice", "account: alcie", "alcie", "timeline[0].rent.account", 'did you mean "alice"?'),
    Wrong("minimum: 15m", "minimum: 1ms", "{minimum", "billing", "minimum must be a whole number of seconds"),
    Wrong("catalog: default", "catalog: defalt", "defalt", "market.catalog", 'did you mean "default"?'),
    Wrong("extends: default", "extends: clam", "clam", "extends", 'no scenario "clam": expected a shipped one'),
    Wrong("extends: default", "extends: [default]", "[default]", "extends", "expected text or nothing, got a list"),
    Wrong("seed: 42", "seed: 9223372036854775808", "9223372036854775808", "seed", "a whole number must be between"),
    Wrong("until: 3h", "until: 3h\nseed: 7", "seed: 7", "seed", "given twice, first in line 5"),
    Wrong("seed: 42", "seed: &x 42", "&x", "seed", "anchors (&) and aliases (*) are not allowed"),
    Wrong("seed: 42", "seed: !!python/name:os.system 42", "!!python", "seed", "tags (!) are not allowed"),
    Wrong("seed: 42", "? [seed]\n: 42", "[seed]", "", "a key must be a plain name"),
    Wrong("seed: 42", "seed: {", "", "", "no YAML: "),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.new[:40])
def test_an_error_names_file_line_column_field_and_the_nearest_name(wrong: Wrong) -> None:
    assert wrong.old in DOCUMENTED
    text = DOCUMENTED.replace(wrong.old, wrong.new, 1)
    error = refused(text)
    (problem,) = error.problems
    assert (problem.file, problem.field) == ("mine.yaml", wrong.field)
    assert wrong.message in problem.message
    if wrong.marked:
        before = text[: text.index(wrong.marked)]
        assert (problem.line, problem.column) == (before.count("\n") + 1, len(before) - before.rfind("\n"))
    assert str(error).startswith(f"mine.yaml:{problem.line}:{problem.column}: {wrong.field}")


def test_all_unknown_keys_are_named_at_once() -> None:
    error = refused("name: mine\nsede: 1\nbilling: {minimun: 1s}\nclock: {mod: manual}\nseed: x\n")
    assert {problem.field for problem in error.problems} == {"sede", "billing.minimun", "clock.mod"}
    assert len(str(error).splitlines()) == 3


OFFER = (
    "{provider_id: p, provider_class: exchange, gpu_model: G, vram_gb: 1, region: R, spot_price: '1.000', "
    "on_demand_price: '2.000', interruption_probability: 1%, capacity: 1, availability: 50%, group: g}"
)


@pytest.mark.parametrize("mode", ["poisson", "none"])
def test_what_listed_offers_say_for_the_realistic_mode_alone_is_refused_in_another(mode: str) -> None:
    error = refused(f"name: x\nmarket:\n  interruptions: {{mode: {mode}}}\n  offers:\n    - {OFFER}\n")
    assert [(problem.field, problem.line) for problem in error.problems] == [
        ("market.offers[0].availability", 5),
        ("market.offers[0].group", 5),
    ]
    says = f"availability goes with interruptions of mode realistic and has no effect in mode {mode}"
    assert error.problems[0].message == says
    assert parse(f"name: x\nmarket: {{interruptions: {{mode: realistic}}, offers: [{OFFER}]}}").market.offers[0].group


def test_a_shared_list_may_say_it_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    write(
        tmp_path,
        shared=f"name: shared\nmarket: {{interruptions: {{mode: realistic}}, offers: [{OFFER}]}}",
        child="name: child\nextends: shared.yaml\nmarket: {interruptions: {mode: none}}",
    )
    scenario = load_scenario(str(tmp_path / "child.yaml"))
    [offer] = scenario.market.offers
    assert (offer.provider_id, offer.availability, offer.group) == ("p", None, None)
    document = scenario_document(tmp_path / "child.yaml")
    assert build_scenario(document, origin="it", folder=None) == scenario


def test_all_that_does_not_fit_together_is_named_at_once() -> None:
    error = refused(DOCUMENTED.replace("account: alice", "account: carol").replace("touch: r1", "touch: zzz"))
    assert [problem.field for problem in error.problems] == ["timeline[0].rent.account", "timeline[3].touch"]


def test_at_most_twenty_unknown_keys_are_named() -> None:
    error = refused("name: mine\n" + "".join(f"key{n}: {n}\n" for n in range(30)))
    assert [problem.field for problem in error.problems] == [f"key{n}" for n in range(20)]


@pytest.mark.parametrize("value", ["5", "[catalog]", "soon"])
def test_a_value_where_a_mapping_belongs_is_refused_with_its_place(value: str) -> None:
    (problem,) = refused(f"name: mine\nextends: calm\nmarket: {value}").problems
    assert (problem.line, problem.column, problem.field) == (3, 9, "market")
    assert problem.message.startswith("expected a mapping, got ")
