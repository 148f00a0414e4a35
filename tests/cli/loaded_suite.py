"""To import this is to load what `gpu-sim verify` loads, the clauses included: what is forked afterwards has it."""

import gc
import os
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO

import pytest
from hypothesis import given, settings, strategies

from contract import FOLDER, verify
from contract.document.document import load_document

LOADED_LATER = ("gpu_sim.cli.main", "gpu_sim.server.serving", "contract.conftest", "_pytest.junitxml")
COLLECT = ("--collect-only", "-c", str(FOLDER / "verify.ini"), "-p", "no:cacheprovider")

for _name in LOADED_LATER:
    import_module(_name)
os.environ.pop("PYTEST_ADDOPTS", None)  # those are for the tests
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
with redirect_stdout(StringIO()):
    pytest.main([str(verify.CLAUSES), *COLLECT])
load_document()


@settings(max_examples=20, database=None)
@given(strategies.integers())
def _examples(_: int) -> None:
    """For its first examples Hypothesis looks through all modules for constants."""


_examples()
gc.freeze()  # no process looks through what all of them share
