"""The verdict on a clause, from the reports of its tests."""

from collections.abc import Sequence
from typing import Any

import pytest

from contract.verdicts.clause_reports import CATEGORY, MESSAGE, REQUESTS
from contract.verdicts.clause_reports import DIFFERS as DIFFERENT
from contract.verdicts.clause_verdicts import (
    NOTHING_SHOWS_IT,
    Clause,
    ClauseTest,
    Verdict,
    VerdictCollector,
    as_json,
    meanings,
)

HELD, FAILED = ClauseTest("a", "held"), ClauseTest("b", "failed", "why")
DIFFERS, NOT = ClauseTest("c", "differs"), ClauseTest("d", "not applicable", "no clock")


@pytest.mark.parametrize(
    ("checks", "verdict", "tried"),
    [
        ([], "not applicable", (0, 0)),
        ([NOT], "not applicable", (0, 1)),
        ([NOT, HELD], "held", (1, 2)),
        ([HELD, DIFFERS, NOT], "differs", (2, 3)),
        ([DIFFERS, HELD, FAILED, NOT], "failed", (3, 4)),
    ],
)
def test_a_clause_is_as_good_as_its_worst_test(checks: Sequence[ClauseTest], verdict: Verdict, tried: Any) -> None:
    clause = Clause("F1", "meaning", tuple(checks))
    assert (clause.verdict, clause.tried) == (verdict, tried)


def test_a_clause_without_a_test_says_so() -> None:
    assert Clause("F1", "meaning").reason == NOTHING_SHOWS_IT
    assert Clause("F1", "meaning", (NOT,)).reason == "no clock"


def report(
    name: str, outcome: Any = "passed", when: Any = "call", longrepr: Any = None, **properties: Any
) -> pytest.TestReport:
    """A test report as pytest makes it."""
    told = [(key.replace("_", " "), value) for key, value in properties.items()]
    return pytest.TestReport(f"x.py::{name}", ("x.py", 1, name), {}, outcome, longrepr, when, user_properties=told)


def verdicts(*reports: pytest.TestReport) -> dict[str, Clause]:
    """The clauses that these reports are about."""
    gathered = VerdictCollector()
    for each in reports:
        gathered.pytest_runtest_logreport(each)
    return {clause.id: clause for clause in gathered.clauses() if clause.checks}


def test_tests_are_gathered_by_the_clause_in_their_name() -> None:
    found = verdicts(
        report("test_f3_one[x]"),
        report("test_f3_two", "failed", longrepr="AssertionError: no\nmore", **{REQUESTS: ["curl"]}),
        report("test_a12_set_up", "failed", "setup", "broken"),
        report("test_a12_torn_down", "failed", "teardown", "broken"),
        report("test_f5_x", "skipped", **{CATEGORY.replace(" ", "_"): "no clock"}),
        report("test_f6_passed_set_up", when="setup"),
        report("test_the_rest"),
    )
    assert {name: clause.verdict for name, clause in found.items()} == {
        "F3": "failed",
        "F5": "not applicable",
        "A12": "failed",
    }
    assert found["F3"].checks == (
        ClauseTest("test_f3_one[x]", "held"),
        ClauseTest("test_f3_two", "failed", "no", ("curl",)),
    )
    assert len(found["A12"].checks) == 2


def test_what_was_told_to_differ_has_not_failed() -> None:
    found = verdicts(
        report("test_a10_x", "skipped", **{DIFFERENT: "why", MESSAGE: "why", REQUESTS: ["curl"]}),
        report("test_f5_x", "skipped", **{DIFFERENT: "A14: why", MESSAGE: "A14: why"}),
    )
    assert found["A10"].checks == (ClauseTest("test_a10_x", "differs", "why", ("curl",)),)
    assert (found["A14"].verdict, found["F5"].verdict) == ("differs", "not applicable")


def test_a_failure_counts_for_the_clause_that_it_names() -> None:
    found = verdicts(
        report("test_f2_x", "failed", longrepr="AssertionError: A12: no envelope"),
        report("test_f16_x", "failed", longrepr="F8, F20: 0 must be held"),
        report("test_f5_x", "failed", longrepr="F5: {}"),
    )
    assert {name: clause.verdict for name, clause in found.items()} == {
        "F2": "not applicable",
        "F5": "failed",
        "F8": "failed",
        "F16": "not applicable",
        "A12": "failed",
    }
    assert found["F2"].reason == "A12 got in the way: A12: no envelope"


def test_only_some_clauses_are_told_if_wanted() -> None:
    assert [clause.id for clause in VerdictCollector().clauses(["A2", "F1"])] == ["F1", "A2"]


def test_every_clause_of_the_readme_has_a_meaning() -> None:
    assert list(meanings()) == [f"F{n}" for n in range(1, 26)] + [f"A{n}" for n in range(1, 26)]
    assert all(text.endswith(".") for text in meanings().values())


def test_progress_is_told_after_each_test() -> None:
    heard: list[tuple[int, int, str]] = []
    gathered = VerdictCollector(lambda *told: heard.append(told))
    for when in ("setup", "call", "teardown"):
        gathered.pytest_runtest_logreport(report("test_f7_x", when=when))
    assert heard == [(0, 1, "test_f7_x")]


def test_the_verdicts_as_plain_values() -> None:
    [row] = as_json([Clause("F1", "meaning", (FAILED,))], url="u")["clauses"]
    check = {"test": "b", "verdict": "failed", "reason": "why", "requests": ()}
    assert row == {"id": "F1", "meaning": "meaning", "checks": (check,), "verdict": "failed"}
