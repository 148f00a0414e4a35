"""For all tests: the profiles of Hypothesis, the flag that writes golden files anew, and what the collector of garbage
passes over."""

import gc
from collections.abc import Generator

import pytest
from hypothesis import settings

from contract.model.profiles import register_profiles

register_profiles()
settings.load_profile("ci")  # the same examples every time; `--hypothesis-profile` takes `dev` or `deep` instead


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Nothing that is imported or collected is garbage: it is searched neither while it grows nor while the tests run,
    which saves a sixth of all their CPU."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


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
