"""The verdict on a canary: caught by its clause, and for the right reason."""

import re

from msgspec import Struct

MACHINE = "test_machine.py::test_f16_every_answer_and_every_balance_is_as_the_model_predicts"
BY_MACHINE = ":machine"
TESTS_FAILED = 1
CRASH = " -> 500 "


class Verdict(Struct, frozen=True):
    """The result of a test of the suite: pytest's exit code, the number of calls of a planted piece, that of tests run,
    and the type of the first failure with its statement and text."""

    canary: str
    exit_code: int
    reached: int
    ran: int
    error: str
    failure: str

    def why_not_caught(self, shows: str, *, crashes: bool = False) -> str | None:
        """Why this is no catch of a defect whose failure matches the pattern; None where it is one."""
        speaks_against = {
            "no test ran": self.ran == 0,
            "nobody came by the planted piece": self.reached == 0,
            "the clause holds": self.exit_code != TESTS_FAILED,
            f"not the clause failed, but something else: {self.error}": self.error != "AssertionError",
            "the clause failed because the server did": CRASH in self.failure and not crashes,
            "the clause failed for another reason": re.search(shows, self.failure, re.DOTALL) is None,
        }
        return next((reason for reason, so in speaks_against.items() if so), None)
