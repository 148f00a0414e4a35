"""`gpu-sim run`: what it prints and writes, what it refuses, exit codes."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from gpu_sim import load_scenario
from gpu_sim import run as run_scenario
from gpu_sim.cli.main import main

RENTERS = """\
renters:
  - {name: ann, policy: cheapest, jobs: {work: 2h}}
  - {name: bob, count: 2, policy: cheapest, service: {replicas: 1}}
"""
HELD = "  - {metric: renters.ann.jobs_finished, equals: 1}\n"
MISSED = "  - {ledger: ann.spent, at_most: 0.01, when: always, because: It is thrifty.}\n"


def write(folder: Path, renters: str = RENTERS, expect: str = "", name: str = "few.yaml") -> Path:
    """A scenario on the calm market, for three hours."""
    listed = f"expect:\n  - All is well.\n{expect}" if expect else ""
    file = folder / name
    file.write_text(f"name: few\nextends: calm\nuntil: 3h\n{listed}{renters}")
    return file


def run(*arguments: object) -> Result:
    """The command in this process."""
    return CliRunner().invoke(main, ["run", *map(str, arguments)], catch_exceptions=False)


def test_the_table_has_the_total_and_each_entry_of_renters(tmp_path: Path) -> None:
    result = run(write(tmp_path))
    lines = [line.split() for line in result.stdout.splitlines()]
    metrics = run_scenario(load_scenario(str(write(tmp_path)))).metrics
    assert lines[:2] == [["few,", "seed", "1,", "3h"], ["metric", "unit", "total", "ann", "bob"]]
    cost = [f"{metrics[f'{about}.cost_usd']:.6f}" for about in ("total", "renters.ann", "renters.bob")]
    assert lines[2] == ["cost_usd", "USD", *cost]
    assert ["jobs_finished", "count", "1", "1", "–"] in lines
    assert (result.stdout.splitlines()[-1], result.exit_code) == ("nothing is expected of this run in numbers", 0)
    assert result.stderr == ""


def test_many_renters_are_cut_to_a_screen(tmp_path: Path) -> None:
    many = "".join(f"  - {{name: r{number}, jobs: {{work: 1h}}}}\n" for number in range(8))
    lines = run(write(tmp_path, f"renters:\n{many}")).stdout.splitlines()
    assert lines[1].split()[3:] == [f"r{number}" for number in range(6)]
    assert "and 2 more renters (--json tells all)" in lines


def test_it_exits_with_0_where_all_expectations_hold_and_with_1_where_some_do_not(tmp_path: Path) -> None:
    held, missed = run(write(tmp_path, expect=HELD)), run(write(tmp_path, expect=HELD + MISSED))
    assert (held.exit_code, held.stdout.splitlines()[-1]) == (0, "1 expectations: 1 held, 0 missed")
    assert (missed.exit_code, missed.stdout.splitlines()[-1]) == (1, "2 expectations: 1 held, 1 missed")
    first, second = missed.stdout.splitlines()[-3:-1]
    assert first.split(maxsplit=2) == ["expect.1", "held", "renters.ann.jobs_finished equal to 1 at the end"]
    assert second.startswith("expect.2    missed  ann.spent at most 0.01 always: first at 2h1m it is 0.")
    assert second.endswith("(It is thrifty.)")


def test_json_is_one_document_with_all_metrics_and_the_expectations(tmp_path: Path) -> None:
    file = write(tmp_path, expect=HELD + MISSED)
    result = run(file, "--json", "--seed", 7)
    found = json.loads(result.stdout)
    same = run_scenario(load_scenario(str(file)), seed=7)
    assert (found["metrics"], found["key"], found["seed"]) == (same.metrics, same.key, 7)
    assert [(each["path"], each["verdict"]) for each in found["expectations"]] == [
        ("expect.1", "held"),
        ("expect.2", "missed"),
    ]
    assert (found["expectations"][1]["at_ms"], found["expectations"][1]["why"]) == (
        same.misses[0].at_ms,
        same.misses[0].text,
    )


def test_junit_has_a_case_for_each_expectation(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    assert run(write(tmp_path, expect=HELD + MISSED), "--junit", file).exit_code == 1
    (suite,) = ElementTree.fromstring(file.read_bytes())
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    held, missed = suite
    assert (held.get("classname"), held.get("name")) == (
        "few.expect.1",
        "renters.ann.jobs_finished equal to 1 at the end",
    )
    assert list(held) == []
    assert "first at 2h1m" in str(missed[0].get("message"))


def test_out_has_the_result_and_a_journal_to_replay(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    result = run(write(tmp_path), "--out", out, "--json")
    assert (out / "result.json").read_text() == result.stdout
    assert [line for line in result.stderr.splitlines() if not line.endswith(" is written")] == []
    replayed = CliRunner().invoke(main, ["replay", str(out / "journal.ndjson")])
    assert (replayed.exit_code, "the replay agrees" in replayed.stdout) == (0, True)


def test_set_changes_the_scenario_and_is_told(tmp_path: Path) -> None:
    file = write(tmp_path)
    result = run(file, "--json", "--set", "renters.0.jobs.work=1h", "--set", "until=2h")
    found = json.loads(result.stdout)
    assert found["settings"] == {"renters.0.jobs.work": "1h", "until": "2h"}
    assert (found["length_ms"], found["metrics"]["renters.ann.useful_gpu_hours"]) == (7_200_000, 1.0)
    assert found["key"] != json.loads(run(file, "--json").stdout)["key"]


RAISES = "class Sulky:\n    def decide(self, seen, occasion):\n        raise RuntimeError('no')\n"


@pytest.mark.parametrize(
    ("renters", "arguments", "says"),
    [
        ("", (), "renters: nobody rents in this scenario: give it renters"),
        ("renters: [{name: ann, policy: cheapst, jobs: {work: 1h}}]\n", (), 'did you mean "cheapest"?'),
        ("renters: [{name: ann, policy: pinned, options: {x: 1}, jobs: {work: 1h}}]\n", (), 'has no option "x"'),
        ("renters: [{name: alice, jobs: {work: 1h}}]\n", (), 'the name "alice" is taken'),
        (RENTERS, ("--set", "renters.0.polcy=greedy"), 'did you mean "policy"?'),
        (RENTERS, ("--set", "renters.0.policy=cheapest,pinned"), "a run has one value, not 2; gpu-sim sweep tries"),
        (RENTERS, ("--set", "seed"), "write it as name=value"),
        (f"expect: [{{metric: total.cost_uds, at_most: 1}}]\n{RENTERS}", (), 'did you mean "total.cost_usd"?'),
        (RENTERS, ("--through", "carrier-pigeon"), "'core', 'http'"),
        (RENTERS, ("--junit", "no-such-folder/junit.xml"), "--junit: no-such-folder/junit.xml cannot be written"),
    ],
)
def test_what_cannot_be_tried_exits_with_2_and_names_the_field(
    tmp_path: Path, renters: str, arguments: tuple[str, ...], says: str
) -> None:
    result = run(write(tmp_path, renters), *arguments)
    assert (result.exit_code, says in result.stderr, result.stdout) == (2, True, "")


def test_a_policy_that_raises_ends_the_run_with_the_line_that_repeats_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sulky_policies.py").write_text(RAISES)
    monkeypatch.syspath_prepend(tmp_path)
    file = write(tmp_path, "renters: [{name: ann, policy: cheapest, jobs: {work: 1h}}]\n")
    result = run(file, "--set", "renters.0.policy=sulky_policies:Sulky", "--seed", 3)
    assert result.exit_code == 2
    assert 'the policy "sulky_policies:Sulky" of ann/0 raised RuntimeError: no, 0 ms after the start' in result.stderr
    repeat = f"Repeat it: gpu-sim run {file} --seed 3 --set renters.0.policy=sulky_policies:Sulky"
    assert result.stderr.splitlines()[-1] == repeat


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    result = run(write(tmp_path), "--out", tmp_path / "taken" / "out")
    assert result.exit_code == 2
    assert "cannot be written: Not a directory" in result.stderr


def test_a_setting_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    """One of the two would have changed nothing."""
    refused = CliRunner().invoke(main, ["run", "low-credit-jobs", "--set", "seed=1", "--set", "seed=2"])
    assert (refused.exit_code, refused.stderr) == (2, "Error: --set seed: it is given twice\n")
