"""Run the suite against any server, by one call: the work of `gpu-sim verify`."""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
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
from .model.fresh_world import delete_world
from .target.exit_signals import ExitSignals, UnheardSignals
from .target.server import LeftBehind
from .verdicts.clause_reports import ONE_RENTAL, SERVER, SIGNALS, SIMULATED
from .verdicts.clause_verdicts import Clause, VerdictCollector, meanings

CLAUSES = FOLDER / "clauses"
JUNIT = "junit.xml"


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
    write_junit: Callable[[bytes], None] | None = None
    """Called with the JUnit file of a run that came to its end."""

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
        }
        return [f"{name}={value}" for name, value in given.items() if value is not None]


def verify(
    request: VerifyRequest,
    on_test: Callable[[int, int, str], None] | None = None,
    signals: ExitSignals | None = None,
) -> Outcome:
    """Try the clauses on the server. Raises CannotTry, also where one of the `signals` came: then everything that was
    made on the server is deleted."""
    signals = signals or UnheardSignals()
    only = [_clause_id(name) for name in request.only]
    _check(request)
    verdicts, run = VerdictCollector(on_test), _Run(signals)
    # Held but for the run itself: whatever ends that, files and worlds are cleaned up afterwards.
    with signals.held(), _isolated_pytest() as folder, redirect_stdout(StringIO()) as output:
        left_behind = []
        try:
            with signals.released():
                code = pytest.main(_arguments(request, only, folder / JUNIT), plugins=[verdicts, run])
        except LeftBehind as error:
            left_behind.append(str(error))
        except BaseException:
            if signals.number is None:
                raise
        left_behind += run.clean_up()
        if signals.number is not None:  # whatever libraries have made of the exception that it raised
            verdicts.ended_early = "interrupted"
        if left_behind or verdicts.ended_early is not None:
            told = "" if run.spent is None else f" (spent: ${run.spent})"
            raise CannotTry("; ".join(filter(None, [verdicts.ended_early, *left_behind])) + told)
        if code == pytest.ExitCode.NO_TESTS_COLLECTED:
            raise CannotTry(f"nothing here shows {', '.join(only)}: see the end of contract/README.md")
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            raise CannotTry(output.getvalue().strip() or f"pytest ended with {code}")
        if request.write_junit is not None:
            request.write_junit((folder / JUNIT).read_bytes())
    outcome = Outcome(verdicts.clauses(only), run.simulated, run.spent)
    if not any(clause.tried[0] for clause in outcome.clauses):
        raise CannotTry(f"nothing could be tried: {outcome.clauses[0].reason}")
    return outcome


def _arguments(request: VerifyRequest, only: Sequence[str], junit: Path) -> list[str]:
    """The command line of pytest."""
    # With this root, test names begin with the file, which is how JUnit files and the README name them.
    arguments = [str(CLAUSES), "--rootdir", str(CLAUSES), "-c", str(FOLDER / "verify.ini"), "-p", "no:cacheprovider"]
    # It would take the place of the hook by which a signal is raised again that an interpreter's callback has lost.
    arguments += ["-p", "no:unraisableexception"]
    arguments += request.options()
    if request.write_junit is not None:
        arguments.append(f"--junitxml={junit}")
    if only:
        arguments += ["-k", " or ".join(f"test_{name.lower()}_" for name in only)]
    return arguments


class _Run:
    """A pytest plugin that ends the run after the test in which a signal came, deletes what is left on the server, and
    keeps what the run found out about it."""

    def __init__(self, signals: ExitSignals) -> None:
        self._signals = signals
        self._stash = pytest.Stash()

    @property
    def simulated(self) -> bool:
        """True if the server has a control plane and it was used."""
        return self._stash.get(SIMULATED, False)

    @property
    def spent(self) -> str | None:
        """The cost of the one rental in US dollars, None if none was allowed to cost money."""
        rental = self._stash.get(ONE_RENTAL, None)
        return None if rental is None or rental.limit is None else as_text(rental.spent)

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        self._stash = config.stash
        self._stash[SIGNALS] = self._signals

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        try:
            return (yield)
        finally:
            if self._signals.number is not None:
                item.session.shouldstop = "interrupted"

    def clean_up(self) -> list[str]:
        """Delete what is left on the server; what could not be deleted."""
        server, one_rental = self._stash.get(SERVER, None), self._stash.get(ONE_RENTAL, None)
        left_behind = []
        if one_rental is not None:
            try:
                one_rental.settle()
            except LeftBehind as error:
                left_behind.append(str(error))
        if server is not None:
            for name in sorted(server.worlds_made):
                try:
                    delete_world(server, name)
                except AssertionError as error:
                    left_behind.append(f"the world {name} may be left: {error}")
            server.close()
        return left_behind


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


def _clause_id(name: str) -> str:
    clause, known = name.strip().upper(), list(meanings())
    if clause not in known:
        near = get_close_matches(clause, known, 1)
        raise CannotTry(f'no clause "{name}"{f": did you mean {near[0]}?" if near else ""}')
    return clause


@contextmanager
def _isolated_pytest() -> Iterator[Path]:
    """Run pytest without the plugins and options of the caller's own tests, and leave no files where it was called.
    Gives a folder that goes with the block."""
    before = dict(os.environ)
    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        with TemporaryDirectory() as folder:
            set_hypothesis_home_dir(folder)
            yield Path(folder)
    finally:
        set_hypothesis_home_dir(None)
        os.environ.clear()
        os.environ.update(before)
