"""The command line: arguments in, exit codes out. 0 it held, 1 it did not, 2 it could not be tried,
and 130 somebody broke it off.

Each command imports what it needs when it runs, so that none waits for what another one needs.
"""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..core.quantities import Factor
from ..core.scenario import ClockSettings, Scenario
from .calibrate import calibrate
from .market import market
from .remote import CannotTry, snapshot, wait
from .verify import verify

BROKEN_OFF = 130
"""What shells take for an end by ^C: it is none of the three others."""


class _Clock(click.ParamType[ClockSettings]):
    """`real`, `manual`, or `xN` for a clock N times as fast."""

    name = "real|manual|xN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ClockSettings:
        from ..notation import parse_factor

        if isinstance(value, ClockSettings):
            return value
        if value in ("real", "manual"):
            return ClockSettings(mode=value)
        try:
            speed: Factor | None = parse_factor(value[1:]) if value[:1] == "x" else None
            return ClockSettings(mode="scaled", speed=speed)
        except ValueError as error:
            self.fail(f"{value!r} is not real, manual or xN such as x60: {error}", param, ctx)


class _Commands(click.Group):
    """Commands of which one that is broken off ends as shells expect of it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nbroken off", err=True)
            ctx.exit(BROKEN_OFF)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gpu-sim")
def main() -> None:
    """A spot-GPU rental API on localhost, with a simulated market behind it and a clock that you can hold still."""


@main.command()
@click.option(
    "--scenario",
    "scenario_name",
    default="default",
    show_default=True,
    metavar="NAME|FILE",
    envvar="GPU_SIM_SCENARIO",
    help="A shipped scenario (see `gpu-sim scenarios`) or a YAML file.",
)
@click.option("--seed", type=int, envvar="GPU_SIM_SEED", help="The seed of all luck, instead of the scenario's.")
@click.option(
    "--clock",
    type=_Clock(),
    envvar="GPU_SIM_CLOCK",
    help="real, manual (moves only when told) or xN (N times as fast), instead of the scenario's.",
)
@click.option("--host", default="127.0.0.1", show_default=True, envvar="GPU_SIM_HOST", help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=4780,
    show_default=True,
    envvar="GPU_SIM_PORT",
    help="The port to listen on; 0 takes a free one.",
)
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="HOST",
    envvar="GPU_SIM_ALLOW_HOST",
    help="One more Host or Origin that may use the control plane.",
)
@click.option(
    "--profile",
    type=click.Choice(["extended", "documented"]),
    envvar="GPU_SIM_PROFILE",
    help="Which fields a rental has, instead of the scenario's profile.",
)
@click.option(
    "--admin-token",
    envvar="GPU_SIM_ADMIN_TOKEN",
    metavar="SECRET",
    help="Needed for the control plane off loopback, sent as x-sim-admin.",
)
@click.option(
    "--request-log",
    type=click.IntRange(0, 100_000),
    default=1_000,
    show_default=True,
    envvar="GPU_SIM_REQUEST_LOG",
    metavar="N",
    help="How many API requests each world keeps for /_sim/requests; 0 keeps none.",
)
@click.option(
    "--log-requests",
    is_flag=True,
    envvar="GPU_SIM_LOG_REQUESTS",
    help="Write one line of JSON per API request to stderr, tokens redacted.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="GPU_SIM_STATE",
    metavar="FILE",
    help="Keep the world `default` in this file, and go on with what is in it; other worlds stay in memory.",
)
@click.option(
    "--sync",
    type=click.Choice(["normal", "full"]),
    default="normal",
    show_default=True,
    envvar="GPU_SIM_SYNC",
    help="With --state: what survives a crash of the server (normal), or of the machine too (full, slow).",
)
@click.option(
    "--keep",
    type=click.IntRange(1, 10_000_000),
    default=100_000,
    show_default=True,
    envvar="GPU_SIM_KEEP",
    help="How many ended rentals a world holds, with their events.",
)
@click.option(
    "--scenario-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="GPU_SIM_SCENARIO_DIR",
    help="Worlds made later may also be made of the scenario files in there, and inline scenarios may name them.",
)
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    envvar="GPU_SIM_READY_FILE",
    help="Write url, world, seed, token and pid there as JSON once it serves.",
)
def serve(
    scenario_name: str,
    seed: int | None,
    clock: ClockSettings | None,
    host: str,
    port: int,
    allow_hosts: tuple[str, ...],
    profile: Any,
    admin_token: str | None,
    request_log: int,
    log_requests: bool,
    state: Path | None,
    sync: Any,
    keep: int,
    scenario_dir: Path | None,
    ready_file: Path | None,
) -> None:
    """Serve the API and its control plane until interrupted."""
    from .. import server

    if ready_file is not None:
        ready_file = ready_file.resolve()
    options = server.Options(
        scenario=_load(scenario_name),
        seed=seed,
        clock=clock,
        profile=profile,
        host=host,
        port=port,
        allow_hosts=allow_hosts,
        admin_token=admin_token,
        request_log=request_log,
        log_requests=log_requests,
        keep=keep,
        state=state,
        sync=sync,
        scenario_dir=scenario_dir,
    )

    def on_ready(ready: server.Ready) -> None:
        if ready_file is not None:
            try:
                server.write_ready_file(ready_file, ready)
            except OSError as error:
                raise CannotTry(f"{ready_file} cannot be written: {error.strerror}") from None
        kept = "" if ready.state is None else f" state={ready.state} (of the world {ready.world} only)"
        click.echo(f"gpu-sim ready: {ready.url} world={ready.world} seed={ready.seed} token={ready.token or '-'}{kept}")
        if ready.token:
            header = shlex.quote(f"Authorization: Bearer {ready.token}")
            click.echo(f"try: curl -s -H {header} '{ready.url}/v1/gpu/offers?gpu_model=RTX%204090'")
        if not ready.control:
            click.echo("the control plane is off: off loopback it needs --admin-token")
        elif not ready.token:
            click.echo(f"no account yet; make one: curl -s -X POST {ready.url}/_sim/accounts")

    try:
        with _own_file(ready_file):
            server.serve(options, on_ready)
    except (server.PortUnavailable, server.StateUnusable) as error:
        raise CannotTry(str(error)) from None


@contextmanager
def _own_file(file: Path | None) -> Iterator[None]:
    """A file that is there only while the server is: what an earlier one wrote says nothing of this one."""
    if file is None:
        yield
        return
    if file.exists() and not file.is_file():
        raise CannotTry(f"{file} is no regular file")
    file.unlink(missing_ok=True)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


@main.command()
@click.argument("file")
@click.pass_context
def check(ctx: click.Context, file: str) -> None:
    """Check a scenario file; every problem is named with its line and column."""
    from ..scenario_file import ScenarioError, load_scenario

    try:
        scenario = load_scenario(file)
    except ScenarioError as error:
        if all(problem.line is None for problem in error.problems):  # there is nothing to check
            raise CannotTry(str(error)) from None
        click.echo(str(error), err=True)
        ctx.exit(1)
    click.echo(f"{file}: scenario {scenario.name} is fine")


@main.command()
def scenarios() -> None:
    """List the shipped scenarios."""
    from ..scenario_file import load_scenario, shipped_scenarios

    for name in shipped_scenarios():
        scenario = load_scenario(name)
        click.echo(f"{name}\n    {' '.join(scenario.description.split())}")
        click.echo(f"    Expect: {' '.join(scenario.expect.split())}")


@main.command()
def schema() -> None:
    """Print the JSON Schema of scenario files."""
    from ..scenario_file import scenario_schema

    click.echo(json.dumps(scenario_schema(), indent=2))


@main.command()
@click.argument("file", type=click.File("rb"))
@click.pass_context
def replay(ctx: click.Context, file: Any) -> None:
    """Run a downloaded journal again and say whether the bytes agree, and where they first differ."""
    from ..core.errors import JournalInvalid
    from ..core.replay import replay as run_again

    try:
        simulation, difference = run_again(file.read())
    except JournalInvalid as error:
        raise CannotTry(f"{file.name}: {error.param}: {error.message}") from None
    if difference is None:
        click.echo(f"{file.name}: the replay agrees, {len(simulation.events)} events")
        return
    click.echo(f"{file.name}: the replay differs first in line {difference.line}")
    for label, line in (("recorded", difference.recorded), ("replayed", difference.replayed)):
        click.echo(f"  {label}: {'nothing' if line is None else line.decode(errors='replace').rstrip()[:1000]}")
    ctx.exit(1)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON instead of YAML.")
@click.option(
    "--documented-only",
    is_flag=True,
    help="Only what the real service has promised: no statement that rests on an assumption.",
)
def contract(as_json: bool, documented_only: bool) -> None:
    """Print the API's description as OpenAPI 3.1, each statement with the clause that it rests on."""
    from .. import contract_file

    if not as_json and not documented_only:
        click.echo(contract_file.contract_text(), nl=False)
        return
    document = contract_file.load_contract()
    if documented_only:
        document = contract_file.documented_only(document)
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo(contract_file.as_yaml(document), nl=False)


main.add_command(snapshot)
main.add_command(wait)
main.add_command(verify)
main.add_command(calibrate)
main.add_command(market)


def _load(name: str) -> Scenario:
    from ..scenario_file import ScenarioError, load_scenario

    try:
        return load_scenario(name)
    except ScenarioError as error:
        raise CannotTry(str(error)) from None
