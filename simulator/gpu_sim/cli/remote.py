"""Commands that ask a running server."""

from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import click
from msgspec import Raw

from ..output_file import write_file
from .exit_codes import CannotTry
from .lines import echo
from .options import FILE, DurationType, admin_token_option, server_options, url_option


@click.group()
def snapshot() -> None:
    """Save the whole world of a running server, or let it become one that was saved."""


@snapshot.command()
@click.argument("file", type=FILE)
@server_options
def save(file: Path, url: str, token: str | None, world: str | None, admin_token: str | None) -> None:
    """Save the world as it is now."""
    content = _call("GET", None, url=url, token=token, world=world, admin_token=admin_token)
    try:
        write_file(file, content)
    except OSError as error:
        raise CannotTry(f"{file} cannot be written: {error.strerror}") from None
    echo(f"{file}: {len(content)} bytes")


@snapshot.command()
@click.argument("file", type=click.File("rb"))
@server_options
def load(file: BinaryIO, url: str, token: str | None, world: str | None, admin_token: str | None) -> None:
    """Let the world become the one in FILE; its tokens stay."""
    # Sent as it is: what is a snapshot, and of which version, is for the server to say.
    _call("PUT", Raw(file.read()), url=url, token=token, world=world, admin_token=admin_token)
    echo(f"{file.name}: loaded")


def _call(
    method: str, body: Raw | None, *, url: str, token: str | None, world: str | None, admin_token: str | None
) -> bytes:
    from ..client.connection import ControlConnection, ServerRefused, ServerUnreachable
    from ..client.control_client import ControlClient

    try:
        with closing(ControlConnection(url, token=token, admin_token=admin_token)) as connection:
            return ControlClient(connection, world).call(method, "snapshot", body)
    except ServerUnreachable as error:
        raise CannotTry(str(error)) from None
    except ServerRefused as error:
        raise click.ClickException(str(error)) from None


@click.command()
@url_option("Where the server is to listen.")
@click.option(
    "--timeout",
    type=DurationType(),
    default="30s",
    show_default=True,
    metavar="DURATION",
    envvar="GPU_SIM_TIMEOUT",
    help="How long to wait for it, such as 30s or 2m.",
)
@admin_token_option("What the server was started with, where it is not on loopback.")
@click.pass_context
def wait(ctx: click.Context, url: str, timeout: int, admin_token: str | None) -> None:
    """Wait until a server serves: exit code 0 when it does, 1 when it did not in time."""
    from ..client.connection import UrlImpossible
    from ..client.readiness import await_ready

    try:
        reason = await_ready(url, timeout, admin_token=admin_token)
    except UrlImpossible as error:
        raise CannotTry(str(error)) from None
    if reason is not None:
        echo(f"{url} is not ready: {reason}", err=True)
        ctx.exit(1)
    echo(f"{url} is ready")
