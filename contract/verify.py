"""Run the suite against any server, by one call: the work of `gpu-sim verify`."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis.configuration import set_hypothesis_home_dir

from . import FOLDER
from .clauses.one_rental import as_text, spend_limit
from .verdicts.clause_reports import ONE_RENTAL, SIMULATED
from .verdicts.clause_verdicts import Clause, VerdictCollector, meanings

CLAUSES = FOLDER / "clauses"

RESEND_SECONDS = 0.1
"""The delay in seconds before a lost signal is sent again."""


class CannotTry(Exception):
    """Raised if the server cannot be tried. The text says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a run. `spent` is in US dollars, None if no rental was allowed to cost money."""

    clauses: Sequence[Clause]
    simulated: bool
    spent: str | None

    @property
    def failed(self) -> bool:
        """True if a clause failed."""
        return any(clause.verdict == "failed" for clause in self.clauses)


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """A server, and the clauses to try on it: all, or `only` those with these ids. `allow_spend` is in US dollars;
    `model_id` and `docker_image` are for the one rental that it allows."""

    url: str
    token: str
    admin_token: str | None = None
    profile: str = "ci"
    only: Sequence[str] = ()
    allow_spend: str | None = None
    model_id: str | None = None
    docker_image: str | None = None
    junit: Path | None = None

    def options(self) -> list[str]:
        """The command-line options for pytest."""
        given = {
            "--base-url": self.url,
            "--token": self.token,
            "--admin-token": self.admin_token,
            "--contract-profile": self.profile,
            "--allow-spend": self.allow_spend,
            "--model-id": self.model_id,
            "--docker-image": self.docker_image,
            "--junitxml": None if self.junit is None else str(self.junit),
        }
        return [f"{name}={value}" for name, value in given.items() if value is not None]


def verify(request: VerifyRequest, on_test: Callable[[int, int, str], None] | None = None) -> Outcome:
    """Try the clauses on the server. Raises CannotTry."""
    only = [_clause_id(name) for name in request.only]
    _check(request)
    # With this root, test names begin with the file, which is how JUnit files and the README name them.
    arguments = [str(CLAUSES), "--rootdir", str(CLAUSES), "-c", str(FOLDER / "verify.ini"), "-p", "no:cacheprovider"]
    arguments += ["-p", "no:unraisableexception"]  # it would take the place of `_resending_lost_signals`
    arguments += request.options()
    if only:
        arguments += ["-k", " or ".join(f"test_{name.lower()}_" for name in only)]
    verdicts, stash = VerdictCollector(on_test), _RunFacts()
    with _isolated_pytest(), _sigterm_as_ctrl_c(), redirect_stdout(StringIO()) as output:
        try:
            code = pytest.main(arguments, plugins=[verdicts, stash])
        except AssertionError as error:  # what could not be put in order when the run was broken off
            verdicts.ended_early = "; ".join(filter(None, [verdicts.ended_early, str(error)]))
    if verdicts.ended_early is not None:
        told = "" if stash.spent is None else f" (spent: ${stash.spent})"
        raise CannotTry(verdicts.ended_early + told)
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise CannotTry(f"nothing here shows {', '.join(only)}: see the end of contract/README.md")
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise CannotTry(output.getvalue().strip() or f"pytest ended with {code}")
    outcome = Outcome(verdicts.clauses(only), stash.simulated, stash.spent)
    if not any(clause.tried[0] for clause in outcome.clauses):
        raise CannotTry(f"nothing could be tried: {outcome.clauses[0].reason}")
    return outcome


class _RunFacts:
    """A pytest plugin that keeps what the run found out about the server."""

    simulated = False
    spent: str | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        stash = session.config.stash
        self.simulated = stash.get(SIMULATED, False)
        one_rental = stash.get(ONE_RENTAL, None)
        if one_rental is not None and one_rental.limit is not None:
            self.spent = as_text(one_rental.spent)


def _check(request: VerifyRequest) -> None:
    """Raises CannotTry for mistakes that would otherwise show only in the middle of the run."""
    for name, token in (("--token", request.token), ("--admin-token", request.admin_token)):
        if token is not None and not (token.isascii() and token.isprintable() and token == token.strip() and token):
            raise CannotTry(f"{name}: a token is printable ASCII without blanks around it")
    if request.allow_spend is not None:
        try:
            spend_limit(request.allow_spend)
        except ValueError as error:
            raise CannotTry(f"--allow-spend: {error}") from None
    for name, value in (("--model-id", request.model_id), ("--docker-image", request.docker_image)):
        if value is not None and request.allow_spend is None:
            raise CannotTry(f"{name} is for the rental that --allow-spend allows, and that is not given")
    if request.junit is not None:
        try:
            request.junit.open("ab").close()
        except OSError as error:
            raise CannotTry(f"--junit: {request.junit} cannot be written: {error.strerror}") from None


def _clause_id(name: str) -> str:
    clause, known = name.strip().upper(), list(meanings())
    if clause not in known:
        near = get_close_matches(clause, known, 1)
        raise CannotTry(f'no clause "{name}"{f": did you mean {near[0]}?" if near else ""}')
    return clause


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does: the rental is deleted, and so are the suite's worlds."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _resending_lost_signals():
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _resending_lost_signals() -> Iterator[None]:
    """Send a signal again that was lost. An exception that a signal raises during a callback of the interpreter goes
    nowhere, and Hypothesis has such a callback on each garbage collection."""
    before = sys.unraisablehook
    again: list[threading.Timer] = []

    def hear(lost: "sys.UnraisableHookArgs") -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            before(lost)
            return
        again.append(threading.Timer(RESEND_SECONDS, os.kill, (os.getpid(), signal.SIGTERM)))
        again[-1].start()

    sys.unraisablehook = hear
    try:
        yield
    finally:
        sys.unraisablehook = before
        for each in again:
            each.cancel()
            each.join()


@contextmanager
def _isolated_pytest() -> Iterator[None]:
    """Run pytest without the plugins and options of the caller's own tests, and leave no files where it was called."""
    before = dict(os.environ)
    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        with TemporaryDirectory() as folder:
            set_hypothesis_home_dir(folder)
            yield
    finally:
        set_hypothesis_home_dir(None)
        os.environ.clear()
        os.environ.update(before)
