"""YAML as far as scenarios need it: bounded, without surprises, nothing executed."""

import pytest
from gpu_sim.scenario_files.load import ScenarioError
from gpu_sim.scenario_files.yaml_tree import BYTES_MAX, DEPTH_MAX
from hypothesis import given
from hypothesis import strategies as st

from ..support.scenario_texts import parse, refused


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("# only a remark\n", "the file is empty"),
        ("- name: x", "a scenario is a mapping"),
        ("name", "a scenario is a mapping"),
        ("name: x\n---\nname: y", "one document is expected"),
        ("name: \x00", "no YAML"),
        ("name: \ud800", "UTF-8"),
        ("name: x\n" + "# filling\n" * (BYTES_MAX // 10), f"larger than the {BYTES_MAX} bytes allowed"),
        ("seed: 1", "name is missing"),
        ("name: x\nmarket: {offers: []}", "a market needs offers"),
        ("name: x\nmarket: {catalog: default, offers: []}\nbogus: 1", 'unknown key "bogus"'),
    ],
)
def test_what_is_no_scenario_at_all_is_refused(text: str, message: str) -> None:
    assert message in str(refused(text))


def test_a_document_nested_too_deep_is_refused() -> None:
    assert parse("name: x").name == "x"
    assert f"nested more than {DEPTH_MAX} levels deep" in str(refused("name: " + "[" * (DEPTH_MAX + 1)))


def test_a_document_nested_absurdly_deep_is_refused() -> None:
    """By us, or before that by the parser where its version has a limit of its own."""
    message = str(refused("name: " + "[" * 200_000))
    assert f"nested more than {DEPTH_MAX} levels deep" in message or "exceeded maximum nesting depth" in message


def test_a_billion_laughs_are_refused() -> None:
    lines = ['a0: &a0 ["lol", "lol"]']
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    error = refused("name: x\n" + "\n".join(lines))
    assert (error.problems[0].line, error.problems[0].field) == (2, "a0")
    assert "anchors (&) and aliases (*) are not allowed" in error.problems[0].message


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "y", "12:30", "2026-01-01", "0o17", "1_000", ".inf", "0x"])
def test_words_that_older_yaml_takes_for_something_else_are_text(word: str) -> None:
    assert parse(f"name: {word}").name == word


@pytest.mark.parametrize("word", ["true", "~", "12", "1.5", "1e3", "null"])
def test_a_scalar_in_quotes_is_text(word: str) -> None:
    assert parse(f"name: '{word}'").name == word
    assert "expected text" in str(refused(f"name: {word}"))


@given(st.text(max_size=200))
def test_any_text_is_a_scenario_or_refused_with_its_place(text: str) -> None:
    try:
        said = f"mine.yaml: {parse(text).name}"
    except ScenarioError as error:
        said = str(error)
    assert said.startswith("mine.yaml:")
