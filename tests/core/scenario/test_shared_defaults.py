"""The canonical bytes of scenarios: no struct writes its defaults."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gpu_sim.core.journal import FORMAT
from gpu_sim.core.kernel.quantities import Bound, Duration, Factor, Share
from gpu_sim.core.scenario.catalog import OfferSpec
from gpu_sim.core.scenario.distributions import Distribution, LogNormal, fixed
from gpu_sim.core.scenario.experiment.expectation import Expectation
from gpu_sim.core.scenario.fault_effects import FaultEffect
from gpu_sim.core.scenario.fault_rules import FaultRule, FaultWhen
from gpu_sim.core.scenario.market_settings import ChurnSettings, ChurnTerms, InterruptionSettings, MarketSettings
from gpu_sim.core.scenario.recordings import Recording
from gpu_sim.core.scenario.scenario import ClockSettings, Scenario
from gpu_sim.core.scenario.shared_defaults import with_defaults_shared
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

MINUTE = 60_000
PACKAGE = Scenario.__module__.rpartition(".")[0]
TABLE = Path(__file__).with_name("defaults.json")


class Defaults(Struct, frozen=True):
    """The defaults of a format of the journal, as journals write values: by struct and field."""

    format: int
    defaults: dict[str, dict[str, Any]]


def structs() -> Iterator[type[Struct]]:
    for name, module in sorted(sys.modules.items()):
        if name.startswith(f"{PACKAGE}."):
            members = (member for member in vars(module).values() if isinstance(member, type))
            yield from (each for each in members if issubclass(each, Struct) and each.__module__ == name)


def test_every_struct_of_a_scenario_leaves_its_defaults_out() -> None:
    assert len(list(structs())) > 40
    assert [each.__name__ for each in structs() if not each.__struct_config__.omit_defaults] == []


def defaults_of(type_: type[Struct]) -> dict[str, Any]:
    """The defaults of a struct's fields, by their names in a journal; a default that is a struct leaves out its own."""
    given: dict[str, Any] = {}
    for field in fields(type_):
        default = field.default if field.default_factory is NODEFAULT else field.default_factory()
        if default is not NODEFAULT:
            given[field.encode_name] = default
    return given


def test_no_default_changes_within_a_format_of_the_journal(regenerate_golden: bool) -> None:
    names = [each.__name__ for each in structs()]
    assert len(set(names)) == len(names)
    table = Defaults(FORMAT, {each.__name__: defaults_of(each) for each in structs()})
    text = msgspec.json.format(msgspec.json.encode(table, enc_hook=int, order="deterministic"), indent=2) + b"\n"
    now = msgspec.json.decode(text, type=Defaults)
    recorded = msgspec.json.decode(TABLE.read_bytes(), type=Defaults)
    changed = [
        f"{struct}.{name}"
        for struct, defaults in recorded.defaults.items()
        for name, default in defaults.items()
        # A struct that is gone was a field's, which is gone with it, or has another name, which journals never have.
        if struct in now.defaults and now.defaults[struct].get(name, NODEFAULT) != default
    ]
    assert not changed or recorded.format != FORMAT, f"journals leave {changed} out: raise FORMAT in core/journal.py"
    if regenerate_golden:
        TABLE.write_bytes(text)
        recorded = now
    assert recorded == now, "a field or a format is new: run this test with --regenerate-golden"


def test_offers_and_recordings_have_no_default_but_none_and_true() -> None:
    for type_ in (OfferSpec, Recording):
        assert {each.default for each in fields(type_)} <= {NODEFAULT, None, True}


def encoded(struct: Struct) -> bytes:
    return msgspec.json.encode(with_defaults_shared(struct), enc_hook=int)


def fresh(text: str) -> str:
    """An equal text that is another object."""
    return "".join(list(text))


@pytest.mark.parametrize(
    ("written_out", "expected"),
    [
        (ClockSettings(mode=fresh("real")), b"{}"),  # type: ignore[arg-type]  # it is one of them
        (FaultWhen(probability=Share(1_000_000)), b"{}"),
        (MarketSettings(interruptions=InterruptionSettings(reclaim=fixed(30 * MINUTE))), b"{}"),
        (
            MarketSettings(churn=ChurnSettings(all=ChurnTerms(away=Duration(86_400_000), stays=Duration(MINUTE)))),
            b'{"churn":{"all":{"stays":60000}}}',
        ),
        (
            Scenario(
                name="x",
                clock=ClockSettings(mode="scaled", speed=Factor(2_000)),
                faults=(
                    FaultRule(
                        name="slow",
                        effect=FaultEffect(
                            delay=Distribution(lognormal=LogNormal(Duration(1), Duration(2), min=Duration(0)))
                        ),
                    ),
                ),
            ),
            b'{"name":"x","clock":{"mode":"scaled","speed":2000},'
            b'"faults":[{"name":"slow","effect":{"delay":{"lognormal":{"median":1,"p95":2}}}}]}',
        ),
    ],
)
def test_what_equals_its_default_is_not_written_at_any_depth(written_out: Struct, expected: bytes) -> None:
    assert with_defaults_shared(written_out) == written_out
    assert encoded(written_out) == expected


def test_structs_among_texts_leave_their_defaults_out_too() -> None:
    expectation = Expectation(metric="a", at_least=Bound(1), because=fresh(""), when=fresh("at the end"))  # type: ignore[arg-type]  # it is one of them
    written = encoded(Scenario(name="x", expect=("All is well.", expectation)))
    assert written == b'{"name":"x","expect":["All is well.",{"metric":"a","at_least":1}]}'


def test_a_struct_of_defaults_alone_stays_itself() -> None:
    scenario = Scenario(name="x")
    assert with_defaults_shared(scenario) is scenario
