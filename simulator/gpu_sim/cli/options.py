"""Options that several commands have, and the types of their values."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])

URL_DEFAULT = "http://127.0.0.1:4780"

FILE = click.Path(dir_okay=False, path_type=Path)
"""A file to write."""
FOLDER = click.Path(file_okay=False, path_type=Path)
"""A folder to write into."""
TRACE = click.Path(path_type=Path)
"""A recorded trace to read."""


class DurationType(click.ParamType[int]):
    """A span such as `30s`, in ms."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from ..notation import parse_duration

        try:
            # click may hand in a value that has been converted already.
            return value if isinstance(value, int) else parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def url_option(help: str) -> Callable[[_Command], _Command]:  # noqa: A002  # as click calls it
    """`--url`: where a server is."""
    return click.option("--url", default=URL_DEFAULT, show_default=True, envvar="GPU_SIM_URL", help=help)


def admin_token_option(help: str) -> Callable[[_Command], _Command]:  # noqa: A002  # as click calls it
    """`--admin-token`: what the control plane needs off loopback."""
    return click.option("--admin-token", envvar="GPU_SIM_ADMIN_TOKEN", metavar="SECRET", help=help)


def json_option(help: str) -> Callable[[_Command], _Command]:  # noqa: A002  # as click calls it
    """`--json`: for programs."""
    return click.option("--json", "as_json", is_flag=True, help=help)


def server_options(command: _Command) -> _Command:
    """The options that say which server is asked and which of its worlds is meant."""
    for option in (
        admin_token_option("The control plane's, off loopback."),
        click.option("--world", metavar="NAME", help="The world meant, instead of the token's or the only one."),
        click.option("--token", envvar="GPU_SIM_TOKEN", metavar="TOKEN", help="A token of the world meant."),
        url_option("The server."),
    ):
        command = option(command)
    return command
