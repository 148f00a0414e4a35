"""The contract as a document of the server."""

from ..support.asgi import Api


def test_the_contract_is_served_to_anybody(api: Api) -> None:
    answer = api.call("GET", "/openapi.json", token=None)
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    operations = {
        operation["operationId"]
        for path in document["paths"].values()
        for method, operation in path.items()
        if method in ("get", "post", "put", "delete")
    }
    assert {"list_offers", "rent_gpu", "get_rental", "terminate_rental"} <= operations


def test_the_same_document_comes_every_time(api: Api) -> None:
    assert api.call("GET", "/openapi.json").body == api.call("GET", "/openapi.json").body
