"""The contract suite catches planted defects: a server with one of them fails it, by the clause expected."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
START_SECONDS = 20


@contextmanager
def canary(defect: str, folder: Path) -> Iterator[dict[str, str]]:
    """A server with the defect, under a manual clock on a free port of loopback."""
    ready = folder / "ready.json"
    command = [sys.executable, str(HERE / "serve.py"), defect, "--scenario", str(ROOT / "contract" / "scenario.yaml")]
    command += ["--clock", "manual", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        give_up = time.monotonic() + START_SECONDS
        while not ready.exists() and process.poll() is None and time.monotonic() < give_up:
            time.sleep(0.02)
        yield json.loads(ready.read_text())
    finally:
        process.terminate()
        process.wait(START_SECONDS)


CAUGHT_BY = {
    "a_reused_key_takes_any_body": "test_a17_another_body_under_the_same_key_is_refused",
    "a_touch_is_no_activity": "test_f15_the_charge_is_computed_by_hand_for_the_documented_offer",
    "amount_needed_is_the_whole_hold": "test_f17_the_amount_needed_is_exactly_what_helps",
    "capacity_is_not_returned": "test_f6_an_offer_without_free_gpus_is_not_listed_until_one_comes_back",
    "count_is_of_all_offers": "test_f3_the_count_is_of_the_offers_that_match",
    "deleting_again_bills_again": "test_a11_a_second_delete_gives_the_same_rental_and_bills_nothing",
    "errors_have_no_code": "test_f1_each_path_has_its_methods_and_names_them",
    "filters_are_joined_by_or": "test_f5_each_filter_alone_and_all_together",
    "hold_is_valid_at_its_expiry": "test_f20_a_hold_lasts_two_hours_whatever_the_rental_does",
    "interruptions_are_billed_the_minimum": "test_a6_an_interrupted_rental_pays_the_time_used",
    "max_price_is_exclusive": "test_f5_bounds_are_inclusive",
    "minimum_is_a_second_short": "test_f15_fifteen_minutes_at_least_then_each_begun_second",
    "rentals_are_visible_to_everybody": "test_a13_the_rental_of_another_account_is_not_found",
}
"""Which clause is to catch which defect. Run against a sound server, by the suite itself, each of them holds."""

CAUGHT_BY_THE_MACHINE = ("capacity_is_not_returned", "deleting_again_bills_again", "rentals_are_visible_to_everybody")
"""Some of them again, to be found by generated requests alone."""

MACHINE = "test_f16_every_answer_and_every_balance_is_as_the_model_foretells"


def test_every_defect_is_tried() -> None:
    listed = subprocess.run(
        [sys.executable, str(HERE / "serve.py"), "--list"], capture_output=True, text=True, check=True
    ).stdout
    assert sorted(listed.split()) == sorted(CAUGHT_BY)


@pytest.mark.parametrize(
    ("defect", "clause"), [*CAUGHT_BY.items(), *((defect, MACHINE) for defect in CAUGHT_BY_THE_MACHINE)]
)
def test_the_contract_suite_catches(defect: str, clause: str, tmp_path: Path) -> None:
    with canary(defect, tmp_path) as server:
        suite = [sys.executable, "-m", "pytest", "contract", "-p", "no:cacheprovider", "-k", clause]
        suite += ["--base-url", server["url"], "--token", server["token"]]
        finished = subprocess.run(suite, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 1, finished.stdout
    assert f"::{clause}" in finished.stdout
