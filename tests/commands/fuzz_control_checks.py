"""The check that Schemathesis makes beside its own: the code of a refusal is one that its call has for its status."""

from typing import Any

import schemathesis


@schemathesis.check
def code_is_documented(ctx: Any, response: Any, case: Any) -> bool | None:
    """Raise AssertionError for a code that the document does not list."""
    if response.status_code < 400 or response.status_code == 405:
        return None
    raw = case.operation.schema.raw_schema
    described = case.operation.definition.raw["responses"].get(str(response.status_code))
    if described is None:
        return None  # the status itself is none that is documented, which is another check
    if "$ref" in described:
        described = raw["components"]["responses"][described["$ref"].rpartition("/")[2]]
    code = response.json()["code"]
    assert code in described["x-codes"], f"{code} is not among {', '.join(described['x-codes'])}"
    return None
