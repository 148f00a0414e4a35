"""The flag that writes golden journals anew, for all tests."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--regenerate-golden` is for changes of a journal that are meant."""
    parser.addoption(
        "--regenerate-golden",
        action="store_true",
        help="write scenarios/golden/*.ndjson anew instead of comparing with them",
    )


@pytest.fixture
def regenerate_golden(request: pytest.FixtureRequest) -> bool:
    """True if golden journals are to be written anew."""
    return bool(request.config.getoption("--regenerate-golden"))
