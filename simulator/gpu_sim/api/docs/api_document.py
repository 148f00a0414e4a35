"""The API's document with examples that work in a world, where the world's market is not the documented one."""

from copy import deepcopy
from typing import Any

from .example_names import ExampleNames

Node = dict[str, Any]


def with_names(contract: Node, names: ExampleNames) -> Node:
    """The document with these names in its examples of requests; the one given is not changed."""
    document = deepcopy(contract)
    document["servers"][0]["url"] = names.server
    parts = document["components"]
    of_parameters = {
        "GpuModel": names.gpu_model,
        "Provider": names.provider,
        "MinVram": names.vram_gb,
        "MaxPrice": names.price,
        "RentalId": names.rental,
    }
    for name, example in of_parameters.items():
        parts["parameters"][name]["example"] = example
    offer = {"gpu_model": names.gpu_model, "provider_id": names.provider, "region": names.region}
    for example in parts["requestBodies"]["Rent"]["content"]["application/json"]["examples"].values():
        example["value"] |= offer
    if names.token:
        parts["securitySchemes"]["bearer"]["description"] += f" Here `{names.token}` works, that of `{names.account}`."
    return document
