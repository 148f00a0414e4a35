"""The contract of the GPU rental API, and a suite that checks any server against it over HTTP."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent
"""The folder of the OpenAPI document, the README with the clauses, and the suite's own scenarios."""
