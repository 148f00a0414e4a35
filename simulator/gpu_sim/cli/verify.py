"""`gpu-sim verify`: the contract suite against any server."""

import json
import sys
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from textwrap import shorten
from typing import Any

import click

from ..exit_signals import ExitSignals
from ..output_file import why_unwritable, write_file
from ..shipped_files import folder
from .exit_codes import CannotTry
from .lines import echo, in_color, print_lines, printable_lines, shortened
from .options import FILE, admin_token_option, json_option, url_option

_SIMULATOR = __package__.rpartition(".")[0]
_FAILURES_SHOWN = 5
_VERDICTS = ("held", "failed", "differs", "not applicable")
# The clause, the padded verdict and the spaces between, as `_table` writes them.
_WIDTH_BEFORE = 21


@click.command()
@url_option("The server to check.")
@click.option("--token", required=True, envvar="GPU_SIM_TOKEN", metavar="TOKEN", help="The token of an account there.")
@admin_token_option("The control plane's, off loopback.")
@click.option(
    "--profile",
    type=click.Choice(["dev", "ci", "deep", "live"]),
    default="ci",
    show_default=True,
    envvar="GPU_SIM_VERIFY_PROFILE",
    help="How many examples; `live` is for a real service and leaves any control plane alone.",
)
@click.option("--only", metavar="CLAUSES", help="Some clauses only, such as F5,A12.")
@click.option(
    "--allow-spend", metavar="USD", help="Rent the cheapest offer once if its minimum session costs no more than this."
)
@click.option("--model-id", metavar="MODEL", help="The model that this rental names (org/model unless given).")
@click.option("--docker-image", metavar="IMAGE", help="The image that it names (image:latest unless given).")
@json_option("Print the verdicts as JSON.")
@click.option("--junit", type=FILE, metavar="FILE", help="Write them as JUnit XML as well.")
@click.pass_context
def verify(
    ctx: click.Context,
    url: str,
    token: str,
    admin_token: str | None,
    profile: str,
    only: str | None,
    allow_spend: str | None,
    model_id: str | None,
    docker_image: str | None,
    as_json: bool,
    junit: Path | None,
) -> None:
    """Check a server against the contract, clause by clause: this simulator, the real service, or any other.

    Where the server can make worlds, all but what needs none is tried in worlds of its own, which go again. A server
    without a control plane is only read from, and sent what it must refuse. Exit code 0: nothing failed, 1: something
    did, 2: it could not be tried.
    """
    signals = ctx.ensure_object(ExitSignals)
    if junit is not None and (reason := why_unwritable(junit)):
        raise CannotTry(f"--junit: {junit} cannot be written: {reason}")
    suite = _suite()
    try:
        request = suite.VerifyRequest(
            url,
            token,
            admin_token or None,
            profile,
            [] if only is None else only.split(","),
            allow_spend,
            model_id,
            docker_image,
            None if junit is None else partial(write_file, junit),
        )
        outcome = suite.verify(request, _progress if sys.stderr.isatty() else None, signals)
    except suite.CannotTry as error:
        signals.end_with(CannotTry.exit_code, printable_lines(f"Error: {error}"))
        raise CannotTry(str(error)) from None
    except OSError as error:
        if junit is None or error.filename != str(junit):
            raise
        raise CannotTry(f"--junit: {junit} cannot be written: {error.strerror}") from None
    finally:
        if sys.stderr.isatty():
            # Also where the suite was ended early: what is printed next begins on a clean line.
            click.echo("\r\x1b[K", nl=False, err=True)
    if as_json:
        verdicts = import_module(f"{_package()}.verdicts.clause_verdicts")
        about = {"url": url, "profile": profile, "simulated": outcome.simulated, "spent": outcome.spent}
        echo(json.dumps(verdicts.as_json(outcome.clauses, **about), indent=2))
    else:
        print_lines(_table(outcome, url))
    ctx.exit(1 if outcome.failed else 0)


def _package() -> str:
    """The contract's package: inside this one where it was installed, beside it in a checkout."""
    return f"{_SIMULATOR}.contract" if folder("contract").parent == Path(__file__).parents[1] else "contract"


def _suite() -> Any:
    # By name and not by an import statement: the suite has two places, and in a checkout it is no part of this package,
    # so that its folder has to be on the path.
    root = str(folder("contract").parent)
    if _package() == "contract" and root not in sys.path:
        sys.path.insert(0, root)
    try:
        return import_module(f"{_package()}.verify")
    except ImportError as error:
        raise CannotTry(
            f"{error.name} is missing: the suite needs the extra, pip install 'gpu-market-simulator[contract]'"
        ) from None


def _progress(total: int, over: int, test: str) -> None:
    text = shorten(test.removeprefix("test_").replace("_", " "), 60, placeholder="…")
    click.echo(f"\r\x1b[K[{over:>3}/{total}] {text}", nl=False, err=True)


def _table(outcome: Any, url: str) -> Iterator[str]:
    """A line for each clause, then how each failed one failed."""
    for clause in outcome.clauses:
        tried, tests = clause.tried
        part = f" {tried}/{tests}" if 0 < tried < tests else ""
        # Padded before it is coloured: the terminal's codes would count as width.
        verdict = in_color(f"{clause.verdict + part:<14}", clause.verdict)
        why = clause.reason if clause.verdict == "not applicable" else clause.meaning
        yield f"{clause.id:<4} {verdict}  {shortened(why, _WIDTH_BEFORE)}"
    for clause in outcome.clauses:
        if clause.verdict in ("failed", "differs"):
            yield from _failure(clause, url)
    yield from _totals(outcome)


def _failure(clause: Any, url: str) -> Iterator[str]:
    """The checks of a clause that do not hold, and the shortest way to one."""
    yield ""
    yield click.style(f"{clause.id} {clause.verdict}: {clause.meaning}", bold=True)
    failed = [check for check in clause.checks if check.verdict == clause.verdict]
    for check in failed[:_FAILURES_SHOWN]:
        yield f"  {check.test.removeprefix('test_').replace('_', ' ')}"
        yield f"    {printable_lines(check.reason)}"
    if len(failed) > _FAILURES_SHOWN:
        yield f"  and {len(failed) - _FAILURES_SHOWN} more (--json tells all)"
    shortest = min((check for check in failed if check.requests), key=lambda check: len(check.requests), default=None)
    if shortest is not None:
        lines = "\n".join(shortest.requests)
        names = "TOKEN and ADMIN_TOKEN" if "$ADMIN_TOKEN" in lines else "TOKEN"
        yield f"  the shortest way there (URL={url}, {names} as given):"
        yield from (f"    {printable_lines(line)}" for line in shortest.requests)


def _totals(outcome: Any) -> Iterator[str]:
    counts = {name: sum(clause.verdict == name for clause in outcome.clauses) for name in _VERDICTS}
    yield ""
    text = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    yield f"{len(outcome.clauses)} clauses: {text}"
    if outcome.spent is not None:
        yield f"spent: ${outcome.spent}"
