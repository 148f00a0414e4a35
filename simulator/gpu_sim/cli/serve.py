"""`gpu-sim serve`: the API and its control plane, until interrupted."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ..core.kernel.quantities import Factor
from ..core.scenario.scenario import ClockSettings
from ..exit_signals import ExitSignals
from .exit_codes import CannotTry
from .lines import echo
from .options import FILE
from .scenarios import load_scenario_or_end

if TYPE_CHECKING:
    from ..server.ready_file import ReadyFile
    from ..server.serving import Ready


class _ClockType(click.ParamType[ClockSettings]):
    """`real`, `manual`, or `xN` for a clock N times as fast."""

    name = "real|manual|xN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ClockSettings:
        from ..notation import parse_factor

        # click may hand in a value that has been converted already.
        if isinstance(value, ClockSettings):
            return value
        if value in ("real", "manual"):
            return ClockSettings(mode=value)
        try:
            speed: Factor | None = parse_factor(value[1:]) if value[:1] == "x" else None
            return ClockSettings(mode="scaled", speed=speed)
        except ValueError as error:
            self.fail(f"{value!r} is not real, manual or xN such as x60: {error}", param, ctx)


class _OriginType(click.ParamType[str]):
    """The origin of a web page, or `*`."""

    name = "origin"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from ..api.cors import parse_origin

        try:
            return parse_origin(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
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
    type=_ClockType(),
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
    "--keep-alive",
    type=click.IntRange(1, 3_600),
    default=75,
    show_default=True,
    envvar="GPU_SIM_KEEP_ALIVE",
    metavar="SECONDS",
    help="How long an idle connection is kept; answers say so.",
)
@click.option(
    "--cors",
    "cors_origins",
    type=_OriginType(),
    multiple=True,
    metavar="ORIGIN",
    envvar="GPU_SIM_CORS",
    help="A web page's origin, such as http://localhost:3000, that may use the API; * for all. Not the control plane.",
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
    type=FILE,
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
    "--on-resume",
    type=click.Choice(["catch-up", "stand"]),
    default="catch-up",
    show_default=True,
    envvar="GPU_SIM_ON_RESUME",
    help="With --state: a running clock catches up with the time that went by, or goes on from where it stood.",
)
@click.option(
    "--accept-loss",
    is_flag=True,
    help="With --state: go on with what is there of a file of which the last commits are missing, and say how many.",
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
@click.pass_context
def serve(
    ctx: click.Context,
    scenario_name: str,
    seed: int | None,
    clock: ClockSettings | None,
    host: str,
    port: int,
    allow_hosts: tuple[str, ...],
    profile: Literal["extended", "documented"] | None,
    admin_token: str | None,
    keep_alive: int,
    cors_origins: tuple[str, ...],
    request_log: int,
    log_requests: bool,
    state: Path | None,
    sync: Literal["normal", "full"],
    on_resume: Literal["catch-up", "stand"],
    accept_loss: bool,
    keep: int,
    scenario_dir: Path | None,
    ready_file: Path | None,
) -> None:
    """Serve the API and its control plane until interrupted."""
    from ..server import serving
    from ..server.ready_file import ReadyFileUnusable

    scenario = load_scenario_or_end(scenario_name)
    if scenario.renters:
        echo(f"the renters of {scenario.name} live in gpu-sim run and gpu-sim sweep alone: here are none", err=True)
    options = serving.Options(
        scenario=scenario,
        seed=seed,
        clock=clock,
        profile=profile,
        host=host,
        port=port,
        allow_hosts=allow_hosts,
        admin_token=admin_token,
        keep_alive=keep_alive,
        cors_origins=cors_origins,
        request_log=request_log,
        log_requests=log_requests,
        keep=keep,
        state=state,
        sync=sync,
        on_resume=on_resume,
        accept_loss=accept_loss,
        report=partial(echo, err=True),
        scenario_dir=scenario_dir,
    )

    try:
        with _own_file(ready_file) as own:
            serving.serve(options, partial(_announce, own), ctx.find_object(ExitSignals))
    except (serving.PortUnavailable, serving.StateUnusable, ReadyFileUnusable) as error:
        raise CannotTry(str(error)) from None


def _announce(ready_file: "ReadyFile | None", ready: "Ready") -> None:
    """Announce the ready server and the ways to call it, on stdout and in the ready file."""
    if ready_file is not None:
        ready_file.write(ready)
    kept = "" if ready.state is None else f" state={ready.state} (of the world {ready.world} only)"
    echo(f"gpu-sim ready: {ready.url} world={ready.world} seed={ready.seed} token={ready.token or '-'}{kept}")
    if ready.token:
        header = shlex.quote(f"Authorization: Bearer {ready.token}")
        echo(f"try: curl -s -H {header} '{ready.url}/v1/gpu/offers?gpu_model=RTX%204090'")
    if not ready.control:
        echo("the control plane is off: off loopback it needs --admin-token")
    elif not ready.token:
        echo(f"no account yet; make one: curl -s -X POST {ready.url}/_sim/accounts")


@contextmanager
def _own_file(path: Path | None) -> Iterator["ReadyFile | None"]:
    """The ready file, which is removed before the server starts and after it ends."""
    from ..server.ready_file import ReadyFile

    if path is None:
        yield None
        return
    file = ReadyFile(path.absolute())
    file.clear()
    try:
        yield file
    finally:
        file.remove()
