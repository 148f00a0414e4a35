"""`gpu-sim contract`: the description of the API."""

import json

import click

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
