"""The error codes of A12, each with its status (A13)."""

STATUS_OF_CODE = {
    "invalid_json": 400,
    "invalid_body": 400,
    "missing_field": 400,
    "unknown_field": 400,
    "invalid_value": 400,
    "unknown_parameter": 400,
    "invalid_token": 401,
    "insufficient_credit": 402,
    "not_found": 404,
    "rental_not_found": 404,
    "offer_not_found": 404,
    "method_not_allowed": 405,
    "offer_unavailable": 409,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_key_reused": 422,
    "rate_limited": 429,
    "state_unavailable": 503,
}

INJECTED = "injected_fault"
"""The code of an injected fault where the operation has no code of its own for that status. No clause lists it."""

RENTED = frozenset({200, 201, 202})
"""The statuses that a rent may succeed with (A10)."""
