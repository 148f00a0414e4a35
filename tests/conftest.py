"""For all tests: the profiles of Hypothesis, and the flag that writes golden files anew."""

import pytest
from hypothesis import settings

from contract.model.profiles import register_profiles

register_profiles()
settings.load_profile("ci")  # the same examples every time; `--hypothesis-profile` takes `dev` or `deep` instead


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--regenerate-golden` is for changes of a journal or of its format that are meant."""
    parser.addoption(
        "--regenerate-golden",
        action="store_true",
        help="write scenarios/golden/*.ndjson and the table of defaults anew instead of comparing with them",
    )


@pytest.fixture
def regenerate_golden(request: pytest.FixtureRequest) -> bool:
    """True if golden files are to be written anew."""
    return bool(request.config.getoption("--regenerate-golden"))
