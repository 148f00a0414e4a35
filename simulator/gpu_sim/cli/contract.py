"""`gpu-sim contract`: the description of the API."""

import json

import click

from .lines import echo
from .options import json_option


@click.command()
@json_option("As JSON instead of YAML.")
@click.option(
    "--documented-only",
    is_flag=True,
    help="Only what the real service has promised: no statement that rests on an assumption.",
)
def contract(as_json: bool, documented_only: bool) -> None:
    """Print the API's description as OpenAPI 3.1, each statement with the clause that it rests on."""
    from .. import openapi

    if not as_json and not documented_only:
        echo(openapi.contract_text(), nl=False)
        return
    document = openapi.load_contract()
    if documented_only:
        document = openapi.documented_only(document)
    if as_json:
        echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        echo(openapi.as_yaml(document), nl=False)
